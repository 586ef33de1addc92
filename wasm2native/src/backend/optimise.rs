//! The one door to LLVM's optimiser, which is `llvm/pipeline.cpp`: locals become registers at every level;
//! above -O0 LLVM's pipelines follow, with our own passes in them.

use std::ffi::{CString, c_char};

use inkwell::module::Module;
use inkwell::targets::TargetMachine;
use llvm_sys::prelude::LLVMModuleRef;
use llvm_sys::target_machine::LLVMTargetMachineRef;
use w2n_abi::{RtFunc, TrapCode};

use crate::options::{CodeOptions, OptLevel};

/// `W2nOptLevel` of `llvm/pipeline.h`.
#[repr(u32)]
#[derive(Clone, Copy)]
enum Level {
    O0,
    O1,
    O2,
    O3,
    Os,
    Oz,
}

/// `W2nLoopCheckAbi` of `llvm/loop_checks.h`.
#[repr(C)]
struct LoopCheckAbi {
    begin: *const c_char,
    store: *const c_char,
    swap: *const c_char,
    end: *const c_char,
    trap: *const c_char,
    stack_overflow: u32,
}

/// `W2nPassOptions` of `llvm/pipeline.h`.
#[repr(C)]
struct PassOptions {
    verifies_passes: bool,
    checks_loops: bool,
    loop_checks: LoopCheckAbi,
}

unsafe extern "C" {
    /// Optimises a module in place.
    fn w2n_optimise(
        module: LLVMModuleRef,
        machine: LLVMTargetMachineRef,
        level: Level,
        options: *const PassOptions,
    );
}

/// Optimises `module` in place.
pub fn optimise(module: &Module, machine: &TargetMachine, code: &CodeOptions) {
    let level = match code.opt_level {
        OptLevel::O0 => Level::O0,
        OptLevel::O1 => Level::O1,
        OptLevel::O2 => Level::O2,
        OptLevel::O3 => Level::O3,
        OptLevel::Os => Level::Os,
        OptLevel::Oz => Level::Oz,
    };
    let funcs = [
        RtFunc::LoopCheckBegin,
        RtFunc::LoopCheckStore,
        RtFunc::LoopCheckSwap,
        RtFunc::LoopCheckEnd,
        RtFunc::Trap,
    ];
    let symbols = funcs.map(|func| CString::new(func.symbol()).expect("a symbol of the ABI has no NUL"));
    let [begin, store, swap, end, trap] = symbols.each_ref().map(|symbol| symbol.as_ptr());
    let stack_overflow = TrapCode::StackOverflow as u32;
    let options = PassOptions {
        verifies_passes: code.verify_passes,
        checks_loops: code.check_loops,
        loop_checks: LoopCheckAbi { begin, store, swap, end, trap, stack_overflow },
    };
    // SAFETY: module and machine are alive and used by this thread alone while they are borrowed; the options
    // and the symbols live until the call is over.
    unsafe { w2n_optimise(module.as_mut_ptr(), machine.as_mut_ptr(), level, &raw const options) };
}
