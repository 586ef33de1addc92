//! Runs LLVM's pass pipelines. At -O0 nothing runs at all: code generation needs no pass of ours.

use inkwell::module::Module;
use inkwell::passes::PassBuilderOptions;
use inkwell::targets::TargetMachine;

use crate::error::{CompileError, Result};
use crate::options::OptLevel;

/// Optimises `module` in place.
pub fn optimise(module: &Module, machine: &TargetMachine, level: OptLevel) -> Result<()> {
    let pipeline = match level {
        OptLevel::O0 => return Ok(()),
        OptLevel::O1 => "default<O1>",
        OptLevel::O2 => "default<O2>",
        OptLevel::O3 => "default<O3>",
        OptLevel::Os => "default<Os>",
        OptLevel::Oz => "default<Oz>",
    };
    // `default<O2>` and `default<O3>` turn both vectorisers on, whatever the options say of them.
    module
        .run_passes(pipeline, machine, PassBuilderOptions::create())
        .map_err(|error| CompileError::internal(format!("LLVM's passes failed: {error}")))
}

/// Checks that `module` is well-formed; what fails here is our bug.
pub fn verify(module: &Module) -> Result<()> {
    module.verify().map_err(|error| {
        CompileError::internal(format!("we made invalid LLVM IR: {}", error.to_string_lossy()))
    })
}
