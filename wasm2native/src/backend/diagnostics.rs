//! What LLVM has to say. Left alone it prints errors and exits with status 1, which would blame the
//! user's input for our bugs: here they become internal errors. Remarks of passes are kept for `--remarks`.

use std::cell::RefCell;
use std::ffi::{c_char, c_void};
use std::io::Write;

use inkwell::context::Context;
use llvm_sys::LLVMDiagnosticSeverity;
use llvm_sys::prelude::{LLVMContextRef, LLVMDiagnosticInfoRef};

use super::target::text;
use crate::error::{CompileError, Result};

/// What a pass reports about a piece of code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// Name of the pass.
    pub pass: String,
    /// Symbol of the function.
    pub function: String,
    /// Byte offset in the Wasm module, if the debug information has it.
    pub offset_bytes: Option<u32>,
    /// What it says.
    pub message: String,
}

/// Whether passes are to say what they did.
///
/// To C++ it is a `bool`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Remarks {
    /// They cost time and nobody reads them.
    Unwanted = 0,
    /// `--remarks`
    Wanted = 1,
}

/// Collects what LLVM reports in one context.
#[derive(Debug, Default)]
pub struct Diagnostics {
    reports: Box<RefCell<Reports>>,
}

#[derive(Debug, Default)]
struct Reports {
    errors: Vec<String>,
    remarks: Vec<Remark>,
}

/// `W2nRemark` of `llvm/remark.h`.
#[repr(C)]
struct RawRemark {
    pass: *mut c_char,
    function: *mut c_char,
    message: *mut c_char,
    offset: u32,
}

unsafe extern "C" {
    /// Reports all that LLVM has to say in a context, see `llvm/remark.h`.
    fn w2n_listen(
        context: LLVMContextRef,
        report: extern "C" fn(LLVMDiagnosticInfoRef, *mut c_void),
        state: *mut c_void,
        remarks: Remarks,
    );

    /// Takes a remark apart; false if it is something else.
    fn w2n_read_remark(info: LLVMDiagnosticInfoRef, remark: *mut RawRemark) -> bool;
}

impl Diagnostics {
    /// Listens to `context`. The answer must live as long as the context is used.
    pub fn listen(context: &Context, remarks: Remarks) -> Self {
        let diagnostics = Self::default();
        let reports: *const RefCell<Reports> = &*diagnostics.reports;
        // SAFETY: the box keeps its address when `diagnostics` moves, and the caller keeps it while the
        // context is used; a context is used by one thread.
        unsafe {
            w2n_listen(context.raw(), on_diagnostic, reports.cast_mut().cast::<c_void>(), remarks);
        }
        diagnostics
    }

    /// Fails with the first error reported so far.
    pub fn check(&self) -> Result<()> {
        match self.reports.borrow().errors.first() {
            Some(message) => Err(CompileError::internal(format!("LLVM: {message}"))),
            None => Ok(()),
        }
    }

    /// Takes the remarks made so far, in the order they were made.
    pub fn take_remarks(&self) -> Vec<Remark> {
        std::mem::take(&mut self.reports.borrow_mut().remarks)
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

extern "C" fn on_diagnostic(info: LLVMDiagnosticInfoRef, reports: *mut c_void) {
    // SAFETY: `reports` is the box that `listen` passed, alive while the context is used, by one thread.
    let reports = unsafe { &*reports.cast::<RefCell<Reports>>() };
    // SAFETY: `info` is alive during the call.
    match unsafe { llvm_sys::core::LLVMGetDiagInfoSeverity(info) } {
        LLVMDiagnosticSeverity::LLVMDSError => {
            // SAFETY: `info` is alive; the answer is a message that is ours to free.
            let message = unsafe { owned_text(llvm_sys::core::LLVMGetDiagInfoDescription(info)) };
            reports.borrow_mut().errors.push(message);
        }
        LLVMDiagnosticSeverity::LLVMDSRemark => reports.borrow_mut().remarks.extend(read_remark(info)),
        LLVMDiagnosticSeverity::LLVMDSWarning | LLVMDiagnosticSeverity::LLVMDSNote => {}
    }
}

fn read_remark(info: LLVMDiagnosticInfoRef) -> Option<Remark> {
    let null = std::ptr::null_mut();
    let mut raw = RawRemark { pass: null, function: null, message: null, offset: 0 };
    // SAFETY: `info` is alive during the call that brought it, and `raw` is writable.
    let is_remark = unsafe { w2n_read_remark(info, &mut raw) };
    // SAFETY: a remark's texts are messages that are ours to free.
    is_remark.then(|| unsafe {
        Remark {
            pass: owned_text(raw.pass),
            function: owned_text(raw.function),
            message: owned_text(raw.message),
            offset_bytes: Some(raw.offset).filter(|offset| *offset != 0),
        }
    })
}

/// The text of a message of LLVM's, which is freed.
///
/// # Safety
/// `message` was made by LLVM for its caller to dispose of, and is not used again.
unsafe fn owned_text(message: *mut c_char) -> String {
    let copy = text(message);
    // SAFETY: the caller's duty.
    unsafe { llvm_sys::core::LLVMDisposeMessage(message) };
    copy
}

/// Prints the reason, then aborts: the abort is what cleans up and sets the exit status, see
/// `driver/signals.rs`.
extern "C" fn on_fatal_error(reason: *const c_char) {
    let _ = writeln!(std::io::stderr(), "wasm2native: internal error: LLVM: {}", text(reason));
    std::process::abort();
}
