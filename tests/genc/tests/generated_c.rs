//! Generated C must do what native code does, whatever clang and our compiler make of it.
//!
//! How: the program that `make fuzz FUZZ=c` runs, with a fixed seed, until it has compared enough or the
//! time is over. A comparison is a kernel that printed, in one setup of ours, the hash that it prints as
//! native code. The floor is what a busy machine with two processors reaches in that time.

use std::process::Command;

/// Comparisons without which it fails.
const FLOOR: u64 = 5_000;

/// Comparisons after which it is enough.
const ENOUGH: u64 = 5_200;

/// Time it may take; two processors that do nothing else take a good half of it.
const SECONDS: u64 = 1_500;

/// Failures after which it is over: the rest is of the same cause, as a rule.
const ENOUGH_FAILURES: u64 = 3;

fn genc(args: &[(&str, u64)]) -> (bool, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_w2n-genc"));
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
fn kernels_do_what_native_code_does() {
    let (is_success, said) = genc(&[
        ("--seconds", SECONDS),
        ("--enough", ENOUGH),
        ("--floor", FLOOR),
        ("--failures", ENOUGH_FAILURES),
        ("--seed", 1),
    ]);
    assert!(is_success, "{said}");
    println!("{said}");
    assert!(number_before(&said, " comparisons equal") >= FLOOR, "{said}");
}

#[test]
fn programs_of_csmith_do_what_native_code_does() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_w2n-genc"));
    command.args(["--csmith", "--seconds", "900", "--enough", "60", "--floor", "30", "--failures", "2"]);
    let output = command.output().unwrap();
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(output.status.success(), "{said}");
    println!("{said}");
}

#[test]
fn a_run_below_its_floor_fails() {
    let (is_success, said) = genc(&[("--seconds", 0), ("--floor", 1)]);
    assert!(!is_success && said.contains("only 0 comparisons, the floor is 1"), "{said}");
}
