//! The one door to LLVM's optimiser, which is `llvm/pipeline.cpp`: LLVM's pipelines with our own passes.
//! At -O0 nothing runs at all: code generation needs no pass of ours.

use inkwell::module::Module;
use inkwell::targets::TargetMachine;
use llvm_sys::prelude::LLVMModuleRef;
use llvm_sys::target_machine::LLVMTargetMachineRef;

use crate::options::OptLevel;

/// `W2nOptLevel` of `llvm/pipeline.h`.
#[repr(u32)]
#[derive(Clone, Copy)]
enum Level {
    O1,
    O2,
    O3,
    Os,
    Oz,
}

unsafe extern "C" {
    /// Optimises a module in place.
    fn w2n_optimise(module: LLVMModuleRef, machine: LLVMTargetMachineRef, level: Level);
}

/// Optimises `module` in place.
pub fn optimise(module: &Module, machine: &TargetMachine, level: OptLevel) {
    let level = match level {
        OptLevel::O0 => return,
        OptLevel::O1 => Level::O1,
        OptLevel::O2 => Level::O2,
        OptLevel::O3 => Level::O3,
        OptLevel::Os => Level::Os,
        OptLevel::Oz => Level::Oz,
    };
    // SAFETY: both are alive and used by this thread alone while they are borrowed.
    unsafe { w2n_optimise(module.as_mut_ptr(), machine.as_mut_ptr(), level) };
}
