//! What the user sees while the compiler runs: `-v`, `--time-passes` and progress, all on standard
//! error. A failed write there is ignored: there is nobody left to tell.

use std::io::{IsTerminal, Write};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Compilations shorter than this show no progress.
const QUIET_TIME: Duration = Duration::from_secs(2);

/// Standard error, and how much to say there.
#[derive(Clone, Copy, Debug, Default)]
pub struct Console {
    /// `-v`
    pub is_verbose: bool,
    /// `--time-passes`
    pub times_phases: bool,
}

impl Console {
    /// Prints a line.
    pub fn say(&self, line: &str) {
        let _ = writeln!(std::io::stderr(), "{line}");
    }

    /// Prints a line if `-v` was given.
    pub fn verbose(&self, line: impl FnOnce() -> String) {
        if self.is_verbose {
            self.say(&format!("wasm2native: {}", line()));
        }
    }

    /// Whether times are to be printed.
    pub fn shows_times(&self) -> bool {
        self.times_phases
    }

    /// Counts `total` units while they are done.
    pub fn progress(&self, total: usize) -> Progress {
        let is_shown = std::io::stderr().is_terminal() && !self.is_verbose;
        Progress { total, done: AtomicUsize::new(0), started: Instant::now(), is_shown, line: Mutex::new(()) }
    }
}

/// A line `12/64` on a terminal, drawn anew with every unit.
#[derive(Debug)]
pub struct Progress {
    total: usize,
    done: AtomicUsize,
    started: Instant,
    is_shown: bool,
    line: Mutex<()>,
}

impl Progress {
    /// One more unit is done.
    pub fn advance(&self) {
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        if !self.is_shown || self.started.elapsed() < QUIET_TIME {
            return;
        }
        let _line = self.line.lock();
        let _ = write!(std::io::stderr(), "\r\x1b[Kcompiling {done}/{}", self.total);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.is_shown && self.started.elapsed() >= QUIET_TIME {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}
