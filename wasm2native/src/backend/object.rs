//! Code generation: one LLVM module to one object file, assembly or IR, in memory.

use inkwell::GlobalVisibility;
use inkwell::module::{Linkage, Module};
use inkwell::targets::{FileType, TargetMachine};

use crate::error::{CompileError, Result};

/// What to make of an LLVM module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Artifact {
    /// ELF object.
    Object,
    /// Assembly text.
    Assembly,
    /// LLVM IR as text.
    LlvmIr,
    /// LLVM bitcode.
    Bitcode,
}

/// The bytes of `artifact`.
pub fn generate(module: &Module, machine: &TargetMachine, artifact: Artifact) -> Result<Vec<u8>> {
    let file_type = match artifact {
        Artifact::LlvmIr => return Ok(module.print_to_string().to_bytes().to_vec()),
        Artifact::Bitcode => return Ok(module.write_bitcode_to_memory().as_slice().to_vec()),
        Artifact::Object => FileType::Object,
        Artifact::Assembly => FileType::Assembly,
    };
    machine
        .write_to_memory_buffer(module, file_type)
        .map(|buffer| buffer.as_slice().to_vec())
        .map_err(|error| CompileError::internal(format!("LLVM's code generation failed: {error}")))
}

/// Makes the internal functions that `is_mapped` names visible to the other objects of the same output,
/// so that the pc map can refer to them. After optimisation: before it, linkage decides what may be
/// dropped.
pub fn expose_functions(module: &Module, is_mapped: impl Fn(&str) -> bool) {
    for function in module.get_functions() {
        let global = function.as_global_value();
        let is_exposed = global.get_name().to_str().is_ok_and(&is_mapped);
        if is_exposed && matches!(global.get_linkage(), Linkage::Internal | Linkage::Private) {
            global.set_linkage(Linkage::External);
            global.set_visibility(GlobalVisibility::Hidden);
        }
    }
}

/// Removes debug information: the line table that the pc map is made from has no reader in the
/// textual outputs.
pub fn strip_debug_info(module: &Module) {
    module.strip_debug_info();
}
