//! Locals become registers, before anything else is done with what was translated.
//!
//! The rule to know: what has to see locals in memory, because no value then has to be merged anew, runs
//! here and before LLVM's `mem2reg`.

use inkwell::module::Module;
use inkwell::passes::PassBuilderOptions;
use inkwell::targets::TargetMachine;
use llvm_sys::prelude::LLVMModuleRef;

use crate::error::{CompileError, Result};
use crate::options::OptLevel;

unsafe extern "C" {
    /// Leads branches past dispatches on locals that are constants, see `llvm/dispatch_threading.h`.
    fn w2n_thread_dispatches(module: LLVMModuleRef);
}

/// Makes registers of the allocas of locals; above -O0 after threading what dispatches on them.
pub fn promote_locals(module: &Module, machine: &TargetMachine, level: OptLevel) -> Result<()> {
    if level != OptLevel::O0 {
        // SAFETY: the module is alive and used by this thread alone while it is borrowed.
        unsafe { w2n_thread_dispatches(module.as_mut_ptr()) };
    }
    module
        .run_passes("function(mem2reg)", machine, PassBuilderOptions::create())
        .map_err(|error| CompileError::internal(format!("mem2reg failed: {error}")))
}
