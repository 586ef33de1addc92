//! Which C functions a module can reach: those that the program offers, whatever the module asks for.
//!
//! How: libraries and objects have functions of their own, as real ones do, and a module imports them by name. What
//! is not offered is an import that is missing, and the message says who has it and how to offer it.

use std::path::Path;

use w2n_tests::command::{Bench, holds};

/// A module that calls `x.f` and answers what it says.
const APP: &str =
    r#"(module (import "x" "f" (func $f (result i32))) (func (export "main") (result i32) call $f))"#;

/// The function, marked.
const MARKED: &str = "#include \"wasm2native.h\"\n\
    W2N_EXPORT_TO_GUEST int32_t x_f(w2n_instance_t *caller) { return caller ? 42 : 0; }\n";

/// The same, not marked.
const PLAIN: &str = "int x_f(void *caller) { return caller ? 42 : 0; }\n";

fn include_dir() -> String {
    let include = Path::new(env!("CARGO_MANIFEST_DIR")).join("../rt/include");
    include.to_str().expect("a path in UTF-8").to_owned()
}

/// Compiles `source` to `object` in the directory.
fn compile(bench: &Bench, source: &str, object: &str, options: &[&str]) {
    let include = include_dir();
    let compiler = if source.ends_with(".cpp") { "c++" } else { "cc" };
    bench.tool(compiler, &[&["-fPIC", "-I", &include, "-c", source, "-o", object], options].concat());
}

#[test]
fn a_library_offers_nothing_by_itself() {
    let bench = Bench::of(&[("app.wat", APP), ("x.c", PLAIN)]);
    compile(&bench, "x.c", "inner.o", &[]);
    bench.tool("ar", &["rcs", "libx.a", "inner.o"]);
    bench.tool("ar", &["rcsT", "thin.a", "inner.o"]);
    bench.tool("cc", &["-shared", "inner.o", "-o", "libx.so"]);
    let why = "x.f (func (result i32); `x_f` of";
    let offer =
        "is in a library and not offered: --provide=x_f offers it, or W2N_EXPORT_TO_GUEST in its source";
    for (library, file) in [
        (&["libx.a"][..], "libx.a(inner.o)"),
        (&["thin.a"], "thin.a(inner.o)"),
        (&["libx.so"], "libx.so"),
        (&["-L.", "-lx"], "libx.so"),
        (&["-L.", "-l:libx.a"], "libx.a(inner.o)"),
    ] {
        bench.fails(&[&["app.wat"], library].concat(), 1, &[why, file, offer]);
        let output = bench.succeeds(&[&["app.wat", "-v", "--provide=x_f", "-o", "app"], library].concat());
        holds(&output, 0, &["app.wat: x.f is the C function `x_f` of", file]);
        bench.answers("app", 42);
    }
    let gone = ["--provide=x_g: no C code that is given has a function `x_g`", "on the command line"];
    bench.fails(&["app.wat", "libx.a", "--provide=x_f,x_g"], 2, &gone);
}

#[test]
fn what_a_library_marks_is_offered() {
    let bench = Bench::of(&[("app.wat", APP), ("x.c", MARKED)]);
    let cpp = format!("{}{}", "#include <string>\n", MARKED.replace("W2N_EXPORT", "extern \"C\" W2N_EXPORT"));
    bench.write("xx.cpp", cpp.as_bytes());
    for source in ["x.c", "xx.cpp"] {
        compile(&bench, source, "x.o", &["-O2", "-fvisibility=hidden", "-ffunction-sections"]);
        bench.tool("ar", &["rcs", "libx.a", "x.o"]);
        bench.tool("cc", &["-shared", "-s", "x.o", "-o", "libx.so"]);
        for library in [&["libx.a"][..], &["libx.so"], &["-L.", "-lx"], &["x.o"], &[source]] {
            bench.succeeds(&[&["app.wat", "-o", "app"], library].concat());
            bench.answers("app", 42);
        }
    }
}

/// Objects and sources are the program's own, but not everything in them is a function of it.
#[test]
fn of_code_that_is_given_strong_functions_are_offered() {
    let others = [
        ("strong.c", PLAIN, ""),
        ("weak.c", "__attribute__((weak)) int x_f(void *caller) { return 1; }\n", "is weak and not offered"),
        (
            "hidden.c",
            "#pragma GCC visibility push(hidden)\nint x_f(void *caller) { return 1; }\n",
            "is hidden",
        ),
        ("variable.c", "int x_f = 1;\n", "`x_f` of variable.c is no function"),
        ("common.c", "__attribute__((common)) int x_f;\n", "`x_f` of common.c is no function"),
        ("table.c", "const char x_f[] = \"\\xc3\";\n", "`x_f` of table.c is no function"),
        (
            "static.c",
            "static int x_f(void) { return 1; }\nint (*user)(void) = x_f;\n",
            "x.f (func (result i32))",
        ),
        // A copy of an inline function is in every object that calls it.
        (
            "inline.cpp",
            "extern \"C\" { inline int x_f(void *) { return 1; } }\nint (*user)(void *) = x_f;\n",
            "`x_f` of inline.cpp is weak and not offered",
        ),
        (
            "thread.c",
            "__thread int x_f = 1; int *user(void) { return &x_f; }\n",
            "`x_f` of thread.c is no function",
        ),
    ];
    let bench = Bench::of(&[("app.wat", APP)]);
    for (source, text, problem) in others {
        bench.write(source, text.as_bytes());
        if problem.is_empty() {
            bench.succeeds(&["app.wat", source, "-o", "app"]);
            bench.answers("app", 42);
        } else {
            bench.fails(&["app.wat", source, "-o", "gone"], 1, &[problem]);
            bench.succeeds(&["app.wat", source, "--undefined=trap", "-o", "app"]);
            bench.answers("app", 134);
        }
    }
    // Resolvers and hand-written assembly are functions.
    bench.write(
        "ifunc.c",
        b"static int f(void *caller) { return 42; }\nstatic int (*pick(void))(void *) { return f; }\n\
        int x_f(void *caller) __attribute__((ifunc(\"pick\")));\n",
    );
    bench.write("asm.c", b"asm(\".globl x_f\\nx_f: mov $42, %eax\\nret\");\n");
    for source in ["ifunc.c", "asm.c"] {
        bench.succeeds(&["app.wat", source, "-o", "app"]);
        bench.answers("app", 42);
    }
    compile(&bench, "strong.c", "slim.o", &["-flto", "-fno-fat-lto-objects"]);
    bench.fails(&["app.wat", "slim.o", "-o", "gone"], 1, &["slim.o: has no code yet", "-ffat-lto-objects"]);
}

/// What the name of an import is made into is never a name of the runtime's, and the C library is a library.
#[test]
fn a_module_reaches_neither_the_runtime_nor_the_c_library() {
    let bench = Bench::of(&[("host.c", "int other_f(void *caller) { return 1; }\n")]);
    for (module, name) in [
        ("w2n", "start"),
        ("w2n", "call_export"),
        ("w2n", "wasi_proc_exit"),
        ("posix", "spawn"),
        ("clock", "gettime"),
        ("__libc", "start_main"),
        ("_IO", "puts"),
        ("other", "g"),
        ("", "system"),
        ("app.f0", ""),
    ] {
        let text = format!(r#"(module (import "{module}" "{name}" (func)) (func (export "main") call 0))"#);
        bench.write("guest.wat", text.as_bytes());
        bench.fails(&["guest.wat", "host.c", "-lc", "-lm"], 1, &["an import that", "not provided"]);
    }
}

/// Where the C library has the name, the message asks for another, under which the function is found.
#[test]
fn a_name_of_the_c_library_is_never_asked_for() {
    let app = r#"(module (import "clock" "gettime" (func (param i32) (result i32)))
            (func (export "main") (result i32) (call 0 (i32.const 41))))"#;
    let bench = Bench::of(&[("app.wat", app)]);
    let said = bench.fails(&["app.wat"], 1, &["clock.gettime (func", "int32_t w2n_clock__gettime("]);
    let prototype = said.split('`').nth(3).expect("a second piece of code in the hint");
    let source = format!("#include \"wasm2native.h\"\n{prototype} {{ return p0 + 1; }}\n");
    bench.write("clock.c", source.as_bytes());
    bench.succeeds(&["app.wat", "clock.c", "-o", "app"]);
    bench.answers("app", 42);
}

#[test]
fn two_imports_are_never_one_c_function() {
    let bench = Bench::of(&[
        ("app.wat", r#"(module (import "x" "b_a" (func)) (import "x_b" "a" (func)) (func (export "main")))"#),
        ("host.c", "void x_b_a(void *caller) {}\n"),
    ]);
    let both = "imports `x_b.a`, and app.wat imports `x.b_a`: both would be the C function `x_b_a`";
    bench.fails(&["app.wat", "host.c"], 1, &[both]);
    bench.write("more.c", b"void w2n_x_b__a(void *caller) {}\n");
    bench.succeeds(&["app.wat", "host.c", "more.c", "-o", "app"]);
    bench.answers("app", 0);
}
