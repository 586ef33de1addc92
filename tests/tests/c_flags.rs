//! Flags that build systems give to every C compiler: they reach the C compiler where there is C, are named in one
//! warning where there is none, and what might change the output and is not known stays an error.

use w2n_tests::command::{Bench, holds};

/// Answers 42.
const ANSWER: &str = r#"(module (func (export "main") (result i32) i32.const 42))"#;

/// Answers what C says.
const ASKING: &str =
    r#"(module (import "env" "f" (func $f (result i32))) (func (export "main") (result i32) call $f))"#;

/// What cmake, autoconf and the like put into CFLAGS.
const USUAL: [&str; 12] = [
    "-fPIC",
    "-Wall",
    "-Wextra",
    "-pipe",
    "-ffunction-sections",
    "-fdata-sections",
    "-fno-omit-frame-pointer",
    "-fstack-protector-strong",
    "-pthread",
    "-std=c11",
    "-DNDEBUG",
    "-Iinclude",
];

#[test]
fn usual_flags_are_taken_with_one_warning() {
    let bench = Bench::new(ANSWER);
    let output = bench.succeeds(&[&USUAL[..], &["app.wat"]].concat());
    let said =
        holds(&output, 0, &["warning: -fPIC -Wall ", "-DNDEBUG -Iinclude have no effect here: no C source"]);
    assert_eq!(said.matches("warning").count(), 1, "{said}");
    bench.answers("app", 42);
    let output = bench.succeeds(&["-pipe", "app.wat"]);
    holds(&output, 0, &["warning: -pipe has no effect here: no C source is given\nhint: "]);
}

#[test]
fn warnings_are_silenced_or_errors() {
    let bench = Bench::new(ANSWER);
    let output = bench.succeeds(&["-w", "-Wall", "-s", "-c", "app.wat"]);
    assert!(output.stderr.is_empty(), "{output:?}");
    std::fs::remove_file(bench.path("app.o")).expect("a file");
    // Each is an error, and nothing is made; the depfile neither.
    let said =
        bench.fails(&["-Werror", "-Wall", "-s", "-c", "-MD", "app.wat"], 1, &["error: -Wall has no effect"]);
    assert_eq!(said.matches("error: ").count(), 2, "{said}");
    assert!(!said.contains("warning: "), "{said}");
    bench.write("a=b.wat", ANSWER.as_bytes());
    bench.fails(
        &["-Werror", "-MD", "a=b.wat", "-MF", "out.d", "-o", "out"],
        1,
        &["error: the depfile does not name a=b.wat"],
    );
    // Without a warning there is none.
    let output = bench.succeeds(&["-Werror", "app.wat"]);
    assert!(output.stderr.is_empty(), "{output:?}");
}

#[test]
fn flags_reach_the_c_compiler() {
    let bench = Bench::new(ASKING);
    std::fs::create_dir(bench.path("include")).expect("a directory");
    bench.write("include/value.h", b"#define BASE 40\n");
    bench.write("forced.h", b"#define MORE 1\n");
    bench.write("f.c", b"#include <value.h>\nint env_f(void *i) { int unused; return BASE + MORE + X; }");
    let flags = ["-I", "include", "-DX=9", "-UX", "-D", "X=1", "-include", "forced.h", "-std=c11"];
    let output = bench.succeeds(&[&flags[..], &["app.wat", "f.c"]].concat());
    assert!(output.stderr.is_empty(), "{output:?}");
    bench.answers("app", 42);
    let output = bench.succeeds(&[&flags[..], &["-Wall", "app.wat", "f.c"]].concat());
    holds(&output, 0, &["warning: f.c: the C compiler warns", "unused"]);
    bench.fails(
        &[&flags[..], &["-Wall", "-Werror", "app.wat", "f.c"]].concat(),
        1,
        &["f.c: the C compiler failed", "unused"],
    );
}

#[test]
fn flags_reach_the_linker() {
    let bench = Bench::new(ANSWER);
    let output = bench.succeeds(&["app.wat", "-Wl,-Map=app.map", "-Xlinker", "--cref", "-fuse-ld=bfd"]);
    assert!(output.stderr.is_empty(), "{output:?}");
    let map = std::fs::read_to_string(bench.path("app.map")).expect("the linker wrote it");
    assert!(map.contains("Cross Reference Table"));
    bench.answers("app", 42);
    let output = bench.succeeds(&["-c", "app.wat", "-Wl,-Map=no.map"]);
    holds(&output, 0, &["warning: -Wl,-Map=no.map has no effect here: nothing is linked"]);
}

#[test]
fn a_flag_that_may_change_the_output_is_no_harmless_one() {
    let bench = Bench::new(ANSWER);
    for flag in ["-flto", "-fsanitize=address", "-mavx2", "-fwrapv"] {
        bench.fails(&[flag, "app.wat"], 2, &[&format!("unknown option `{flag}`")]);
    }
    bench.fails(&["app.wat", "-include"], 2, &["option `-include` needs a value"]);
}

#[test]
fn questions_to_a_c_compiler_are_answered() {
    let bench = Bench::new(ANSWER);
    let answer = |option: &str| String::from_utf8_lossy(&bench.succeeds(&[option]).stdout).into_owned();
    assert_eq!(answer("-dumpmachine"), "x86_64-unknown-linux-gnu\n");
    let version = answer("-dumpversion");
    assert!(answer("--version").starts_with(&format!("wasm2native {version}")), "{version}");
    bench.succeeds(&["-Og", "--output", "other", "app.wat"]);
    bench.answers("other", 42);
}
