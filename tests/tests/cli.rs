//! The command from outside: what it prints, what it leaves behind, how it exits.
//!
//! Each test runs the built compiler in a directory of its own. After a failure nothing but the input
//! may be there.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;
use w2n_tests::program::compiler;

/// Answers 42.
const ANSWER: &str = r#"(module (func (export "main") (result i32) i32.const 42))"#;

/// Cannot be an executable: four imports that WASI does not have.
const IMPORTS: &str = r#"(module
    (import "env" "a" (func (param i32) (result i64)))
    (import "env" "b" (global (mut f32)))
    (import "env" "c" (memory 1 2))
    (import "env" "d" (table 1 funcref))
    (func (export "_start")))"#;

struct Bench {
    dir: TempDir,
}

impl Bench {
    /// A directory with `app.wat` in it.
    fn new(wat: &str) -> Self {
        let bench = Self { dir: tempfile::tempdir().expect("a temporary directory") };
        bench.write("app.wat", wat.as_bytes());
        bench
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.dir.path().join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        fs::write(self.path(name), bytes).expect("a file can be written");
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(compiler());
        command
            .current_dir(self.dir.path())
            .args(arguments)
            .env_remove("CC")
            .env_remove("WASM2NATIVE_RT_DIR");
        command.stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("the compiler runs")
    }

    /// Names of all files, hidden ones too.
    fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.dir.path()).expect("a readable directory");
        let mut names: Vec<String> = entries
            .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    /// Runs, and holds status, text on standard error and that only the input is left.
    #[track_caller]
    fn fails(&self, arguments: &[&str], status: i32, texts: &[&str]) -> String {
        let before = self.files();
        let output = self.run(arguments);
        let said = holds(&output, status, texts);
        assert_eq!(self.files(), before, "a file was left behind");
        said
    }

    #[track_caller]
    fn succeeds(&self, arguments: &[&str]) -> Output {
        let output = self.run(arguments);
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        output
    }
}

#[track_caller]
fn holds(output: &Output, status: i32, texts: &[&str]) -> String {
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(status), "{said}");
    for text in texts {
        assert!(said.contains(text), "no `{text}` in:\n{said}");
    }
    assert!(!said.contains("panicked"), "{said}");
    said
}

fn exit_status(path: &Path) -> Option<i32> {
    Command::new(path).status().expect("the program runs").code()
}

#[test]
fn no_argument_prints_twelve_lines_of_usage() {
    let output = Bench::new(ANSWER).run(&[]);
    let said = holds(&output, 2, &["usage: wasm2native"]);
    assert_eq!(said.lines().count(), 12);
    assert_eq!(said.lines().filter(|line| line.starts_with("  wasm2native ")).count(), 3);
    assert!(output.stdout.is_empty());
}

#[test]
fn help_and_version_go_to_standard_output() {
    let bench = Bench::new(ANSWER);
    assert!(String::from_utf8_lossy(&bench.succeeds(&["--help"]).stdout).contains("-emit-llvm"));
    let version = String::from_utf8_lossy(&bench.succeeds(&["--version"]).stdout).into_owned();
    assert!(version.contains("LLVM 22.") && version.contains("x86_64-unknown-linux-gnu"), "{version}");
}

#[test]
fn default_output_is_an_executable_named_after_the_input() {
    let bench = Bench::new(ANSWER);
    bench.succeeds(&["app.wat"]);
    assert_eq!(bench.files(), ["app", "app.wat"]);
    assert_eq!(exit_status(&bench.path("app")), Some(42));
}

#[test]
fn each_level_makes_a_program_that_answers() {
    let bench = Bench::new(ANSWER);
    for level in ["-O0", "-O1", "-O2", "-O3", "-Os", "-Oz", "-O"] {
        bench.succeeds(&[level, "app.wat", "-o", "answer"]);
        assert_eq!(exit_status(&bench.path("answer")), Some(42), "{level}");
    }
}

#[test]
fn each_output_kind_has_its_default_name() {
    let bench = Bench::new(ANSWER);
    for (flags, name, starts) in [
        (&["-c"][..], "app.o", &b"\x7fELF"[..]),
        (&["-shared"], "app.so", b"\x7fELF"),
        (&["-S"], "app.s", b"\t.file"),
        (&["-emit-llvm"], "app.ll", b"; ModuleID"),
        (&["-emit-llvm", "-c"], "app.bc", b"BC"),
    ] {
        bench.succeeds(&[flags, &["app.wat"]].concat());
        let bytes = fs::read(bench.path(name)).expect(name);
        assert!(bytes.starts_with(starts), "{name}");
        fs::remove_file(bench.path(name)).expect(name);
        assert_eq!(bench.files(), ["app.wat"]);
    }
}

#[test]
fn outputs_have_the_mode_the_umask_allows() {
    let bench = Bench::new(ANSWER);
    bench.succeeds(&["app.wat"]);
    bench.succeeds(&["-S", "app.wat"]);
    let mode = |name: &str| fs::metadata(bench.path(name)).expect(name).permissions().mode() & 0o777;
    // A file made by the test says what the umask is.
    let plain = mode("app.wat");
    assert_eq!(mode("app.s"), plain);
    assert_eq!(mode("app"), plain | (plain & 0o444) >> 2);
}

#[test]
fn standard_input_and_output_work() {
    let bench = Bench::new(ANSWER);
    let input = fs::File::open(bench.path("app.wat")).expect("the input");
    let mut command = bench.command(&["-", "-S", "-o", "-"]);
    let output = command.stdin(input).output().expect("the compiler runs");
    holds(&output, 0, &[]);
    assert!(String::from_utf8_lossy(&output.stdout).contains("w2n_module_module:"));
    assert_eq!(bench.files(), ["app.wat"]);
}

#[test]
fn bytes_depend_neither_on_threads_nor_on_the_directory() {
    let (one, other) = (Bench::new(ANSWER), Bench::new(ANSWER));
    one.succeeds(&["-j1", "app.wat"]);
    other.succeeds(&["-j", "4", "app.wat"]);
    let bytes = |bench: &Bench| fs::read(bench.path("app")).expect("the output");
    assert!(bytes(&one) == bytes(&other), "two runs gave different bytes");
}

#[test]
fn show_only_prints_the_link_command_and_makes_nothing() {
    let bench = Bench::new(ANSWER);
    let output = bench.succeeds(&["-###", "app.wat", "-o", "x y"]);
    let said = holds(&output, 0, &["-pie", "-o 'x y'", "libw2n_rt_bundle.a"]);
    assert_eq!(said.lines().count(), 1);
    assert_eq!(bench.files(), ["app.wat"]);
}

#[test]
fn verbose_names_the_phases_and_the_link_command() {
    let bench = Bench::new(ANSWER);
    holds(&bench.succeeds(&["-v", "app.wat"]), 0, &["reading app.wat", "compiling 1 functions", "-pie"]);
}

#[test]
fn command_line_errors_exit_2_with_a_hint() {
    let bench = Bench::new(ANSWER);
    for (arguments, texts) in [
        (&["-shred", "app.wat"][..], &["unknown option `-s", "hint: "][..]),
        (&["--bounds-check=guard", "app.wat"], &["unknown option", "did you mean `--bounds-checks`?"]),
        (&["--emit=banana", "app.wat"], &["`banana` is no value of", "llvm-ir"]),
        (&["-O7", "app.wat"], &["`7` is no value of"]),
        (&["-j0", "app.wat"], &["at least one thread"]),
        (&["-c", "-S", "app.wat"], &["-c and -S both say what to make"]),
        (&["-o", "app"], &["no input file"]),
        (&["app.wat", "b.wasm"], &["more than one input file: b.wasm"]),
        (&["-march=pdp11", "app.wat"], &["unknown processor `pdp11`", "x86-64-v3"]),
        (&["--module-name=a b", "app.wat"], &["not a C identifier"]),
        (&["-shared", "--dir", ".", "app.wat"], &["are for executables"]),
        (&["-o", "app.wat", "app.wat"], &["would overwrite the input app.wat"]),
    ] {
        bench.fails(arguments, 2, texts);
    }
}

#[test]
fn other_targets_are_refused_with_what_is_missing() {
    let bench = Bench::new(ANSWER);
    let texts = ["target `aarch64-unknown-linux-gnu`", "LLVM back end", "no runtime for it"];
    bench.fails(&["--target=aarch64-unknown-linux-gnu", "app.wat"], 1, &texts);
    bench.succeeds(&["--target=x86_64-linux-gnu", "-march=native", "app.wat"]);
    assert_eq!(exit_status(&bench.path("app")), Some(42));
}

#[test]
fn inputs_that_are_no_module_are_named_for_what_they_are() {
    let bench = Bench::new(ANSWER);
    fs::create_dir(bench.path("dir")).expect("a directory");
    bench.write("component.wasm", b"\0asm\x0d\0\x01\0");
    bench.write("empty.wasm", b"");
    bench.write("elf.wasm", b"\x7fELF\x02\x01\x01\xff");
    bench.write("cut.wasm", b"\0asm\x01\0\0\0\x01\x7f");
    bench.write("bad.wat", b"(module (func");
    for (name, texts) in [
        ("dir", &["dir: is a directory"][..]),
        ("component.wasm", &["component.wasm: is a component", "wasm32-wasip1"]),
        ("empty.wasm", &["empty.wasm: is empty"]),
        ("elf.wasm", &["elf.wasm: is neither a Wasm binary"]),
        ("cut.wasm", &["cut.wasm: ", "at 0x"]),
        ("bad.wat", &["bad.wat: ", "(module (func"]),
        ("missing.wasm", &["cannot read missing.wasm: no such file"]),
    ] {
        bench.fails(&[name], 1, texts);
    }
}

#[test]
fn unresolved_imports_are_all_listed_and_the_hint_works() {
    let bench = Bench::new(IMPORTS);
    let said = bench.fails(
        &["app.wat"],
        1,
        &[
            "4 imports",
            "env.a (func (param i32) (result i64)), env.b (global (mut f32)), env.c (memory 1 2) and 1 more",
            "  env.d (table 1 funcref)",
        ],
    );
    let command = said.split('`').nth(1).expect("a command in the hint");
    let arguments: Vec<&str> = command.split(' ').skip(1).collect();
    bench.succeeds(&arguments);
    assert_eq!(bench.files(), ["app.so", "app.wat"]);
}

#[test]
fn toolchains_that_target_javascript_are_recognised() {
    let go = Bench::new(
        r#"(module (import "gojs" "runtime.wasmExit" (func (param i32))) (func (export "_start")))"#,
    );
    go.fails(&["app.wat"], 1, &["gojs.runtime.wasmExit", "GOOS=wasip1"]);
    let wrong = r#"(module (import "wasi_snapshot_preview1" "fd_close" (func)) (func (export "_start")))"#;
    Bench::new(wrong).fails(&["app.wat"], 1, &["WASI's is func (param i32) (result i32)"]);
}

#[test]
fn a_library_has_no_entry_point_but_becomes_a_plugin() {
    let bench = Bench::new(r#"(module (func (export "add")))"#);
    bench.fails(&["app.wat"], 1, &["no entry point", "`wasm2native -shared app.wat -o app.so`"]);
    bench.succeeds(&["-shared", "app.wat"]);
    Bench::new(r#"(module (func (export "main") (param i64)))"#).fails(
        &["app.wat"],
        1,
        &["func (param i64)"],
    );
}

#[test]
fn unwritable_outputs_leave_nothing() {
    let bench = Bench::new(ANSWER);
    fs::create_dir(bench.path("dir")).expect("a directory");
    bench.fails(&["app.wat", "-o", "dir"], 1, &["the output dir is a directory", "dir/app"]);
    bench.fails(&["app.wat", "-o", "no/such/app"], 1, &["no directory no/such", "mkdir -p no/such"]);
    // Not even root can make files there.
    bench.fails(&["app.wat", "-o", "/proc/app"], 1, &["cannot write /proc/app"]);
    bench.fails(&["app.wat", "-o", "/dev/full"], 1, &["cannot write /dev/full: no space left"]);
    bench.fails(&["-S", "app.wat", "-o", "/dev/full"], 1, &["cannot write /dev/full: no space left"]);
}

#[test]
fn a_failed_run_keeps_the_old_output() {
    let bench = Bench::new(IMPORTS);
    bench.write("app", b"old");
    bench.fails(&["app.wat"], 1, &[]);
    assert_eq!(fs::read(bench.path("app")).expect("the old output"), b"old");
}

#[test]
fn a_missing_linker_is_said_with_what_to_install() {
    let bench = Bench::new(ANSWER);
    let before = bench.files();
    let output = bench.command(&["app.wat"]).env("PATH", "").output().expect("the compiler runs");
    holds(&output, 1, &["no linker found", "apt-get install gcc"]);
    bench.fails(&["--linker=/no/such/cc", "app.wat"], 1, &["cannot run the linker /no/such/cc", "hint: "]);
    assert_eq!(bench.files(), before);
}

#[test]
fn a_failing_linker_is_shown_with_its_command() {
    let bench = Bench::new(ANSWER);
    let temp = tempfile::tempdir().expect("a temporary directory");
    let mut command = bench.command(&["--linker=false", "app.wat"]);
    let output = command.env("TMPDIR", temp.path()).output().expect("the compiler runs");
    holds(&output, 70, &["internal error: the linker failed", "false -pie", "report it"]);
    assert_eq!(bench.files(), ["app.wat"]);
    let left = fs::read_dir(temp.path()).expect("a readable directory").count();
    assert_eq!(left, 0, "temporary files were left");
}

#[test]
fn an_interrupted_run_leaves_nothing() {
    let bench = Bench::new(ANSWER);
    let temp = tempfile::tempdir().expect("a temporary directory");
    bench.write("slow", b"#!/bin/sh\ntouch started\nexec sleep 60\n");
    fs::set_permissions(bench.path("slow"), fs::Permissions::from_mode(0o755)).expect("a mode");
    let mut command = bench.command(&["--linker=./slow", "app.wat"]);
    let mut child = command.env("TMPDIR", temp.path()).spawn().expect("the compiler runs");
    while !bench.path("started").exists() {
        assert!(child.try_wait().expect("a status").is_none(), "it ended before it linked");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let killed = Command::new("kill").arg(child.id().to_string()).status().expect("kill runs");
    assert!(killed.success());
    let status = child.wait().expect("a status");
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(15));
    assert_eq!(bench.files(), ["app.wat", "slow", "started"]);
    assert_eq!(fs::read_dir(temp.path()).expect("a readable directory").count(), 0);
}

#[test]
fn color_is_used_only_when_asked_for_or_on_a_terminal() {
    let bench = Bench::new(ANSWER);
    assert!(!bench.fails(&["missing.wasm"], 1, &[]).contains('\x1b'));
    assert!(bench.fails(&["--color=always", "missing.wasm"], 1, &[]).contains('\x1b'));
}
