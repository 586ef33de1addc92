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

use crate::guest::GuestBuffers;
use crate::report::report;
use crate::types::Fd;

/// How languages put it: strerror of NOENT, NOTCAPABLE and BADF, and Rust's standard library.
const FAILURE_PHRASES: [&[u8]; 5] =
    [b"o such file", b"apabilities insufficient", b"pre-opened", b"ad file", b"ermission denied"];

/// What is known so far.
#[derive(Debug, Default)]
pub struct MissingDirHint {
    /// Directories can be granted at run time.
    pub can_grant: bool,
    /// At least one directory was granted: then there is nothing to tell.
    pub dir_granted: bool,
    searched: bool,
    phrase_seen: bool,
}

impl MissingDirHint {
    /// The guest asked for a granted directory, and there is none.
    pub fn note_search(&mut self) {
        self.searched = true;
    }

    /// The guest wrote `buffers` to `fd`.
    pub fn note_output(&mut self, fd: Fd, buffers: &GuestBuffers<'_>) {
        let watching = self.searched && !self.dir_granted && !self.phrase_seen;
        if watching && (fd == Fd(1) || fd == Fd(2)) {
            self.phrase_seen = FAILURE_PHRASES.iter().any(|phrase| buffers.contain_text(phrase));
        }
    }

    /// Whether the hint is due when the guest exits with this status.
    pub fn is_due(&self, status: u32) -> bool {
        status != 0 && self.searched && self.phrase_seen && !self.dir_granted
    }

    /// Prints the hint if it is due.
    pub fn print_if_due(&self, status: u32) {
        if !self.is_due(status) {
            return;
        }
        if self.can_grant {
            report(&[
                b"hint: this program was given no directory; grant one with W2N_DIR=HOST[::GUEST] ",
                b"or build with --dir HOST[::GUEST]",
            ]);
        } else {
            report(&[
                b"hint: this program was given no directory, and its policy is closed; ",
                b"build it again with --dir HOST[::GUEST]",
            ]);
        }
    }
}
