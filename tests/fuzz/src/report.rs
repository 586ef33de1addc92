//! What a child tells its parent, line by line, and what both count.
//!
//! The rule: whatever ends a child, its last [`Line::At`] tells which module it was at.

use std::fmt;

use crate::subject::Setup;

/// A module that did what it must not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Seed of the module; none when the compilation of a batch ended the process.
    pub seed: Option<u64>,
    /// How it was compiled.
    pub setup: Setup,
    /// The step of the plan that went wrong; none when it never got there.
    pub step: Option<usize>,
    /// What was seen.
    pub message: String,
}

/// What was compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Calls that returned, in all engines the same.
    pub returned: u64,
    /// Calls that trapped, in all engines the same.
    pub trapped: u64,
    /// Modules that were left at a trap that need not be kept.
    pub parted: u64,
    /// Modules that were left at the end of a stack.
    pub exhausted: u64,
    /// Modules.
    pub modules: u64,
}

impl Tally {
    /// Counts `other` as well.
    pub fn add(&mut self, other: Self) {
        self.returned += other.returned;
        self.trapped += other.trapped;
        self.parted += other.parted;
        self.exhausted += other.exhausted;
        self.modules += other.modules;
    }
}

/// What came of some modules.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// What was compared.
    pub tally: Tally,
    /// What failed.
    pub findings: Vec<Finding>,
}

/// What a child says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// It turns to this module, or to the compilation of all.
    At(Option<u64>, Setup),
    /// A module did what it must not.
    Failed(Finding),
    /// A module is finished.
    Finished(Tally),
    /// All are.
    Done,
}

/// Stands for a number that there is not.
const NONE: &str = "none";

fn optional(number: Option<impl ToString>) -> String {
    number.map_or_else(|| NONE.to_owned(), |number| number.to_string())
}

fn parse_optional<N: std::str::FromStr>(text: &str) -> Option<Option<N>> {
    if text == NONE { Some(None) } else { Some(Some(text.parse().ok()?)) }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(seed, setup) => write!(f, "at {} {setup}", optional(*seed)),
            Self::Failed(Finding { seed, setup, step, message }) => {
                let (seed, step) = (optional(*seed), optional(*step));
                write!(f, "failed {seed} {setup} {step} {}", message.replace('\n', " "))
            }
            Self::Finished(tally) => {
                let Tally { returned, trapped, parted, exhausted, modules } = tally;
                write!(f, "finished {returned} {trapped} {parted} {exhausted} {modules}")
            }
            Self::Done => write!(f, "done"),
        }
    }
}

impl Line {
    /// Reads what [`fmt::Display`] wrote.
    pub fn parse(line: &str) -> Option<Self> {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "at" => {
                let (seed, setup) = rest.split_once(' ')?;
                Some(Self::At(parse_optional(seed)?, setup.parse().ok()?))
            }
            "failed" => {
                let mut parts = rest.splitn(4, ' ');
                Some(Self::Failed(Finding {
                    seed: parse_optional(parts.next()?)?,
                    setup: parts.next()?.parse().ok()?,
                    step: parse_optional(parts.next()?)?,
                    message: parts.next()?.to_owned(),
                }))
            }
            "finished" => {
                let numbers: Vec<u64> = rest.split(' ').map_while(|number| number.parse().ok()).collect();
                let [returned, trapped, parted, exhausted, modules] = numbers[..] else { return None };
                Some(Self::Finished(Tally { returned, trapped, parted, exhausted, modules }))
            }
            "done" => Some(Self::Done),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_as_it_was_written() {
        let setup = Setup::all()[0];
        let tally = Tally { returned: 1, trapped: 2, parted: 3, exhausted: 4, modules: 5 };
        let message = "call 3: a b".to_owned();
        let finding = Finding { seed: Some(7), setup, step: Some(4), message };
        for line in [
            Line::At(None, setup),
            Line::At(Some(u64::MAX), setup),
            Line::Failed(finding.clone()),
            Line::Failed(Finding { seed: None, step: None, ..finding }),
            Line::Finished(tally),
            Line::Done,
        ] {
            assert_eq!(Line::parse(&line.to_string()), Some(line));
        }
        assert_eq!(Line::parse("failed 1"), None);
    }
}
