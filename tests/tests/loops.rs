//! Versioned loops access what the guest said, and nothing else.
//!
//! How: generated loops run in wasmi, at -O0 and at -O2 and -O3, with arguments at the edges of the
//! address space and of the memory; results, traps and every touched byte must be equal, and pages around the
//! reservation stay as they were. What our passes leave is verified, and once more each loop is checked by
//! `-C check-loops=1`, which must find nothing. With software checks the memory is compared after traps too,
//! and what is behind its end is accessible, so that an access which was not checked shows. Then each part of
//! the check is broken in turn, and this very test must notice.

use std::path::Path;
use std::process::Command;
use std::sync::{LazyLock, Mutex};

use fastrand::Rng;
use tempfile::TempDir;
use w2n_abi::TrapCode;
use w2n_tests::corpus::run_to_end;
use w2n_tests::host::Library;
use w2n_tests::loops::canary::Canaries;
use w2n_tests::loops::compare::{Stats, compare, compare_call};
use w2n_tests::loops::engine::{Outcome, Runner, compile, only_module};
use w2n_tests::loops::fault::{FAULTS, FaultyPasses, Input, Loops};
use w2n_tests::loops::generate::{GuestLoop, Index, Memory};
use w2n_tests::loops::text;
use w2n_tests::program::compiler;
use wasm2native::options::{BoundsChecks, CodeOptions, OptLevel};

/// Loops in a module.
const LOOPS: usize = 24;

/// Calls of each loop.
const CALLS: usize = 12;

/// Modules per memory, unless `W2N_LOOP_MODULES` says how many.
const MODULES: u64 = 3;

fn options(opt_level: OptLevel, bounds_checks: BoundsChecks) -> CodeOptions {
    CodeOptions { opt_level, bounds_checks, verify_passes: true, ..CodeOptions::default() }
}

fn draw_loops(seed: u64) -> Vec<GuestLoop> {
    let mut rng = Rng::with_seed(seed);
    (0..LOOPS).map(|_| GuestLoop::draw(&mut rng)).collect()
}

fn is_guarded(memory: Memory, bounds_checks: BoundsChecks) -> bool {
    memory.index() == Index::I32 && bounds_checks == BoundsChecks::Guard
}

fn runner(module: &w2n_tests::host::Module, memory: Memory, bounds_checks: BoundsChecks) -> Runner {
    match is_guarded(memory, bounds_checks) {
        true => Runner::native(module),
        false => Runner::software(module),
    }
}

/// Held while memories are made: another's might go between the canaries.
static MEMORIES: Mutex<()> = Mutex::new(());

/// Runs the module of `seed` everywhere.
fn compare_module(seed: u64, memory: Memory) -> Result<Stats, String> {
    let loops = draw_loops(seed);
    let bytes = text::module(&loops, memory);
    let mut runners = vec![("wasmi".to_owned(), Runner::wasmi(&bytes))];
    let mut all_canaries = Vec::new();
    for (opt_level, bounds_checks, check_loops) in [
        (OptLevel::O0, BoundsChecks::Guard, false),
        (OptLevel::O2, BoundsChecks::Guard, false),
        (OptLevel::O3, BoundsChecks::Guard, false),
        (OptLevel::O2, BoundsChecks::Software, false),
        (OptLevel::O3, BoundsChecks::Software, false),
        (OptLevel::O2, BoundsChecks::Guard, true),
        (OptLevel::O2, BoundsChecks::Software, true),
    ] {
        let code = CodeOptions { check_loops, ..options(opt_level, bounds_checks) };
        let modules = compile(std::slice::from_ref(&bytes), &code)?;
        let canaries = Canaries::new();
        let runner = runner(&modules[0], memory, bounds_checks);
        if is_guarded(memory, bounds_checks) {
            let base = runner.memory_base().expect("the memory is ours");
            assert!(canaries.enclose(base), "the memory is not between its canaries");
            all_canaries.push(canaries);
        }
        runners.push((format!("{opt_level:?} {bounds_checks:?}, checked: {check_loops}"), runner));
    }
    let stats = compare(&loops, &mut runners, memory, CALLS, &mut Rng::with_seed(seed))?;
    match all_canaries.iter().all(Canaries::are_untouched) {
        true => Ok(stats),
        false => Err("a page outside the reservation was written to".to_owned()),
    }
}

#[test]
fn generated_loops_do_the_same_everywhere() {
    let _alone = MEMORIES.lock();
    let modules = std::env::var("W2N_LOOP_MODULES").map_or(MODULES, |text| text.parse().expect("a number"));
    let mut stats = Stats::default();
    for seed in 0..modules {
        for memory in Memory::ALL {
            let more =
                compare_module(seed, memory).unwrap_or_else(|difference| panic!("seed {seed}: {difference}"));
            stats.returned += more.returned;
            stats.trapped += more.trapped;
        }
    }
    println!("{stats:?}");
    let calls = (modules as usize) * Memory::ALL.len() * LOOPS * CALLS;
    assert_eq!(stats.returned + stats.trapped, calls);
    assert!(stats.returned * 3 > calls, "too few calls come to their end: {stats:?}");
    assert!(stats.trapped * 10 > calls, "too few calls trap: {stats:?}");
}

/// The tests above mean something only if the passes take the generated loops.
#[test]
fn most_generated_loops_are_versioned() {
    let dir = tempfile::tempdir().unwrap();
    let module = dir.path().join("loops.wasm");
    let loops: Vec<_> = (0..3).flat_map(draw_loops).collect();
    std::fs::write(&module, text::module(&loops, Memory::Full)).unwrap();
    let mut command = Command::new(compiler());
    command.args(["-c", "-O2", "--remarks"]).arg(&module).arg("-o").arg(dir.path().join("loops.o"));
    let output = command.output().unwrap();
    assert!(output.status.success());
    let remarks = String::from_utf8(output.stderr).unwrap();
    let count = |pass: &str| remarks.lines().filter(|line| line.contains(pass)).count();
    let counts = ["wrap-versioning: ", "reroll: ", "loop-vectorize: vectorized loop"].map(count);
    println!("{counts:?}");
    assert!(counts[0] >= LOOPS && counts[1] >= 4 && counts[2] >= 4, "{counts:?} in:\n{remarks}");
}

/// At -Os and -Oz no loop is copied.
#[test]
fn loops_are_not_copied_for_size() {
    let dir = tempfile::tempdir().unwrap();
    let module = dir.path().join("loops.wasm");
    std::fs::write(&module, text::module(&draw_loops(0), Memory::Full)).unwrap();
    for level in ["-O1", "-Os", "-Oz"] {
        let mut command = Command::new(compiler());
        command.args(["-c", level, "--remarks"]).arg(&module).arg("-o").arg(dir.path().join("loops.o"));
        let output = command.output().unwrap();
        assert!(output.status.success());
        assert!(!String::from_utf8(output.stderr).unwrap().contains("wrap-versioning"), "{level}");
    }
}

/// The trap must be where the guest's own arithmetic gets.
fn check_very_long_loop(runner: Runner, memory: Memory) -> Result<(), String> {
    let (guest_loop, arguments) = GuestLoop::longer_than_the_address_space(memory);
    let mut runners = [("native".to_owned(), runner)];
    let outcome = compare_call(&guest_loop, 0, &arguments, &mut runners, memory)?;
    let mut expected = None;
    guest_loop.touched(&arguments, |address, _| {
        expected = Some(address);
        address < memory.bytes()
    });
    let actual = runners[0].1.fault_address();
    match outcome == Outcome::OutOfBounds && actual == expected {
        true => Ok(()),
        false => Err(format!("{outcome:?} at {actual:x?} instead of {expected:x?}")),
    }
}

#[test]
fn more_iterations_than_addresses() {
    let _alone = MEMORIES.lock();
    for memory in [Memory::AlmostFull, Memory::Small64] {
        let bytes = text::module(&[GuestLoop::longer_than_the_address_space(memory).0], memory);
        for opt_level in [OptLevel::O0, OptLevel::O2] {
            for bounds_checks in [BoundsChecks::Guard, BoundsChecks::Software] {
                let modules =
                    compile(std::slice::from_ref(&bytes), &options(opt_level, bounds_checks)).unwrap();
                check_very_long_loop(runner(&modules[0], memory, bounds_checks), memory).unwrap();
            }
        }
    }
}

/// What planted faults must be found with.
#[derive(Clone, Copy, Debug)]
struct Subject {
    guest: Guest,
    bounds_checks: BoundsChecks,
}

#[derive(Clone, Copy, Debug)]
enum Guest {
    /// [`GuestLoop::longer_than_the_address_space`]
    VeryLongLoop(Memory),
    /// The module of a seed.
    Drawn(u64, Memory),
    /// [`GuestLoop::overlapping_copies`]
    OverlappingCopies(Memory),
}

impl Guest {
    /// Loops with random arguments, and the seed of these.
    fn loops(self) -> Option<(Vec<GuestLoop>, u64)> {
        match self {
            Self::VeryLongLoop(_) => None,
            Self::Drawn(seed, _) => Some((draw_loops(seed), seed)),
            Self::OverlappingCopies(_) => Some((vec![GuestLoop::overlapping_copies()], 0)),
        }
    }

    fn memory(self) -> Memory {
        match self {
            Self::VeryLongLoop(memory) | Self::Drawn(_, memory) | Self::OverlappingCopies(memory) => memory,
        }
    }
}

const fn subject(guest: Guest, bounds_checks: BoundsChecks) -> Subject {
    Subject { guest, bounds_checks }
}

const SUBJECTS: [Subject; 13] = [
    subject(Guest::VeryLongLoop(Memory::AlmostFull), BoundsChecks::Guard),
    subject(Guest::Drawn(0, Memory::Full), BoundsChecks::Guard),
    subject(Guest::Drawn(0, Memory::Small), BoundsChecks::Guard),
    subject(Guest::Drawn(2, Memory::Full), BoundsChecks::Guard),
    subject(Guest::Drawn(2, Memory::Small), BoundsChecks::Guard),
    subject(Guest::Drawn(0, Memory::Small), BoundsChecks::Software),
    subject(Guest::Drawn(0, Memory::Full), BoundsChecks::Software),
    subject(Guest::Drawn(2, Memory::Small), BoundsChecks::Software),
    subject(Guest::Drawn(2, Memory::Full), BoundsChecks::Software),
    subject(Guest::VeryLongLoop(Memory::Small64), BoundsChecks::Software),
    subject(Guest::Drawn(0, Memory::Small64), BoundsChecks::Software),
    subject(Guest::Drawn(2, Memory::Small64), BoundsChecks::Software),
    subject(Guest::OverlappingCopies(Memory::Full), BoundsChecks::Guard),
];

impl Subject {
    fn bytes(self) -> Vec<u8> {
        let memory = self.guest.memory();
        match self.guest.loops() {
            Some((loops, _)) => text::module(&loops, memory),
            None => text::module(&[GuestLoop::longer_than_the_address_space(memory).0], memory),
        }
    }

    /// Compares what was compiled of it with `reference`, which has seen no optimiser: that this is right
    /// is the first test's to prove, with an interpreter that would take 4 GiB here.
    fn check(self, library: &Path, reference: &Path) -> Result<(), String> {
        let module = only_module(&Library::open(library)?)?;
        let memory = self.guest.memory();
        let compiled = runner(&module, memory, self.bounds_checks);
        let Some((loops, seed)) = self.guest.loops() else { return check_very_long_loop(compiled, memory) };
        let mut runners = [
            ("reference".to_owned(), Runner::native(&only_module(&Library::open(reference)?)?)),
            ("compiled".to_owned(), compiled),
        ];
        compare(&loops, &mut runners, memory, 2 * CALLS, &mut Rng::with_seed(seed)).map(drop)
    }
}

/// Tell a child process the number of the subject, the library to check, and the one to compare it with.
const CHILD_VARIABLES: [&str; 3] = ["W2N_FAULT_SUBJECT", "W2N_FAULT_LIBRARY", "W2N_FAULT_REFERENCE"];

/// Does nothing unless it is the child process of [`planted_faults_are_found`]: a broken access may end it.
#[test]
fn fault_child() {
    if let [Some(subject), Some(library), Some(reference)] = CHILD_VARIABLES.map(std::env::var_os) {
        let subject: usize = subject.to_str().and_then(|text| text.parse().ok()).unwrap();
        SUBJECTS[subject].check(Path::new(&library), Path::new(&reference)).unwrap();
    }
}

fn check_in_child(subject: usize, library: &Path, reference: &Path) -> Result<(), String> {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "fault_child", "--nocapture"]);
    child.env(CHILD_VARIABLES[0], subject.to_string());
    child.env(CHILD_VARIABLES[1], library).env(CHILD_VARIABLES[2], reference);
    run_to_end(&mut child).map(drop)
}

/// The passes with faults in them, built once.
static PASSES: LazyLock<(TempDir, FaultyPasses)> = LazyLock::new(|| {
    let dir = tempfile::tempdir().unwrap();
    let passes = FaultyPasses::build(dir.path()).unwrap_or_else(|reason| panic!("{reason}"));
    (dir, passes)
});

/// Faults that change what a loop does, which a checked loop must notice by itself.
const CHANGES: [&str; 2] = ["one iteration missing", "distance from the wrong member"];

/// The subject that is checked.
const CHECKED_SUBJECT: usize = 1;

#[test]
fn checked_loops_trap_where_the_passes_are_wrong() {
    let (_, passes) = &*PASSES;
    let dir = tempfile::tempdir().unwrap();
    let subject = SUBJECTS[CHECKED_SUBJECT];
    let input = Input::new(&subject.bytes(), subject.bounds_checks, dir.path()).unwrap();
    let check = |fault: Option<&str>| {
        let library =
            passes.compile(&input, fault, Loops::Checked).unwrap_or_else(|why| panic!("{fault:?}: {why}"));
        check_in_child(CHECKED_SUBJECT, &library, &input.reference).err()
    };
    assert_eq!(check(None), None, "{subject:?} without a fault");
    for fault in CHANGES {
        let reason = check(Some(fault)).unwrap_or_else(|| panic!("{fault}: nothing was noticed"));
        assert!(reason.contains(TrapCode::LoopCheck.message()), "{fault}: {reason}");
    }
}

#[test]
fn planted_faults_are_found() {
    let (_, passes) = &*PASSES;
    let dir = tempfile::tempdir().unwrap();
    let mut inputs = Vec::new();
    for (number, subject) in SUBJECTS.iter().enumerate() {
        let dir = dir.path().join(number.to_string());
        std::fs::create_dir(&dir).unwrap();
        inputs.push(Input::new(&subject.bytes(), subject.bounds_checks, &dir).unwrap());
    }
    // What is wrong with a subject, if anything is.
    let check = |fault: Option<&str>, subject: usize| {
        let input = &inputs[subject];
        let library =
            passes.compile(input, fault, Loops::Unchecked).unwrap_or_else(|why| panic!("{fault:?}: {why}"));
        check_in_child(subject, &library, &input.reference).err()
    };
    for (number, subject) in SUBJECTS.iter().enumerate() {
        assert_eq!(check(None, number), None, "{subject:?} without a fault");
    }
    let mut missed = Vec::new();
    for fault in FAULTS {
        let mut numbers = 0..SUBJECTS.len();
        let found = numbers.find_map(|number| Some((number, check(Some(fault.name), number)?)));
        match found {
            None => missed.push(fault.name),
            Some((number, reason)) => {
                let reason = reason.lines().find(|line| line.contains("Err")).unwrap_or("it crashed");
                let reason: String = reason.chars().take(160).collect();
                println!("{}: {:?}: {reason}", fault.name, SUBJECTS[number]);
            }
        }
    }
    assert!(missed.is_empty(), "not found: {missed:?}");
}
