//! The C compiler that links, when it is not what it should be: said with status 1, before anything is
//! compiled where that can be known, with where it comes from and what to do.
//!
//! Each test gives the compiler another CC or `--linker`; scripts stand in for those that fail.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use w2n_tests::command::{Bench, holds};

/// Answers 42.
const ANSWER: &str = r#"(module (func (export "main") (result i32) i32.const 42))"#;

/// Makes a script in the directory.
fn script(bench: &Bench, name: &str, text: &str) {
    bench.write(name, format!("#!/bin/sh\n{text}\n").as_bytes());
    fs::set_permissions(bench.path(name), fs::Permissions::from_mode(0o755)).expect("a mode");
}

/// What is said with this CC; nothing may be left behind.
#[track_caller]
fn fails_with_cc(bench: &Bench, cc: &str, arguments: &[&str], texts: &[&str]) -> String {
    let before = bench.files();
    let temp = tempfile::tempdir().expect("a temporary directory");
    let mut command = bench.command(arguments);
    let output = command.env("CC", cc).env("TMPDIR", temp.path()).output().expect("the compiler runs");
    let said = holds(&output, 1, texts);
    assert!(!said.contains("bug in wasm2native;") && !said.contains("internal error"), "{said}");
    assert_eq!(bench.files(), before, "a file was left behind");
    assert_eq!(fs::read_dir(temp.path()).expect("a readable directory").count(), 0);
    said
}

/// Holds that it was said before any code was made.
#[track_caller]
fn said_early(said: &str) {
    assert!(!said.contains("compiling"), "it was said after the work: {said}");
}

#[test]
fn a_compiler_for_another_machine_is_noticed_before_anything_is_compiled() {
    let bench = Bench::new(ANSWER);
    let texts = ["`CC=clang-22 --target=wasm32-wasi` compiles for wasm32", "x86-64 Linux", "CC=gcc"];
    said_early(&fails_with_cc(&bench, "clang-22 --target=wasm32-wasi", &["-v", "app.wat"], &texts));
    for triple in ["aarch64-linux-gnu", "x86_64-w64-mingw32", "wasm32-unknown-emscripten"] {
        script(&bench, "other", &format!("echo {triple}"));
        let text = format!("`CC=./other -O1` compiles for {triple}");
        said_early(&fails_with_cc(&bench, "./other -O1", &["-v", "app.wat"], &[&text, "hint: "]));
        let said =
            bench.fails(&["-v", "-c", "--linker=./other", "app.wat"], 1, &[triple, "`--linker=./other`"]);
        said_early(&said);
    }
    // C sources of the user's come before the module, and go to the same compiler.
    bench.write("host.c", b"int env_f(void *caller) { return 1; }");
    script(&bench, "other", "echo wasm32-unknown-wasi");
    fails_with_cc(&bench, "./other", &["app.wat", "host.c"], &["compiles for wasm32-unknown-wasi"]);
}

#[test]
fn a_bare_linker_is_told_from_a_c_compiler() {
    let bench = Bench::new(ANSWER);
    for linker in ["ld", "ld.lld-22", "wasm-ld-22"] {
        let text = format!("`--linker={linker}` is a linker");
        let said =
            bench.fails(&["-v", &format!("--linker={linker}"), "app.wat"], 1, &[&text, "-fuse-ld=lld"]);
        said_early(&said);
    }
}

#[test]
fn a_linker_that_fails_is_shown_with_what_it_said_and_where_it_comes_from() {
    let bench = Bench::new(ANSWER);
    fails_with_cc(
        &bench,
        "false",
        &["app.wat"],
        &["the linker failed with status 1: `CC=false`", "such as gcc"],
    );
    bench.fails(&["--linker=false", "app.wat"], 1, &["the linker failed with status 1: `--linker=false`"]);
    script(
        &bench,
        "wordy",
        "for n in 1 2 3 4 5 6 7 8 9 10 11 12 13 14; do echo complaint $n >&2; done; exit 3",
    );
    let said =
        fails_with_cc(&bench, "./wordy", &["app.wat"], &["with status 3: `CC=./wordy`\ncomplaint 1\n"]);
    assert!(said.contains("complaint 12\n…\n") && !said.contains("complaint 13"), "{said}");
}

#[test]
fn a_linker_that_cannot_be_run_is_named_with_its_origin() {
    let bench = Bench::new(ANSWER);
    let texts = ["cannot run the linker /no/such/cc (`CC=/no/such/cc -m64`): no such file", "hint: install"];
    said_early(&fails_with_cc(&bench, "/no/such/cc -m64", &["-v", "app.wat"], &texts));
    bench.write("plain", b"no program");
    fails_with_cc(&bench, "./plain", &["app.wat"], &["cannot run the linker ./plain", "permission denied"]);
}

#[test]
fn a_killed_or_silent_compiler_is_tried_and_then_blamed() {
    let bench = Bench::new(ANSWER);
    script(&bench, "killed", "kill -9 $$");
    fails_with_cc(&bench, "./killed", &["app.wat"], &["the linker was killed: `CC=./killed`", "hint: "]);
    // It hangs when it is asked for its target, and links all the same.
    script(&bench, "silent", "case $1 in -dumpmachine) sleep 60 ;; *) exec cc \"$@\" ;; esac");
    bench.succeeds(&["--linker=./silent", "app.wat"]);
    let status = Command::new(bench.path("app")).status().expect("the program runs");
    assert_eq!(status.code(), Some(42));
}

#[test]
fn another_c_library_than_glibc_is_named() {
    let bench = Bench::new(ANSWER);
    // Like musl-gcc, it says the usual target, and its C library is the dynamic linker as well.
    script(
        &bench,
        "stranger",
        "case $1 in -dumpmachine) echo x86_64-linux-gnu ;; -print-file-name=*) echo /x/lib/musl/libc.so ;;
         *) echo 'undefined reference to `gnu_get_libc_version` ' >&2; exit 1 ;; esac",
    );
    fails_with_cc(
        &bench,
        "./stranger",
        &["app.wat"],
        &["musl, and the runtime needs glibc", "use gcc", "-static"],
    );
}

#[test]
fn a_linker_that_is_not_installed_is_not_asked_for() {
    let bench = Bench::new(ANSWER);
    let texts = ["the linker failed", "-fuse-ld names is not installed"];
    fails_with_cc(&bench, "clang-22 -fuse-ld=nope", &["app.wat"], &texts);
}

#[test]
fn a_disk_that_the_linker_finds_full_is_said_with_the_file() {
    let bench = Bench::new(ANSWER);
    script(&bench, "full", "echo '/usr/bin/ld: final link failed: No space left on device' >&2; exit 1");
    let text = "cannot write ./the app: no space left on device";
    fails_with_cc(&bench, "./full", &["app.wat", "-o", "./the app"], &[text]);
    fails_with_cc(&bench, "./full", &["-c", "app.wat"], &["cannot write app.o: no space left on device"]);
}
