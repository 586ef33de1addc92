//! A run as `make fuzz` does it, as short as it may be: enough calls of generated modules must return the
//! same from our compiler without and with optimisation and from another engine.
//!
//! How: the program runs with a fixed seed until it has compared enough calls or the time is over; the floor
//! is what a busy machine with two processors reaches in that time.

use std::process::Command;

/// Calls that must return and be compared.
const FLOOR_CALLS: u64 = 20_000;

/// Calls after which it is enough: a minute's work for one processor.
const ENOUGH_CALLS: u64 = 60_000;

/// Time it may take.
const SECONDS: u64 = 180;

fn fuzz(args: &[(&str, u64)]) -> (bool, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_w2n-fuzz"));
    for (option, value) in args {
        command.args([(*option).to_owned(), value.to_string()]);
    }
    let output = command.output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(said).unwrap())
}

/// The number that stands before `words`.
fn number_before(said: &str, words: &str) -> u64 {
    let before = &said[..said.find(words).unwrap_or_else(|| panic!("no `{words}` in: {said}"))];
    before.rsplit(' ').next().unwrap().parse().unwrap()
}

#[test]
fn engines_agree_on_generated_modules() {
    let (is_success, said) =
        fuzz(&[("--seconds", SECONDS), ("--calls", ENOUGH_CALLS), ("--floor", FLOOR_CALLS), ("--seed", 1)]);
    assert!(is_success, "{said}");
    assert!(number_before(&said, " calls returned") >= FLOOR_CALLS, "{said}");
    // Calls that trap are compared too; with none the generator would be too tame.
    assert!(number_before(&said, " trapped alike") > FLOOR_CALLS / 100, "{said}");
    // An optimised module may part at a trap; if many did, little would be compared.
    assert!(
        number_before(&said, " modules left at a trap") * 20 < number_before(&said, " modules, "),
        "{said}"
    );
}

#[test]
fn a_run_below_its_floor_fails() {
    let (is_success, said) = fuzz(&[("--seconds", 0), ("--floor", 1)]);
    assert!(!is_success && said.contains("only 0 calls, the floor is 1"), "{said}");
}

/// Due traps that must come in each setup; a module has some hundred.
const FLOOR_DUE_TRAPS: u64 = 4_000;

/// Functions whose accesses are out of bounds, at every level with guard pages.
#[test]
fn every_due_trap_comes() {
    let (is_success, said) =
        fuzz(&[("--due-traps", FLOOR_DUE_TRAPS), ("--floor", FLOOR_DUE_TRAPS), ("--seed", 1)]);
    assert!(is_success, "{said}");
    assert!(number_before(&said, " due, 0 lost") >= FLOOR_DUE_TRAPS, "{said}");
}
