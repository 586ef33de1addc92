//! Modules that are small and ask for much: more than their size in time or memory, if a phase of the compiler
//! takes them at their word.
//!
//! How: the compiler has limits on processor time and memory, at -O0 and at -O2. What it cannot do in proportion it
//! refuses with the limit that was exceeded.

use std::process::Command;

use w2n_tests::command::{Bench, holds};
use w2n_tests::program::compiler;

/// Seconds of processor time.
const CPU_LIMIT: &str = "--cpu=60";

/// Bytes of address space, of which stacks of threads that are hardly used take a part.
const MEMORY_LIMIT: &str = "--as=3000000000";

#[track_caller]
fn compile(text: &str, level: &str) -> (i32, String) {
    let bench = Bench::new(text);
    let mut command = Command::new("prlimit");
    command.args([CPU_LIMIT, MEMORY_LIMIT]).arg(compiler()).args(["-j1", "-c", level, "app.wat"]);
    let output = command.current_dir(bench.dir()).env_remove("CC").output().expect("prlimit runs");
    let status = output.status.code().unwrap_or(-1);
    (status, holds(&output, status, &[]))
}

#[track_caller]
fn compiles(text: &str) {
    for level in ["-O0", "-O2"] {
        let (status, said) = compile(text, level);
        assert_eq!(status, 0, "{level}: {said}");
    }
}

#[test]
fn locals_that_change_in_nested_loops() {
    let (locals, depth) = (2000, 400);
    let count = |local| format!("(local.set {local} (i32.add (local.get {local}) (i32.const 1)))");
    let counts: String = (0..locals).map(count).collect();
    let ends: String = (0..depth).map(|level| format!("(br_if 0 (local.get {level})))")).collect();
    let sum = "(i32.xor (local.get 1999))";
    let locals = "i32 ".repeat(locals);
    let loops = "(loop ".repeat(depth);
    compiles(&format!(
        "(module (func (export \"f\") (result i32) (local {locals}) {loops}{counts}{ends} (local.get 0) {sum}))"
    ));
}

#[test]
fn a_switch_that_carries_many_values_to_one_label() {
    let (targets, results) = (20_000, 500);
    let types = "i32 ".repeat(results);
    let values = "(i32.const 7)".repeat(results);
    let (table, drops) = ("0 ".repeat(targets), "drop ".repeat(results));
    compiles(&format!(
        "(module (func (export \"f\") (param i32)
           (block (result {types}) {values} (local.get 0) (br_table {table} 0)) {drops}))"
    ));
}

#[test]
fn values_that_meet_at_too_many_places_are_refused() {
    let (blocks, results) = (10_000, 500);
    let types = "i32 ".repeat(results);
    let values = "(i32.const 7)".repeat(results);
    let (opens, closes) = ("(block (type $t) ".repeat(blocks), ")".repeat(blocks));
    let drops = "drop ".repeat(results);
    let text = format!("(module (type $t (func (result {types}))) (func {opens}{values}{closes} {drops}))");
    for level in ["-O0", "-O2"] {
        let (status, said) = compile(&text, level);
        assert!(status == 1 && said.contains("limit exceeded: "), "{level}: {status} {said}");
    }
}

#[test]
fn comparisons_of_one_value_in_a_row() {
    let one = |number| {
        format!(
            "(if (i32.eq (local.get 0) (i32.const {number}))
               (then (local.set 1 (i32.const {}))) (else (local.set 1 (i32.add (local.get 1) (i32.const 1)))))",
            3 * number
        )
    };
    let all: String = (0..20_000).map(one).collect();
    compiles(&format!(
        "(module (func (export \"f\") (param i32) (result i32) (local i32) {all} (local.get 1)))"
    ));
}

#[test]
fn blocks_in_a_row() {
    let block = "(block (local.set 0 (i32.add (i32.const 1) (local.get 0))))".repeat(30_000);
    compiles(&format!("(module (func (export \"f\") (param i32) (result i32) {block} (local.get 0)))"));
}

#[test]
fn types_that_nothing_uses() {
    let param = |number: u32, bit: u32| if number >> bit & 1 == 0 { "i64 " } else { "i32 " };
    let ty = |number| {
        let params: String = (0..20).map(|bit| param(number, bit)).collect();
        format!("(type (func (param {params})))")
    };
    let types: String = (0..20_000).map(ty).collect();
    compiles(&format!("(module {types} (func (export \"main\") (result i32) (i32.const 42)))"));
}

#[test]
fn globals_and_segments_with_offsets_that_are_not_constant() {
    let globals: String =
        (0..50_000).map(|value| format!("(global (mut i32) (i32.const {value}))")).collect();
    compiles(&format!("(module {globals} (func (export \"f\") (result i32) (global.get 49999)))"));
    let data = "(data (global.get 0) \"x\")".repeat(20_000);
    compiles(&format!("(module (memory 1) (global i32 (i32.const 8)) {data})"));
}
