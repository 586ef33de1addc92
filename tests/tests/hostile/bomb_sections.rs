//! Bombs of sections: many types, imports, globals, exports, segments, names.

use crate::bombs::Bomb;
use crate::bombs::Outcome::{Answers, Refused};
use crate::encode::*;

/// All of them.
pub fn bombs() -> Vec<Bomb> {
    let bomb = |name, module, small, full| Bomb { name, module, small, full };
    let answers = |size| (size, Answers(42));
    vec![
        bomb("equal_types", equal_types, answers(100_000), answers(999_000)),
        bomb("distinct_types", distinct_types, answers(20_000), answers(100_000)),
        bomb("one_rec_group", one_rec_group, answers(20_000), answers(500_000)),
        bomb("passive_data", passive_data, answers(50_000), answers(100_000)),
        bomb("active_data", active_data, answers(50_000), answers(100_000)),
        bomb(
            "too_much_data",
            passive_data,
            (1_000_000, Refused("data segments")),
            (1_000_000, Refused("data segments")),
        ),
        bomb("data_with_global_offsets", data_with_global_offsets, answers(8000), answers(100_000)),
        bomb("globals", globals, answers(50_000), answers(100_000)),
        bomb("global_chain", global_chain, answers(10_000), answers(100_000)),
        bomb("exports", exports, answers(10_000), answers(131_072)),
        bomb("exports_of_one", exports_of_one, answers(10_000), answers(131_072)),
        bomb("long_name", long_name, answers(2_000_000), answers(4_000_000)),
        bomb(
            "long_export",
            long_export,
            (2_000_000, Refused("string size")),
            (4_000_000, Refused("string size")),
        ),
        bomb("names", names, answers(50_000), answers(500_000)),
        bomb("elements", elements, answers(100_000), answers(5_000_000)),
        bomb("element_segments", element_segments, answers(3000), answers(100_000)),
        bomb("element_exprs", element_exprs, answers(20_000), answers(1_000_000)),
        bomb("tables", tables, answers(1000), answers(100_000)),
        bomb("tables_and_segments", tables_and_segments, answers(500), answers(50_000)),
        bomb("referenced_functions", referenced_functions, answers(10_000), answers(200_000)),
        bomb("custom_sections", custom_sections, answers(10_000), answers(500_000)),
    ]
}

fn with_types(types: Vec<Vec<u8>>) -> Vec<u8> {
    Program { types, ..Program::default() }.encode()
}

fn equal_types(count: usize) -> Vec<u8> {
    with_types(vec![func_type(&[I32, I64], &[I32]); count])
}

/// Twenty parameters each.
fn distinct_types(count: usize) -> Vec<u8> {
    let params = |number: usize| (0..20).map(|bit| if number >> bit & 1 == 0 { I32 } else { I64 }).collect();
    with_types(
        (0..count)
            .map(|number| {
                let params: Vec<u8> = params(number);
                func_type(&params, &[])
            })
            .collect(),
    )
}

/// Each takes a reference to the next of the group.
fn one_rec_group(count: usize) -> Vec<u8> {
    let one = |number: usize| {
        let next = 1 + (number + 1) % count;
        let mut index = leb(next as u64);
        if index.last().is_some_and(|last| last & 0x40 != 0) {
            *index.last_mut().expect("not empty") |= 0x80;
            index.push(0);
        }
        [vec![0x60, 1, 0x63], index, vec![0]].concat()
    };
    let types: Vec<_> = (0..count).map(one).collect();
    with_types(vec![[vec![0x4e], vector(&types)].concat()])
}

fn passive_data(count: usize) -> Vec<u8> {
    let passive = section(Section::Data, &repeated(count, &[1, 1, 7]));
    let data_count = section(Section::DataCount, &leb(count as u64));
    Program { before_code: vec![data_count], at_end: vec![passive], ..Program::default() }.encode()
}

fn active_data(count: usize) -> Vec<u8> {
    let active = section(Section::Data, &repeated(count, &[&[0], &i32_const(8)[..], &[END, 1, 7]].concat()));
    Program { before_exports: vec![memory_section(1)], at_end: vec![active], ..Program::default() }.encode()
}

fn data_with_global_offsets(count: usize) -> Vec<u8> {
    let global = section(Section::Global, &vector(&[[vec![I32, 0], i32_const(8), vec![END]].concat()]));
    let data = section(Section::Data, &repeated(count, &[0, GLOBAL_GET, 0, END, 1, 7]));
    Program { before_exports: vec![memory_section(1), global], at_end: vec![data], ..Program::default() }
        .encode()
}

fn globals(count: usize) -> Vec<u8> {
    let one = |number: usize| [vec![I32, 1], i32_const(number as u64), vec![END]].concat();
    let all: Vec<_> = (0..count).map(one).collect();
    Program { before_exports: vec![section(Section::Global, &vector(&all))], ..Program::default() }.encode()
}

/// Each is one more than the one before.
fn global_chain(count: usize) -> Vec<u8> {
    let one = |number: usize| match number.checked_sub(1) {
        None => [vec![I32, 0], i32_const(0), vec![END]].concat(),
        Some(last) => [vec![I32, 0, GLOBAL_GET], leb(last as u64), vec![I32_CONST, 1, I32_ADD, END]].concat(),
    };
    let all: Vec<_> = (0..count).map(one).collect();
    Program { before_exports: vec![section(Section::Global, &vector(&all))], ..Program::default() }.encode()
}

/// Each of a function of its own.
fn exports(count: usize) -> Vec<u8> {
    let exports = (0..count).map(|number| func_export(&format!("export{number}"), number as u64)).collect();
    let funcs = vec![(0, body(&[], &i32_const(1))); count];
    Program { exports, funcs, ..Program::default() }.encode()
}

fn exports_of_one(count: usize) -> Vec<u8> {
    let exports = (0..count).map(|number| func_export(&format!("export{number}"), 0)).collect();
    Program { exports, ..Program::default() }.encode()
}

fn long_name(bytes: usize) -> Vec<u8> {
    Program { at_end: vec![name_section(&"n".repeat(bytes))], ..Program::default() }.encode()
}

fn long_export(bytes: usize) -> Vec<u8> {
    Program { exports: vec![func_export(&"n".repeat(bytes), 0)], ..Program::default() }.encode()
}

/// One of twenty characters for each function.
fn names(count: usize) -> Vec<u8> {
    let one = |number: usize| [leb(number as u64), name(&format!("a::function::{number:08}"))].concat();
    let all: Vec<_> = (0..=count).map(one).collect();
    let content = [name("name"), vec![1], sized(&vector(&all))].concat();
    let funcs = vec![(0, body(&[], &i32_const(1))); count];
    Program { funcs, at_end: vec![section(Section::Custom, &content)], ..Program::default() }.encode()
}

fn elements(count: usize) -> Vec<u8> {
    let segment = [vec![0], i32_const(0), vec![END], repeated(count, &[0])].concat();
    Program {
        before_exports: vec![table_section(count as u64)],
        before_code: vec![section(Section::Element, &vector(&[segment]))],
        ..Program::default()
    }
    .encode()
}

fn element_segments(count: usize) -> Vec<u8> {
    let segment = [vec![0], i32_const(0), vec![END, 1, 0]].concat();
    Program {
        before_exports: vec![table_section(1)],
        before_code: vec![section(Section::Element, &repeated(count, &segment))],
        ..Program::default()
    }
    .encode()
}

/// Elements that are the value of a global.
fn element_exprs(count: usize) -> Vec<u8> {
    let global = section(Section::Global, &vector(&[vec![FUNC_REF, 0, REF_FUNC, 0, END]]));
    let segment = [vec![5, FUNC_REF], repeated(count, &[GLOBAL_GET, 0, END])].concat();
    Program {
        before_exports: vec![global],
        before_code: vec![section(Section::Element, &vector(&[segment]))],
        ..Program::default()
    }
    .encode()
}

fn tables(count: usize) -> Vec<u8> {
    let tables = section(Section::Table, &repeated(count, &[FUNC_REF, 0, 1]));
    Program { before_exports: vec![tables], ..Program::default() }.encode()
}

/// Each table has a segment.
fn tables_and_segments(count: usize) -> Vec<u8> {
    let tables = section(Section::Table, &repeated(count, &[FUNC_REF, 0, 1]));
    let one = |number: usize| [vec![2], leb(number as u64), i32_const(0), vec![END, 0, 1, 0]].concat();
    let segments: Vec<_> = (0..count).map(one).collect();
    Program {
        before_exports: vec![tables],
        before_code: vec![section(Section::Element, &vector(&segments))],
        ..Program::default()
    }
    .encode()
}

/// Functions that are all in a table, each of which calls through it.
fn referenced_functions(count: usize) -> Vec<u8> {
    let funcs = vec![(0, body(&[], &[I32_CONST, 0, CALL_INDIRECT, 0, 0])); count];
    let indices: Vec<_> = (0..count as u64).map(leb).collect();
    let segment = [vec![0], i32_const(0), vec![END], vector(&indices)].concat();
    Program {
        before_exports: vec![table_section(count as u64)],
        before_code: vec![section(Section::Element, &vector(&[segment]))],
        funcs,
        ..Program::default()
    }
    .encode()
}

fn custom_sections(count: usize) -> Vec<u8> {
    let one =
        |number: usize| section(Section::Custom, &[name(&format!(".debug_{number}")), vec![7; 20]].concat());
    Program { at_end: (0..count).map(one).collect(), ..Program::default() }.encode()
}
