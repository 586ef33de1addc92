//! `proc_exit`, `proc_raise`.
//!
//! A guest ends itself, never its host: `proc_exit` unwinds to whoever called the guest, who decides.

use w2n_abi::TrapCode;

use crate::context::Context;
use crate::errno::Errno;
use crate::guest::GuestMemory;

/// witx `proc_exit(rval: exitcode)`, does not return to the guest.
///
/// Answers [`TrapCode::Exit`]; the status stands in slot 0, where the argument was.
pub fn proc_exit(context: &Context, _memory: GuestMemory<'_>, status: u32) -> TrapCode {
    context.hint.print_if_due(status);
    TrapCode::Exit
}

/// witx `proc_raise(sig: signal)`.
///
/// `NOTSUP` always: a signal would reach the host's process, of which the guest is a part only.
/// `INVAL`: no such signal (they are numbered 0 to 30).
pub fn proc_raise(_context: &Context, _memory: GuestMemory<'_>, signal: u32) -> Result<(), Errno> {
    const LAST_SIGNAL: u32 = 30;
    Err(if signal > LAST_SIGNAL { Errno::Inval } else { Errno::NotSup })
}
