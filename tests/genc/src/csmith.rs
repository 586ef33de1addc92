//! Programs of csmith, a generator of C that others made, compiled as ours are.
//!
//! The rule: long constants become as wide as natively, so that what a program prints does not depend on
//! the width of `long`; what takes natively too long is counted, not compared.

use std::path::Path;
use std::process::Command;

use crate::compare::{self, Failure};
use crate::setup::{Guest, setups};

/// Programs that are compared have at most so many statements in a block, which keeps them short.
const OPTIONS: [&str; 6] = ["--max-funcs", "5", "--max-block-depth", "3", "--max-block-size", "3"];

/// What came of one program.
#[derive(Debug)]
pub enum Outcome {
    /// So many setups printed what native code prints.
    Equal(u64),
    /// It does not end in time natively.
    Slow,
    /// A setup failed: how to see it again.
    Failed(String),
}

/// Compares the program of `seed`, with files in `dir` and failures in `failures`. Errors: there is no
/// csmith, or its program does not compile.
pub fn run(seed: u64, dir: &Path, failures: &Path) -> Result<Outcome, String> {
    // csmith wants a small number.
    let number = seed % (1 << 31);
    let mut csmith = Command::new("csmith");
    // It writes a file about the machine to where it runs.
    csmith.args(OPTIONS).args(["--seed", &number.to_string()]).current_dir(dir);
    let source = widened(&compare::run(&mut csmith)?);
    let expected = match compare::native(dir, &source) {
        Ok(expected) if !expected.is_empty() => expected,
        _ => return Ok(Outcome::Slow),
    };
    let guest = Guest::choose(seed);
    let module = compare::guest(dir, &guest)?;
    let mut equal = 0;
    for options in setups(seed) {
        if let Err(failure) = compare::ours(dir, &module, options, &expected) {
            return kept(number, &source, &guest, options, &failure, failures).map(Outcome::Failed);
        }
        equal += 1;
    }
    Ok(Outcome::Equal(equal))
}

/// What a program of csmith prints, as the hash of kernel 0.
pub fn checksum(line: &str) -> Option<(u32, String)> {
    Some((0, line.strip_prefix("checksum = ")?.to_owned()))
}

/// Constants with the suffix `L`, which is 32 bits in Wasm, get `LL`.
fn widened(source: &str) -> String {
    let mut wide = String::with_capacity(source.len());
    let mut word = String::new();
    for character in source.chars().chain(['\n']) {
        if character.is_ascii_alphanumeric() || character == '_' {
            word.push(character);
            continue;
        }
        let is_number = word.starts_with(|c: char| c.is_ascii_digit());
        if is_number && word.ends_with('L') && !word.ends_with("LL") {
            word.push('L');
        }
        wide += &word;
        wide.push(character);
        word.clear();
    }
    wide
}

fn kept(
    number: u64,
    source: &str,
    guest: &Guest,
    options: &[&str],
    failure: &Failure,
    failures: &Path,
) -> Result<String, String> {
    let path = failures.join(format!("csmith_{number}.c"));
    let explain = |error: std::io::Error| format!("{}: {error}", path.display());
    std::fs::create_dir_all(failures).map_err(explain)?;
    std::fs::write(&path, source).map_err(explain)?;
    let (clang, ours) = (guest.options.join(" "), options.join(" "));
    Ok(format!("{}: clang {clang}, ours {ours}: {failure:?}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::Hashes;

    #[test]
    fn long_constants_become_wider_and_others_stay() {
        assert_eq!(widened("a = 0x12L + 3UL - 4LL * fooL(5U);"), "a = 0x12LL + 3ULL - 4LL * fooL(5U);\n");
    }

    #[test]
    fn a_checksum_is_read() {
        let hashes: Hashes = ["checksum = 1F", "other"].iter().filter_map(|line| checksum(line)).collect();
        assert_eq!(hashes, Hashes::from([(0, "1F".to_owned())]));
    }
}
