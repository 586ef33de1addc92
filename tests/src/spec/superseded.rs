//! Assertions of older drafts that the language has since decided otherwise: they fail, and must.
//!
//! The rule: each stands here by line with its reason and counts as skipped; one that holds after all is
//! a failure, so that the list cannot go stale.

use std::collections::BTreeSet;

use super::Verdict;
use super::suite::Suite;

const BULK_MEMORY: &str =
    "an old draft: since bulk memory, segments are checked one by one, at instantiation";
const BOTTOM_TYPES: &str = "an old draft: since reference types, br_table in dead code unifies its labels";
const DESCRIPTORS: &str = "an old draft of custom-descriptors that the wasmparser crate does not validate";
const SHARED_MEMORY: &str = "needs the threads proposal";

/// Both copies of the suite have these, the other one below `proposals/`.
const IN_PROPOSALS: &[(&str, &[usize], &str)] = &[
    ("custom-descriptors/br_on_cast_desc_eq.wast", &[456], DESCRIPTORS),
    ("custom-descriptors/br_on_cast_desc_eq_fail.wast", &[432], DESCRIPTORS),
    ("custom-descriptors/descriptors.wast", &[255, 262], DESCRIPTORS),
    ("custom-descriptors/ref_cast_desc_eq.wast", &[168], DESCRIPTORS),
    ("threads/imports.wast", &[501], SHARED_MEMORY),
];

/// Only the crate keeps the folders of finished proposals.
const IN_CRATE: &[(&str, &[usize], &str)] = &[
    ("mutable-global/linking.wast", &[206, 227, 236, 238, 248, 298, 334, 342, 344, 354], BULK_MEMORY),
    ("reference-types/unreached-invalid.wast", &[539], BOTTOM_TYPES),
];

/// What is expected to fail in one file.
pub struct Expected {
    remaining: BTreeSet<usize>,
    reason: &'static str,
}

impl Expected {
    /// For `file` of `suite`.
    pub fn of(suite: Suite, file: &str) -> Self {
        let (lists, file): (&[_], _) = match suite {
            Suite::Crate => (&[IN_PROPOSALS, IN_CRATE], file),
            Suite::Shared => (&[IN_PROPOSALS], file.strip_prefix("proposals/").unwrap_or_default()),
            Suite::Regress => (&[], file),
        };
        let entry = lists.iter().copied().flatten().find(|(listed, ..)| *listed == file);
        let (_, lines, reason) = entry.copied().unwrap_or_default();
        Self { remaining: lines.iter().copied().collect(), reason }
    }

    /// A failure that is expected becomes a skip with its reason.
    pub fn judge(&mut self, verdict: Verdict) -> Verdict {
        match &verdict {
            Verdict::Fail(line, _) if self.remaining.remove(line) => Verdict::Skip(self.reason.to_owned()),
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
        let both = "proposals/custom-descriptors/descriptors.wast";
        assert_eq!(Expected::of(Suite::Shared, both).stale().count(), 2);
        assert_eq!(Expected::of(Suite::Shared, "mutable-global/linking.wast").stale().count(), 0);
    }
}
