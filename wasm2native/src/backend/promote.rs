//! Locals become registers, before anything else is done with what was translated.
//!
//! The rule to know: what has to see locals in memory, because no value then has to be merged anew, runs
//! here and before phis are placed.

use inkwell::module::Module;
use llvm_sys::prelude::LLVMModuleRef;

use crate::options::OptLevel;

/// `W2nDispatches` of `llvm/promotion.h`.
#[repr(u32)]
#[derive(Clone, Copy)]
enum Dispatches {
    Kept,
    Threaded,
}

unsafe extern "C" {
    /// Makes registers of locals, see `llvm/promotion.h` and `llvm/dispatch_threading.h`.
    fn w2n_promote_locals(module: LLVMModuleRef, dispatches: Dispatches);
}

/// Makes registers of the allocas of locals; above -O0 after threading what dispatches on them.
pub fn promote_locals(module: &Module, level: OptLevel) {
    let dispatches = if level == OptLevel::O0 { Dispatches::Kept } else { Dispatches::Threaded };
    // SAFETY: the module is alive and used by this thread alone while it is borrowed.
    unsafe { w2n_promote_locals(module.as_mut_ptr(), dispatches) };
}
