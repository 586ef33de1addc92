//! What the user sees while the compiler runs: `-v` and `--time-passes`, both on standard error.
//! A failed write there is ignored: there is nobody left to tell.

use std::io::Write;

use crate::error::printable;

/// Standard error, and how much to say there.
#[derive(Clone, Copy, Debug, Default)]
pub struct Console {
    /// `-v`
    pub is_verbose: bool,
    /// `--time-passes`
    pub times_phases: bool,
    /// `--remarks`
    pub shows_remarks: bool,
}

impl Console {
    /// Prints a line.
    pub fn say(&self, line: &str) {
        let _ = writeln!(std::io::stderr(), "{line}");
    }

    /// Prints what the user should know though it is no error, and what to do.
    pub fn warn(&self, message: &str, hint: &str) {
        self.say(&format!("wasm2native: warning: {}\nhint: {}", printable(message), printable(hint)));
    }

    /// Prints a line if `-v` was given.
    pub fn verbose(&self, line: impl FnOnce() -> String) {
        if self.is_verbose {
            self.say(&format!("wasm2native: {}", printable(&line())));
        }
    }

    /// Whether times are to be printed.
    pub fn shows_times(&self) -> bool {
        self.times_phases
    }
}
