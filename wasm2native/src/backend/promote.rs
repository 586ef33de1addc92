//! Locals become registers, before anything else is done with what was translated.
//!
//! The rule to know: what has to see locals in memory, because no value then has to be merged anew, runs
//! here and before phis are placed.

use inkwell::module::Module;
use llvm_sys::prelude::LLVMModuleRef;

use crate::options::OptLevel;

unsafe extern "C" {
    /// Makes registers of locals, see `llvm/promotion.h` and `llvm/dispatch_threading.h`.
    fn w2n_promote_locals(module: LLVMModuleRef, threads_dispatches: bool);
}

/// Makes registers of the allocas of locals; above -O0 after threading what dispatches on them.
pub fn promote_locals(module: &Module, level: OptLevel) {
    // SAFETY: the module is alive and used by this thread alone while it is borrowed.
    unsafe { w2n_promote_locals(module.as_mut_ptr(), level != OptLevel::O0) };
}
