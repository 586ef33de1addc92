//! Generated C must do what native code does, whatever clang and our compiler make of it.
//!
//! How: the program that `make fuzz FUZZ=c` runs, with a fixed seed, until it has compared enough or the
//! time is over. What counts is a comparison: a kernel that printed, out of one way of clang to compile it to
//! Wasm and one setup of ours (-O0 is one, and -O2, and a third by turns), the hash that it prints as native
//! code. The time is that of two processors for four minutes; it is counted as processor time, so that it does not
//! matter what else the machine does. Programs of csmith are counted likewise, each as one kernel. That native
//! code is right is tested as well: a sample of the programs runs with checks of undefined behaviour.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use w2n_genc::compare;
use w2n_genc::program::Program;

/// Comparisons without which it fails.
const FLOOR: u64 = 5_000;

/// Comparisons after which it is enough.
const ENOUGH: u64 = 5_200;

/// Time it may take with two processors.
const SECONDS: u64 = 240;

/// The same for programs of csmith.
const CSMITH_SECONDS: u64 = 60;

/// Comparisons of programs of csmith without which it fails.
const CSMITH_FLOOR: u64 = 60;

/// Programs that run with checks of undefined behaviour.
const CHECKED_PROGRAMS: u64 = 12;

/// Time after which it is over on a machine that does much else.
const LONGEST_SECONDS: u64 = 2_400;

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
        ("--seconds", LONGEST_SECONDS),
        ("--cpu-seconds", 2 * SECONDS),
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
    command.args([
        "--csmith",
        "--seconds",
        &LONGEST_SECONDS.to_string(),
        "--cpu-seconds",
        &(2 * CSMITH_SECONDS).to_string(),
    ]);
    command.args(["--floor", &CSMITH_FLOOR.to_string(), "--failures", "2"]);
    let here = std::env::current_dir().unwrap();
    let before = names_in(&here);
    let output = command.output().unwrap();
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(output.status.success(), "{said}");
    println!("{said}");
    assert_eq!(names_in(&here), before, "csmith leaves nothing where the test runs");
}

fn names_in(directory: &Path) -> BTreeSet<OsString> {
    std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name()).collect()
}

#[test]
fn programs_do_nothing_that_c_leaves_open() {
    let scratch = tempfile::tempdir().unwrap();
    for seed in 0..CHECKED_PROGRAMS {
        let program = Program::generate(seed);
        let source = program.source(&program.numbers());
        let checked =
            compare::checked(scratch.path(), &source).unwrap_or_else(|said| panic!("program {seed}: {said}"));
        let native = compare::native(scratch.path(), &source).unwrap();
        assert_eq!(checked, native, "program {seed}");
    }
}

#[test]
fn a_run_below_its_floor_fails() {
    let (is_success, said) = genc(&[("--seconds", 0), ("--floor", 1)]);
    assert!(!is_success && said.contains("only 0 comparisons, the floor is 1"), "{said}");
}
