//! Modules that need what is not compiled yet are refused by the proposal's name, with offset and function.
//!
//! One tiny module per proposal. When a proposal is compiled, its row goes; when one is added to the list
//! in `wasm/features.rs`, a row is missing here.

use w2n_tests::command::Bench;
use wasm2native::wasm;

/// What the message says after the offset: the operator stands in a function, or it is a declaration.
enum Place {
    Declaration,
    FuncOne,
}
use Place::{Declaration, FuncOne};

struct Refused {
    /// What the message names.
    needs: &'static str,
    place: Place,
    module: &'static str,
}

#[rustfmt::skip]
const REFUSED: &[Refused] = &[
    Refused { needs: "threads", place: FuncOne, module: "(memory 1) (func) (func $x i32.const 0 i32.atomic.load drop)" },
    Refused { needs: "threads", place: Declaration, module: r#"(import "a" "b" (memory 1 2 shared))"# },
    Refused { needs: "exception-handling", place: FuncOne, module:
        "(func) (func $x block try_table (catch_all 0) nop end end)" },
    Refused { needs: "exception-handling", place: Declaration, module: "(tag $t) (func) (func $x throw $t)" },
    Refused { needs: "legacy exception-handling", place: FuncOne, module: "(func) (func $x try nop catch_all nop end)" },
    Refused { needs: "garbage-collection", place: FuncOne, module: "(func) (func $x i32.const 0 ref.i31 drop)" },
    Refused { needs: "garbage-collection", place: Declaration, module: "(type (struct (field i32)))" },
    Refused { needs: "shared-everything-threads", place: Declaration, module: "(type (shared (func)))" },
    Refused { needs: "stack-switching", place: Declaration, module: "(type $f (func)) (type $c (cont $f))" },
    Refused { needs: "memory-control", place: FuncOne, module:
        "(memory 1) (func) (func $x i32.const 0 i32.const 0 memory.discard)" },
    Refused { needs: "garbage-collection and custom-descriptors", place: Declaration, module:
        "(rec (type $a (descriptor $b) (struct)) (type $b (describes $a) (struct)))" },
];

/// The message for a module with these fields; `None` when it is compiled.
fn refusal(module: &str) -> Option<String> {
    let binary = wat::parse_str(format!("(module {module})")).expect(module);
    wasm::parse(&binary, "module").err().map(|error| error.to_string())
}

#[test]
fn modules_are_refused_by_the_name_of_the_proposal_they_need() {
    for Refused { needs, place, module } in REFUSED {
        let said = refusal(module).unwrap_or_else(|| panic!("{needs} is compiled now: remove `{module}`"));
        let plural = if needs.contains(" and ") { "s" } else { "" };
        let start = format!("needs the {needs} proposal{plural}, at 0x");
        let rest = said.strip_prefix(&start).unwrap_or_else(|| panic!("{module}: {said}"));
        let offset = rest.trim_start_matches(|c: char| c.is_ascii_hexdigit());
        let expected = if let FuncOne = place { " in func 1 `x`" } else { "" };
        assert_eq!(offset, expected, "{module}: {said}");
    }
}

#[test]
fn each_proposal_that_is_known_and_refused_has_a_module_here() {
    for name in wasm::refused_proposals() {
        let has_row = REFUSED.iter().any(|row| row.needs.split(" and ").any(|needed| needed == name));
        assert!(has_row, "no module here needs the {name} proposal");
    }
}

#[test]
fn the_offset_is_that_of_the_first_operator_that_is_not_compiled() {
    let module = "(func) (func $x i32.const 1 drop try nop catch_all nop end)";
    let binary = wat::parse_str(format!("(module {module})")).expect("a module");
    let said = refusal(module).expect("legacy exceptions are never compiled");
    let offset = said.split("at 0x").nth(1).and_then(|rest| rest.split(' ').next()).expect(&said);
    let offset = usize::from_str_radix(offset, 16).expect(&said);
    const TRY: u8 = 0x06;
    assert_eq!(binary[offset], TRY, "{said}");
}

#[test]
fn a_module_that_is_wrong_anyway_is_not_blamed_on_a_proposal() {
    let said = refusal("(func $x try catch_all end i32.const 1)").expect("invalid");
    assert!(!said.contains("proposal"), "{said}");
}

#[test]
fn the_command_says_so_too() {
    let bench = Bench::new("(module (func) (func $x try nop catch_all nop end))");
    bench.fails(
        &["-shared", "app.wat"],
        1,
        &["app.wat: needs the legacy exception-handling proposal, at 0x1b in func 1 `x`\n"],
    );
}
