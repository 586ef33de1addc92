//! Trap reports: made after an activation has ended, and rendered as text.
//!
//! The rule: a report is self-contained; it holds no pointer into the instance that trapped.

use w2n_abi::{LinkError, NONE, TRAP_HAS_ADDRESS, TRAP_HAS_LENGTH, TrapCode, W2nFrame, W2nTrap};

use crate::activation::Activation;
use crate::attach::NotNow;
use crate::backtrace;
use crate::descriptor::Module;
use crate::text::Text;
use crate::thread::Thread;

/// What the message of a trap begins with.
pub const TRAP_PREFIX: &[u8] = b"wasm2native: trap: ";

/// Where a report goes, if anybody wants one.
#[derive(Clone, Copy)]
pub struct Report(*mut W2nTrap);

impl Report {
    /// The report at that address, or none for null.
    ///
    /// # Safety
    /// It can be written to, and nobody else looks at it, while the value or a copy of it is used.
    pub unsafe fn new(report: *mut W2nTrap) -> Self {
        Self(report)
    }

    /// Everything but message and frames, empty; `None` if nobody wants one.
    #[inline(never)]
    fn begin<'a>(self, code: u32) -> Option<&'a mut W2nTrap> {
        // It may be uninitialised, so no reference is made before it is written once.
        if self.0.is_null() {
            return None;
        }
        // SAFETY: whoever made the value has vouched that it can be written to.
        unsafe {
            self.0.write_bytes(0, 1);
            (*self.0).code = code;
            Some(&mut *self.0)
        }
    }

    /// Fills it in for an activation that just ended on this thread with `code`, and answers the code.
    #[inline(never)]
    pub fn of_activation(self, code: u32, activation: &Activation, thread: Option<&Thread>) -> u32 {
        let Some(report) = self.begin(code) else { return code };
        let record = activation.record.get();
        report.flags = record.flags;
        report.fault_address = record.fault_address;
        report.access_length = record.access_length;
        report.memory_length = record.memory_length;
        backtrace::collect(activation, report);
        write_message(report, thread);
        code
    }

    /// Of a trap that happened outside any Wasm frame.
    #[inline(never)]
    pub fn of_trap(self, code: TrapCode, thread: Option<&Thread>) -> u32 {
        if let Some(report) = self.begin(code as u32) {
            write_message(report, thread);
        }
        code as u32
    }

    /// Of a link error: the words of the error and, after a colon, `what`.
    #[inline(never)]
    pub fn of_link_error(self, error: LinkError, what: &[u8]) -> u32 {
        self.of_link_error_with(error, &|text| {
            text.push(b": ");
            text.push(what);
        })
    }

    /// Of a link error: the words of the error, and what `write` adds.
    #[inline(never)]
    pub fn of_link_error_with(self, error: LinkError, write: &dyn Fn(&mut Text)) -> u32 {
        if let Some(report) = self.begin(error as u32) {
            set_message(report, |text| {
                text.push(link_error_message(error));
                write(text);
            });
        }
        error as u32
    }

    /// Of a call of the API that the host got wrong.
    pub fn of_invalid(self, what: &[u8]) -> u32 {
        self.of_link_error(LinkError::InvalidArgument, what)
    }

    /// Of a call of the API that is refused before it begins.
    #[inline(never)]
    pub fn of_refusal(self, why: NotNow) -> u32 {
        let what: &[u8] = match why {
            NotNow::InHandler => b"Wasm code was interrupted, call again when the handler has returned",
            NotNow::OutOfMemory => b"no room for a stack",
        };
        self.of_link_error(why.error(), what)
    }
}

/// What a link error means, in the words of the specification's test suite where it has any.
fn link_error_message(error: LinkError) -> &'static [u8] {
    match error {
        LinkError::UnknownImport => b"unknown import",
        LinkError::IncompatibleImport => b"incompatible import type",
        LinkError::OutOfMemory => b"out of memory",
        LinkError::AbiVersion => b"wrong version",
        LinkError::InvalidArgument => b"invalid argument",
        LinkError::InSignalHandler => b"called from a signal handler",
        LinkError::NoWasiContext => b"a WASI context is needed: w2n_wasi_new, w2n_wasi_instantiate",
    }
}

/// Replaces the report's message by what `write` writes.
fn set_message(report: &mut W2nTrap, write: impl FnOnce(&mut Text)) {
    let mut text = Text::new(&mut report.message);
    write(&mut text);
    report.message_len = text.written_len() as u32;
}

fn write_message(report: &mut W2nTrap, thread: Option<&Thread>) {
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
    let Some(module) = (unsafe { Module::new(frame.module) }) else {
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
        let name = module.func_name(frame.func_index);
        if !name.is_empty() {
            text.push(b" ");
            text.push_name(name);
        }
    }
    if modules == ModuleNames::Shown {
        text.push(b" of ");
        text.push_name(module.name());
    }
    if frame.offset != NONE {
        text.push(b" at ");
        text.push_hex(u64::from(frame.offset));
    }
    text.push(b"\n");
}
