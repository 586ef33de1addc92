//! Trap reports: made after an activation has ended, and rendered as text.
//!
//! The rule: a report is self-contained; it holds no pointer into the instance that trapped.

use w2n_abi::{HostBytes, LinkError, NONE, TRAP_HAS_ADDRESS, TRAP_HAS_LENGTH, TrapCode, W2nFrame, W2nTrap};

use crate::activation::Activation;
use crate::backtrace;
use crate::instance::slice;
use crate::text::Text;
use crate::thread::{NotNow, Thread};

/// What the message of a trap begins with.
pub const TRAP_PREFIX: &[u8] = b"wasm2native: trap: ";

/// Fills in the report of an activation that ended with `code`, and answers the code.
///
/// # Safety
/// `report` is null or valid for writing; the activation is the one that just ended on this thread.
pub unsafe fn report(
    report: *mut W2nTrap,
    code: u32,
    activation: &Activation,
    thread: Option<&mut Thread>,
) -> u32 {
    // SAFETY: the caller vouches for the report.
    let Some(report) = (unsafe { begin(report, code) }) else {
        return code;
    };
    let record = &activation.record;
    report.flags = record.flags;
    report.fault_address = record.fault_address;
    report.access_length = record.access_length;
    report.memory_length = record.memory_length;
    // SAFETY: the activation has ended, and its frames are still there.
    unsafe { backtrace::collect(activation, report) };
    write_message(report, thread);
    code
}

/// The report of a trap that happened outside any Wasm frame.
///
/// # Safety
/// `report` is null or valid for writing.
pub unsafe fn report_in_host(report: *mut W2nTrap, code: TrapCode, thread: Option<&mut Thread>) -> u32 {
    // SAFETY: the caller vouches for the report.
    if let Some(report) = unsafe { begin(report, code as u32) } {
        write_message(report, thread);
    }
    code as u32
}

/// The report of a trap that happened before any Wasm frame was there.
pub fn report_without_frames(report: *mut W2nTrap, code: TrapCode) -> u32 {
    // SAFETY: the API asks its callers for a report that is null or valid.
    unsafe { report_in_host(report, code, None) }
}

/// The report of a link error: the words of the error and, after a colon, `what`.
pub fn report_link_error(report: *mut W2nTrap, error: LinkError, what: &[u8]) -> u32 {
    // SAFETY: the API asks its callers for a report that is null or valid.
    if let Some(report) = unsafe { begin(report, error as u32) } {
        set_message(report, |text| {
            text.push(link_error_message(error));
            text.push(b": ");
            text.push(what);
        });
    }
    error as u32
}

/// The report of a call of the API that is refused before it begins.
pub fn report_not_now(report: *mut W2nTrap, why: NotNow) -> u32 {
    match why {
        NotNow::InHandler => {
            let what = b"Wasm code was interrupted, call again when the handler has returned";
            report_link_error(report, LinkError::InSignalHandler, what)
        }
        NotNow::OutOfMemory => report_link_error(report, LinkError::OutOfMemory, b"no room for a stack"),
    }
}

/// What a link error means, in the words of the specification's test suite where it has any.
pub fn link_error_message(error: LinkError) -> &'static [u8] {
    match error {
        LinkError::UnknownImport => b"unknown import",
        LinkError::IncompatibleImport => b"incompatible import type",
        LinkError::OutOfMemory => b"out of memory",
        LinkError::AbiVersion => b"wrong version",
        LinkError::InvalidArgument => b"invalid argument",
        LinkError::InSignalHandler => b"called from a signal handler",
    }
}

/// Replaces the report's message by what `write` writes.
pub fn set_message(report: &mut W2nTrap, write: impl FnOnce(&mut Text)) {
    let mut text = Text::new(&mut report.message);
    write(&mut text);
    report.message_len = text.written_len() as u32;
}

/// Everything of the report but message and frames, empty; `None` if nobody wants one.
unsafe fn begin<'a>(report: *mut W2nTrap, code: u32) -> Option<&'a mut W2nTrap> {
    // The two arrays are left as they are: their lengths say that they hold nothing. They may be
    // uninitialised, so no reference is made before they are written once.
    if report.is_null() {
        return None;
    }
    // SAFETY: the caller vouches for the report.
    unsafe {
        report.write_bytes(0, 1);
        (*report).code = code;
        Some(&mut *report)
    }
}

fn write_message(report: &mut W2nTrap, thread: Option<&mut Thread>) {
    let Some(code) = TrapCode::from_number(report.code) else { return };
    if code == TrapCode::Exit {
        report.exit_status = thread.as_ref().map_or(0, |thread| thread.exit_status());
    }
    set_message(report, |text| {
        text.push(code.message().as_bytes());
        let may_have_words = matches!(code, TrapCode::HostError | TrapCode::Timeout);
        if let Some(thread) = thread.filter(|thread| may_have_words && thread.has_message()) {
            text.push(b": ");
            thread.take_message(text);
        }
    });
}

/// Writes the report as executables print it.
pub fn render(report: &W2nTrap, text: &mut Text) {
    let is_trap = TrapCode::from_number(report.code).is_some();
    text.push(if is_trap { TRAP_PREFIX } else { b"wasm2native: error: " });
    let len = (report.message_len as usize).min(report.message.len());
    text.push(&report.message[..len]);
    if report.flags & TRAP_HAS_ADDRESS != 0 {
        text.push(b": address ");
        text.push_hex(report.fault_address);
        if report.flags & TRAP_HAS_LENGTH != 0 {
            text.push(b", length ");
            text.push_decimal(report.access_length);
        }
        text.push(b", memory size ");
        text.push_decimal(report.memory_length);
        text.push(b" bytes");
    }
    text.push(b"\n");
    let stored = (report.frame_count as usize).min(report.frames.len());
    let frames = &report.frames[..stored];
    let modules = match frames.iter().all(|frame| frame.module == frames[0].module) {
        true => ModuleNames::Omitted,
        false => ModuleNames::Shown,
    };
    for (position, frame) in frames.iter().enumerate() {
        text.push(if position < 10 { b"  " } else { b" " });
        text.push_decimal(position as u64);
        text.push(b": ");
        render_frame(frame, modules, text);
    }
    let left_out = report.total_frame_count.saturating_sub(report.frame_count);
    if left_out > 0 {
        text.push(b"  ... and ");
        text.push_decimal(u64::from(left_out));
        text.push(b" more\n");
    }
}

/// Whether a frame says which module it is in: only where there are several.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ModuleNames {
    Omitted,
    Shown,
}

fn render_frame(frame: &W2nFrame, modules: ModuleNames, text: &mut Text) {
    // SAFETY: a module stays loaded while a report of its trap is looked at, as the API asks.
    let Some(module) = (unsafe { frame.module.as_ref() }) else {
        text.push(b"pc ");
        text.push_hex(frame.pc);
        text.push(b"\n");
        return;
    };
    if frame.func_index == NONE {
        text.push(b"instantiation");
    } else {
        text.push(b"func ");
        text.push_decimal(u64::from(frame.func_index));
        // SAFETY: names are constant data of the module.
        let names = unsafe { slice::<HostBytes>(&module.func_names) };
        if let Some(name) = names.get(frame.func_index as usize).filter(|name| name.len > 0) {
            text.push(b" ");
            text.push_name(name);
        }
    }
    if modules == ModuleNames::Shown {
        text.push(b" of ");
        text.push_name(&module.name);
    }
    if frame.offset != NONE {
        text.push(b" at ");
        text.push_hex(u64::from(frame.offset));
    }
    text.push(b"\n");
}
