//! Assertions of older drafts that the language has since decided otherwise: they fail, and must.
//!
//! The rule: each stands here by line with its reason and counts as skipped; one that holds after all is
//! a failure, so that the list cannot go stale.

use std::collections::BTreeSet;

use super::Verdict;
use super::suite::Suite;

/// One file's assertions that are out of date.
struct Superseded {
    suite: Suite,
    file: &'static str,
    lines: &'static [usize],
    reason: &'static str,
}

const BULK_MEMORY: &str =
    "an old draft: since bulk memory, segments are checked one by one, at instantiation";
const BOTTOM_TYPES: &str = "an old draft: since reference types, br_table in dead code unifies its labels";
const DESCRIPTORS: &str = "an old draft of custom-descriptors that the wasmparser crate does not validate";
const SHARED_MEMORY: &str = "needs the threads proposal";

const SUPERSEDED: &[Superseded] = &[
    Superseded {
        suite: Suite::Crate,
        file: "mutable-global/linking.wast",
        lines: &[206, 227, 236, 238, 248, 298, 334, 342, 344, 354],
        reason: BULK_MEMORY,
    },
    Superseded {
        suite: Suite::Crate,
        file: "reference-types/unreached-invalid.wast",
        lines: &[539],
        reason: BOTTOM_TYPES,
    },
    Superseded {
        suite: Suite::Crate,
        file: "custom-descriptors/br_on_cast_desc_eq.wast",
        lines: &[456],
        reason: DESCRIPTORS,
    },
    Superseded {
        suite: Suite::Crate,
        file: "custom-descriptors/br_on_cast_desc_eq_fail.wast",
        lines: &[432],
        reason: DESCRIPTORS,
    },
    Superseded {
        suite: Suite::Crate,
        file: "custom-descriptors/descriptors.wast",
        lines: &[255, 262],
        reason: DESCRIPTORS,
    },
    Superseded {
        suite: Suite::Crate,
        file: "custom-descriptors/ref_cast_desc_eq.wast",
        lines: &[168],
        reason: DESCRIPTORS,
    },
    Superseded { suite: Suite::Crate, file: "threads/imports.wast", lines: &[501], reason: SHARED_MEMORY },
];

/// What is expected to fail in one file.
pub struct Expected {
    entry: Option<&'static Superseded>,
    remaining: BTreeSet<usize>,
}

impl Expected {
    /// For `file` of `suite`.
    pub fn of(suite: Suite, file: &str) -> Self {
        let entry = SUPERSEDED.iter().find(|entry| entry.suite == suite && entry.file == file);
        Self { entry, remaining: entry.iter().flat_map(|entry| entry.lines.iter().copied()).collect() }
    }

    /// A failure that is expected becomes a skip with its reason.
    pub fn judge(&mut self, verdict: Verdict) -> Verdict {
        match (&verdict, self.entry) {
            (Verdict::Fail(line, _), Some(entry)) if self.remaining.remove(line) => {
                Verdict::Skip(entry.reason.to_owned())
            }
            _ => verdict,
        }
    }

    /// One failure for each assertion that holds though the list says it is out of date.
    pub fn stale(&self) -> impl Iterator<Item = Verdict> + '_ {
        self.remaining
            .iter()
            .map(|line| Verdict::Fail(*line, "is listed as superseded, but holds".to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listed_failure_is_skipped_once_and_a_listed_success_fails() {
        let mut expected = Expected::of(Suite::Crate, "custom-descriptors/descriptors.wast");
        let failure = Verdict::Fail(255, "no".to_owned());
        assert_eq!(expected.judge(failure.clone()), Verdict::Skip(DESCRIPTORS.to_owned()));
        assert_eq!(expected.judge(failure.clone()), failure);
        assert_eq!(expected.judge(Verdict::Pass), Verdict::Pass);
        assert_eq!(expected.stale().count(), 1);
        assert_eq!(Expected::of(Suite::Shared, "custom-descriptors/descriptors.wast").stale().count(), 0);
    }
}
