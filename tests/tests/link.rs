//! Several modules in one executable, and C code as what a module imports from.
//!
//! How: programs of `fixtures/link` answer 0 by their exit status, or the number of the check that failed.
//! What must be refused is written here, and the message must name both sides.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Output};

use w2n_tests::command::{Bench, holds};
use w2n_tests::host::{Library, Value};
use w2n_tests::plugin::descriptor_symbol;
use w2n_tests::program::fixture;

/// Whatever may change how modules are linked.
const OPTIONS: [&[&str]; 4] =
    [&["-O0"], &["-O2"], &["-O2", "--bounds-checks=software", "-g0"], &["-O0", "-static", "-j3"]];

/// A directory with these files of `fixtures/link`.
fn bench(names: &[&str]) -> Bench {
    let bench = Bench::new("(module)");
    for name in names {
        bench.write(name, &fs::read(fixture("link").join(name)).expect(name));
    }
    bench
}

/// A directory with modules in text form.
fn bench_of(modules: &[(&str, &str)]) -> Bench {
    let bench = Bench::new("(module)");
    for (name, text) in modules {
        bench.write(name, text.as_bytes());
    }
    bench
}

fn run(program: &Path) -> Output {
    Command::new(program).output().expect("the program runs")
}

#[track_caller]
fn answers(bench: &Bench, status: i32) {
    let output = run(&bench.path("program"));
    assert_eq!(output.status.code(), Some(status), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Runs a tool of the system in the directory.
#[track_caller]
fn tool(bench: &Bench, name: &str, arguments: &[&str]) {
    let output = Command::new(name).args(arguments).current_dir(bench.dir()).output().expect(name);
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn three_modules_share_memory_table_and_global() {
    let bench = bench(&["app.wat", "middle.wat", "base.wat"]);
    for options in OPTIONS {
        bench.succeeds(&[options, &["app.wat", "middle.wat", "base.wat", "-o", "program"]].concat());
        answers(&bench, 0);
    }
    // Whatever order they are named in.
    for order in [["base.wat", "middle.wat", "app.wat"], ["middle.wat", "app.wat", "base.wat"]] {
        let output = bench.succeeds(&[&order[..], &["-v", "-o", "program"]].concat());
        holds(&output, 0, &["instantiation: base.wat, middle.wat, app.wat; main module: app.wat"]);
        answers(&bench, 0);
    }
}

#[test]
fn both_modules_use_wasi_with_their_own_memory() {
    let bench = bench(&["hello.wat", "greeter.wat"]);
    for options in OPTIONS {
        bench.succeeds(&[options, &["greeter.wat", "hello.wat", "-o", "program"]].concat());
        let output = run(&bench.path("program"));
        assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(0), &b"hello world\n"[..]));
    }
}

/// Each unit looks at constant tables, says why a call traps and adapts tail calls; all are generated in parts.
#[test]
fn what_each_unit_has_for_itself_does_not_clash() {
    let chain = "local.get 0 i32.const 3 i32.mul i32.add ".repeat(5000);
    let calls = ["call_indirect", "return_call_indirect"];
    let func = |number: usize| {
        let call = calls[number % calls.len()];
        format!(
            "(func $f{number} (type $t) i32.const 0 {chain} drop \
             ({call} (type $t) (local.get 0) (i32.and (local.get 0) (i32.const 1))))"
        )
    };
    let funcs: String = (0..34).map(func).collect();
    let text = format!(
        r#"(module (type $t (func (param i32) (result i32))) (table 2 funcref) (elem (i32.const 0) $a $b)
            (func $a (type $t) (i32.const 1)) (func $b (type $t) (i32.const 10)) {funcs}
            (func (export "main") (result i32)
                (i32.add (i32.add (call $f0 (i32.const 0)) (call $f1 (i32.const 1)))
                    (i32.add (call $f32 (i32.const 1)) (call $f33 (i32.const 0))))))"#
    );
    let bench = bench_of(&[("units.wat", &text)]);
    let output = bench.succeeds(&["units.wat", "-O0", "-v", "-o", "program"]);
    holds(&output, 0, &["unit 0: code in", "unit 1: code in"]);
    answers(&bench, 22);
    bench.succeeds(&["units.wat", "-O1", "-o", "program"]);
    answers(&bench, 22);
}

#[test]
fn env_is_whoever_exports_the_name() {
    let bench = bench_of(&[
        ("a.wat", r#"(module (import "env" "f" (func (result i32))) (export "main" (func 0)))"#),
        ("b.wat", r#"(module (func (export "f") (result i32) i32.const 7))"#),
        ("c.wat", r#"(module (func (export "f") (result i32) i32.const 8) (func (export "g")))"#),
    ]);
    bench.succeeds(&["a.wat", "b.wat", "-o", "program"]);
    answers(&bench, 7);
    bench.fails(&["a.wat", "b.wat", "c.wat"], 1, &["a.wat: imports `env.f`, which b.wat and c.wat export"]);
}

#[test]
fn a_module_stands_before_wasi_and_c() {
    let bench = bench_of(&[
        (
            "a.wat",
            r#"(module (import "wasi_snapshot_preview1" "sched_yield" (func $wasi (result i32)))
                (import "m" "f" (func $f (result i32)))
                (func (export "main") (result i32) (i32.add (call $wasi) (call $f))))"#,
        ),
        ("wasi_snapshot_preview1.wat", r#"(module (func (export "sched_yield") (result i32) i32.const 40))"#),
        ("m.wat", r#"(module (func (export "f") (result i32) i32.const 2))"#),
        ("m.c", "int m_f(void *caller) { return 3; }"),
    ]);
    bench.succeeds(&["a.wat", "m.wat", "wasi_snapshot_preview1.wat", "m.c", "-o", "program"]);
    answers(&bench, 42);
    bench.succeeds(&["a.wat", "m.c", "-o", "program"]);
    answers(&bench, 3);
}

#[test]
fn the_first_module_with_an_entry_is_the_main_module() {
    let bench = bench_of(&[
        ("one.wat", r#"(module (func (export "main") (result i32) i32.const 1))"#),
        ("two.wat", r#"(module (func (export "main") (result i32) i32.const 2))"#),
        ("none.wat", "(module)"),
    ]);
    for (order, status) in [(["none.wat", "one.wat", "two.wat"], 1), (["two.wat", "none.wat", "one.wat"], 2)]
    {
        let output = bench.succeeds(&[&order[..], &["-v", "-o", "program"]].concat());
        holds(&output, 0, &["has an entry point too"]);
        answers(&bench, status);
    }
    bench.succeeds(&["none.wat", "one.wat"]);
    assert!(bench.files().contains(&"none".to_owned()), "the output is named after the first input");
    fs::copy(bench.path("none.wat"), bench.path("nil.wat")).expect("a copy");
    bench.fails(&["none.wat", "nil.wat"], 1, &["none of none.wat, nil.wat has an entry point"]);
}

/// The main module may be what others import from; then it comes before them, and is initialised before
/// them as well: what starts is no `_start`, which would do that itself.
#[test]
fn a_library_may_import_from_the_main_module() {
    let bench = bench_of(&[
        (
            "main.wat",
            r#"(module (global $g (export "g") (mut i32) (i32.const 1))
                (func (export "_initialize") (global.set $g (i32.mul (global.get $g) (i32.const 4))))
                (func (export "main") (result i32) (global.get $g)))"#,
        ),
        (
            "plug.wat",
            r#"(module (import "main" "g" (global $g (mut i32)))
                (func (export "_initialize") (global.set $g (i32.add (global.get $g) (i32.const 5)))))"#,
        ),
    ]);
    bench.succeeds(&["plug.wat", "main.wat", "-o", "program"]);
    answers(&bench, 9);
}

#[test]
fn imports_that_do_not_fit_name_both_sides() {
    const EXPORTS: &str = r#"(module
        (func (export "func") (param i32) (result i64) i64.const 0)
        (table (export "table") 2 5 funcref) (memory (export "memory") 2 5) (memory (export "endless") 2)
        (global (export "constant") i32 (i32.const 0)) (global (export "variable") (mut i32) (i32.const 0)))"#;
    for (import, wanted, given) in [
        ("func", "(func (param i32))", "func (param i32) (result i64)"),
        ("func", "(func (param i64) (result i64))", "func (param i32) (result i64)"),
        ("func", "(memory 1)", "func (param i32) (result i64)"),
        ("table", "(table 2 5 externref)", "table 2 5 funcref"),
        ("table", "(table 3 5 funcref)", "table 2 5 funcref"),
        ("table", "(table 2 4 funcref)", "table 2 5 funcref"),
        ("memory", "(memory 3)", "memory 2 5"),
        ("memory", "(memory 2 4)", "memory 2 5"),
        ("endless", "(memory 2 65536)", "memory 2"),
        ("constant", "(global i64)", "global i32"),
        ("constant", "(global (mut i32))", "global i32"),
        ("variable", "(global i32)", "global (mut i32)"),
    ] {
        let app = format!(r#"(module (import "lib" "{import}" {wanted}) (func (export "main")))"#);
        let bench = bench_of(&[("app.wat", &app), ("lib.wat", EXPORTS)]);
        let wanted = &wanted[1..wanted.len() - 1];
        let text = format!("app.wat: imports `lib.{import}` as {wanted}, but lib.wat exports it as {given}");
        bench.fails(&["app.wat", "lib.wat"], 1, &[&text]);
    }
}

/// By the time a table is imported it may be larger than its type says at least.
#[test]
fn a_table_that_has_grown_fits() {
    let bench = bench_of(&[
        (
            "lib.wat",
            r#"(module (table (export "t") 1 4 funcref) (func (export "_initialize")
                (drop (table.grow (ref.null func) (i32.const 3)))))"#,
        ),
        (
            "app.wat",
            r#"(module (import "lib" "t" (table 1 4 funcref))
                (func (export "main") (result i32) (table.size 0)))"#,
        ),
    ]);
    bench.succeeds(&["app.wat", "lib.wat", "-o", "program"]);
    answers(&bench, 4);
}

#[test]
fn what_is_missing_ambiguous_or_circular_is_said() {
    let bench = bench_of(&[
        ("app.wat", r#"(module (import "lib" "gone" (func)) (func (export "main")))"#),
        ("lib.wat", r#"(module (func (export "here")))"#),
        ("a.wat", r#"(module (import "b" "f" (func)) (func (export "main")))"#),
        ("b.wat", r#"(module (import "c" "f" (func)) (func (export "f")))"#),
        ("c.wat", r#"(module (import "b" "f" (func)) (func (export "f")))"#),
        ("invalid.wat", "(module (func (result i32)))"),
    ]);
    fs::create_dir(bench.path("dir")).expect("a directory");
    bench.write("dir/lib.wat", b"(module)");
    let gone = ["app.wat: imports `lib.gone`, but lib.wat exports no `gone`", "it exports here"];
    bench.fails(&["app.wat", "lib.wat"], 1, &gone);
    let circle = "in a circle: b.wat -> c.wat -> b.wat\n";
    bench.fails(&["a.wat", "b.wat", "c.wat"], 1, &[circle]);
    let same = "lib.wat and dir/lib.wat have the same name for other modules, `lib`";
    bench.fails(&["app.wat", "lib.wat", "dir/lib.wat"], 2, &[same, "rename one"]);
    bench.fails(&["lib.wat", "invalid.wat"], 1, &["invalid.wat: type mismatch"]);
    let unresolved = ["a.wat: an import", "b.f (func)"];
    bench.fails(&["lib.wat", "a.wat"], 1, &unresolved);
}

#[test]
fn options_for_one_module_are_refused_with_several() {
    let bench = bench_of(&[("b.wat", "(module)"), ("host.c", "")]);
    for option in ["-c", "-S", "-emit-llvm"] {
        bench.fails(&[option, "app.wat", "b.wat"], 2, &["holds one module, and several are given"]);
        bench.fails(&[option, "app.wat", "host.c"], 2, &["nothing is linked for this output"]);
        bench.fails(&[option, "app.wat", "-lm"], 2, &["nothing is linked for this output"]);
    }
    bench.fails(&["--module-name=m", "app.wat", "b.wat"], 2, &["--module-name is for one module"]);
    bench.fails(&["app.wat", "b.wat", "-o", "b.wat"], 2, &["would overwrite the input b.wat"]);
    bench.fails(&["app.wat", "host.c", "-o", "host.c"], 2, &["would overwrite the input host.c"]);
}

#[test]
fn a_trap_in_a_library_names_functions_of_both_modules() {
    let bench = bench_of(&[
        (
            "lib.wat",
            r#"(module (memory 1) (func $deep (export "f") (param i32) (result i32)
                (i32.load (local.get 0))))"#,
        ),
        (
            "app.wat",
            r#"(module (import "lib" "f" (func $f (param i32) (result i32)))
                (func $middle (param i32) (result i32) (i32.add (call $f (local.get 0)) (i32.const 1)))
                (func $run (export "main") (result i32) (call $middle (i32.const -4))))"#,
        ),
    ]);
    for options in OPTIONS.iter().filter(|options| !options.contains(&"-g0")) {
        bench.succeeds(&[options, &["app.wat", "lib.wat", "-o", "program"][..]].concat());
        let output = run(&bench.path("program"));
        assert_eq!(output.status.code(), Some(134));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let lines: Vec<_> = said.lines().map(|line| line.split(" at 0x").next().unwrap()).collect();
        assert!(lines[0].contains("out of bounds memory access: address 0xfffffffc"), "{said}");
        assert_eq!(
            lines[1..],
            ["  0: func 0 `deep` of `lib`", "  1: func 1 `middle` of `app`", "  2: func 2 `run` of `app`"]
        );
    }
}

#[test]
fn a_library_that_traps_ends_the_program_before_the_entry() {
    let app = ("app.wat", r#"(module (func (export "main") (result i32) i32.const 3))"#);
    for library in [
        "(module (func $bad unreachable) (start $bad))",
        r#"(module (func $bad (export "_initialize") unreachable))"#,
    ] {
        let bench = bench_of(&[app, ("lib.wat", library)]);
        bench.succeeds(&["app.wat", "lib.wat", "-o", "program"]);
        let output = run(&bench.path("program"));
        holds(&output, 134, &["trap: unreachable", "func 0 `bad`"]);
    }
    // What is called like it but takes something is not it.
    let other = r#"(module (func (export "_initialize") (param i32) unreachable))"#;
    let bench = bench_of(&[app, ("lib.wat", other)]);
    bench.succeeds(&["app.wat", "lib.wat", "-o", "program"]);
    answers(&bench, 3);
}

#[test]
fn c_functions_are_imports_from_source_object_archive_and_library() {
    let bench = bench(&["guest.wat", "host.c"]);
    for options in OPTIONS {
        bench.succeeds(&[options, &["guest.wat", "host.c", "-o", "program"]].concat());
        answers(&bench, 0);
    }
    let include = Path::new(env!("CARGO_MANIFEST_DIR")).join("../rt/include");
    let include = include.to_str().expect("a path in UTF-8");
    let compile = ["-Wall", "-Wextra", "-Werror", "-fPIC", "-I", include, "-c", "host.c", "-o", "host.o"];
    tool(&bench, "cc", &compile);
    tool(&bench, "ar", &["rcs", "libhost.a", "host.o"]);
    let provide = "--provide=host_sum,host_mix,host_apply,host_odd_x20_name";
    for inputs in [&["host.o"][..], &["libhost.a"], &["-L.", "-lhost"], &["-L.", "-l:libhost.a"]] {
        bench.succeeds(&[inputs, &["guest.wat", provide, "-o", "program"]].concat());
        answers(&bench, 0);
    }
    bench.fails(
        &["guest.wat", "-lhost"],
        1,
        &["no library `host`", "looked for libhost.so, libhost.a", "-LDIR"],
    );
}

#[test]
fn a_shared_library_provides_imports_too() {
    let bench = bench_of(&[
        ("x.c", "int env_answer(void *caller) { return caller ? 42 : 0; }"),
        ("app.wat", r#"(module (import "env" "answer" (func (result i32))) (export "main" (func 0)))"#),
    ]);
    tool(&bench, "cc", &["-shared", "-fPIC", "x.c", "-o", "libx.so"]);
    bench.succeeds(&["app.wat", "libx.so", "--provide=env_answer", "-o", "program"]);
    let output = Command::new(bench.path("program")).env("LD_LIBRARY_PATH", bench.dir()).output();
    assert_eq!(output.expect("the program runs").status.code(), Some(42));
}

#[test]
fn cpp_is_compiled_and_linked_with_its_library() {
    let bench = bench_of(&[
        (
            "x.cpp",
            "#include <string>\n#include \"wasm2native.h\"\n\
             extern \"C\" int32_t env_length(w2n_instance_t *, int32_t n) {\n\
             std::string text(n, 'x'); text += \"yz\"; return text.size(); }\n",
        ),
        (
            "app.wat",
            r#"(module (import "env" "length" (func $length (param i32) (result i32)))
                (func (export "main") (result i32) (call $length (i32.const 40))))"#,
        ),
    ]);
    bench.succeeds(&["app.wat", "x.cpp", "-o", "program"]);
    answers(&bench, 42);
}

/// The prototype in the hint, given a body, is what was missing.
#[test]
fn the_hint_shows_the_function_that_is_missing() {
    let bench = bench_of(&[(
        "app.wat",
        r#"(module (import "env" "m" (global i32))
            (import "my lib" "f-g" (func $f (param i32 f64 i64) (result i64 i32)))
            (func (export "main") (result i32) (local $second i32)
              (call $f (i32.const 1) (f64.const 2) (i64.const 3)) (local.set $second)
              (i32.add (i32.wrap_i64) (local.get $second))))"#,
    )]);
    let said = bench.fails(&["app.wat"], 1, &["2 imports", "my lib.f-g (func"]);
    let prototype = said.split('`').nth(3).expect("a second piece of code in the hint");
    assert_eq!(
        prototype,
        "int64_t my_x20_lib_f_x2d_g(w2n_instance_t *caller, int32_t p0, double p1, int64_t p2, int32_t *r1)"
    );
    let source = format!("#include \"wasm2native.h\"\n{prototype} {{ *r1 = p0 + (int)p1; return p2; }}\n");
    bench.write("f.c", source.as_bytes());
    // Only the other import is left.
    let said = bench.fails(&["app.wat", "f.c"], 1, &["an import that", "env.m (global i32)"]);
    assert!(!said.contains("f-g"), "{said}");
    bench.write("env.wat", br#"(module (global (export "m") i32 (i32.const 0)))"#);
    bench.succeeds(&["app.wat", "f.c", "env.wat", "-o", "program"]);
    answers(&bench, 6);
}

#[test]
fn mistakes_in_native_code_are_the_users() {
    let app = r#"(module (import "env" "f" (func)) (func (export "main") call 0))"#;
    let twice =
        r#"(module (import "env" "f" (func)) (import "env" "f" (func (param i32))) (func (export "main")))"#;
    let bench = bench_of(&[
        ("app.wat", app),
        ("twice.wat", twice),
        ("wrong.c", "int env_f(void) { return no_such_variable; }"),
        ("undefined.c", "void no_such_function(void); void env_f(void) { no_such_function(); }"),
        ("warning.c", "#warning mind this\nvoid env_f(void) {}"),
        ("text.o", "no object"),
        ("text.a", "no archive"),
    ]);
    bench.fails(&["app.wat", "wrong.c"], 1, &["the C compiler failed\n", "wrong.c:1", "no_such_variable"]);
    bench.fails(
        &["app.wat", "undefined.c"],
        1,
        &["the linker failed with status 1: ", "no_such_function", "-lNAME"],
    );
    bench.fails(&["app.wat", "gone.c"], 1, &["cannot read gone.c: no such file"]);
    bench.fails(&["app.wat", "gone.a"], 1, &["cannot read gone.a: no such file"]);
    bench.fails(&["app.wat", "text.o"], 1, &["text.o: is no object, archive or shared library"]);
    bench.fails(&["app.wat", "text.a"], 1, &["text.a: is no object, archive or shared library"]);
    let types = "imports `env.f` as func (param i32), but twice.wat as func; a C function has one type";
    bench.fails(&["twice.wat", "warning.c"], 1, &[types]);
    holds(&bench.succeeds(&["app.wat", "warning.c", "-o", "program"]), 0, &["mind this"]);
    answers(&bench, 0);
    let shown = bench.succeeds(&["-###", "app.wat", "wrong.c"]);
    holds(&shown, 0, &["--start-group", "native-0.o"]);
}

#[test]
fn a_plugin_of_several_modules_or_with_c_code() {
    let bench = bench_of(&[
        (
            "app.wat",
            r#"(module (import "env" "three" (func $three (result i32)))
                (func (export "four") (result i32) (i32.add (call $three) (i32.const 1))))"#,
        ),
        ("lib.wat", r#"(module (func (export "five") (result i32) i32.const 5))"#),
        ("three.c", "int env_three(void *caller) { return 3; }"),
    ]);
    bench.succeeds(&["-shared", "app.wat", "lib.wat", "three.c", "-o", "both.so"]);
    let library = Library::open(&bench.path("both.so")).expect("a plugin");
    for (module, export, answer) in [("app", "four", 4), ("lib", "five", 5)] {
        let module = library.module(&descriptor_symbol(module)).expect("a module");
        let instance = module.instantiate(&[]).expect("an instance");
        assert_eq!(instance.call(export, &[]).expect("an answer"), [Value::I32(answer)]);
    }
}

#[test]
fn bytes_depend_neither_on_threads_nor_on_the_directory() {
    let names = ["app.wat", "middle.wat", "base.wat"];
    let guest = ["guest.wat", "host.c"];
    for names in [&names[..], &guest] {
        let (one, other) = (bench(names), bench(names));
        one.succeeds(&[names, &["-j1", "-g", "-o", "program"]].concat());
        other.succeeds(&[names, &["-j4", "-g", "-o", "program"]].concat());
        let bytes = |bench: &Bench| fs::read(bench.path("program")).expect("the output");
        assert!(bytes(&one) == bytes(&other), "two runs of {names:?} gave different bytes");
    }
}

/// A fault in C code is no trap of the guest: the program dies as a C program does.
#[test]
fn a_fault_in_c_code_is_not_the_guests() {
    let bench = bench_of(&[
        ("app.wat", r#"(module (import "env" "f" (func)) (memory 1) (func (export "main") call 0))"#),
        ("f.c", "void env_f(void *caller) { *(volatile int *)8 = 1; }"),
    ]);
    bench.succeeds(&["app.wat", "f.c", "-o", "program"]);
    let output = run(&bench.path("program"));
    assert_eq!(output.status.signal(), Some(11), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Every file of `fixtures/link` is used here.
#[test]
fn no_fixture_is_forgotten() {
    let this_file = include_str!("link.rs");
    for entry in fs::read_dir(fixture("link")).expect("the fixtures") {
        let name = entry.expect("an entry").file_name().into_string().expect("a name");
        assert!(this_file.contains(&format!("{name:?}")), "no test uses {name}");
    }
}
