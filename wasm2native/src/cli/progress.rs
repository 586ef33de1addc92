//! A line on the terminal that says what long work is at. It is drawn by a thread of its own, so that it
//! moves however long one step takes; work that is done soon never shows it.

use std::io::{IsTerminal, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::driver::reports::Work;
use crate::options::ReportOptions;

/// Work shorter than this shows nothing.
const QUIET_TIME: Duration = Duration::from_secs(2);

/// Time from one drawing to the next.
const INTERVAL: Duration = Duration::from_millis(500);

/// Back to the start of the line, which is emptied.
const WIPE: &str = "\r\x1b[K";

/// The line, if there is anybody to see it. It goes away when this is dropped.
#[derive(Debug)]
pub struct Progress {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    /// `None` when all is done.
    work: Mutex<Option<Work>>,
    changed: Condvar,
}

impl Progress {
    /// Shows the line on standard error if that is a terminal which can move the cursor. Lines that the user
    /// asked for, as with `-v`, go better without it.
    pub fn start(reports: ReportOptions) -> Self {
        let can_draw = std::env::var_os("TERM").is_some_and(|term| term != "dumb");
        let is_shown = std::io::stderr().is_terminal() && can_draw && !reports.steps;
        let shared = Arc::new(Shared { work: Mutex::new(Some(Work::Reading)), changed: Condvar::new() });
        let for_thread = shared.clone();
        let draw = move || draw(&for_thread);
        // Without the thread there is no line, which is no reason to fail.
        let thread = if is_shown { std::thread::Builder::new().spawn(draw).ok() } else { None };
        Self { shared, thread }
    }

    /// Says what is done from now on.
    pub fn set(&self, work: Work) {
        *self.shared.lock() = Some(work);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        *self.shared.lock() = None;
        self.shared.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            // The thread only draws; if it could not, that was all.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Option<Work>> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn draw(shared: &Shared) {
    let started = Instant::now();
    let mut wait = QUIET_TIME;
    let mut is_drawn = false;
    let mut work = shared.lock();
    while let Some(now) = *work {
        if started.elapsed() >= QUIET_TIME {
            let _ = write!(std::io::stderr(), "{WIPE}{}, {} s", words(now), started.elapsed().as_secs());
            is_drawn = true;
            wait = INTERVAL;
        }
        work = shared.changed.wait_timeout(work, wait).unwrap_or_else(PoisonError::into_inner).0;
    }
    if is_drawn {
        let _ = write!(std::io::stderr(), "{WIPE}");
    }
}

fn words(work: Work) -> String {
    match work {
        Work::Reading => "reading".to_owned(),
        Work::Compiling { total: 1, .. } => "compiling".to_owned(),
        Work::Compiling { done, total } => format!("compiling, {done} of {total} parts done"),
        Work::Linking => "linking".to_owned(),
    }
}
