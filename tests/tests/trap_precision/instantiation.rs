//! Instantiation that traps half-way: what was written into shared memories, tables and globals before.
//!
//! spec: exec/modules, instantiation: element segments in order, then data segments, then the start
//! function; each segment is checked as a whole. What a failed instance wrote stays.

use w2n_abi::TrapCode;
use w2n_tests::host::{Import, Library, Value};
use w2n_tests::plugin::{self, Source};

use super::{State, modes, shown};

/// Owns the state that the others write to.
const OWNER: &str = r#"(module
    (memory (export "memory") 1 1)
    (table (export "table") 4 4 funcref)
    (global (export "mark") (mut i64) (i64.const 0)))"#;

/// A module that does not come to exist, and what it leaves behind.
struct Case {
    name: &'static str,
    code: &'static str,
    trap: TrapCode,
    /// Bytes at these addresses; all others are 0.
    written: &'static [(u32, &'static [u8])],
    mark: u64,
    /// Elements that are not null.
    elements: &'static [usize],
}

const CASES: &[Case] = &[
    Case {
        name: "element_segment",
        code: r#"(elem (i32.const 0) $f $f) (elem (i32.const 3) $f $f) (elem (i32.const 2) $f)
                 (data (i32.const 0) "data") (start $mark)"#,
        trap: TrapCode::TableOutOfBounds,
        written: &[],
        mark: 0,
        elements: &[0, 1],
    },
    Case {
        name: "data_segment",
        code: r#"(data (i32.const 16) "first") (data (i32.const 0xfffe) "abc") (data (i32.const 32) "third")
                 (elem (i32.const 3) $f) (start $mark)"#,
        trap: TrapCode::MemoryOutOfBounds,
        written: &[(16, b"first")],
        mark: 0,
        elements: &[3],
    },
    Case {
        name: "empty_data_segment",
        code: r#"(data (i32.const 16) "first") (data (i32.const 0x10001) "") (data (i32.const 32) "third")"#,
        trap: TrapCode::MemoryOutOfBounds,
        written: &[(16, b"first")],
        mark: 0,
        elements: &[],
    },
    Case {
        name: "start",
        code: r#"(data (i32.const 16) "first") (elem (i32.const 1) $f)
                 (func $start (call $mark) (drop (i32.div_u (i32.const 1) (i32.load (i32.const 0)))) (call $again))
                 (start $start)"#,
        trap: TrapCode::IntegerDivideByZero,
        written: &[(16, b"first"), (64, &[1])],
        mark: 1,
        elements: &[1],
    },
    Case {
        name: "start_host",
        code: r#"(func $start (call $mark) (call $fail) (call $again)) (start $start)"#,
        trap: TrapCode::HostError,
        written: &[(64, &[1])],
        mark: 1,
        elements: &[],
    },
];

fn module(case: &Case) -> Source {
    let text = format!(
        r#"(module
            (import "owner" "memory" (memory 1 1))
            (import "owner" "table" (table 4 4 funcref))
            (import "owner" "mark" (global $global (mut i64)))
            (import "owner" "fail" (func $fail))
            (func $f)
            (func $mark (i32.store8 (i32.const 64) (i32.const 1)) (global.set $global (i64.const 1)))
            (func $again (i32.store8 (i32.const 64) (i32.const 2)) (global.set $global (i64.const 2)))
            {})"#,
        case.code
    );
    let bytes = wat::parse_str(text).unwrap_or_else(|error| panic!("{}: {error}", case.name));
    Source { prefix: case.name.to_owned(), bytes }
}

fn leaves_what_it_says(library: &Library, case: &Case, mode: &str) {
    let owner = library.module(&plugin::descriptor_symbol("owner")).unwrap();
    let owner = owner.instantiate(&[]).unwrap_or_else(|failure| panic!("{failure}"));
    let mut expected = State::of(&owner);
    let failing = library.module(&plugin::descriptor_symbol(case.name)).unwrap();
    let import = |info: &w2n_tests::host::ExternInfo| match info.name.as_slice() {
        b"fail" => {
            let ty = w2n_tests::host::Type::decode(&info.func_type);
            Import::func(&failing, ty, |_| Err("disk on fire".to_owned()))
        }
        name => Import::external(&owner.export(name).unwrap()),
    };
    let imports: Vec<_> = failing.imports().iter().map(import).collect();
    let Err(failure) = failing.instantiate(&imports) else { panic!("{mode}: {} exists", case.name) };
    assert_eq!(failure.trap(), Some(case.trap), "{mode}: {}: {failure}", case.name);

    let mut state = State::of(&owner);
    let written: Vec<_> = (0..)
        .zip(&state.elements)
        .filter(|(_, element)| **element != Value::FuncRef(0))
        .map(|(i, _)| i)
        .collect();
    assert_eq!(written, case.elements, "{mode}: {}", case.name);
    state.elements.clone_from(&expected.elements);
    case.written.iter().for_each(|(start, bytes)| expected.write(*start, bytes));
    expected.mark = Value::I64(case.mark);
    let differences = state.differences(&expected);
    assert!(differences.is_empty(), "{mode}: {}: {}", case.name, differences.join(", "));
}

#[test]
fn an_instantiation_that_traps_leaves_what_came_before() {
    let owner = Source { prefix: "owner".to_owned(), bytes: wat::parse_str(OWNER).unwrap() };
    let sources: Vec<_> = std::iter::once(owner).chain(CASES.iter().map(module)).collect();
    for mode in modes() {
        let library = plugin::build(&sources, &mode).unwrap_or_else(|error| panic!("{error}"));
        for case in CASES {
            leaves_what_it_says(&library, case, &shown(&mode));
        }
    }
}
