//! Modules that compile and do harm when they start: each ends in a trap or an error, the host goes on.

use std::process::Command;

use w2n_abi::TrapCode;
use w2n_tests::command::{Bench, holds};
use w2n_tests::host::Library;

use crate::encode::*;
use crate::shapes::compile;

/// One page, and data at its last byte but one.
fn data_out_of_bounds() -> Program {
    let offset = [i32_const(0xffff), vec![END]].concat();
    let segment = [vec![0], offset, sized(b"xy")].concat();
    Program {
        before_exports: vec![memory_section(1)],
        at_end: vec![section(Section::Data, &vector(&[segment]))],
        ..Program::default()
    }
}

/// Two elements in a table of one.
fn elements_out_of_bounds() -> Program {
    let segment = [vec![0], i32_const(0), vec![END, 2, 0, 0]].concat();
    Program {
        before_exports: vec![table_section(1)],
        before_code: vec![section(Section::Element, &vector(&[segment]))],
        ..Program::default()
    }
}

/// The start function traps.
fn start_traps() -> Program {
    Program {
        types: vec![func_type(&[], &[])],
        before_code: vec![section(Section::Start, &leb(1))],
        funcs: vec![(1, body(&[], &[UNREACHABLE]))],
        ..Program::default()
    }
}

/// The start function calls itself for ever.
fn start_recurses() -> Program {
    Program { funcs: vec![(1, body(&[], &[CALL, 1]))], ..start_traps() }
}

#[test]
fn a_trap_at_the_start_ends_the_program_and_not_the_host() {
    for (program, code, words) in [
        (data_out_of_bounds(), TrapCode::MemoryOutOfBounds, "out of bounds memory access"),
        (elements_out_of_bounds(), TrapCode::TableOutOfBounds, "out of bounds table access"),
        (start_traps(), TrapCode::Unreachable, "unreachable"),
        (start_recurses(), TrapCode::StackOverflow, "call stack exhausted"),
    ] {
        let bench = Bench::new("");
        holds(&compile(&bench, &program.encode(), &[]), 0, &[]);
        let run = Command::new(bench.path("app")).output().expect("it runs");
        holds(&run, 134, &["trap: ", words]);
        holds(&compile(&bench, &program.encode(), &["-shared"]), 0, &[]);
        let library = Library::open(&bench.path("app.so")).expect("it loads");
        let module = library.module("w2n_module").expect("a module");
        for _ in 0..3 {
            let failure = module.instantiate(&[]).err().expect("it must not start");
            assert_eq!(failure.trap(), Some(code), "{words}");
        }
    }
}

#[test]
fn the_largest_memory_is_there_without_being_paid_for() {
    let bench = Bench::new("");
    let largest = Program { before_exports: vec![memory_section(65_536)], ..Program::default() };
    holds(&compile(&bench, &largest.encode(), &[]), 0, &[]);
    assert_eq!(Command::new(bench.path("app")).status().expect("it runs").code(), Some(42));
    let larger = Program { before_exports: vec![memory_section(65_537)], ..Program::default() };
    holds(&compile(&bench, &larger.encode(), &[]), 1, &["memory size must be at most"]);
}

#[test]
fn a_table_that_does_not_fit_is_an_error_of_the_program() {
    let bench = Bench::new("");
    let huge = Program { before_exports: vec![table_section(u32::MAX.into())], ..Program::default() };
    holds(&compile(&bench, &huge.encode(), &[]), 0, &[]);
    let run = Command::new(bench.path("app")).output().expect("it runs");
    holds(&run, 1, &["wasm2native: error: out of memory"]);
}

#[test]
fn a_hostile_name_cannot_act_on_the_terminal_of_a_trap() {
    let bench = Bench::new("");
    let code = vec![UNREACHABLE];
    let at_end = vec![name_section("a\0b\x1b[31m\né\u{9b}2J\u{202e}")];
    holds(&compile(&bench, &Program { code, at_end, ..Program::default() }.encode(), &[]), 0, &[]);
    let run = Command::new(bench.path("app")).output().expect("it runs");
    let said = holds(&run, 134, &[r"func 0 `a\x00b\x1b[31m\x0aé\xc2\x9b2J\xe2\x80\xae` at"]);
    assert_eq!(said.lines().count(), 2, "{said}");
}
