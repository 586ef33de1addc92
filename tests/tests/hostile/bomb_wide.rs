//! Bombs of width: a few bytes that stand for a thousand values each.

use crate::bombs::Bomb;
use crate::bombs::Outcome::{Answers, Refused};
use crate::encode::*;

/// The most parameters and results of a type.
const WIDTH: usize = 1000;

/// All of them.
pub fn bombs() -> Vec<Bomb> {
    let bomb = |name, module, small, full| Bomb { name, module, small, full };
    let answers = |size| (size, Answers(42));
    let refused = |size| (size, Refused("limit exceeded: "));
    vec![
        bomb("thousand_params", thousand_params, answers(1000), answers(1000)),
        bomb("wide_br_table", wide_br_table, answers(20_000), answers(80_000)),
        bomb("nested_results", nested_results, refused(10_000), refused(200_000)),
        bomb("dropped_results", dropped_results, refused(10_000), refused(900_000)),
        bomb("passed_on", passed_on, refused(10_000), refused(900_000)),
        bomb("calls_in_loops", calls_in_loops, answers(30), refused(500)),
        bomb("calls_of_wide", calls_of_wide, answers(200), refused(3000)),
        bomb("wide_functions", wide_functions, refused(10_000), refused(100_000)),
        bomb("unused_locals", unused_locals, answers(2000), answers(100_000)),
        bomb("wide_tail_calls", wide_tail_calls, refused(10_000), refused(100_000)),
        bomb("many_phis", many_phis, answers(20), answers(1000)),
        bomb("many_imports", many_imports, (10_000, Refused("import")), (200_000, Refused("import"))),
    ]
}

/// Types 1 to 3: results, parameters, and both.
fn wide_types() -> Vec<Vec<u8>> {
    let many = [I32; WIDTH];
    vec![func_type(&[], &many), func_type(&many, &[]), func_type(&many, &many)]
}

fn wide(code: Vec<u8>, funcs: Vec<(u64, Vec<u8>)>) -> Program {
    Program { types: wide_types(), code: [code, i32_const(42)].concat(), funcs, ..Program::default() }
}

fn constants() -> Vec<u8> {
    i32_const(1).repeat(WIDTH)
}

/// Gives back what it takes.
fn identity() -> Vec<u8> {
    let gets: Vec<u8> = (0..WIDTH as u64).flat_map(|local| [vec![LOCAL_GET], leb(local)].concat()).collect();
    body(&[], &gets)
}

fn thousand_params(width: usize) -> Vec<u8> {
    wide([constants(), vec![CALL, 1], vec![DROP; width]].concat(), vec![(3, identity())]).encode()
}

fn wide_br_table(targets: usize) -> Vec<u8> {
    let head = [vec![BLOCK, 1], constants(), i32_const(3), vec![BR_TABLE], leb(targets as u64)].concat();
    wide([head, vec![0; targets + 1], vec![END], vec![DROP; WIDTH]].concat(), Vec::new()).encode()
}

fn nested_results(depth: usize) -> Vec<u8> {
    let code = [[BLOCK, 1].repeat(depth), constants(), vec![END; depth], vec![DROP; WIDTH]].concat();
    wide(code, Vec::new()).encode()
}

/// Calls whose results a branch takes off the stack.
fn dropped_results(count: usize) -> Vec<u8> {
    let one = [BLOCK, EMPTY, CALL, 1, BR, 0, END];
    wide(one.repeat(count), vec![(1, body(&[], &constants()))]).encode()
}

/// Calls that take what the one before gave.
fn passed_on(count: usize) -> Vec<u8> {
    let code = [constants(), [CALL, 1].repeat(count), vec![DROP; WIDTH]].concat();
    wide(code, vec![(3, identity())]).encode()
}

/// A function of a thousand results called in each of these loops.
fn calls_in_loops(count: usize) -> Vec<u8> {
    let one =
        [vec![LOOP, EMPTY, CALL, 1], vec![I32_ADD; WIDTH - 1], vec![I32_CONST, 0, I32_EQ, BR_IF, 0, END]];
    wide(one.concat().repeat(count), vec![(1, body(&[], &constants()))]).encode()
}

fn calls_of_wide(count: usize) -> Vec<u8> {
    wide([constants(), vec![CALL, 1]].concat().repeat(count), vec![(2, body(&[], &[]))]).encode()
}

/// Functions of a thousand parameters that do nothing.
fn wide_functions(count: usize) -> Vec<u8> {
    wide(Vec::new(), vec![(2, body(&[], &[])); count]).encode()
}

/// 50,000 locals in each.
fn unused_locals(count: usize) -> Vec<u8> {
    let locals = [leb(50_000), vec![I32]].concat();
    let one = body(&[locals], &[I32_CONST, 1]);
    Program { funcs: vec![(0, one); count], ..Program::default() }.encode()
}

fn wide_tail_calls(count: usize) -> Vec<u8> {
    let gets: Vec<u8> = [LOCAL_GET, 0].repeat(WIDTH);
    let first = body(&[], &[gets, vec![0x12, 2]].concat());
    wide(Vec::new(), [vec![(2, first)], vec![(2, body(&[], &[UNREACHABLE])); count]].concat()).encode()
}

/// Functions of two kilobytes, each of which needs thousands of phis.
fn many_phis(count: usize) -> Vec<u8> {
    let set = |local: u64| {
        [vec![LOCAL_GET], leb(local), vec![I32_CONST, 1, I32_ADD, LOCAL_SET], leb(local)].concat()
    };
    let sets: Vec<u8> = (0..200).flat_map(set).collect();
    let back = |local: u64| [vec![LOCAL_GET], leb(local), vec![BR_IF, 0, END]].concat();
    let backs: Vec<u8> = (0..100).flat_map(back).collect();
    let code = [[LOOP, EMPTY].repeat(100), sets, backs, i32_const(1)].concat();
    let one = body(&[[leb(200), vec![I32]].concat()], &code);
    Program { funcs: vec![(0, one); count], ..Program::default() }.encode()
}

fn many_imports(count: usize) -> Vec<u8> {
    let one = |number: usize| [name("m"), name(&format!("f{number}")), vec![0, 0]].concat();
    let imports: Vec<_> = (0..count).map(one).collect();
    module(&[
        section(Section::Type, &vector(&[func_type(&[], &[I32])])),
        section(Section::Import, &vector(&imports)),
        section(Section::Export, &vector(&[func_export("main", 0)])),
    ])
}
