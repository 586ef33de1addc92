//! What a platform owes us: the only files of the runtime that call the kernel or the C library.
//!
//! The rule: a platform is a file with the names below, a processor one with those of [`x86_64`]; all of them
//! are safe to call, or say what the caller owes. Whatever is not in this list, the runtime does without.
//!
//! - [`Mapping`]: addresses that are reserved without memory behind them, opened and closed page by page, and
//!   given back when dropped. Opening and closing must work in a handler of faults.
//! - [`wait_while`], [`wake_one`]: a thread sleeps until another changes a word. All that locks need.
//! - [`ExitKey`], [`own_stack`]: something runs when a thread ends; where is the stack that it was started
//!   with?
//! - [`install_fault_handler`], [`unblock_faults`], [`Fault`], [`Context`]: faults of memory accesses come to
//!   a function that may change where the thread goes on, or leave them to whoever was there before.
//! - [`set_signal_stack`] and its like: handlers run on a stack of their own, as a Wasm stack may be full.
//! - [`start_timer`]: a handler of that kind is called when a time has passed, and again and again after it.
//! - [`open_missing_streams`] and its like, [`environment`], [`has_rights_of_file`]: what a process was
//!   started with.
//! - From the processor: [`thread_word`], a word for each thread that a handler can read, and the
//!   [`Registers`] of an interrupted thread.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
mod linux_signals;
#[cfg(target_arch = "x86_64")]
mod x86_64;

#[cfg(target_os = "linux")]
pub use linux::{
    ExitKey, Mapping, Purpose, environment, give_last_words, has_rights_of_file, open_missing_streams,
    own_stack, print_error, print_output, wait_while, wake_one,
};
#[cfg(target_os = "linux")]
pub use linux_signals::{
    Context, Fault, SignalInfo, current_signal_stack, drop_signal_stack, install_fault_handler,
    least_signal_stack_bytes, send_lost_signal_again, set_signal_stack, start_timer, unblock_faults,
};
#[cfg(target_arch = "x86_64")]
pub use x86_64::{Registers, is_signal_frame, registers, resume_at, set_thread_word, thread_word, timestamp};

/// What may be done with addresses of a [`Mapping`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Nothing: touching them is a fault.
    None,
    /// Reading and writing.
    ReadWrite,
}
