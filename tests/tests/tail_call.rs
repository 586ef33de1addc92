//! Tail calls: ten million of each kind, at every level, on a stack that would hold a fraction of them.
//!
//! How: the modules of `fixtures/tail_call` are compiled into one shared object per level and their
//! exports called; the expected answers are computed here, by other means.

use std::path::Path;

use w2n_abi::TrapCode;
use w2n_tests::host::{Import, Instance, Library, Module, Type, Value};
use w2n_tests::plugin::{Source, build, descriptor_symbol};
use w2n_tests::program::{compile, fixture, run};
use wasm2native::options::{CodeOptions, OptLevel};

const LEVELS: [OptLevel; 5] = [OptLevel::O0, OptLevel::O1, OptLevel::O2, OptLevel::O3, OptLevel::Oz];

const CALLS: i64 = 10_000_000;

fn wasm(name: &str) -> Vec<u8> {
    wat::parse_file(fixture("tail_call").join(name).with_extension("wat")).unwrap()
}

/// Does `check` with the modules of these names, compiled at each level.
fn at_every_level(names: &[&str], check: impl Fn(OptLevel, &[Module])) {
    for opt_level in LEVELS {
        let source = |name: &&str| Source { prefix: (*name).to_owned(), bytes: wasm(name) };
        let sources: Vec<_> = names.iter().map(source).collect();
        let library: Library = build(&sources, &CodeOptions { opt_level, ..CodeOptions::default() }).unwrap();
        let modules: Vec<_> =
            names.iter().map(|name| library.module(&descriptor_symbol(name)).unwrap()).collect();
        check(opt_level, &modules);
    }
}

/// Type of the module's first import, a function.
fn import_type(module: &Module) -> Type {
    Type::decode(&module.imports()[0].func_type)
}

/// An instance of `loops.wat`, whose host function adds up its arguments.
fn loops(module: &Module) -> Instance {
    let ty = import_type(module);
    let answer = Import::func(module, ty, |args| {
        let sum = args.iter().map(|arg| match arg {
            Value::I64(value) => *value,
            Value::F64(bits) => f64::from_bits(*bits) as u64,
            other => panic!("{other:?}"),
        });
        Ok(vec![Value::I64(sum.sum())])
    });
    module.instantiate(&[answer]).unwrap()
}

#[test]
fn ten_million_calls_of_each_kind_take_no_stack() {
    at_every_level(&["loops"], |level, modules| {
        let instance = loops(&modules[0]);
        let call = |name: &str, args: &[Value]| {
            instance.call(name, args).unwrap_or_else(|failure| panic!("{name} {level:?}: {failure}"))
        };
        let (count, zero) = (Value::from(CALLS), Value::from(0i64));
        let triangle = Value::from(CALLS * (CALLS + 1) / 2);
        assert_eq!(call("same_function", &[count, zero]), [triangle], "{level:?}");
        assert_eq!(call("two_functions", &[count]), [Value::from(1)], "{level:?}");
        assert_eq!(call("two_functions", &[Value::from(CALLS + 1)]), [Value::from(0)], "{level:?}");
        assert_eq!(call("indirect", &[count, zero]), [triangle], "{level:?}");
        assert_eq!(call("reference", &[count, zero]), [triangle], "{level:?}");
    });
}

#[test]
fn arguments_beyond_the_registers_and_several_results_arrive() {
    at_every_level(&["loops"], |level, modules| {
        let instance = loops(&modules[0]);
        let call = |name: &str, args: &[Value]| {
            instance.call(name, args).unwrap_or_else(|failure| panic!("{name} {level:?}: {failure}"))
        };
        let count = Value::from(CALLS);
        let sum = Value::F64((253.0 * CALLS as f64).to_bits());
        assert_eq!(call("more_and_fewer_parameters", &[count, Value::F64(0)]), [sum], "{level:?}");

        let mut args = vec![Value::from(CALLS + 3)];
        args.extend((0..10i64).map(Value::from));
        // After 3 moves (and a multiple of 10 more), places 1 and 10 hold 3 and 2.
        assert_eq!(call("moved_arguments", &args), [Value::from(302i64)], "{level:?}");

        let mut args = vec![Value::from(CALLS + 2)];
        args.extend((0..6).map(Value::from));
        // Each call moves the six on by one place, and 10,000,002 is a multiple of 6.
        let results = [Value::from(1i64), Value::F64(2f64.to_bits()), Value::from(0), Value::from(5f32)];
        assert_eq!(call("several_results", &args), results, "{level:?}");
        let results = [count, Value::F64(2f64.to_bits()), Value::from(1), Value::from(6f32)];
        assert_eq!(call("results_of_plain_function", &[count]), results, "{level:?}");
        let results = [Value::from(-1i64), Value::from(CALLS as f32 / 2.0)];
        assert_eq!(call("two_results", &[count, Value::from(0f32)]), results, "{level:?}");
    });
}

#[test]
fn imported_and_plain_functions_can_be_tail_called() {
    at_every_level(&["loops"], |level, modules| {
        let instance = loops(&modules[0]);
        let calls = CALLS / 10;
        let sum = Value::from(calls * (calls + 1) / 2 + 6 * calls);
        let answer = instance.call("host_function", &[Value::from(calls)]).unwrap();
        assert_eq!(answer, [sum], "{level:?}");
        let answer = instance.call("function_without_tail_calls", &[Value::from(CALLS)]).unwrap();
        assert_eq!(answer, [Value::from(0i64)], "{level:?}");
    });
}

#[test]
fn two_instances_tail_call_each_other() {
    at_every_level(&["first", "linked"], |level, modules| {
        let first = modules[0].instantiate(&[]).unwrap();
        let export = |name: &str| Import::external(&first.export(name).unwrap());
        let linked = modules[1].instantiate(&[export("step"), export("steps")]).unwrap();
        let mut args = vec![Value::from(CALLS / 2)];
        args.extend((1..=6).map(Value::from));
        args.push(Value::from(0i64));
        // Six arguments go round, and each step adds the one in front and another 1.
        let mut sum = 0;
        let mut ring = [1i64, 2, 3, 4, 5, 6];
        for _ in 0..CALLS / 2 {
            sum += ring[0] + 1;
            ring.rotate_right(1);
        }
        assert_eq!(linked.call("start", &args).unwrap(), [Value::from(sum)], "{level:?}");
        assert_eq!(linked.call("count", &[]).unwrap(), [Value::from(CALLS / 2 + 1)], "{level:?}");
    });
}

#[test]
fn traps_have_their_codes_and_leave_the_instance_usable() {
    at_every_level(&["traps"], |level, modules| {
        let fail = |_: &[Value]| Err("no".to_owned());
        let fail = Import::func(&modules[0], import_type(&modules[0]), fail);
        let instance = modules[0].instantiate(&[fail]).unwrap();
        let trap = |name: &str, args: &[Value]| {
            instance.call(name, args).expect_err(name).trap().unwrap_or_else(|| panic!("{name} {level:?}"))
        };
        let (zero, one) = (Value::from(0), Value::from(1));
        assert_eq!(trap("callee_traps", &[]), TrapCode::Unreachable);
        assert_eq!(trap("host_fails", &[]), TrapCode::HostError);
        assert_eq!(trap("indirect", &[zero]), TrapCode::IndirectCallTypeMismatch);
        assert_eq!(trap("indirect", &[one]), TrapCode::UninitializedElement);
        assert_eq!(trap("indirect", &[Value::from(3)]), TrapCode::UndefinedElement);
        for recursive in ["ordinary_recursion", "recursion_every_other_time"] {
            assert_eq!(trap(recursive, &[one]), TrapCode::StackOverflow, "{recursive} {level:?}");
        }
        let outside = Value::from(-4);
        for loading in ["dropped_result", "dropped_results", "returned_load"] {
            assert_eq!(trap(loading, &[outside]), TrapCode::MemoryOutOfBounds, "{loading} {level:?}");
            instance.call(loading, &[zero]).unwrap();
        }
    });
}

#[test]
fn backtrace_after_a_tail_call_lacks_the_caller_and_nothing_else() {
    at_every_level(&["traps"], |level, modules| {
        let fail = Import::func(&modules[0], import_type(&modules[0]), |_| Err("no".to_owned()));
        let instance = modules[0].instantiate(&[fail]).unwrap();
        let failure = instance.call("callee_traps", &[]).unwrap_err();
        // Functions: 0 is the import, 1 $typed, 2 $trap, 3 the export, 4 the one that traps. Inlined into
        // the export, it may be called by that one's name.
        let expected: &[u32] = if level == OptLevel::O0 { &[4] } else { &[4, 3] };
        assert!(!failure.frames.is_empty(), "{level:?}");
        assert!(failure.frames.iter().all(|func| expected.contains(func)), "{level:?}: {}", failure.rendered);
    });
}

#[test]
fn executable_with_tail_calls_ends_with_what_main_returns() {
    let dir = tempfile::tempdir().unwrap();
    let module = dir.path().join("main.wasm");
    std::fs::write(&module, wasm("main")).unwrap();
    for level in ["-O0", "-O1", "-O2", "-O3", "-Os"] {
        let executable = dir.path().join("main");
        compile(&module, &executable, &[level]).unwrap_or_else(|error| panic!("{level}: {error}"));
        let finished = run(&mut std::process::Command::new(Path::new(&executable)), b"").unwrap();
        assert_eq!(finished.status, Some(42), "{level}: {}", String::from_utf8_lossy(&finished.stderr));
    }
}
