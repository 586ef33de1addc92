//! The specification's test suite: what runs it, and what its results must be.
//!
//! In the order of a run: [`suite`] finds the files, [`process`] runs each in a process of its own,
//! where [`script`] executes the directives and [`expect`] judges results; [`superseded`] lists the
//! assertions of old drafts that must fail; [`ratchet`] compares the totals with those on record, so that
//! nothing fails or is skipped in silence; [`table`] shows them, and [`state`] what the record says in the book.

pub mod config;
pub mod expect;
pub mod process;
pub mod ratchet;
pub mod script;
pub mod state;
pub mod suite;
pub mod superseded;
pub mod table;

use std::collections::BTreeMap;
use std::fmt;

/// Totals of one file in one configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Assertions that hold.
    pub passed: usize,
    /// Assertions that do not, and modules that should have worked.
    pub failed: usize,
    /// Assertions not tried, by reason.
    pub skipped: BTreeMap<String, usize>,
}

impl Totals {
    /// Assertions not tried, for whatever reason.
    pub fn skipped_count(&self) -> usize {
        self.skipped.values().sum()
    }

    /// Adds those of another file or configuration.
    pub fn add(&mut self, other: &Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        for (reason, count) in &other.skipped {
            *self.skipped.entry(reason.clone()).or_default() += count;
        }
    }
}

/// `N passed, N failed, N skipped`
impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped_count())
    }
}

/// What became of one directive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It holds.
    Pass,
    /// It does not: line in the file, and what happened instead.
    Fail(usize, String),
    /// It was not tried: why.
    Skip(String),
}
