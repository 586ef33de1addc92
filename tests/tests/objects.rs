//! Objects of ours as inputs: modules that were compiled before are linked as modules, whatever with.
//!
//! How: the modules of `fixtures/link` are compiled one by one, in several ways, and linked in all mixtures of text,
//! object and archive; each program answers 0. What does not fit is refused at the link, as with text.

use std::fs;

use w2n_abi::ValueType;
use w2n_tests::command::{Bench, holds};
use w2n_tests::host::{Import, Library, Type, Value};
use w2n_tests::plugin::descriptor_symbol;
use w2n_tests::program::fixture;

/// A directory with these files of `fixtures/link`.
fn bench(names: &[&str]) -> Bench {
    let bench = Bench::of(&[]);
    for name in names {
        bench.write(name, &fs::read(fixture("link").join(name)).expect(name));
    }
    bench
}

/// A library with a counter, and a program that exits with a number of its own, not the library's.
const COUNTER: [(&str, &str); 2] = [
    (
        "app.wat",
        r#"(module (import "x" "f" (func $f (result i32)))
            (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
            (memory (export "memory") 1) (global $secret (mut i32) (i32.const 100))
            (func (export "_start") (drop (call $f)) (call $exit (global.get $secret))))"#,
    ),
    (
        "x.wat",
        r#"(module (global $mine (mut i32) (i32.const 5)) (func (export "f") (result i32)
            (global.set $mine (i32.add (global.get $mine) (i32.const 1))) (global.get $mine)))"#,
    ),
];

#[test]
fn an_object_is_linked_as_its_module() {
    let bench = Bench::of(&COUNTER);
    bench.succeeds(&["-c", "x.wat"]);
    bench.succeeds(&["-c", "app.wat"]);
    for inputs in
        [["app.wat", "x.wat"], ["app.wat", "x.o"], ["x.o", "app.wat"], ["app.o", "x.o"], ["x.wat", "app.o"]]
    {
        let output = bench.succeeds(&[&inputs[..], &["-v", "-o", "program"]].concat());
        holds(&output, 0, &["x.f is the export of x.", "instantiation: x."]);
        bench.answers("program", 100);
    }
}

/// Memory, table, global and functions are shared; some modules are objects, made with other options.
#[test]
fn modules_and_objects_mix() {
    let bench = bench(&["app.wat", "middle.wat", "base.wat"]);
    let names = ["app", "middle", "base"];
    for options in [&["-O0"][..], &["-O2", "-g0"], &["-O1", "--strict-traps", "-g"]] {
        for name in names {
            bench.succeeds(&[options, &["-c", &format!("{name}.wat")]].concat());
        }
        for mixture in 1..8 {
            let input = |(place, name): (usize, &&str)| {
                format!("{name}.{}", if mixture >> place & 1 == 1 { "o" } else { "wat" })
            };
            let inputs: Vec<_> = names.iter().enumerate().map(input).collect();
            let inputs: Vec<_> = inputs.iter().map(String::as_str).collect();
            bench.succeeds(&[&inputs[..], &["-O1", "-o", "program"]].concat());
            bench.answers("program", 0);
        }
    }
    bench.succeeds(&["app.o", "middle.o", "base.o", "-static", "-s", "-o", "program"]);
    bench.answers("program", 0);
}

#[test]
fn archives_give_what_is_needed() {
    let bench = bench(&["app.wat", "middle.wat", "base.wat"]);
    // Would trap when it is instantiated, and imports what nobody has.
    bench.write("trap.wat", br#"(module (import "no" "f" (func)) (func $bad unreachable) (start $bad))"#);
    for name in ["app", "middle", "base", "trap"] {
        bench.succeeds(&["-c", &format!("{name}.wat")]);
    }
    bench.tool("ar", &["rcs", "liball.a", "trap.o", "middle.o", "base.o", "app.o"]);
    bench.tool("ar", &["rcsT", "thin.a", "middle.o", "trap.o", "base.o"]);
    bench.tool("ld", &["-r", "middle.o", "base.o", "-o", "both.o"]);
    for inputs in [
        &["app.wat", "liball.a"][..],
        &["liball.a", "app.o"],
        &["app.o", "-L.", "-lall"],
        &["liball.a"],
        &["thin.a", "app.wat"],
        &["app.o", "both.o"],
    ] {
        let output = bench.succeeds(&[inputs, &["-v", "-o", "program"]].concat());
        let said = holds(&output, 0, &["instantiation: "]);
        let order = said.lines().find(|line| line.contains("instantiation: ")).expect(&said);
        assert!(!order.contains("trap.o"), "{order}");
        bench.answers("program", 0);
    }
}

#[test]
fn objects_use_wasi_and_c_code() {
    let bench = bench(&["hello.wat", "greeter.wat", "guest.wat", "host.c"]);
    for name in ["hello.wat", "greeter.wat", "guest.wat"] {
        bench.succeeds(&["-c", name]);
    }
    bench.succeeds(&["greeter.o", "hello.o", "-o", "program"]);
    assert_eq!(bench.answers("program", 0), "hello world\n");
    bench.succeeds(&["guest.o", "host.c", "-o", "program"]);
    bench.answers("program", 0);
    bench.fails(
        &["guest.o"],
        1,
        &["guest.o: 4 imports that", "host.sum (func (param i32 i32) (result i64))"],
    );
    bench.succeeds(&["guest.o", "--undefined=trap", "-o", "program"]);
    bench.answers("program", 134);
}

#[test]
fn types_are_checked_at_the_link() {
    let bench = Bench::of(&[
        (
            "app.wat",
            r#"(module (import "x" "f" (func $f (result i64))) (func (export "main") (drop (call $f))))"#,
        ),
        (
            "gone.wat",
            r#"(module (import "x" "g" (func $f (result i64))) (func (export "main") (drop (call $f))))"#,
        ),
        (
            "type.wat",
            r#"(module (type $a (func (param i32))) (type $b (func (param (ref null $a))))
            (import "x" "r" (func (type $b))) (func (export "main")))"#,
        ),
        ("memory.wat", r#"(module (import "x" "m" (memory 1 2)) (func (export "main")))"#),
        (
            "x.wat",
            r#"(module (type $a (func (param i64))) (type $b (func (param (ref null $a))))
            (func (export "f") (result i32) i32.const 1) (func (export "r") (type $b)) (memory (export "m") 1 3))"#,
        ),
    ]);
    for name in ["app", "gone", "type", "memory", "x"] {
        bench.succeeds(&["-c", &format!("{name}.wat")]);
    }
    let as_i64 = "imports `x.f` as func (result i64), but x.o exports it as func (result i32)";
    bench.fails(&["app.wat", "x.o"], 1, &["app.wat: ", as_i64]);
    bench.fails(&["app.o", "x.o"], 1, &["app.o: ", as_i64]);
    bench.fails(
        &["gone.o", "x.o"],
        1,
        &["gone.o: imports `x.g`, but x.o exports no `g`", "it exports f, r, m"],
    );
    bench.fails(&["type.o", "x.o"], 1, &["type.o: imports `x.r` as func"]);
    bench.fails(
        &["memory.o", "x.o"],
        1,
        &["memory.o: imports `x.m` as memory 1 2, but x.o exports it as memory 1 3"],
    );
    bench.fails(&["app.o"], 1, &["app.o: an import that", "x.f (func (result i64))"]);
    bench.fails(&["x.o"], 1, &["x.o: has no entry point"]);
}

/// Code that leaves bounds to guard pages must not get a memory without them.
#[test]
fn objects_with_other_bounds_checks_mix_where_that_is_safe() {
    let bench = Bench::of(&[
        (
            "app.wat",
            r#"(module (import "pass" "m" (memory 1)) (func (export "main") (result i32) (i32.load (i32.const 8))))"#,
        ),
        ("pass.wat", r#"(module (import "x" "m" (memory 1)) (export "m" (memory 0)))"#),
        ("x.wat", r#"(module (memory (export "m") 1) (data (i32.const 8) "\07"))"#),
    ]);
    for name in ["app.wat", "pass.wat", "x.wat"] {
        for bounds in ["guard", "software"] {
            let object = name.replace("wat", bounds) + ".o";
            bench.succeeds(&["-c", name, &format!("--bounds-checks={bounds}"), "-o", &object]);
        }
    }
    for (app, pass, x, works) in [
        ("guard", "guard", "guard", true),
        ("software", "software", "software", true),
        ("software", "software", "guard", true),
        ("guard", "software", "guard", true),
        ("guard", "guard", "software", false),
        ("guard", "software", "software", false),
    ] {
        let inputs = [&format!("app.{app}.o"), &format!("pass.{pass}.o"), &format!("x.{x}.o")];
        let inputs = inputs.map(String::as_str);
        if works {
            bench.succeeds(&[&inputs[..], &["-o", "program"]].concat());
            bench.answers("program", 7);
        } else {
            bench.fails(
                &inputs,
                1,
                &["relies on guard pages, but x.software.o was compiled with --bounds-checks=software"],
            );
        }
    }
}

#[test]
fn a_plugin_is_made_of_objects_too() {
    let bench = Bench::of(&[
        ("one.wat", r#"(module (func (export "f") (result i32) i32.const 1))"#),
        ("two.wat", r#"(module (func (export "f") (result i32) i32.const 2))"#),
        ("program.wat", r#"(module (func (export "main") (result i32) i32.const 3))"#),
    ]);
    bench.succeeds(&["-c", "one.wat"]);
    bench.succeeds(&["-c", "program.wat"]);
    bench.succeeds(&["-shared", "-c", "program.wat", "-o", "plugin.o"]);
    let answer = |file: &str, symbol: &str, export: &str| {
        let library = Library::open(&bench.path(file)).expect("a plugin");
        let instance = library.module(symbol).expect("a module").instantiate(&[]).expect("an instance");
        instance.call(export, &[]).expect("an answer")
    };
    bench.succeeds(&["-shared", "one.o", "-o", "one.so"]);
    assert_eq!(answer("one.so", "w2n_module", "f"), [Value::I32(1)]);
    bench.succeeds(&["-shared", "one.o", "two.wat", "plugin.o", "-o", "both.so"]);
    for (module, export, number) in [("one", "f", 1), ("two", "f", 2), ("program", "main", 3)] {
        assert_eq!(answer("both.so", &descriptor_symbol(module), export), [Value::I32(number)]);
    }
    bench.fails(&["-shared", "program.o"], 1, &["program.o: was compiled as a program", "-shared -c"]);
    let instead =
        ["one.so: is a plugin, with a runtime of its own", "`wasm2native -shared -c one.wasm -o one.o`"];
    bench.fails(&["one.so", "program.wat", "-o", "gone"], 1, &instead);
    bench.fails(
        &["program.wat", "-L.", "-l:one.so", "-o", "gone"],
        1,
        &["one.so: is a plugin, with a runtime"],
    );
}

/// What a message about a plugin recommends: one object for the plugin and for a program.
#[test]
fn one_object_is_for_a_plugin_and_for_programs() {
    let bench = Bench::of(&[
        ("lib.wat", r#"(module (func (export "f") (result i32) i32.const 7))"#),
        ("app.wat", r#"(module (import "lib" "f" (func $f (result i32))) (export "main" (func $f)))"#),
    ]);
    bench.succeeds(&["-shared", "-c", "lib.wat", "-o", "lib.o"]);
    bench.succeeds(&["-shared", "lib.o", "-o", "lib.so"]);
    let library = Library::open(&bench.path("lib.so")).expect("a plugin");
    let instance = library.module("w2n_module").expect("a module").instantiate(&[]).expect("an instance");
    assert_eq!(instance.call("f", &[]).expect("an answer"), [Value::I32(7)]);
    bench.succeeds(&["app.wat", "lib.o", "-o", "program"]);
    bench.answers("program", 7);
}

/// C code in a plugin is bound to objects as to text; what it has nothing for comes from the host.
#[test]
fn objects_in_a_plugin_use_its_c_code() {
    let importing = r#"(module (import "env" "f" (func $f (param i32 i64) (result i64 i32)))
        (import "env" "g" (func $g (result i32)))
        (func (export "sum") (result i64) (local i32)
            (call $f (i32.const 1) (i64.const 2)) (local.set 0)
            (i64.add (i64.extend_i32_u (local.get 0))))
        (func (export "g") (result i32) (call $g)))"#;
    let bench = Bench::of(&[
        ("one.wat", importing),
        ("two.wat", importing),
        (
            "host.c",
            "#include <stdint.h>\n\
             int64_t env_f(void *caller, int32_t a, int64_t b, int32_t *more) { *more = 300; return a * 10 + b; }\n",
        ),
    ]);
    bench.succeeds(&["-shared", "-c", "one.wat"]);
    bench.succeeds(&["-O0", "-c", "-shared", "two.wat"]);
    bench.tool("cc", &["-fPIC", "-c", "host.c", "-o", "host.o"]);
    bench.tool("ar", &["rcs", "libtwo.a", "two.o"]);
    for (linker, cc) in [
        ("bfd", "cc"),
        ("gold", "cc -fuse-ld=gold"),
        ("lld", "clang-22 -fuse-ld=lld -Wno-unused-command-line-argument"),
    ] {
        for inputs in [
            &["one.o", "two.o", "host.c"][..],
            &["one.o", "two.wat", "host.o"],
            &["one.wat", "two.o", "host.c"],
        ] {
            let mut command = bench.command(&[inputs, &["-shared", "-v", "-o", "both.so"]].concat());
            let output = command.env("CC", cc).output().expect("it runs");
            let said = holds(&output, 0, &["env.f is the C function `env_f`", "env.g is the host"]);
            assert!(!said.contains("wasm2native: warning"), "{said}");
            let copy = bench.path(&format!("{linker}.{}.so", inputs.join("-")));
            fs::rename(bench.path("both.so"), &copy).expect("a plugin");
            let library = Library::open(&copy).expect("a plugin");
            for name in ["one", "two"] {
                let module = library.module(&descriptor_symbol(name)).expect("a module");
                assert!(module.instantiate(&[]).is_err(), "nobody provides env.g");
                let ty = Type { params: Vec::new(), results: vec![ValueType::I32] };
                let g = Import::func(&module, ty, |_| Ok(vec![Value::I32(9)]));
                let instance = module.instantiate(&[Import::missing(), g]).expect("an instance");
                assert_eq!(instance.call("sum", &[]).expect("an answer"), [Value::I64(312)]);
                assert_eq!(instance.call("g", &[]).expect("an answer"), [Value::I32(9)]);
            }
        }
    }
    // Without C code the host gives all, also to an object that was linked by hand.
    bench.succeeds(&["-shared", "one.o", "-o", "one.so"]);
    let library = Library::open(&bench.path("one.so")).expect("a plugin");
    assert!(library.module("w2n_module").expect("a module").instantiate(&[]).is_err());
}

/// The first entry on the command line counts, and an object may be known by another name than its file.
#[test]
fn the_entry_and_the_name_of_an_object() {
    let bench = Bench::of(&[
        (
            "one.wat",
            r#"(module (func (export "main") (result i32) i32.const 1) (func (export "other") (result i32) i32.const 9))"#,
        ),
        ("two.wat", r#"(module (func (export "main") (result i32) i32.const 2))"#),
        ("lib.wat", r#"(module (func (export "f") (result i32) i32.const 8))"#),
        ("app.wat", r#"(module (import "liberty" "f" (func $f (result i32))) (export "main" (func $f)))"#),
    ]);
    bench.succeeds(&["-c", "one.wat"]);
    bench.succeeds(&["-c", "two.wat"]);
    for (inputs, status) in [(["one.o", "two.wat"], 1), (["two.wat", "one.o"], 2), (["two.o", "one.o"], 2)] {
        bench.succeeds(&[&inputs[..], &["-o", "program"]].concat());
        bench.answers("program", status);
    }
    bench.succeeds(&["one.o", "--entry=other", "-o", "program"]);
    bench.answers("program", 9);
    bench.succeeds(&["one.o"]);
    bench.answers("one", 1);
    bench.succeeds(&["-c", "lib.wat", "--module-name=liberty", "-o", "some.o"]);
    bench.succeeds(&["app.wat", "some.o", "-o", "program"]);
    bench.answers("program", 8);
    // A start function alone is an entry as well.
    bench.write("start.wat", b"(module (func $start unreachable) (start $start))");
    bench.succeeds(&["-c", "start.wat"]);
    bench.succeeds(&["start.o", "-o", "program"]);
    bench.answers("program", 134);
    let twice = "one.o and one.wat have the same name for other modules, `one`";
    bench.fails(&["one.o", "one.wat"], 2, &[twice]);
}

/// What was said when an object was compiled is not lost without a word.
#[test]
fn options_of_a_program_belong_to_its_link() {
    let bench = Bench::of(&[("app.wat", r#"(module (func (export "main")) (func (export "other")))"#)]);
    for option in
        ["--timeout=1", "--dir=.", "--entry=other", "--undefined=trap", "--embed-dir=.", "--max-memory=1M"]
    {
        bench.succeeds(&["-c", option, "app.wat"]);
        bench.fails(
            &["app.o", "-o", "gone"],
            1,
            &["app.o: has options that say what a program may use", "give them here"],
        );
    }
    bench.succeeds(&["-c", "app.wat"]);
    bench.succeeds(&["app.o", "--timeout=1", "-o", "program"]);
    bench.answers("program", 0);
}

/// Whatever is done to an object, the compiler says something sensible about it.
#[test]
fn damaged_objects_are_refused() {
    let bench = Bench::of(&COUNTER);
    bench.succeeds(&["-c", "-g0", "x.wat"]);
    let good = fs::read(bench.path("x.o")).expect("the object");
    let note = good.windows(8).position(|bytes| bytes == b"w2n note").expect("a note");
    // Magic, version, lengths, the name, the outline.
    for (offset, byte, text) in [
        (0, b'x', "damaged"),
        (8, 9, "another version"),
        (19, 0xff, "damaged"),
        (31, 0xff, "damaged"),
        (32, b'z', "an import that"),
        (33, b'z', "damaged"),
    ] {
        let mut bytes = good.clone();
        bytes[note + offset] = byte;
        bench.write("x.o", &bytes);
        bench.fails(&["app.wat", "x.o"], 1, &[text]);
    }
    bench.tool("objcopy", &["--remove-section=.w2n.module", "x.o", "none.o"]);
    bench.write("x.o", &good);
    bench.tool("objcopy", &["--remove-section=.w2n.module", "x.o", "none.o"]);
    bench.fails(&["app.wat", "none.o"], 1, &["none.o: is an object of wasm2native that does not say", "-c"]);
    for len in [10, 64, good.len() / 2, good.len() - 1] {
        bench.write("x.o", &good[..len]);
        bench.fails(&["app.wat", "x.o"], 1, &["x.o: "]);
    }
    bench.write("x.o", &good);
    bench.tool("ar", &["rcs", "libx.a", "x.o"]);
    let archive = fs::read(bench.path("libx.a")).expect("the archive");
    for len in [9, 70, archive.len() / 2] {
        bench.write("libx.a", &archive[..len]);
        bench.fails(&["app.wat", "libx.a"], 1, &["libx.a"]);
    }
    // Stripped of what is for debuggers, it still works.
    bench.tool("strip", &["-g", "x.o"]);
    bench.succeeds(&["app.wat", "x.o", "-o", "program"]);
    bench.answers("program", 100);
}

/// An executable or plugin has no note: nobody links it again.
#[test]
fn notes_stay_in_objects() {
    let bench = Bench::of(&COUNTER);
    bench.succeeds(&["-c", "x.wat"]);
    bench.succeeds(&["app.wat", "x.o", "-o", "program"]);
    bench.succeeds(&["-shared", "x.o", "-o", "x.so"]);
    for file in ["program", "x.so"] {
        assert!(!bench.tool("readelf", &["-SW", file]).contains(".w2n.module"), "{file}");
    }
    assert!(bench.tool("readelf", &["-SW", "x.o"]).contains(".w2n.module"));
}
