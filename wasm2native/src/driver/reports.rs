//! What a run has to tell, to whoever listens and for whoever asks afterwards. Nothing is printed here.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::error::{Diagnostic, Result, Severity};
use crate::options::{ReportOptions, Warnings};

/// What is being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Reading and checking the input.
    Reading,
    /// Making code, `done` units of `total`.
    Compiling {
        /// Units finished.
        done: usize,
        /// All units.
        total: usize,
    },
    /// Waiting for the linker.
    Linking,
}

/// Something that has happened.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// There is something to say: warnings always; steps and remarks if the options ask for them.
    Diagnostic(&'a Diagnostic),
    /// Work has begun or gone on.
    Work(Work),
}

/// Who is told, at once and in whatever thread it happens.
pub type Listener = dyn Fn(Event<'_>) + Send + Sync;

/// What is told.
pub struct Reports<'a> {
    wanted: ReportOptions,
    listener: Option<&'a Listener>,
    told: Mutex<Told>,
}

struct Told {
    work: Work,
    diagnostics: Vec<Diagnostic>,
    /// The first warning, if warnings are errors.
    error: Option<Diagnostic>,
}

impl<'a> Reports<'a> {
    /// Tells `listener` what is `wanted`.
    pub fn new(wanted: ReportOptions, listener: Option<&'a Listener>) -> Self {
        let told = Mutex::new(Told { work: Work::Reading, diagnostics: Vec::new(), error: None });
        Self { wanted, listener, told }
    }

    /// What the options ask for.
    pub fn wanted(&self) -> ReportOptions {
        self.wanted
    }

    /// Tells a warning or a remark.
    pub fn tell(&self, diagnostic: Diagnostic) {
        let diagnostic = match (diagnostic.severity(), self.wanted.warnings) {
            (Severity::Warning, Warnings::Silent) => return,
            (Severity::Warning, Warnings::Errors) => {
                let error = diagnostic.into_error();
                let mut told = self.lock();
                if told.error.is_none() {
                    // Whoever asks for it tells it.
                    told.error = Some(error);
                    return;
                }
                error
            }
            _ => diagnostic,
        };
        self.send(Event::Diagnostic(&diagnostic));
        self.lock().diagnostics.push(diagnostic);
    }

    /// Tells a step, if steps are wanted.
    pub fn step(&self, line: impl FnOnce() -> String) {
        if self.wanted.steps {
            self.tell(Diagnostic::note(line()));
        }
    }

    /// Says what is done from now on.
    pub fn work(&self, work: Work) {
        self.change_work(|now| *now = work);
    }

    /// There are `more` units than was thought.
    pub fn expect(&self, more: usize) {
        self.change_work(|now| {
            if let Work::Compiling { total, .. } = now {
                *total += more;
            }
        });
    }

    /// One more unit is compiled.
    pub fn unit_done(&self) {
        self.change_work(|now| {
            if let Work::Compiling { done, .. } = now {
                *done += 1;
            }
        });
    }

    /// Errors: the first warning, if warnings are errors.
    pub fn check(&self) -> Result<()> {
        self.lock().error.take().map_or(Ok(()), Err)
    }

    /// All that was told.
    pub fn into_diagnostics(self) -> Vec<Diagnostic> {
        self.told.into_inner().unwrap_or_else(PoisonError::into_inner).diagnostics
    }

    fn change_work(&self, change: impl FnOnce(&mut Work)) {
        let work = {
            let mut told = self.lock();
            change(&mut told.work);
            told.work
        };
        self.send(Event::Work(work));
    }

    fn send(&self, event: Event<'_>) {
        if let Some(listener) = self.listener {
            listener(event);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Reports<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reports").field("wanted", &self.wanted).finish_non_exhaustive()
    }
}
