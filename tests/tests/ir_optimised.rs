//! Promises about optimised code that matter: each module in `fixtures/ir/optimised/` at -O2.
//!
//! What is held is small and said in words, since LLVM may write the rest as it likes.

use w2n_tests::ir::{self, Fixture, IrFunction};
use w2n_tests::program;
use wasm2native::options::{OptLevel, OutputKind};

fn functions(fixture: &Fixture, opt_level: OptLevel) -> Vec<IrFunction> {
    let code = fixture.code_options(opt_level);
    let text = ir::compile(&fixture.path, OutputKind::LlvmIr, code).unwrap_or_else(|error| panic!("{error}"));
    ir::functions(&text)
}

/// The functions of a fixture at -O2.
fn optimised(path: &str) -> Vec<IrFunction> {
    functions(&Fixture::read(&program::fixture(path)), OptLevel::O2)
}

/// The first function of a fixture in `fixtures/ir/optimised` at -O2.
fn first_of(name: &str) -> IrFunction {
    optimised(&format!("ir/optimised/{name}.wat")).remove(0)
}

#[track_caller]
fn assert_none(found: &[&str], function: &IrFunction) {
    assert!(found.is_empty(), "{found:#?} in\n{}", function.text);
}

#[test]
fn the_base_of_a_memory_is_loaded_once_and_before_a_loop() {
    let function = first_of("base_in_loop");
    assert_eq!(function.instructions_with("%memory_base = load ptr").len(), 1, "{}", function.text);
    let mut in_loops = function.instructions_in_loops();
    assert!(in_loops.iter().any(|line| line.contains("store i32")), "no loop in\n{}", function.text);
    in_loops.retain(|line| line.contains("load ptr"));
    assert_none(&in_loops, &function);
}

#[test]
fn instance_state_is_kept_across_stores_to_memory() {
    let function = first_of("state_across_store");
    let mut in_loops = function.instructions_in_loops();
    assert!(in_loops.iter().any(|line| line.contains("store i32")), "no loop in\n{}", function.text);
    in_loops.retain(|line| line.contains("%global"));
    in_loops.retain(|line| line.contains(" = load"));
    assert_none(&in_loops, &function);
}

#[test]
fn guard_pages_cost_no_instruction() {
    let function = first_of("no_checks");
    assert_eq!(function.instructions_with("linear memory").len(), 4, "{}", function.text);
    assert_none(&function.instructions_with("icmp"), &function);
    assert_none(&function.instructions_with("br "), &function);
}

#[test]
fn a_second_check_of_the_same_address_is_elided() {
    let function = first_of("elided_check");
    assert_eq!(function.instructions_with("linear memory").len(), 2, "{}", function.text);
    assert_eq!(function.instructions_with("icmp").len(), 1, "{}", function.text);
}

/// Bounds checks that are left in each function.
fn bounds_checks(functions: &[IrFunction]) -> Vec<usize> {
    functions.iter().map(|function| function.instructions_with("@w2n_trap_memory(").len()).collect()
}

/// The last function reaches further behind the call than before it.
#[test]
fn a_check_stands_for_later_ones_across_calls() {
    let functions = optimised("ir/optimised/dominated_check.wat");
    assert_eq!(bounds_checks(&functions), [1, 1, 1, 2], "{functions:#?}");
    let lengths = |function: &IrFunction| function.instructions_with("memory length").len();
    assert_eq!(functions.iter().map(lengths).collect::<Vec<_>>(), [1, 1, 1, 2], "{functions:#?}");
}

#[test]
fn what_is_below_the_least_length_is_not_checked() {
    let functions = optimised("ir/optimised/least_length.wat");
    assert_eq!(bounds_checks(&functions), [0, 1, 2], "{functions:#?}");
    let stores = functions[0].instructions_with("store i32");
    assert_eq!(stores.len(), 2, "{functions:#?}");
}

#[test]
fn a_store_to_a_global_changes_no_length() {
    let function = optimised("ir/optimised/least_length.wat").remove(2);
    assert_eq!(function.instructions_with("store i32").len(), 3, "{}", function.text);
    assert_eq!(function.instructions_with("memory length").len(), 1, "{}", function.text);
}

#[test]
fn a_sum_over_an_array_is_vectorised() {
    let function = first_of("vectorised_sum");
    let in_loops = function.instructions_in_loops();
    assert!(in_loops.iter().any(|line| line.contains("phi <4 x i32>")), "{}", function.text);
}

/// Only the copy of each loop has the check.
#[test]
fn a_loop_with_bounds_checks_is_vectorised_without_them() {
    let functions = optimised("ir/optimised/checked_loop.wat");
    assert_eq!(bounds_checks(&functions), [1, 1, 1], "{functions:#?}");
    for function in functions {
        let in_loops = function.instructions_in_loops();
        assert!(in_loops.iter().any(|line| line.contains("<4 x i32>")), "{}", function.text);
    }
}

#[test]
fn neighbours_that_are_treated_alike_become_a_vector() {
    let function = first_of("vectorised_pair");
    assert_eq!(function.instructions_with("fmul <2 x double>").len(), 1, "{}", function.text);
}

#[test]
fn numbers_that_are_known_are_not_dispatched_on() {
    let function = first_of("threaded_dispatch");
    assert!(!function.instructions_with("store i8").is_empty(), "no automaton in\n{}", function.text);
    assert_none(&function.instructions_with("switch i32"), &function);
}

#[test]
fn an_address_is_carried_in_its_extended_form_only() {
    let function = first_of("extended_index");
    let phis = function.instructions_with(" = phi i");
    let (extended, others): (Vec<&str>, Vec<&str>) = phis.iter().partition(|phi| phi.contains("phi i64"));
    assert!(extended.len() >= 2, "no pointers are carried in\n{}", function.text);
    for phi in others {
        let name = phi.split(" = ").next().unwrap_or_default().trim();
        assert_none(&function.instructions_with(&format!("zext i32 {name} to i64")), &function);
    }
}

#[test]
fn a_loop_that_may_not_end_stays() {
    let functions = optimised("ir/optimised/infinite_loop.wat");
    assert_eq!(functions.len(), 2);
    for function in functions {
        assert!(!function.instructions_in_loops().is_empty(), "{}", function.text);
    }
}

/// LLVM would load behind the loop, which may never end, what is needed only there.
#[test]
fn a_load_that_could_be_sunk_is_volatile() {
    let function = first_of("sunk_load");
    assert_eq!(function.instructions_with("load volatile i32").len(), 1, "{}", function.text);
}

#[test]
fn a_recursive_call_stays_a_call() {
    let function = first_of("recursion");
    assert_eq!(function.instructions_with("call fastcc i32 @m.f0(").len(), 1, "{}", function.text);
}

#[test]
fn a_constant_index_into_a_constant_table_is_the_function_there() {
    let function = first_of("constant_callee");
    assert_eq!(function.instructions_with("mul i32").len(), 1, "{}", function.text);
    for word in [" = load", " = icmp", "call fastcc"] {
        assert_none(&function.instructions_with(word), &function);
    }
}

#[test]
fn the_only_function_of_a_type_is_inlined_into_calls_through_a_constant_table() {
    let function = first_of("only_callee");
    assert_eq!(function.instructions_with("mul i32").len(), 1, "{}", function.text);
    assert_none(&function.instructions_with("@m.f1("), &function);
}

#[test]
fn a_constant_table_is_looked_at_once_and_before_a_loop() {
    let function = first_of("table_in_loop");
    let mut in_loops = function.instructions_in_loops();
    assert!(in_loops.iter().any(|line| line.contains("call fastcc")), "no loop in\n{}", function.text);
    in_loops.retain(|line| line.contains(" = load"));
    assert_none(&in_loops, &function);
}

/// What `trapdoor.rs` relies on to see faults outside of Wasm code.
#[test]
fn loops_that_fill_and_copy_become_calls_of_the_library() {
    let [fill, copy] = &optimised("trapdoor/library_loop.wat")[..] else { panic!("two functions") };
    assert_eq!(fill.instructions_with("call void @llvm.memset.").len(), 1, "{}", fill.text);
    assert_eq!(copy.instructions_with("call void @llvm.memmove.").len(), 1, "{}", copy.text);
}

/// Words that promise LLVM what Wasm does not: progress, no wrapping, no NaN, readable memory.
const FORBIDDEN: [&str; 16] = [
    "mustprogress",
    "willreturn",
    "dereferenceable",
    "nsw",
    "nuw",
    "exact",
    "disjoint",
    "fast",
    "nnan",
    "ninf",
    "nsz",
    "arcp",
    "contract",
    "afn",
    "reassoc",
    "inrange",
];

#[test]
fn nothing_is_promised_that_wasm_does_not() {
    let families = ["integer", "float", "convert", "memory", "bulk", "call", "control", "variable"];
    let fixtures = families.iter().flat_map(|family| ir::find_fixtures(&format!("ir/{family}")));
    let mut count = 0;
    for fixture in fixtures {
        for function in functions(&fixture, OptLevel::O0) {
            let words = |text: &str| -> Vec<String> {
                text.split(|c: char| !c.is_ascii_alphabetic()).map(str::to_owned).collect()
            };
            let found = [words(&function.text), words(&function.attributes)].concat();
            let promised: Vec<_> =
                FORBIDDEN.iter().filter(|word| found.iter().any(|found| found == *word)).collect();
            assert!(promised.is_empty(), "{promised:?} in {:?}:\n{}", fixture.path, function.text);
            count += 1;
        }
    }
    assert!(count > 100, "only {count} functions were looked at");
}
