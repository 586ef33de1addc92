//! What the compiler says when the input is no module or the machine lacks something, and that it leaves
//! nothing behind then.
//!
//! Each test runs the built compiler in a directory of its own, which is looked at afterwards.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;
use std::time::Duration;

use w2n_tests::command::{Bench, holds};
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

#[test]
fn inputs_that_are_no_module_are_named_for_what_they_are() {
    let bench = Bench::new(ANSWER);
    fs::create_dir(bench.path("dir")).expect("a directory");
    bench.write("component.wasm", b"\0asm\x0d\0\x01\0");
    bench.write("component.wat", b"(component)");
    bench.write("version.wasm", b"\0asm\x02\0\0\0");
    bench.write("empty.wasm", b"");
    bench.write("elf.wasm", b"\x7fELF\x02\x01\x01\xff");
    bench.write("program.txt", b"int main() {}");
    bench.write("cut.wasm", b"\0asm\x01\0\0\0\x01\x7f");
    bench.write("magic.wasm", b"\0asm\x01");
    for (name, texts) in [
        ("dir", &["dir: is a directory", "give the path of a .wasm or .wat file"][..]),
        ("component.wasm", &["component.wasm: is a component", "wasm32-wasip1"]),
        ("component.wat", &["component.wat: is a component", "wasm32-wasip1"]),
        ("version.wasm", &["version.wasm: is of version 2 of the Wasm binary format, not 1, at 0x4"]),
        ("empty.wasm", &["empty.wasm: is empty"]),
        ("elf.wasm", &["elf.wasm: is native code already (ELF), not a module"]),
        ("program.txt", &["program.txt: is neither a Wasm binary", "`file program.txt`"]),
        ("cut.wasm", &["cut.wasm: unexpected end-of-file, at 0x"]),
        ("magic.wasm", &["magic.wasm: unexpected end-of-file, at 0x4"]),
        ("missing.wasm", &["cannot read missing.wasm: no such file"]),
        ("app.wat/app.wasm", &["cannot read app.wat/app.wasm: not a directory"]),
    ] {
        bench.fails(&[name], 1, texts);
    }
    bench.write("dir/the one.wasm", b"");
    bench.fails(&["dir"], 1, &["did you mean `wasm2native 'dir/the one.wasm'`?"]);
}

#[test]
fn choices_of_code_generation_have_names_and_values() {
    let bench = Bench::new(ANSWER);
    for (choice, texts) in [
        ("check-loops=2", &["`2` is no value of `-C check-loops`", "it takes one of: 0, 1"][..]),
        ("relaxed-simd=fast", &["`fast` is no value of `-C relaxed-simd`", "deterministic, native"]),
        ("check-loops", &["-C check-loops: no such choice", "-C check-loops=1"]),
        ("speed=9", &["-C speed=9: no such choice"]),
    ] {
        bench.fails(&["-C", choice, "app.wat"], 2, texts);
    }
}

#[test]
fn invalid_modules_are_placed() {
    let bench = Bench::new("(module (func) (func $wrong (result i32) i64.const 1))");
    bench.fails(
        &["app.wat"],
        1,
        &["app.wat: type mismatch: expected i32, found i64, at 0x21 in func 1 `wrong`\n"],
    );
    bench.write("text.wat", b"(module\n  (func i32.foo))");
    bench.fails(&["text.wat"], 1, &["text.wat: unknown operator", "--> text.wat:2:9\n", "(func i32.foo))"]);
}

#[test]
fn names_cannot_act_on_the_terminal() {
    let bench = Bench::new(
        r#"(module (func (export "a\1b[31m\0ahint: \00b")) (func (export "a\1b[31m\0ahint: \00b")))"#,
    );
    bench.write("evil\x1b[31m\n.wat", br#"(module (func $"\1b[2J\e2\80\ae" (result i32)))"#);
    let import = r#"(module (import "e\0d" "\07x" (func)) (func (export "_start")))"#;
    bench.write("import.wat", import.as_bytes());
    let long = format!(r#"(module (import "env" "{}" (func)) (func (export "_start")))"#, "n".repeat(90_000));
    bench.write("long.wat", long.as_bytes());
    for (name, text) in [
        ("app.wat", r"duplicate export name `a\u{1b}[31m\nhint: \0b` already defined"),
        ("evil\x1b[31m\n.wat", r"evil\u{1b}[31m\n.wat: type mismatch"),
        ("evil\x1b[31m\n.wat", r"in func 0 `\u{1b}[2J\u{202e}`"),
        ("import.wat", r"e\r.\u{7}x (func)"),
        ("long.wat", "nnnn… (func)"),
    ] {
        // The colour is what makes the escapes of others visible: without it they are all dropped.
        let said = bench.fails(&["--color=always", name], 1, &[text]);
        let lines: Vec<_> = said.lines().collect();
        // The message, and below it where that is in the text: the place, the line, and what frames it.
        assert!(lines.len() <= 6 && said.len() < 1500, "{said}");
        assert!(!said.contains("\x1b[31m\n") && !said.contains("\x1b[2J"), "{said:?}");
    }
    bench.fails(&["-v", "evil\x1b[31m\n.wat"], 1, &[r"reading evil\u{1b}[31m\n.wat ("]);
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
fn what_a_toolchain_calls_an_object_is_to_be_linked() {
    let object = Bench::new(r#"(module (import "env" "__linear_memory" (memory 0)) (func (export "main")))"#);
    object.fails(&["app.wat"], 1, &["`clang --target=wasm32-wasi app.wat -o app.linked.wasm`"]);
    let abort = r#"(module (import "env" "abort" (func (param i32 i32 i32 i32))) (func (export "_start")))"#;
    Bench::new(abort).fails(&["app.wat"], 1, &["env.abort (func", "AssemblyScript"]);
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

/// Runs `script` with a disk of `size` at `small`, which nobody else sees and which goes with it.
#[track_caller]
fn on_small_disk(bench: &Bench, size: &str, script: &str) -> String {
    fs::create_dir_all(bench.path("small")).expect("a directory");
    let script = format!("mount -t tmpfs -o size={size} none small && {{ {script}; }} 2>&1");
    let run = |flags: &[&str]| {
        let mut unshare = Command::new("unshare");
        unshare.args(flags).args(["sh", "-c", &script]).current_dir(bench.dir());
        unshare.env_remove("CC").output().expect("unshare runs")
    };
    let as_root = run(&["--mount"]);
    let output = if as_root.stdout.is_empty() { run(&["--mount", "--map-root-user"]) } else { as_root };
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let reason = String::from_utf8_lossy(&output.stderr);
    assert!(!said.is_empty(), "no small disk: needs root or user namespaces to mount one: {reason}");
    said
}

#[test]
fn a_full_disk_is_said_and_left_as_it_was() {
    let data = format!(
        r#"(module (memory 1) (data (i32.const 0) "{}") (func (export "main")))"#,
        "wasm".repeat(5_000)
    );
    let bench = Bench::new(&data);
    let compiler = compiler();
    let compiler = compiler.display();
    let output = format!("{compiler} app.wat -o small/app; echo status $?; ls -A small; echo end");
    let said = on_small_disk(&bench, "16k", &output);
    assert!(said.contains("cannot write small/app: no space left on device"), "{said}");
    assert!(said.ends_with("status 1\nend\n"), "{said}");
    let text = format!("{compiler} -S app.wat -o small/app.s; echo status $?; ls -A small; echo end");
    let said = on_small_disk(&bench, "4k", &text);
    assert!(said.contains("cannot write small/app.s: no space left on device"), "{said}");
    assert!(said.ends_with("status 1\nend\n"), "{said}");
    let temporary = format!("TMPDIR=small {compiler} app.wat; echo status $?; ls -A small; echo end");
    let said = on_small_disk(&bench, "4k", &temporary);
    assert!(said.contains("no space left on device\nhint: TMPDIR can name another place"), "{said}");
    assert!(said.ends_with("status 1\nend\n"), "{said}");
    assert_eq!(bench.files(), ["app.wat", "small"]);
}

#[test]
fn a_limit_on_the_size_of_files_is_an_error_like_others() {
    let bench = Bench::new(ANSWER);
    let temp = tempfile::tempdir().expect("a temporary directory");
    // It writes more than the limit allows.
    bench.write(
        "large",
        b"#!/bin/sh\nexec dd if=/dev/zero of=large.o bs=1k count=99 oflag=append status=none\n",
    );
    fs::set_permissions(bench.path("large"), fs::Permissions::from_mode(0o755)).expect("a mode");
    for (blocks, arguments, text) in [
        (1, "-c app.wat", "unit-0.o: file too large\nhint: TMPDIR"),
        (1, "app.wat", ".a: file too large\nhint: TMPDIR"),
        (1, "-S app.wat", "cannot write app.s: file too large"),
        (64, "-c --linker=./large app.wat", "cannot write app.o: file too large"),
    ] {
        let script = format!("ulimit -f {blocks}; exec {} {arguments}", compiler().display());
        let mut shell = Command::new("bash");
        shell.args(["-c", &script]).current_dir(bench.dir()).env("TMPDIR", temp.path()).env_remove("CC");
        holds(&shell.output().expect("bash runs"), 1, &[text]);
        let _ = fs::remove_file(bench.path("large.o"));
        assert_eq!(bench.files(), ["app.wat", "large"]);
        assert_eq!(fs::read_dir(temp.path()).expect("a readable directory").count(), 0);
    }
}

#[test]
fn too_little_memory_is_not_our_bug() {
    // Enough to start with, not enough for what LLVM makes of this.
    let code = "i32.const 0 i32.const 0 i32.load i32.const 1 i32.add i32.store ".repeat(100_000);
    let bench = Bench::new(&format!(r#"(module (memory 1) (func (export "main") {code}))"#));
    let temp = tempfile::tempdir().expect("a temporary directory");
    for (limit_kib, text) in [(400_000, "cannot start a thread: "), (650_000, "error: out of memory\nhint: ")]
    {
        let script = format!("ulimit -v {limit_kib}; exec {} -O0 app.wat", compiler().display());
        let mut shell = Command::new("bash");
        shell.args(["-c", &script]).current_dir(bench.dir()).env("TMPDIR", temp.path()).env_remove("CC");
        holds(&shell.output().expect("bash runs"), 1, &[text]);
        assert_eq!(bench.files(), ["app.wat"]);
        assert_eq!(fs::read_dir(temp.path()).expect("a readable directory").count(), 0);
    }
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
fn a_failing_linker_leaves_nothing() {
    let bench = Bench::new(ANSWER);
    let temp = tempfile::tempdir().expect("a temporary directory");
    let mut command = bench.command(&["--linker=false", "app.wat"]);
    let output = command.env("TMPDIR", temp.path()).output().expect("the compiler runs");
    holds(&output, 1, &["error: the linker failed with status 1: `--linker=false`", "hint: "]);
    assert_eq!(bench.files(), ["app.wat"]);
    let left = fs::read_dir(temp.path()).expect("a readable directory").count();
    assert_eq!(left, 0, "temporary files were left");
}

#[test]
fn a_killed_linker_is_not_our_bug() {
    let bench = Bench::new(ANSWER);
    bench.write("killed", b"#!/bin/sh\nkill -9 $$\n");
    fs::set_permissions(bench.path("killed"), fs::Permissions::from_mode(0o755)).expect("a mode");
    bench.fails(&["--linker=./killed", "app.wat"], 1, &["the linker was killed", "short of memory?"]);
}

#[test]
fn an_interrupted_run_leaves_nothing() {
    for signal in [1, 2, 3, 15] {
        let bench = Bench::new(ANSWER);
        let temp = tempfile::tempdir().expect("a temporary directory");
        // As ld does, it makes its output anew whatever became of it.
        bench.write("slow", b"#!/bin/sh\necho $$ >linker\nwhile :; do : >late; sleep 0.01; done\n");
        fs::set_permissions(bench.path("slow"), fs::Permissions::from_mode(0o755)).expect("a mode");
        let mut command = bench.command(&["--linker=./slow", "app.wat"]);
        let mut child = command.env("TMPDIR", temp.path()).spawn().expect("the compiler runs");
        while !bench.path("late").exists() {
            assert!(child.try_wait().expect("a status").is_none(), "it ended before it linked");
            std::thread::sleep(Duration::from_millis(10));
        }
        let kill = Command::new("kill").args([format!("-{signal}"), child.id().to_string()]).status();
        assert!(kill.expect("kill runs").success());
        let status = child.wait().expect("a status");
        assert_eq!(status.signal(), Some(signal));
        fs::remove_file(bench.path("late")).expect("the linker had made it");
        std::thread::sleep(Duration::from_millis(200));
        assert_eq!(bench.files(), ["app.wat", "linker", "slow"], "the linker goes on");
        assert_eq!(fs::read_dir(temp.path()).expect("a readable directory").count(), 0);
    }
}
