//! The hint for the classic first failure: a program wants a file, and no directory was granted.
//!
//! wasi-libc finds out by itself that no granted directory leads to a path, so the failing call never
//! reaches us. The rule, the least annoying one that still catches it. The hint is printed once, when the
//! guest calls `proc_exit` with a status other than 0, and
//!   1. no directory was granted, and
//!   2. the guest looked for granted directories (`fd_prestat_get`), as every libc does before it
//!      opens a path, and
//!   3. the failure looks like one about files: the guest wrote one of the phrases below to its
//!      standard output or error, in which C, C++, Rust and Go report such a failure.
//!
//! What the guest wrote itself stays as it is: the hint is a line of its own after all of it.

use core::sync::atomic::{AtomicBool, Ordering};

use crate::guest::GuestBuffers;
use crate::report::report;
use crate::types::Fd;

/// How languages put it: strerror of NOENT, NOTCAPABLE and BADF, and Rust's standard library.
const FAILURE_PHRASES: [&[u8]; 5] =
    [b"o such file", b"apabilities insufficient", b"pre-opened", b"ad file", b"ermission denied"];

/// What a user can do about it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Advice {
    /// Nothing is said: the guest is not the whole program.
    #[default]
    None,
    /// Directories can be granted at run time, or when the program is built.
    RunOrBuild,
    /// Directories can be granted only when the program is built.
    Build,
}

/// What is known so far.
#[derive(Debug, Default)]
pub struct MissingDirHint {
    /// What to say.
    pub advice: Advice,
    /// At least one directory was granted: then there is nothing to tell.
    pub dir_granted: bool,
    /// The guest asked for a granted directory, and there was none.
    pub searched: AtomicBool,
    /// The guest wrote one of the phrases.
    pub phrase_seen: AtomicBool,
}

impl MissingDirHint {
    /// The guest asked for a granted directory, and there is none.
    pub fn note_search(&self) {
        self.searched.store(true, Ordering::Relaxed);
    }

    /// The guest wrote `buffers` to `fd`.
    pub fn note_output(&self, fd: Fd, buffers: &GuestBuffers<'_>) {
        let watching = self.advice != Advice::None
            && !self.dir_granted
            && self.searched.load(Ordering::Relaxed)
            && !self.phrase_seen.load(Ordering::Relaxed);
        if watching && (fd == Fd(1) || fd == Fd(2)) {
            let is_seen = FAILURE_PHRASES.iter().any(|phrase| buffers.contain_text(phrase));
            self.phrase_seen.fetch_or(is_seen, Ordering::Relaxed);
        }
    }

    /// Whether the hint is due when the guest exits with this status.
    pub fn is_due(&self, status: u32) -> bool {
        let is_seen = self.searched.load(Ordering::Relaxed) && self.phrase_seen.load(Ordering::Relaxed);
        status != 0 && is_seen && !self.dir_granted
    }

    /// Prints the hint if it is due.
    pub fn print_if_due(&self, status: u32) {
        if !self.is_due(status) {
            return;
        }
        match self.advice {
            Advice::None => {}
            Advice::RunOrBuild => report(&[
                b"hint: this program was given no directory; grant one with W2N_DIR=HOST[::GUEST] ",
                b"or build with --dir HOST[::GUEST]",
            ]),
            Advice::Build => report(&[
                b"hint: this program was given no directory, and its policy is closed; ",
                b"build it again with --dir HOST[::GUEST]",
            ]),
        }
    }
}
