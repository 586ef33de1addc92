//! What a long run is doing, on a line of a terminal that is overwritten.
//!
//! The rule: nothing is written where standard error is no terminal, and nothing stays of it where it is.

use std::io::{IsTerminal, stderr};
use std::sync::atomic::{AtomicUsize, Ordering};

/// The line.
pub struct Progress {
    is_shown: bool,
    begun: AtomicUsize,
    steps: usize,
}

impl Progress {
    /// Of `steps` in all. Shown if standard error is a terminal.
    pub fn new(steps: usize) -> Self {
        Self { is_shown: stderr().is_terminal(), begun: AtomicUsize::new(0), steps }
    }

    /// A step begins.
    pub fn say(&self, step: &str) {
        let number = self.begun.fetch_add(1, Ordering::Relaxed) + 1;
        if self.is_shown {
            eprint!("\r\x1b[K[{number}/{}] {step}", self.steps);
        }
    }

    /// The line is cleared, so that something else can be printed.
    pub fn clear(&self) {
        if self.is_shown {
            eprint!("\r\x1b[K");
        }
    }
}
