//! Bombs of code: long bodies, many blocks, deep nesting, values that live everywhere.

use crate::bombs::Bomb;
use crate::bombs::Outcome::{Answers, Refused};
use crate::encode::*;

/// All of them.
pub fn bombs() -> Vec<Bomb> {
    let bomb = |name, module, small, full| Bomb { name, module, small, full };
    let answers = |size| (size, Answers(42));
    vec![
        bomb("functions", functions, answers(50_000), answers(999_999)),
        bomb("one_body", one_body, answers(50_000), answers(950_000)),
        bomb("locals_in_blocks", locals_in_blocks, answers(1000), answers(10_000)),
        bomb("nested_blocks", nested_blocks, answers(50_000), answers(200_000)),
        bomb("nested_loops", nested_loops, answers(20_000), answers(200_000)),
        bomb("br_table", br_table, answers(300_000), answers(2_000_000)),
        bomb("br_table_targets", br_table_targets, answers(20_000), answers(1_000_000)),
        bomb("adds", adds, answers(300_000), answers(2_000_000)),
        bomb("dispatch", dispatch, answers(1000), answers(20_000)),
        bomb("ifs_in_a_row", ifs_in_a_row, answers(10_000), answers(40_000)),
        bomb("locals_in_loops", locals_in_loops, answers(400), answers(4000)),
        bomb("block_chain", block_chain, answers(20_000), answers(60_000)),
        bomb("selects", selects, answers(50_000), answers(1_000_000)),
        bomb("branches_with_values", branches_with_values, answers(1000), answers(50_000)),
        bomb("copies", copies, answers(5000), answers(600_000)),
        bomb("table_gets", table_gets, answers(10_000), answers(1_000_000)),
        bomb("vectors", vectors, answers(20_000), answers(300_000)),
        bomb("loops", loops, answers(5000), answers(100_000)),
        bomb("loads", loads, answers(20_000), answers(700_000)),
        bomb("huge_bodies", huge_bodies, answers(2), answers(20)),
        bomb(
            "body_too_large",
            adds,
            (2_600_000, Refused("function body size")),
            (2_600_000, Refused("function body size")),
        ),
    ]
}

fn local_get(local: u64) -> Vec<u8> {
    [vec![LOCAL_GET], leb(local)].concat()
}

fn local_set(local: u64) -> Vec<u8> {
    [vec![LOCAL_SET], leb(local)].concat()
}

fn group(count: usize) -> Vec<Vec<u8>> {
    vec![[leb(count as u64), vec![I32]].concat()]
}

/// Answers 42 after `code`. The first locals begin as the value of a global, and the first one becomes it in the end,
/// so that nobody knows what they are and somebody wants it.
fn answer_after(locals: usize, code: Vec<u8>) -> Program {
    let known = |local| [vec![GLOBAL_GET, 0], local_set(local)].concat();
    let start: Vec<u8> = (0..locals.min(3) as u64).flat_map(known).collect();
    let end = [local_get(0), vec![GLOBAL_SET, 0], i32_const(42)].concat();
    let global = section(Section::Global, &vector(&[vec![I32, 1, I32_CONST, 0, END]]));
    Program {
        locals: group(locals),
        code: [start, code, end].concat(),
        before_exports: vec![global],
        ..Program::default()
    }
}

/// `program` with a section in front of that of its global.
fn with_section(program: Program, section: Vec<u8>) -> Vec<u8> {
    Program { before_exports: [vec![section], program.before_exports].concat(), ..program }.encode()
}

fn functions(count: usize) -> Vec<u8> {
    Program { funcs: vec![(0, body(&[], &i32_const(1))); count], ..Program::default() }.encode()
}

/// Statements `local = (local + number) ^ other`.
fn statements(count: usize) -> Vec<u8> {
    let one = |number: usize| {
        let (to, from) = (number as u64 % 16, number as u64 * 7 % 16);
        [local_get(to), vec![I32_CONST, 5, I32_ADD], local_set(from)].concat()
    };
    (0..count).flat_map(one).collect()
}

fn one_body(count: usize) -> Vec<u8> {
    answer_after(16, statements(count)).encode()
}

/// Several bodies, each as large as they may be.
fn huge_bodies(count: usize) -> Vec<u8> {
    let one = body(&group(16), &[statements(100_000), i32_const(1)].concat());
    Program { funcs: vec![(0, one); count], ..Program::default() }.encode()
}

/// 50,000 locals, each block changes some.
fn locals_in_blocks(blocks: usize) -> Vec<u8> {
    let change = |number: usize| {
        let local = number as u64 * 31 % 50_000;
        [local_get(local), vec![I32_CONST, 1, I32_ADD], local_set(local * 7 % 50_000)].concat()
    };
    let block = |number: usize| {
        let changes: Vec<u8> = (0..60).flat_map(|step| change(number * 60 + step)).collect();
        [vec![BLOCK, EMPTY], local_get(number as u64), vec![BR_IF, 0], changes, vec![END]].concat()
    };
    answer_after(50_000, (0..blocks).flat_map(block).collect()).encode()
}

fn nested_blocks(depth: usize) -> Vec<u8> {
    let out = |level: usize| [local_get(0), vec![BR_IF], leb(level as u64)].concat();
    let outs: Vec<u8> = (0..depth).flat_map(out).collect();
    answer_after(1, [[BLOCK, EMPTY].repeat(depth), outs, vec![END; depth]].concat()).encode()
}

fn nested_loops(depth: usize) -> Vec<u8> {
    let back = |level: usize| [local_get(0), vec![BR_IF], leb(level as u64)].concat();
    let backs: Vec<u8> = (0..depth).flat_map(back).collect();
    answer_after(1, [[LOOP, EMPTY].repeat(depth), backs, vec![END; depth]].concat()).encode()
}

fn br_table(count: usize) -> Vec<u8> {
    let head = [vec![BLOCK, EMPTY, BLOCK, EMPTY], local_get(0), vec![BR_TABLE], leb(count as u64)].concat();
    let targets: Vec<u8> = (0..=count).map(|number| (number % 2) as u8).collect();
    answer_after(1, [head, targets, vec![END, END]].concat()).encode()
}

/// A thousand labels.
fn br_table_targets(count: usize) -> Vec<u8> {
    let head = [[BLOCK, EMPTY].repeat(1000), local_get(0), vec![BR_TABLE], leb(count as u64)].concat();
    let targets: Vec<u8> = (0..=count as u64).flat_map(|number| leb(number * 7919 % 1000)).collect();
    let ends: Vec<u8> =
        (0..1000).flat_map(|_| [vec![END], vec![I32_CONST, 1], local_set(1)].concat()).collect();
    answer_after(2, [head, targets, ends].concat()).encode()
}

fn adds(count: usize) -> Vec<u8> {
    let code = [local_get(0), [I32_CONST, 1, I32_ADD].repeat(count), local_set(0)].concat();
    answer_after(1, code).encode()
}

/// A loop around a switch, each case of which says what comes next, in local 0.
fn dispatch(cases: usize) -> Vec<u8> {
    let table: Vec<u8> = (0..=cases as u64).flat_map(leb).collect();
    let head = [vec![LOOP, EMPTY], [BLOCK, EMPTY].repeat(cases + 1), local_get(0), vec![BR_TABLE]].concat();
    let case = |number: usize| {
        let next = number + 1;
        let other = (number * 11 + 3) % cases;
        let choice = [local_get(1), vec![IF, EMPTY], i32_const(next as u64), local_set(0)].concat();
        let other = [vec![ELSE], i32_const(other as u64), local_set(0), vec![END]].concat();
        let count = [local_get(1), vec![I32_CONST, 3, I32_ADD], local_set(1)].concat();
        let back = [vec![BR], leb((cases - number) as u64)].concat();
        [vec![END], count, choice, other, back].concat()
    };
    let cases_code: Vec<u8> = (0..cases).flat_map(case).collect();
    // The last case leaves the loop, and zero leads to it.
    answer_after(2, [head, leb(cases as u64), table, cases_code, vec![END, END]].concat()).encode()
}

fn ifs_in_a_row(count: usize) -> Vec<u8> {
    let one = |number: usize| {
        let condition = [local_get(0), i32_const(number as u64), vec![I32_EQ, IF, EMPTY]].concat();
        let then = [i32_const(3 * number as u64), local_set(1), vec![ELSE]].concat();
        [condition, then, local_get(1), vec![I32_CONST, 1, I32_ADD], local_set(1), vec![END]].concat()
    };
    answer_after(2, (0..count).flat_map(one).collect()).encode()
}

/// As many locals, which change in half as many loops around each other.
fn locals_in_loops(locals: usize) -> Vec<u8> {
    let depth = locals / 2;
    let count = |local: usize| {
        [local_get(local as u64), vec![I32_CONST, 1, I32_ADD], local_set(local as u64)].concat()
    };
    let counts: Vec<u8> = (0..locals).flat_map(count).collect();
    let back = |local: usize| [local_get(local as u64), vec![I32_CONST, 0, I32_EQ, BR_IF, 0, END]].concat();
    let backs: Vec<u8> = (0..depth).flat_map(back).collect();
    answer_after(locals, [[LOOP, EMPTY].repeat(depth), counts, backs].concat()).encode()
}

fn block_chain(count: usize) -> Vec<u8> {
    let block =
        [vec![BLOCK, EMPTY, I32_CONST, 1], local_get(0), vec![I32_ADD], local_set(0), vec![END]].concat();
    answer_after(1, block.repeat(count)).encode()
}

fn selects(count: usize) -> Vec<u8> {
    let one = [local_get(1), local_get(2), vec![SELECT]].concat();
    answer_after(3, [local_get(0), one.repeat(count), local_set(0)].concat()).encode()
}

/// Out of nested loops, each of which carries and answers a value.
fn branches_with_values(depth: usize) -> Vec<u8> {
    let out = |level: usize| {
        [vec![I32_CONST, 1], local_get(0), vec![BR_IF], leb(level as u64), vec![DROP]].concat()
    };
    let outs: Vec<u8> = (0..depth).flat_map(out).collect();
    let opens = [BLOCK, I32, LOOP, I32].repeat(depth);
    let closes = [END, END].repeat(depth);
    answer_after(1, [opens, outs, vec![I32_CONST, 7], closes, local_set(0)].concat()).encode()
}

fn copies(count: usize) -> Vec<u8> {
    let one = [local_get(0), local_get(1), local_get(2), vec![0xfc, 10, 0, 0]].concat();
    let program = answer_after(3, one.repeat(count));
    with_section(program, memory_section(1))
}

fn table_gets(count: usize) -> Vec<u8> {
    let one = [local_get(0), vec![TABLE_GET, 0, 0xd1], local_set(1)].concat();
    let program = answer_after(2, one.repeat(count));
    with_section(program, table_section(1))
}

/// Different constants of 128 bits, added.
fn vectors(count: usize) -> Vec<u8> {
    let constant = |number: usize| {
        [vec![0xfd, 12], (number as u128 * 0x9e37_79b9_7f4a_7c15_f39c_c060).to_le_bytes().to_vec()].concat()
    };
    let add = |number: usize| [constant(number), vec![0xfd, 0xae, 1]].concat();
    let all: Vec<u8> = (1..count).flat_map(add).collect();
    // One lane of the sum.
    let lane = [vec![0xfd, 27, 0], local_set(0)].concat();
    answer_after(1, [constant(0), all, lane].concat()).encode()
}

/// One behind the other, each stores to memory.
fn loops(count: usize) -> Vec<u8> {
    let store = [local_get(0), local_get(1), vec![I32_STORE, 2, 0]].concat();
    let step =
        [local_get(0), vec![I32_CONST, 4, I32_ADD, LOCAL_TEE, 0, I32_CONST, 8, I32_EQ, BR_IF, 0]].concat();
    let one = [vec![LOOP, EMPTY], store, step, vec![END]].concat();
    let program = answer_after(2, [vec![I32_CONST, 0], local_set(0), one].concat().repeat(count));
    with_section(program, memory_section(100))
}

fn loads(count: usize) -> Vec<u8> {
    let one = |number: usize| {
        [local_get(0), vec![I32_LOAD, 2], leb(number as u64 % 100 * 4), vec![I32_XOR]].concat()
    };
    let all: Vec<u8> = (0..count).flat_map(one).collect();
    let program = answer_after(1, [local_get(0), all, local_set(0)].concat());
    with_section(program, memory_section(1))
}
