//! Depfiles and response files, with a real make: what is built is built again when something that it was made of
//! changes, and not otherwise.
//!
//! How: a makefile includes the depfile, its recipe says `built`; files are touched, added, removed.

use std::fs;
use std::process::Command;
use std::time::{Duration, SystemTime};

use w2n_tests::command::{Bench, holds};
use w2n_tests::program::compiler;

/// Answers 42.
const ANSWER: &str = r#"(module (func (export "main") (result i32) i32.const 42))"#;

/// What make did.
#[derive(Debug, PartialEq, Eq)]
enum Made {
    Built,
    Nothing,
}

/// A makefile with one rule, whose recipe calls the compiler with these words of a shell; the depfile is `out.d`.
fn makefile(bench: &Bench, target: &str, words: &str) {
    let compiler = compiler().canonicalize().expect("the compiler");
    let text = format!(
        ".SUFFIXES:\nMAKEFLAGS += -r\n{target}:\n\t@'{}' {words} && echo built\n-include out.d\n",
        compiler.display()
    );
    bench.write("Makefile", text.as_bytes());
}

#[track_caller]
fn make(bench: &Bench) -> Made {
    let mut make = Command::new("make");
    make.current_dir(bench.dir()).env_remove("CC").env_remove("MAKEFLAGS").env_remove("MAKELEVEL");
    let output = make.output().expect("make runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    match (said.contains("built\n"), said.contains("is up to date")) {
        (true, false) => Made::Built,
        (false, true) => Made::Nothing,
        _ => panic!("{said}"),
    }
}

/// Makes a file newer than all that was built, without a wait.
fn touch(bench: &Bench, name: &str) {
    let file = fs::File::open(bench.path(name)).expect(name);
    file.set_modified(SystemTime::now() + Duration::from_millis(1)).expect("a time");
    std::thread::sleep(Duration::from_millis(10));
}

/// Holds that make builds after a change of each of `files`, and only then.
#[track_caller]
fn follows(bench: &Bench, files: &[&str]) {
    assert_eq!(make(bench), Made::Nothing);
    for file in files {
        touch(bench, file);
        assert_eq!(make(bench), Made::Built, "{file}");
        assert_eq!(make(bench), Made::Nothing, "{file}");
    }
}

fn depfile(bench: &Bench) -> String {
    fs::read_to_string(bench.path("out.d")).expect("a depfile")
}

#[test]
fn everything_that_a_program_is_made_of_is_followed() {
    let bench = Bench::of(&[
        (
            "app.wat",
            r#"(module (import "lib" "f" (func $f (result i32))) (import "env" "g" (func $g (result i32)))
            (func (export "main") (result i32) (i32.add (call $f) (call $g))))"#,
        ),
        (
            "lib.wat",
            r#"(module (import "env" "h" (func $h (result i32))) (func (export "f") (result i32) call $h))"#,
        ),
        (
            "g.c",
            "#include \"wasm2native.h\"\n#include <stdint.h>\n#include \"value.h\"\nint32_t env_g(w2n_instance_t *i) { return G; }",
        ),
        ("value.h", "#define G 2\n"),
        ("h.c", "int env_h(void *i) { return 40; }"),
    ]);
    bench.tool("cc", &["-c", "h.c", "-o", "h.o"]);
    fs::create_dir_all(bench.path("tree/inner")).expect("a directory");
    bench.write("tree/inner/file", b"x");
    fs::create_dir(bench.path("bin")).expect("a directory");
    bench.write("more.rsp", b"h.o --embed-dir tree");
    makefile(&bench, "bin/app", "-MD -MF out.d app.wat lib.wat g.c @more.rsp -o bin/app");
    assert_eq!(make(&bench), Made::Built);
    bench.answers("bin/app", 42);
    let text = depfile(&bench);
    assert!(text.starts_with("bin/app: \\\n  app.wat \\\n"), "{text}");
    assert!(text.contains("stdint.h") && !text.contains("wasm2native.h"), "{text}");
    follows(&bench, &["app.wat", "lib.wat", "g.c", "value.h", "h.o", "more.rsp", "tree/inner/file"]);
    bench.write("tree/inner/added", b"y");
    assert_eq!((make(&bench), make(&bench)), (Made::Built, Made::Nothing));
    fs::remove_file(bench.path("tree/inner/added")).expect("a file");
    // Its rule is gone with it: without -MP make cannot know that this is no matter.
    let mut command = Command::new("make");
    let output = command.current_dir(bench.dir()).output().expect("make runs");
    assert!(String::from_utf8_lossy(&output.stderr).contains("No rule to make target 'tree/inner/added'"));
}

#[test]
fn system_files_are_left_out_and_missing_ones_forgiven_if_asked() {
    let bench = Bench::of(&[
        ("app.wat", ANSWER),
        ("g.c", "#include <stdint.h>\n#include \"value.h\"\n"),
        ("value.h", ""),
    ]);
    makefile(&bench, "app", "-MMD -MP -MFout.d app.wat g.c -o app");
    assert_eq!(make(&bench), Made::Built);
    assert_eq!(depfile(&bench), "app: \\\n  app.wat \\\n  g.c \\\n  value.h\n\ng.c:\n\nvalue.h:\n");
    follows(&bench, &["value.h"]);
    fs::remove_file(bench.path("value.h")).expect("a file");
    bench.write("g.c", b"");
    touch(&bench, "g.c");
    assert_eq!((make(&bench), make(&bench)), (Made::Built, Made::Nothing));
    // With -MD the runtime is named too: the compiler has it inside, or a directory that was given.
    bench.succeeds(&["-MD", "-MF", "out.d", "app.wat"]);
    let compiler = compiler().canonicalize().expect("the compiler");
    assert!(depfile(&bench).contains(&*compiler.to_string_lossy()));
}

#[test]
fn names_may_have_what_makefiles_use() {
    for name in [
        "a b.wat",
        "a$b.wat",
        "a#b.wat",
        "a:b.wat",
        "a\\ b.wat",
        "a%b.wat",
        "a*b?[c].wat",
        "~a.wat",
        "a|b.wat",
    ] {
        let bench = Bench::of(&[(name, ANSWER)]);
        let quoted = name.replace('$', "$$").replace('#', "\\#");
        // Inside of a recipe `#` is the shell's.
        let quoted = quoted.replace("\\#", "#");
        makefile(&bench, "app", &format!("-MD -MF out.d './{quoted}' -o app"));
        assert_eq!(make(&bench), Made::Built, "{name}");
        follows(&bench, &[name]);
    }
    for name in ["a b", "a$b", "a#b", "a:b"] {
        let bench = Bench::new(ANSWER);
        let target: String = name.chars().fold(String::new(), |text, c| match c {
            '$' => text + "$$",
            ' ' | '#' | ':' => text + "\\" + &c.to_string(),
            _ => text + &c.to_string(),
        });
        makefile(&bench, &target, &format!("-MMD -MF out.d app.wat -o '{}'", name.replace('$', "$$")));
        assert_eq!(make(&bench), Made::Built, "{name}");
        follows(&bench, &["app.wat"]);
        assert!(bench.path(name).is_file(), "{name}");
    }
}

#[test]
fn what_make_cannot_be_told_is_said() {
    let bench = Bench::of(&[("a=b.wat", ANSWER), ("app.wat", ANSWER)]);
    let output = bench.succeeds(&["-MD", "-MF", "out.d", "a=b.wat", "-o", "app"]);
    holds(&output, 0, &["warning: the depfile does not name a=b.wat: make has no way to write it", "hint: "]);
    let before = bench.files();
    bench.fails(&["-MD", "app.wat", "-o", "a;b"], 2, &["a depfile cannot name a;b", "-MT"]);
    assert_eq!(bench.files(), before);
    bench.succeeds(&[
        "-MMD", "-MT", "all", "-MT", "$(x)", "-MQ", "$(y)", "app.wat", "-o", "a;b", "-MF", "out.d",
    ]);
    assert!(depfile(&bench).starts_with("all $(x) $$(y): \\\n  app.wat\n"), "{}", depfile(&bench));
}

#[test]
fn the_depfile_is_called_like_the_output() {
    let bench = Bench::new(ANSWER);
    bench.succeeds(&["-MMD", "-c", "app.wat"]);
    assert_eq!(fs::read_to_string(bench.path("app.d")).expect("a file"), "app.o: \\\n  app.wat\n");
    bench.succeeds(&["-MMD", "-shared", "app.wat", "-o", "lib.so.1"]);
    assert!(bench.path("lib.so.d").is_file());
    // Of standard output as that of the input.
    bench.succeeds(&["-MMD", "-S", "app.wat", "-o", "-", "-MF", "out.d"]);
    assert_eq!(depfile(&bench), "app.s: \\\n  app.wat\n");
    let output = bench.succeeds(&["-MMD", "-emit-llvm", "app.wat", "-o", "app.ll", "-MF", "-"]);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "app.ll: \\\n  app.wat\n");
}

#[test]
fn a_depfile_that_cannot_be_written_is_an_error_before_the_work() {
    let bench = Bench::new(ANSWER);
    let said = bench.fails(
        &["-v", "-MD", "-MF", "none/out.d", "app.wat"],
        1,
        &["cannot write none/out.d", "no directory none"],
    );
    assert!(!said.contains("compiling"), "{said}");
    bench.fails(&["-MD", "-MF", ".", "app.wat"], 1, &["depfile . is a directory"]);
    bench.fails(&["-MD", "-MF", "app.wat", "app.wat"], 2, &["would overwrite the input app.wat"]);
    bench.fails(&["-MD", "-MF", "app", "app.wat"], 2, &["-MF app", "the output"]);
    bench.fails(&["-MF", "out.d", "app.wat"], 2, &["-MF needs -MD or -MMD"]);
    bench.fails(&["-MP", "app.wat"], 2, &["-MP needs -MD or -MMD"]);
    // An invalid module leaves the old depfile alone.
    bench.write("out.d", b"old");
    bench.write("bad.wat", b"(module (func i32.add))");
    bench.fails(&["-MD", "-MF", "out.d", "bad.wat"], 1, &[]);
    assert_eq!(depfile(&bench), "old");
    // Nothing is made by -###.
    bench.succeeds(&["-###", "-MD", "-MF", "out.d", "app.wat"]);
    assert_eq!(depfile(&bench), "old");
}

#[test]
fn response_files_stand_for_their_words() {
    let bench = Bench::of(&[
        ("my app.wat", ANSWER),
        ("inner", "-o \"an app\""),
        ("outer", "'my app.wat' @inner -O0\n"),
        ("circle", "@circle"),
    ]);
    bench.succeeds(&["@outer"]);
    bench.answers("an app", 42);
    bench.fails(&["@circle"], 2, &["nested more than 20 deep", "name itself"]);
    bench.fails(&["@none"], 1, &["cannot read none", "./@none"]);
    bench.write("bad", b"--shred");
    bench.fails(&["@bad"], 2, &["unknown option `--shred`", "did you mean `-shared`?"]);
}
