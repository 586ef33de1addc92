//! Nothing is left out without a word: an output without `main`, a plugin that needs what it has not, an option
//! that changes nothing.
//!
//! How: each output is asked for, and what is said on standard error is looked at; what is as it should be says
//! nothing.

use std::fs;

use w2n_tests::command::{Bench, holds};

const OUTPUTS: [&[&str]; 4] = [&["-c"], &["-S"], &["-emit-llvm"], &["-emit-llvm", "-c"]];

/// A program that imports a function of WASI with a wrong type.
const WRONG_WASI: &str = r#"(module
    (import "wasi_snapshot_preview1" "proc_exit" (func (param i64))) (func (export "_start")))"#;

#[track_caller]
fn is_silent(bench: &Bench, arguments: &[&str]) {
    let said = holds(&bench.succeeds(arguments), 0, &[]);
    assert_eq!(said, "", "{arguments:?}");
}

#[test]
fn a_program_whose_wasi_is_wrong_becomes_nothing() {
    let bench = Bench::of(&[("app.wat", WRONG_WASI), ("lib.wat", &WRONG_WASI.replace("_start", "f"))]);
    let wrong = "wasi_snapshot_preview1.proc_exit (func (param i64); WASI's is func (param i32))";
    for output in OUTPUTS {
        bench.fails(&[output, &["app.wat"]].concat(), 1, &["app.wat: an import that", wrong]);
        let said = bench.succeeds(&[output, &["lib.wat", "-o", "lib.out"]].concat());
        holds(
            &said,
            0,
            &["warning: lib.wat: imports `wasi_snapshot_preview1.proc_exit` as func (param i64)"],
        );
    }
    // A host can provide whatever it likes.
    let said = bench.succeeds(&["-shared", "-c", "app.wat"]);
    holds(&said, 0, &["warning: app.wat: imports from WASI what it does not have", "(proc_exit)"]);
}

#[test]
fn an_output_without_main_says_so() {
    let bench = Bench::of(&[
        ("open.wat", r#"(module (import "x" "f" (func)) (func (export "_start") call 0))"#),
        ("type.wat", r#"(module (func (export "main") (param i32 i32) (result i32) i32.const 0))"#),
        ("lib.wat", r#"(module (func (export "f")))"#),
        ("x.wat", r#"(module (func (export "f")))"#),
        ("app.wat", r#"(module (func (export "_start")))"#),
    ]);
    for output in OUTPUTS {
        let said = bench.succeeds(&[output, &["open.wat", "-o", "open.out"]].concat());
        holds(
            &said,
            0,
            &["warning: open.wat: an import that", "x.f (func)", "hint: the output has no `main`"],
        );
        let said = bench.succeeds(&[output, &["type.wat", "-o", "type.out"]].concat());
        holds(&said, 0, &["warning: type.wat: has no entry point: `main` is func (param i32 i32)"]);
        is_silent(&bench, &[output, &["lib.wat", "-o", "lib.out"]].concat());
        is_silent(&bench, &[output, &["app.wat", "-o", "app.out"]].concat());
    }
    // What the hint of an object says works.
    let said = holds(&bench.succeeds(&["-c", "open.wat"]), 0, &["`wasm2native open.o …`"]);
    assert_eq!(said.lines().count(), 2, "{said}");
    is_silent(&bench, &["-c", "x.wat"]);
    is_silent(&bench, &["open.o", "x.o", "-o", "program"]);
    bench.answers("program", 0);
}

/// Options for a program, and there is none.
#[test]
fn what_a_program_may_use_is_not_forgotten() {
    let bench = Bench::of(&[
        ("lib.wat", r#"(module (func (export "f") (param i32)))"#),
        ("open.wat", r#"(module (import "x" "f" (func)) (func (export "_start") call 0))"#),
    ]);
    fs::create_dir(bench.path("data")).expect("a directory");
    for option in
        ["--dir=data", "--env=K=V", "--timeout=1", "--embed-dir=data", "--max-memory=1M", "--sealed"]
    {
        for output in OUTPUTS {
            let none = ["lib.wat: has no entry point", "are for programs, which have one"];
            bench.fails(&[output, &[option, "lib.wat"]].concat(), 1, &none);
            bench.fails(&[output, &[option, "open.wat"]].concat(), 1, &["open.wat: an import that"]);
            let plugin = [output, &["-shared", option, "lib.wat"]].concat();
            bench.fails(&plugin, 2, &["are for executables"]);
        }
    }
    bench.fails(&["-c", "--entry=f", "lib.wat"], 1, &["cannot start with `f`"]);
    bench.fails(&["-c", "--entry=g", "lib.wat"], 1, &["cannot start with `g`"]);
}

#[test]
fn a_plugin_that_needs_what_wasi_has_not_says_so() {
    let import = |name: &str| format!(r#"(import "wasi_snapshot_preview1" "{name}" (func (result i32)))"#);
    let all = ["sched_yield", "a", "b", "c"].map(import).concat();
    let bench = Bench::of(&[
        ("one.wat", &format!("(module {})", import("sched_yield"))),
        ("all.wat", &format!("(module {all})")),
        ("none.wat", r#"(module (import "env" "f" (func)))"#),
        ("app.wat", &format!(r#"(module {} (func (export "main")))"#, import("sched_yield"))),
    ]);
    let said = bench.succeeds(&["-shared", "all.wat", "none.wat", "-o", "all.so"]);
    let warning = "imports from WASI what it does not have under that name and type";
    let said = holds(&said, 0, &["warning: all.wat: ", warning, "(a, b, c)", "W2N_IMPORT_HOST_FUNC"]);
    assert!(!said.contains("none.wat"), "{said}");
    is_silent(&bench, &["-shared", "one.wat"]);
    is_silent(&bench, &["-shared", "none.wat"]);
    is_silent(&bench, &["app.wat"]);
    is_silent(&bench, &["-c", "app.wat"]);
}

#[test]
fn an_option_that_changes_nothing_is_named() {
    let bench = Bench::of(&[("app.wat", r#"(module (func (export "main")))"#)]);
    for (arguments, text) in [
        (&["-c", "-s"][..], "-s has no effect here: an object that is to be linked keeps its symbols"),
        (&["-S", "-s"], "-s has no effect here"),
        (&["-S", "--linker=cc"], "--linker has no effect here: nothing is linked"),
        (&["-emit-llvm", "-L."], "-L has no effect here: nothing is linked"),
    ] {
        let said = bench.succeeds(&[arguments, &["app.wat", "-o", "app.out"]].concat());
        holds(&said, 0, &[&format!("warning: {text}")]);
    }
    is_silent(&bench, &["-c", "--linker=cc", "app.wat"]);
    bench.fails(&["-c", "--provide=x_f", "app.wat"], 2, &["nothing is linked for this output"]);
    for option in ["--bounds-checks=software", "--strict-traps"] {
        bench.succeeds(&["-c", "app.wat"]);
        let said = bench.succeeds(&["app.o", option, "-o", "app"]);
        holds(&said, 0, &[&format!("warning: app.o: was compiled without {option}, and stays so")]);
        is_silent(&bench, &["-c", option, "app.wat"]);
        is_silent(&bench, &["app.o", option, "-o", "app"]);
    }
}
