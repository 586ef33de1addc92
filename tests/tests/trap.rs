//! Programs that die: the message, the backtrace and the exit status of every trap.
//!
//! How: each module of `fixtures/trap` becomes an executable at the levels that it names and with both
//! kinds of bounds checks; what it must print is computed from its comments and its bytes.

use std::fs;
use std::path::Path;
use std::process::Command;

use w2n_abi::{TRAP_EXIT_STATUS, TrapCode};
use w2n_tests::host::{Import, Library, Type};
use w2n_tests::program::{build_guest, compile, fixture, run};
use w2n_tests::trap::{BOUNDS_CHECKS, TrapFixture};

/// Runs the fixture at all its levels; fails with all that is not as it must be.
fn dies_as_it_says(name: &str) {
    let fixture = TrapFixture::read(name);
    let mut differences = Vec::new();
    for level in &fixture.levels {
        for name in fixture.missing_calls(level) {
            differences.push(format!("{level}: no call of {name}"));
        }
        for bounds in BOUNDS_CHECKS {
            differences.extend(fixture.differences(level, bounds));
        }
    }
    assert!(differences.is_empty(), "{name}: {}", differences.join("\n"));
}

/// One test per fixture that is an executable.
macro_rules! fixtures {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            dies_as_it_says(stringify!($name));
        })*

        const EXECUTABLES: &[&str] = &[$(stringify!($name)),*];
    };
}
fixtures! {
    call_indirect
    conversion
    data_segment
    element_segment
    exit
    far_offset
    grow_past_max
    index64
    integer_division
    load
    loop_into_libc
    memory_range
    null_reference
    stack_overflow
    stack_overflow_host
    start_function
    store
    straddle
    table
    unreachable
}

const PLUGINS: [&str; 1] = ["host_error"];

/// A host function that fails with words of its own.
#[test]
fn host_error() {
    let fixture = TrapFixture::read("host_error");
    assert!(fixture.is_plugin);
    let dir = tempfile::tempdir().unwrap();
    for level in &fixture.levels {
        let plugin = dir.path().join(format!("plugin{level}.so"));
        compile(&fixture.path, &plugin, &["-shared", level]).unwrap_or_else(|reason| panic!("{reason}"));
        let module = Library::open(&plugin).unwrap().module(w2n_abi::symbol::MODULE).unwrap();
        let fails = |import: &w2n_tests::host::ExternInfo| {
            Import::func(&module, Type::decode(&import.func_type), |_| Err("disk on fire".to_owned()))
        };
        let imports: Vec<_> = module.imports().iter().map(fails).collect();
        let failure = module.instantiate(&imports).unwrap().call("run", &[]).unwrap_err();
        let difference = fixture.cases[0].plugin_difference(&failure.rendered, &fixture.path);
        assert_eq!(difference, None, "{level}");
    }
}

#[test]
fn no_fixture_is_forgotten() {
    for entry in fs::read_dir(fixture("trap")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "c") {
            continue;
        }
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        assert!(EXECUTABLES.contains(&&*name) || PLUGINS.contains(&&*name), "no test runs {name}");
    }
}

/// Traps that other tests show, and why.
const ELSEWHERE: [(TrapCode, &str); 2] = [
    (TrapCode::Timeout, "policy.rs: it strikes where the program happens to be, so its offset is not known"),
    (TrapCode::LoopCheck, "checked_loops.rs: it is due only where the compiler is wrong"),
];

#[test]
fn every_trap_code_has_a_fixture() {
    let names = EXECUTABLES.iter().chain(&PLUGINS);
    let cases: Vec<_> = names.flat_map(|name| TrapFixture::read(name).cases).collect();
    for code in TrapCode::ALL {
        let has_case = cases.iter().any(|case| match code {
            TrapCode::Exit => case.exits(),
            code => case.traps_with(code.message()),
        });
        let is_elsewhere = ELSEWHERE.iter().any(|(other, reason)| other == code && !reason.is_empty());
        assert!(has_case != is_elsewhere, "{code:?}: has a fixture: {has_case}, elsewhere: {is_elsewhere}");
    }
}

/// What a real program says when it dies in its library does not depend on the level or the checks.
#[test]
fn reports_are_the_same_however_the_program_is_compiled() {
    let dir = tempfile::tempdir().unwrap();
    let guest = build_guest(&fixture("trap/deep.c"), dir.path()).unwrap_or_else(|reason| panic!("{reason}"));
    let report = |level: &str, bounds: &str, argument: &str| {
        let executable = dir.path().join(format!("program{level}{bounds}"));
        if !executable.exists() {
            let bounds = format!("--bounds-checks={bounds}");
            compile(&guest, &executable, &[level, &bounds]).unwrap_or_else(|reason| panic!("{reason}"));
        }
        let finished = run(Command::new(executable).arg(argument), b"").unwrap();
        assert_eq!(finished.status, Some(TRAP_EXIT_STATUS), "{argument} {level} {bounds}");
        String::from_utf8(finished.stderr).unwrap()
    };
    for (argument, message, innermost) in [
        ("sort", "unreachable", "abort"),
        ("tree", "integer divide by zero", "sum"),
        ("string", "out of bounds memory access: address 0xfffffff0", "strlen"),
        ("copy", "out of bounds memory access: address 0x7fffff00", "main"),
        ("fill", "out of bounds memory access", "main"),
    ] {
        let expected = report("-O0", "guard", argument);
        let lines: Vec<_> = expected.lines().collect();
        assert!(lines[0].starts_with(&format!("wasm2native: trap: {message}")), "{expected}");
        assert!(lines[1].contains(&format!("`{innermost}` at 0x")) && lines.len() > 3, "{expected}");
        for (level, bounds) in
            ["-O2", "-O3", "-Os"].iter().flat_map(|level| BOUNDS_CHECKS.map(|bounds| (level, bounds)))
        {
            assert_eq!(report(level, bounds, argument), expected, "{argument} {level} {bounds}");
        }
    }
}

/// Where addresses are few (`ulimit -v`, in kilobytes), guard pages do not fit, and software checks do.
#[test]
fn too_few_addresses_are_an_error_that_says_what_helps() {
    let dir = tempfile::tempdir().unwrap();
    let module = dir.path().join("module.wat");
    fs::write(&module, r#"(module (memory 1) (func (export "main") (result i32) (i32.const 42)))"#).unwrap();
    let limited = |bounds: &str| {
        let executable = module.with_extension(bounds);
        let option = format!("--bounds-checks={bounds}");
        compile(&module, &executable, &[&option]).unwrap_or_else(|reason| panic!("{reason}"));
        let script = format!("ulimit -v 4000000; exec {}", executable.display());
        run(Command::new("sh").arg("-c").arg(script), b"").unwrap()
    };
    let finished = limited("guard");
    let said = String::from_utf8_lossy(&finished.stderr);
    assert_eq!(finished.status, Some(1), "{said}");
    assert!(said.starts_with("wasm2native: error: out of memory: no addresses for a memory"), "{said}");
    assert!(said.contains("--bounds-checks=software"), "{said}");
    assert_eq!(limited("software").status, Some(42));
}

/// A frame of more pages than the stack's guard has is probed page by page, so that it cannot step over
/// it. `count` locals are alive across the recursive call.
#[test]
fn big_frames_meet_the_guard_of_the_stack() {
    let dir = tempfile::tempdir().unwrap();
    for (level, count) in [("-O0", 8_400), ("-O2", 2_000), ("-O3", 1_000)] {
        let module = dir.path().join("module.wat");
        fs::write(&module, big_frame(count)).unwrap();
        dies_of_stack_overflow(&module, level);
    }
}

/// `descend` keeps `count` words of memory in locals across its recursive call.
fn big_frame(count: u32) -> String {
    let locals = "i64 ".repeat(count as usize);
    let load = |local| format!("(local.set {local} (i64.load (i32.const {})))", local * 8);
    let add = |local| format!("(i64.add (local.get {local}))");
    let loads: String = (1..=count).map(load).collect();
    let sums: String = (1..=count).map(add).collect();
    format!(
        "(module (memory 4)
           (func $descend (param i64) (result i64) (local {locals})
             {loads}
             (i64.store (i32.const 0) (local.get 0))
             (call $descend (local.get 1))
             {sums})
           (func (export \"_start\") (drop (call $descend (i64.const 1)))))"
    )
}

/// Parameters that do not fit in registers are on the stack as well.
#[test]
fn many_parameters_meet_the_guard_of_the_stack() {
    const COUNT: usize = 900;
    let params = "i64 ".repeat(COUNT);
    let arguments: String = (0..COUNT).map(|param| format!("(local.get {})", (param + 1) % COUNT)).collect();
    let zeros = "(i64.const 0)".repeat(COUNT);
    let source = format!(
        "(module
           (func $descend (param {params}) (result i64)
             (i64.add (call $descend {arguments}) (local.get 7)))
           (func (export \"_start\") (drop (call $descend {zeros}))))"
    );
    let dir = tempfile::tempdir().unwrap();
    let module = dir.path().join("module.wat");
    fs::write(&module, source).unwrap();
    for level in ["-O0", "-O2"] {
        dies_of_stack_overflow(&module, level);
    }
}

fn dies_of_stack_overflow(module: &Path, level: &str) {
    let executable = module.with_extension("");
    compile(module, &executable, &[level]).unwrap_or_else(|reason| panic!("{reason}"));
    let finished = run(&mut Command::new(&executable), b"").unwrap();
    let said = String::from_utf8_lossy(&finished.stderr);
    assert_eq!(finished.status, Some(TRAP_EXIT_STATUS), "{level}: {said}");
    assert!(said.starts_with("wasm2native: trap: call stack exhausted\n"), "{level}: {said}");
    assert!(said.contains("`descend` at 0x"), "{level}: {said}");
}
