//! What LLVM has to say. Left alone it prints errors and exits with status 1, which would blame the
//! user's input for our bugs: here they become internal errors.

use std::cell::RefCell;
use std::ffi::{c_char, c_void};
use std::io::Write;

use inkwell::context::Context;
use llvm_sys::LLVMDiagnosticSeverity;
use llvm_sys::prelude::LLVMDiagnosticInfoRef;

use super::target::text;
use crate::error::{CompileError, Result};

/// Collects the errors that LLVM reports in one context.
#[derive(Debug, Default)]
pub struct Diagnostics {
    errors: Box<RefCell<Vec<String>>>,
}

impl Diagnostics {
    /// Listens to `context`. The answer must live as long as the context is used.
    pub fn listen(context: &Context) -> Self {
        let diagnostics = Self::default();
        let errors: *const RefCell<Vec<String>> = &*diagnostics.errors;
        // SAFETY: the box keeps its address when `diagnostics` moves, and the caller keeps it while the
        // context is used; a context is used by one thread.
        unsafe {
            llvm_sys::core::LLVMContextSetDiagnosticHandler(
                context.raw(),
                Some(on_diagnostic),
                errors.cast_mut().cast::<c_void>(),
            );
        }
        diagnostics
    }

    /// Fails with the first error reported so far.
    pub fn check(&self) -> Result<()> {
        match self.errors.borrow().first() {
            Some(message) => Err(CompileError::internal(format!("LLVM: {message}"))),
            None => Ok(()),
        }
    }
}

/// Drops names of values as they are made: they cost time and are seen in `-emit-llvm` only.
pub fn discard_value_names(context: &Context) {
    // SAFETY: the context is alive and used by this thread alone.
    unsafe { llvm_sys::core::LLVMContextSetDiscardValueNames(context.raw(), 1) };
}

/// Reports errors after which LLVM cannot go on as crashes of the compiler.
pub fn install_fatal_error_handler() {
    // SAFETY: the handler is a function that never unwinds.
    unsafe { llvm_sys::error_handling::LLVMInstallFatalErrorHandler(Some(on_fatal_error)) };
}

extern "C" fn on_diagnostic(info: LLVMDiagnosticInfoRef, errors: *mut c_void) {
    // SAFETY: `info` is alive during the call.
    let severity = unsafe { llvm_sys::core::LLVMGetDiagInfoSeverity(info) };
    if severity != LLVMDiagnosticSeverity::LLVMDSError {
        return;
    }
    // SAFETY: `info` is alive; the answer is a C string that is ours to free.
    let message = unsafe {
        let description = llvm_sys::core::LLVMGetDiagInfoDescription(info);
        let message = text(description);
        llvm_sys::core::LLVMDisposeMessage(description);
        message
    };
    // SAFETY: `errors` is the box that `listen` passed, alive while the context is used, by one thread.
    let errors = unsafe { &*errors.cast::<RefCell<Vec<String>>>() };
    errors.borrow_mut().push(message);
}

/// Prints the reason, then aborts: the abort is what cleans up and sets the exit status, see
/// `driver/signals.rs`.
extern "C" fn on_fatal_error(reason: *const c_char) {
    let _ = writeln!(std::io::stderr(), "wasm2native: internal error: LLVM: {}", text(reason));
    std::process::abort();
}
