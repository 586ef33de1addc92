//! What an instance is after a trap: the promises of `wasm2native/DESIGN.md`, by comparing all of it.
//!
//! How: every case (`cases.rs`) writes marks to the memory, a global and a table, traps, and would then write
//! others. Each is called at three levels, with both kinds of bounds checks, with and without
//! `--strict-traps`, and a host looks at all the state. Instantiation is in `instantiation.rs`.

mod cases;
mod instantiation;

use std::fs;
use std::sync::LazyLock;

use w2n_abi::TrapCode;
use w2n_tests::host::{Import, Instance, Library, Type, Value};
use w2n_tests::plugin::{self, Source};
use w2n_tests::program::{compile, fixture};
use wasm2native::options::{BoundsChecks, CodeOptions, OptLevel};

use cases::{Case, Notice};

/// The ways to compile that differ in what they promise.
fn modes() -> Vec<CodeOptions> {
    let mut modes = Vec::new();
    for opt_level in [OptLevel::O0, OptLevel::O2, OptLevel::O3] {
        for bounds_checks in [BoundsChecks::Guard, BoundsChecks::Software] {
            for strict_traps in [false, true] {
                modes.push(CodeOptions { opt_level, bounds_checks, strict_traps, ..CodeOptions::default() });
            }
        }
    }
    modes
}

fn shown(mode: &CodeOptions) -> String {
    let strict = if mode.strict_traps { " --strict-traps" } else { "" };
    format!("-{:?} {:?}{strict}", mode.opt_level, mode.bounds_checks)
}

/// What the documentation promises of the state after a trap that is noticed in this way.
fn is_exact(mode: &CodeOptions, notice: Notice) -> bool {
    let is_careful = mode.strict_traps || mode.opt_level == OptLevel::O0;
    match notice {
        Notice::Checked => true,
        Notice::Access => is_careful || mode.bounds_checks == BoundsChecks::Software,
        Notice::Stack => is_careful,
    }
}

static CASES: LazyLock<Vec<Case>> = LazyLock::new(cases::all);

/// All cases in one module, compiled in every mode.
static LIBRARIES: LazyLock<Vec<(CodeOptions, Library)>> = LazyLock::new(|| {
    let source = Source { prefix: "precision".to_owned(), bytes: module_bytes() };
    let build = |mode: CodeOptions| {
        let library = plugin::build(std::slice::from_ref(&source), &mode);
        (mode.clone(), library.unwrap_or_else(|error| panic!("{}: {error}", shown(&mode))))
    };
    modes().into_iter().map(build).collect()
});

fn module_bytes() -> Vec<u8> {
    let func = |case: &Case| {
        format!(
            "(func (export \"{}\") (param $p i32) (param $zero i32) (param $big f64) (param $nan f64)
               (local $i i32) (local $sum i32) (call $before) {} (call $after))",
            case.name, case.code
        )
    };
    let funcs: String = CASES.iter().map(func).collect();
    let template = fs::read_to_string(fixture("trap_precision/state.wat")).unwrap();
    let (head, tail) = template.split_once(";; cases").unwrap();
    wat::parse_str([head, &funcs, tail].concat()).unwrap_or_else(|error| panic!("{error}"))
}

/// Everything that a host sees of an instance.
#[derive(Clone, PartialEq, Eq)]
struct State {
    memory: Vec<u8>,
    mark: Value,
    elements: Vec<Value>,
}

impl State {
    fn of(instance: &Instance) -> Self {
        let memory = instance.export("memory").unwrap();
        let table = instance.export("table").unwrap();
        Self {
            memory: memory.memory_read(0, memory.memory_size_bytes()).unwrap(),
            mark: instance.export("mark").unwrap().global_get(),
            elements: (0..table.table_size()).map(|index| table.table_get(index).unwrap()).collect(),
        }
    }

    fn write(&mut self, start: u32, bytes: &[u8]) {
        self.memory[start as usize..][..bytes.len()].copy_from_slice(bytes);
    }

    /// What `$before` makes of it, with `mark` in the global and in element 0 that of element 1.
    fn mark(&mut self, mark: u64) {
        self.write(64, &1u64.to_le_bytes());
        self.write(80, &[1u64.to_le_bytes(), 1u64.to_le_bytes()].concat());
        self.mark = Value::I64(mark);
        self.elements[0] = self.elements[1];
    }

    /// In words, what differs from `expected`.
    fn differences(&self, expected: &Self) -> Vec<String> {
        let mut differences = Vec::new();
        for (address, (found, wanted)) in self.memory.iter().zip(&expected.memory).enumerate() {
            if found != wanted {
                differences.push(format!("byte {address:#x} is {found}, not {wanted}"));
            }
        }
        if self.mark != expected.mark {
            differences.push(format!("the global is {:?}, not {:?}", self.mark, expected.mark));
        }
        if self.elements != expected.elements {
            differences.push("elements differ".to_owned());
        }
        differences.truncate(5);
        differences
    }
}

/// The state before and after a call of a case, which has to trap, and how it did.
fn trapped(library: &Library, mode: &CodeOptions, case: &Case, address: u32) -> (State, State, TrapCode) {
    let module = library.module(&plugin::descriptor_symbol("precision")).unwrap();
    let ty = Type { params: Vec::new(), results: Vec::new() };
    let fail = Import::func(&module, ty, |_| Err("disk on fire".to_owned()));
    let instance = module.instantiate(&[fail]).unwrap_or_else(|failure| panic!("{failure}"));
    let initial = State::of(&instance);
    let arguments = [Value::I32(address), Value::I32(0), 1e300.into(), f64::NAN.into()];
    match instance.call(&case.name, &arguments) {
        Ok(_) => panic!("{}: {} does not trap at {address:#x}", shown(mode), case.name),
        Err(failure) => (initial, State::of(&instance), failure.trap().expect("a trap")),
    }
}

/// What is wrong with a trap that must be exact.
fn inexactness(library: &Library, mode: &CodeOptions, case: &Case) -> Vec<String> {
    let mut found = Vec::new();
    for &address in &case.addresses {
        let (mut expected, state, trap) = trapped(library, mode, case, address);
        expected.mark(case.mark);
        case.written.iter().for_each(|(start, bytes)| expected.write(*start, bytes));
        let mut differences = state.differences(&expected);
        if trap != case.traps[0] {
            differences.push(format!("the trap is {trap:?}"));
        }
        let place = format!("{}: {} at {address:#x}: ", shown(mode), case.name);
        found.extend(differences.into_iter().map(|difference| place.clone() + &difference));
    }
    found
}

fn assert_exact(notice: Notice) {
    let mut found = Vec::new();
    let mut checked = 0;
    for (mode, library) in LIBRARIES.iter().filter(|(mode, _)| is_exact(mode, notice)) {
        for case in CASES.iter().filter(|case| case.notice == notice) {
            found.extend(inexactness(library, mode, case));
            checked += 1;
        }
    }
    assert!(checked > 0 && found.is_empty(), "{}", found.join("\n"));
}

/// In every mode: all stores before it have happened, none after it, and it has done nothing itself.
#[test]
fn a_trap_that_code_checks_for_is_exact_in_every_mode() {
    assert_exact(Notice::Checked);
}

/// With software checks, at -O0 and with `--strict-traps`; and an access that lies across the end writes
/// none of its bytes.
#[test]
fn a_trap_of_an_access_is_exact_with_software_checks_and_when_strict() {
    assert_exact(Notice::Access);
}

#[test]
fn stack_exhaustion_is_exact_when_strict() {
    assert_exact(Notice::Stack);
}

/// What is promised of the others: the trap happens, and only places that the function writes have changed.
#[test]
fn a_trap_that_is_not_exact_changes_nothing_else() {
    let mut checked = 0;
    for (mode, library) in LIBRARIES.iter() {
        for case in CASES.iter().filter(|case| !is_exact(mode, case.notice)) {
            for &address in &case.addresses {
                let (initial, state, trap) = trapped(library, mode, case, address);
                let place = format!("{}: {} at {address:#x}", shown(mode), case.name);
                assert!(case.traps.contains(&trap), "{place}: {trap:?}");
                assert_within(case, &initial, &state, &place);
                checked += 1;
            }
        }
    }
    assert!(checked > 100, "{checked} calls");
}

#[track_caller]
fn assert_within(case: &Case, initial: &State, state: &State, place: &str) {
    let is_marked = |address: u32| (64..72).contains(&address) || (80..96).contains(&address);
    for (address, (found, was)) in (0..).zip(state.memory.iter().zip(&initial.memory)) {
        let may_change =
            is_marked(address) || case.may_be_written.iter().any(|range| range.contains(&address));
        assert!(found == was || may_change, "{place}: byte {address:#x} is {found}");
    }
    let elements = &initial.elements;
    assert!(elements[..3].contains(&state.elements[0]), "{place}: {:?}", state.elements[0]);
    assert_eq!(state.elements[1..], elements[1..], "{place}");
    let Value::I64(mark) = state.mark else { panic!("{place}: {:?}", state.mark) };
    assert!(mark <= 1000, "{place}: {mark}");
}

/// What `--strict-traps` is for: without it, LLVM leaves out stores before an access that faults. A failure
/// here means that the documentation promises too little, or that nothing above is tempting any more.
#[test]
fn the_default_gives_up_what_the_documentation_says() {
    for (mode, library) in LIBRARIES.iter().filter(|(mode, _)| !is_exact(mode, Notice::Access)) {
        let cases = CASES.iter().filter(|case| case.notice == Notice::Access);
        let inexact = cases.filter(|case| !inexactness(library, mode, case).is_empty()).count();
        assert!(inexact > 0, "{}: every access is exact", shown(mode));
    }
}

/// Where a processor widens what it loads, LLVM would load only the half that is needed, even if the load
/// is volatile; then an access across the end of the memory does not trap.
#[test]
fn a_vector_that_is_used_in_half_is_loaded_whole() {
    let dir = tempfile::tempdir().unwrap();
    let module = dir.path().join("half.wat");
    let text = "(module (memory 1) (func (export \"half\") (param i32) (result v128)
        (i16x8.extend_low_i8x16_u (v128.load (local.get 0)))))";
    fs::write(&module, text).unwrap();
    for strict in [&[][..], &["--strict-traps"]] {
        let output = dir.path().join("half.s");
        let options = [&["-shared", "-S", "-O2", "-march=x86-64-v3"], strict].concat();
        compile(&module, &output, &options).unwrap_or_else(|reason| panic!("{reason}"));
        let assembly = fs::read_to_string(&output).unwrap();
        let mut widening = assembly.lines().filter(|line| line.contains("vpmovzxbw")).peekable();
        assert!(widening.peek().is_some(), "{strict:?}: no widening in\n{assembly}");
        assert!(widening.all(|line| !line.contains('(')), "{strict:?}: half a load in\n{assembly}");
    }
}
