//! LLVM's trap-doors, by running: each row of the table in `wasm2native/DESIGN.md` at each level.
//!
//! The modules in `fixtures/trapdoor/` do what plain IR would get wrong. Each test was seen to fail with
//! the helper of its row taken out. Rows that show in IR alone are in `ir_optimised.rs`.

use std::process::Command;
use std::sync::LazyLock;

use w2n_abi::{TRAP_EXIT_STATUS, TrapCode};
use w2n_tests::host::{Failure, Instance, Library, Value};
use w2n_tests::ir::{Fixture, find_fixtures};
use w2n_tests::plugin::{self, Source};
use w2n_tests::program;
use wasm2native::options::{CodeOptions, OptLevel, TargetOptions};
use wasmparser::Operator;

const LEVELS: [OptLevel; 4] = [OptLevel::O0, OptLevel::O1, OptLevel::O2, OptLevel::O3];

/// First address past a memory of one page.
const MEMORY_END: u32 = 0x1_0000;

/// All fixtures, compiled at each level.
static LIBRARIES: LazyLock<Vec<(OptLevel, Library)>> = LazyLock::new(|| {
    let source = |fixture: &Fixture| Source { prefix: fixture.name(), bytes: fixture.bytes() };
    let sources: Vec<Source> = find_fixtures("trapdoor").iter().map(source).collect();
    LEVELS.map(|level| (level, build(&sources, level))).into()
});

fn build(sources: &[Source], opt_level: OptLevel) -> Library {
    let code = CodeOptions { opt_level, ..CodeOptions::default() };
    plugin::build(sources, &code).unwrap_or_else(|error| panic!("{opt_level:?}: {error}"))
}

/// An instance of a fixture at each level.
fn instances(fixture: &str) -> Vec<(OptLevel, Instance)> {
    LIBRARIES.iter().map(|(level, library)| (*level, instantiate(library, fixture))).collect()
}

fn instantiate(library: &Library, prefix: &str) -> Instance {
    let module = library.module(&plugin::descriptor_symbol(prefix)).unwrap_or_else(|error| panic!("{error}"));
    module.instantiate(&[]).unwrap_or_else(|failure| panic!("{prefix}: {failure}"))
}

#[track_caller]
fn assert_traps(
    level: OptLevel,
    instance: &Instance,
    export: &str,
    args: &[Value],
    code: TrapCode,
) -> Failure {
    match instance.call(export, args) {
        Ok(results) => panic!("{level:?}: {export}{args:x?} answers {results:x?}, no trap {code:?}"),
        Err(failure) => {
            assert_eq!(failure.trap(), Some(code), "{level:?}: {export}{args:x?}");
            failure
        }
    }
}

#[track_caller]
fn assert_answers(level: OptLevel, instance: &Instance, export: &str, args: &[Value], expected: Value) {
    match instance.call(export, args) {
        Ok(results) => assert_eq!(results, [expected], "{level:?}: {export}{args:x?}"),
        Err(failure) => panic!("{level:?}: {export}{args:x?}: {failure}"),
    }
}

/// `address.rs`: volatile, and `relaxed_accesses.cpp` leaves it so.
#[test]
fn a_load_whose_value_is_unused_traps() {
    for (level, instance) in instances("dropped_load") {
        for export in ["dropped", "extended", "calculated", "rounded", "in_local", "overwritten", "carried"] {
            let failure = assert_traps(
                level,
                &instance,
                export,
                &[Value::I32(MEMORY_END)],
                TrapCode::MemoryOutOfBounds,
            );
            let access = failure.access.expect("a memory trap knows its address");
            assert_eq!(access.address, u64::from(MEMORY_END), "{level:?}: {export}");
            assert!(instance.call(export, &[Value::I32(0)]).is_ok(), "{level:?}: {export}");
        }
    }
}

/// `address.rs`: volatile when the callee is inlined.
#[test]
fn a_call_whose_result_is_unused_traps_in_its_load() {
    for (level, instance) in instances("dropped_call") {
        for export in ["dropped", "dropped_float", "dropped_pair", "calculated"] {
            assert_traps(level, &instance, export, &[Value::I32(MEMORY_END)], TrapCode::MemoryOutOfBounds);
            assert!(instance.call(export, &[Value::I32(0)]).is_ok(), "{level:?}: {export}");
        }
    }
}

/// Calls each of `exports` with an address whose access is out of bounds, and with one in memory.
#[track_caller]
fn assert_each_traps(level: OptLevel, instance: &Instance, exports: &[&str], address: u32, rest: &[Value]) {
    for export in exports {
        let args = |address: u32| [&[Value::I32(address)], rest].concat();
        assert_traps(level, instance, export, &args(address), TrapCode::MemoryOutOfBounds);
        assert!(instance.call(export, &args(0)).is_ok(), "{level:?}: {export}");
    }
}

/// `relaxed_accesses.cpp`: volatile, unless `certain_loads.cpp` sees that the value matters.
#[test]
fn a_load_of_which_nothing_is_left_traps() {
    let exports = [
        "with_itself",
        "compared_with_itself",
        "times_zero",
        "ignored",
        "difference",
        "one_place",
        "equal_arms",
        "stored_back",
        "overwritten",
    ];
    for (level, instance) in instances("cancelled_load") {
        assert_each_traps(level, &instance, &exports, MEMORY_END, &[]);
    }
}

/// `certain_loads.cpp`: each byte has to matter.
#[test]
fn a_load_whose_last_byte_is_unused_traps_across_the_end() {
    for (level, instance) in instances("narrowed_load") {
        let words = ["low_half", "low_byte", "shifted", "remainder", "of_two"];
        assert_each_traps(level, &instance, &words, MEMORY_END - 2, &[]);
        assert_each_traps(level, &instance, &["lanes"], MEMORY_END - 8, &[]);
    }
}

/// `kept_accesses.cpp`: an empty asm statement uses all of a vector.
#[test]
fn a_vector_of_which_half_is_needed_is_loaded_whole() {
    let fixture = Fixture::read(&program::fixture("trapdoor/part_of_vector.wat"));
    let source = [Source { prefix: fixture.name(), bytes: fixture.bytes() }];
    // The first with instructions that extend what is in memory.
    let target = TargetOptions { cpu: Some("x86-64-v2".to_owned()), ..TargetOptions::default() };
    for level in LEVELS {
        for strict_traps in [false, true] {
            let code = CodeOptions { opt_level: level, strict_traps, ..CodeOptions::default() };
            let library =
                plugin::build_for(&target, &source, &code).unwrap_or_else(|error| panic!("{error}"));
            let instance = instantiate(&library, "part_of_vector");
            assert_each_traps(level, &instance, &["bytes", "halves"], MEMORY_END - 8, &[]);
        }
    }
}

/// `relaxed_accesses.cpp`, `kept_accesses.cpp`: volatile, since there is a way on which nothing uses it.
#[test]
fn a_load_that_only_one_way_needs_traps() {
    for (level, instance) in instances("sunk_load") {
        let exports = ["one_way", "stored_on_one_way"];
        assert_each_traps(level, &instance, &exports, MEMORY_END, &[Value::I32(1)]);
    }
}

/// `equal_values.cpp`: equal loads count as one.
#[test]
fn a_load_for_a_store_that_turns_out_superfluous_traps() {
    for (level, instance) in instances("merged_load") {
        assert_each_traps(level, &instance, &["overwritten"], MEMORY_END, &[]);
    }
}

/// `certain_loads.cpp`: such a store keeps no value. The first of four loads is the only one out of bounds.
#[test]
fn loads_for_stores_of_a_loop_to_one_place_trap() {
    for (level, instance) in instances("merged_load") {
        let exports = ["last", "last_of_two"];
        assert_each_traps(level, &instance, &exports, MEMORY_END - 1000 - (4 << 12), &[Value::I32(4)]);
    }
}

/// `kept_accesses.cpp`: what a select takes has passed through an empty asm statement.
#[test]
fn a_load_that_a_select_does_not_choose_traps() {
    for (level, instance) in instances("chosen_load") {
        let exports = ["i32", "i64", "extended"];
        assert_each_traps(level, &instance, &exports, MEMORY_END, &[Value::I32(1)]);
    }
}

/// `relaxed_accesses.cpp`: such a store stays volatile. In processes, since what does not trap would never end.
#[test]
fn a_store_in_a_loop_that_never_ends_traps() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    for entry in ["_start", "unknown"] {
        for level in ["-O0", "-O1", "-O2", "-O3"] {
            let output = directory.path().join("program");
            let options = [level, &format!("--entry={entry}")];
            program::compile(&program::fixture("trapdoor/endless_store.wat"), &output, &options)
                .unwrap_or_else(|error| panic!("{level}: {error}"));
            let finished = program::run(&mut Command::new(&output), b"").expect("it can be run");
            assert_eq!(finished.status, Some(TRAP_EXIT_STATUS), "{level}: {entry}");
        }
    }
}

/// `rt/src/fault.rs`: a fault is classified by its address.
#[test]
fn a_fault_in_memset_or_memmove_is_a_trap() {
    for (level, instance) in instances("library_loop") {
        for export in ["fill", "copy"] {
            let too_many = Value::I32(2 * MEMORY_END);
            assert_traps(level, &instance, export, &[too_many], TrapCode::MemoryOutOfBounds);
            assert!(instance.call(export, &[Value::I32(100)]).is_ok(), "{level:?}: {export}");
        }
    }
}

/// A signalling NaN, the quiet NaN that arithmetic makes of it, and a number.
const SIGNALLING_32: u32 = 0x7fa0_0001;
const QUIET_32: u32 = 0x7fe0_0001;
const SIGNALLING_64: u64 = 0x7ff4_0000_0000_0001;
const QUIET_64: u64 = 0x7ffc_0000_0000_0001;

/// Calls `export` with a signalling NaN and holds that the answer is quiet. The sign of a NaN is not
/// specified.
#[track_caller]
fn assert_quietens(level: OptLevel, instance: &Instance, export: &str) {
    let (signalling, quiet) = match export.starts_with("f32") {
        true => (Value::F32(SIGNALLING_32), u64::from(QUIET_32)),
        false => (Value::F64(SIGNALLING_64), QUIET_64),
    };
    let results = instance.call(export, &[signalling]).unwrap_or_else(|failure| panic!("{failure}"));
    let bits = match results[..] {
        [Value::F32(bits)] => u64::from(bits & !(1 << 31)),
        [Value::F64(bits)] => bits & !(1 << 63),
        _ => panic!("{level:?}: {export} answers {results:x?}"),
    };
    assert_eq!(bits, quiet, "{level:?}: {export} answers {results:x?}");
}

/// `float.rs`, `convert.rs`: an operation that is the identity becomes a product that LLVM cannot see
/// through.
#[test]
fn an_operation_with_its_identity_quietens() {
    for (level, instance) in instances("identity") {
        for name in ["mul", "mul.left", "div", "sub", "add", "add.left"] {
            assert_quietens(level, &instance, &format!("f32.{name}"));
            assert_quietens(level, &instance, &format!("f64.{name}"));
            for number in [1.5f32, -0.0, f32::INFINITY, f32::MIN_POSITIVE / 2.0] {
                assert_answers(level, &instance, &format!("f32.{name}"), &[number.into()], number.into());
            }
        }
        assert_quietens(level, &instance, "f32.demote");
    }
}

/// `float.rs`: as above, for -1.
#[test]
fn an_operation_that_negates_quietens() {
    for (level, instance) in instances("negated") {
        for name in ["mul", "div", "sub"] {
            assert_quietens(level, &instance, &format!("f32.{name}"));
            assert_quietens(level, &instance, &format!("f64.{name}"));
            assert_answers(level, &instance, &format!("f64.{name}"), &[1.5f64.into()], (-1.5f64).into());
        }
    }
}

/// `float.rs`: the operand is made quiet first.
#[test]
fn rounding_quietens() {
    for (level, instance) in instances("rounded") {
        for name in ["ceil", "floor", "trunc", "nearest"] {
            assert_quietens(level, &instance, &format!("f32.{name}"));
            assert_quietens(level, &instance, &format!("f64.{name}"));
        }
    }
}

/// `float.rs`: what makes quiet is an operation that every vector has.
#[test]
fn neighbours_are_quietened_too() {
    for (level, instance) in instances("quiet_pair") {
        let memory = instance.export("memory").expect("the memory");
        let bytes = [SIGNALLING_32.to_le_bytes(), 1.5f32.to_le_bytes()].concat();
        assert!(memory.memory_write(8, &bytes));
        assert!(instance.call("quieten", &[8.into()]).is_ok(), "{level:?}");
        let expected = [QUIET_32.to_le_bytes(), 1.5f32.to_le_bytes()].concat();
        assert_eq!(memory.memory_read(8, 8), Some(expected), "{level:?}");
    }
}

/// `float.rs`: the case of a NaN is an addition.
#[test]
fn min_and_max_quieten() {
    for (level, instance) in instances("min_max") {
        for export in ["f32.min", "f32.max"] {
            for [left, right] in [[SIGNALLING_32, 0], [0, SIGNALLING_32]] {
                let args = [Value::F32(left), Value::F32(right)];
                assert_answers(level, &instance, export, &args, Value::F32(QUIET_32));
            }
        }
        for export in ["f64.min", "f64.max"] {
            for [left, right] in [[SIGNALLING_64, 0], [0, SIGNALLING_64]] {
                let args = [Value::F64(left), Value::F64(right)];
                assert_answers(level, &instance, export, &args, Value::F64(QUIET_64));
            }
        }
        for export in ["f32.min", "f32.max", "f64.min", "f64.max"] {
            assert_quietens(level, &instance, &format!("{export}.infinity"));
        }
    }
}

/// `convert.rs`: a range check, or an intrinsic that saturates.
#[test]
fn a_conversion_out_of_range_traps_or_saturates() {
    use TrapCode::{IntegerOverflow, InvalidConversionToInteger};
    for (level, instance) in instances("trunc") {
        for (export, too_small, too_large) in [
            ("i32.trunc_f64_s", -2_147_483_649.0, 2_147_483_648.0),
            ("i32.trunc_f64_u", -1.0, 4_294_967_296.0),
            ("i64.trunc_f64_s", -9_223_372_036_854_777_856.0, 9_223_372_036_854_775_808.0),
            ("i64.trunc_f64_u", -1.0, 18_446_744_073_709_551_616.0),
            ("unused", -2_147_483_649.0, 2_147_483_648.0),
        ] {
            for operand in [too_small, too_large, f64::INFINITY] {
                assert_traps(level, &instance, export, &[operand.into()], IntegerOverflow);
            }
            assert_traps(level, &instance, export, &[f64::NAN.into()], InvalidConversionToInteger);
        }
        assert_answers(level, &instance, "i32.trunc_f64_s", &[(-2_147_483_648.9f64).into()], i32::MIN.into());
        assert_answers(level, &instance, "i32.trunc_f64_u", &[(-0.9f64).into()], Value::I32(0));
        assert_traps(level, &instance, "constant", &[], IntegerOverflow);
        assert_answers(level, &instance, "constant_sat", &[], i32::MAX.into());
        assert_answers(level, &instance, "i32.trunc_sat_f64_s", &[(-1e10f64).into()], i32::MIN.into());
        assert_answers(level, &instance, "i32.trunc_sat_f64_s", &[f64::NAN.into()], Value::I32(0));
        assert_answers(level, &instance, "i32.trunc_sat_f64_u", &[1e10f64.into()], Value::I32(u32::MAX));
    }
}

/// `integer.rs`: the amount is masked.
#[test]
fn a_shift_by_more_than_the_width_is_by_the_rest() {
    for (level, instance) in instances("shift") {
        let small = Value::I32(0x8000_0006);
        assert_answers(level, &instance, "i32.shl", &[small], Value::I32(0xc));
        assert_answers(level, &instance, "i32.shr_s", &[small], Value::I32(0xc000_0003));
        assert_answers(level, &instance, "i32.shr_u", &[small], Value::I32(0x4000_0003));
        let large = Value::I64(0x8000_0000_0000_0006);
        assert_answers(level, &instance, "i64.shl", &[large], Value::I64(0xc));
        assert_answers(level, &instance, "i64.shr_s", &[large], Value::I64(0xc000_0000_0000_0003));
        assert_answers(level, &instance, "i64.shr_u", &[large], Value::I64(0x4000_0000_0000_0003));
    }
}

/// `integer.rs`: division checks first; a remainder by -1 is one by 1.
#[test]
fn division_traps_where_it_is_undefined() {
    use TrapCode::{IntegerDivideByZero, IntegerOverflow};
    for (level, instance) in instances("division") {
        for export in ["i32.div_s", "i32.div_u", "i32.rem_s", "i32.rem_u"] {
            assert_traps(level, &instance, export, &[1.into(), 0.into()], IntegerDivideByZero);
        }
        for export in ["i64.div_s", "i64.rem_s"] {
            assert_traps(level, &instance, export, &[1i64.into(), 0i64.into()], IntegerDivideByZero);
        }
        assert_traps(level, &instance, "i32.div_s", &[i32::MIN.into(), (-1).into()], IntegerOverflow);
        assert_traps(level, &instance, "i64.div_s", &[i64::MIN.into(), (-1i64).into()], IntegerOverflow);
        assert_answers(level, &instance, "i32.rem_s", &[i32::MIN.into(), (-1).into()], 0.into());
        assert_answers(level, &instance, "i64.rem_s", &[i64::MIN.into(), (-1i64).into()], 0i64.into());
        assert_traps(level, &instance, "unused", &[0.into()], IntegerDivideByZero);
        assert_traps(level, &instance, "by_zero", &[1.into()], IntegerDivideByZero);
        assert_answers(level, &instance, "by_minus_one", &[], 0.into());
    }
}

/// `module_env.rs`: `"disable-tail-calls"`.
#[test]
fn deep_recursion_exhausts_the_stack() {
    for (level, instance) in instances("recursion") {
        for export in ["direct", "effect", "sum"] {
            assert_traps(level, &instance, export, &[i32::MAX.into()], TrapCode::StackOverflow);
            assert!(instance.call(export, &[100.into()]).is_ok(), "{level:?}: {export}");
        }
    }
}

/// Calls in the large frame whose results are returned in memory: with [`RESULTS`] of 8 bytes each, more
/// than the guard below the stack.
const CALLS: usize = 10;

/// Results of each of these calls: as many as a function may have.
const RESULTS: usize = 1000;

/// Small frames before the first large one: different numbers, so that the last large frame ends at
/// another place below the stack each time. A step is smaller than the large frame less the guard.
const MAX_DESCENT: i32 = 2400;
const DESCENT_STEP: usize = 60;

/// `large` calls itself in a frame with room for the results of [`CALLS`] calls, which it never comes to
/// make; `descend` comes to it through as many small frames as its parameter says.
fn large_frame_module() -> String {
    let results = "i64 ".repeat(RESULTS);
    let drops = "(drop)".repeat(RESULTS - 1);
    let calls = format!("(call_indirect (type $many) (local.get 0)) {drops}").repeat(CALLS);
    let uses = "(i64.rotl)".repeat(CALLS - 1);
    format!(
        "(module
          (type $many (func (result {results})))
          (table 1 funcref)
          (func $large (param i32) (result i64)
            (if (local.get 0) (then (drop (call $large (local.get 0)))))
            {calls} {uses})
          (func $descend (export \"descend\") (param i32) (result i64)
            (if (result i64) (local.get 0)
              (then (i64.rotl (call $descend (i32.sub (local.get 0) (i32.const 1))) (i64.const 1)))
              (else (call $large (i32.const 1))))))"
    )
}

/// `module_env.rs`: `"probe-stack"`.
#[test]
fn a_large_frame_meets_the_guard() {
    let bytes = wat::parse_str(large_frame_module()).expect("a module");
    let source = [Source { prefix: "large_frame".to_owned(), bytes }];
    for level in [OptLevel::O0, OptLevel::O2] {
        let instance = instantiate(&build(&source, level), "large_frame");
        for small_frames in (0..MAX_DESCENT).step_by(DESCENT_STEP) {
            assert_traps(level, &instance, "descend", &[small_frames.into()], TrapCode::StackOverflow);
        }
    }
}

/// Byte offsets of the `unreachable` operators of a fixture.
fn offsets_of_unreachable(bytes: &[u8]) -> Vec<usize> {
    let module = wasm2native::wasm::parse(bytes, "fixture").unwrap_or_else(|error| panic!("{error}"));
    let operators = module.bodies.iter().flat_map(|body| {
        let reader = body.get_operators_reader().expect("a valid body");
        reader.into_iter_with_offsets().map(|operator| operator.expect("a valid operator"))
    });
    operators
        .filter(|(operator, _)| matches!(operator, Operator::Unreachable))
        .map(|(_, offset)| offset as usize)
        .collect()
}

/// `trap.rs`: `nomerge`.
#[test]
fn equal_traps_keep_their_places() {
    let fixture = Fixture::read(&program::fixture("trapdoor/trap_site.wat"));
    let [when_true, when_false] = offsets_of_unreachable(&fixture.bytes())[..] else {
        panic!("two `unreachable` in {:?}", fixture.path)
    };
    for (level, instance) in instances("trap_site") {
        for (condition, offset) in [(1, when_true), (0, when_false)] {
            let failure = assert_traps(level, &instance, "trap", &[condition.into()], TrapCode::Unreachable);
            let place = format!("{offset:#x}");
            assert!(failure.rendered.contains(&place), "{level:?}: no {place} in {}", failure.rendered);
        }
    }
}

/// `address.rs`: nothing says how large a memory is.
#[test]
fn a_guarded_access_does_not_happen_before_its_condition() {
    for (level, instance) in instances("guarded_access") {
        assert_answers(level, &instance, "load_if", &[0.into()], 42.into());
        assert_traps(level, &instance, "load_if", &[1.into()], TrapCode::MemoryOutOfBounds);
        assert_answers(level, &instance, "load_in_loop", &[10.into(), 0.into()], 0.into());
        assert_traps(level, &instance, "load_in_loop", &[10.into(), 1.into()], TrapCode::MemoryOutOfBounds);
    }
}
