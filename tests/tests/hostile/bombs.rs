//! Modules that are small and ask for much: more than their size in time or memory, if a phase of the compiler
//! takes them at their word.
//!
//! How: each of `bomb_code`, `bomb_sections` and `bomb_wide` is compiled at -O0 and at -O2, with limits on processor
//! time and memory, and run if it answers something. What the compiler cannot do in proportion it refuses with the
//! limit that was exceeded. `BOMBS=full` makes them as large as they were ever asked for, and prints what each
//! took; `BOMBS=full:NAME` those whose names begin so.

use std::process::Command;

use w2n_tests::command::Bench;

use crate::measure::{MOST_MEMORY_BYTES, MOST_SECONDS, Run, compile};
use crate::{bomb_code, bomb_sections, bomb_wide};

/// Seconds for a module of the size that is tried always, of which most take one or two.
const SECONDS: u64 = 20;

/// What must become of a module.
#[derive(Clone, Copy, Debug)]
pub enum Outcome {
    /// It compiles, and as a program exits with this status.
    Answers(i32),
    /// It is refused, with these words.
    Refused(&'static str),
}

/// Modules of one shape.
pub struct Bomb {
    /// Its name.
    pub name: &'static str,
    /// The module of a size.
    pub module: fn(usize) -> Vec<u8>,
    /// The size that is tried always, and how it ends.
    pub small: (usize, Outcome),
    /// The size that was asked for, or twice that.
    pub full: (usize, Outcome),
}

impl Bomb {
    fn check(&self, size: usize, outcome: Outcome, seconds: u64) {
        let module = (self.module)(size);
        for level in ["-O0", "-O2"] {
            let bench = Bench::new("");
            let run = compile(&bench, &module, &[level], seconds);
            println!(
                "{:24} {size:8} {:10} bytes {level}: status {:2} {:6.2} s {:6} MB",
                self.name,
                module.len(),
                run.status,
                run.cpu.as_secs_f64(),
                run.peak_bytes >> 20
            );
            self.judge(&run, outcome, &format!("{} of {size} at {level}", self.name), &bench);
        }
    }

    fn judge(&self, run: &Run, outcome: Outcome, what: &str, bench: &Bench) {
        assert!(run.peak_bytes <= MOST_MEMORY_BYTES, "{what}: {} MB", run.peak_bytes >> 20);
        match outcome {
            Outcome::Answers(answer) => {
                assert_eq!((run.status, run.said.as_str()), (0, ""), "{what}");
                let program = Command::new(bench.path("app")).status().expect("the program runs");
                assert_eq!(program.code(), Some(answer), "{what}");
            }
            Outcome::Refused(words) => {
                assert!(run.status == 1 && run.said.contains(words), "{what}: {} {}", run.status, run.said);
            }
        }
    }
}

#[test]
fn bombs_of_code_end_within_limits() {
    check_all(bomb_code::bombs());
}

#[test]
fn bombs_of_sections_end_within_limits() {
    check_all(bomb_sections::bombs());
}

#[test]
fn bombs_of_width_end_within_limits() {
    check_all(bomb_wide::bombs());
}

/// Checks all of them, and fails with the names of those that do not end as they should.
fn check_all(bombs: Vec<Bomb>) {
    let wanted = std::env::var("BOMBS").unwrap_or_default();
    let mut failed = Vec::new();
    for bomb in bombs {
        let (size, outcome, seconds) = match wanted.strip_prefix("full") {
            Some(name) if bomb.name.starts_with(name.trim_start_matches(':')) => {
                (bomb.full.0, bomb.full.1, MOST_SECONDS)
            }
            Some(_) => continue,
            None => (bomb.small.0, bomb.small.1, SECONDS),
        };
        if std::panic::catch_unwind(|| bomb.check(size, outcome, seconds)).is_err() {
            failed.push(bomb.name);
        }
    }
    assert!(failed.is_empty(), "{failed:?}");
}
