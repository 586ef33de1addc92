//! The command from outside: what it prints, what it leaves behind, how it exits.
//!
//! Each test runs the built compiler in a directory of its own. After a failure nothing but the input
//! may be there.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use w2n_tests::command::{Bench, holds};
use w2n_tests::program::compiler;

/// Answers 42.
const ANSWER: &str = r#"(module (func (export "main") (result i32) i32.const 42))"#;

fn run(program: &Path) -> Output {
    Command::new(program).output().expect("the program runs")
}

fn exit_status(program: &Path) -> Option<i32> {
    run(program).status.code()
}

/// What one of the tools that come with LLVM or the linker says about a file.
#[track_caller]
fn tool(bench: &Bench, name: &str, arguments: &[&str]) -> String {
    let output = Command::new(name).args(arguments).current_dir(bench.dir()).output().expect(name);
    String::from_utf8_lossy(&output.stdout).into_owned()
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
    let said = |option: &str| String::from_utf8_lossy(&bench.succeeds(&[option]).stdout).into_owned();
    let (short, all) = (said("--help"), said("--help-all"));
    assert!(short.contains("-emit-llvm") && short.contains("wasm2native --help-all"), "{short}");
    assert!(
        all.contains("\nLinking:\n") && all.contains("  --timeout=TIME ") && !short.contains("--timeout")
    );
    assert_eq!((said("-h"), said("-help-all")), (short, all));
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
fn emit_names_each_kind() {
    let bench = Bench::new(ANSWER);
    let kinds = ["exe", "shared", "obj", "asm", "llvm-ir", "llvm-bc"];
    for (kind, name) in kinds.into_iter().zip(["app", "app.so", "app.o", "app.s", "app.ll", "app.bc"]) {
        bench.succeeds(&["-O0", &format!("--emit={kind}"), "app.wat"]);
        assert!(bench.files().contains(&name.to_owned()), "{kind}");
    }
}

#[test]
fn the_derived_name_has_the_bytes_of_the_input() {
    let bench = Bench::new(ANSWER);
    let (input, output) = (OsStr::from_bytes(b"\xff.wat"), OsStr::from_bytes(b"\xff"));
    fs::rename(bench.path("app.wat"), bench.dir().join(input)).expect("a rename");
    let result = bench.command(&[]).arg(input).output().expect("the compiler runs");
    holds(&result, 0, &[]);
    assert_eq!(exit_status(&bench.dir().join(output)), Some(42));
}

#[test]
fn debug_info_names_functions_and_offsets() {
    let bench = Bench::new(
        "(module (func $deep (param i32) (result i32) local.get 0 i32.eqz if unreachable end i32.const 1)
            (func (export \"main\") (result i32) i32.const 0 call $deep i32.const 2 i32.add))",
    );
    for level in ["-O0", "-O2"] {
        bench.succeeds(&["-g", level, "app.wat"]);
        let verified = tool(&bench, "llvm-dwarfdump-22", &["--verify", "app"]);
        assert!(verified.contains("No errors."), "{verified}");
        // The call instruction is 2 bytes after the body's start; `deep` may have been inlined there.
        let trap = String::from_utf8_lossy(&run(&bench.path("app")).stderr).into_owned();
        let place = trap.split_once("`deep` at 0x").expect(&trap).1.lines().next().expect(&trap);
        let offset = u32::from_str_radix(place, 16).expect(place);
        let lines = tool(&bench, "llvm-dwarfdump-22", &["--debug-line", "app"]);
        let row = lines.lines().find(|line| line.split_whitespace().nth(1) == Some(&offset.to_string()));
        let address = row.expect(&lines).split_whitespace().next().expect("an address");
        let shown = tool(&bench, "addr2line", &["-f", "-i", "-e", "app", address]);
        assert!(shown.starts_with("deep\n"), "{level}: {shown}");
        assert!(shown.contains(&format!("app:{offset}")), "{level}: {shown}");
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
    bench.fails(&["-"], 1, &["<stdin>: is empty, not a module"]);
}

#[test]
fn bytes_depend_neither_on_threads_nor_on_the_directory() {
    // Each function is nearly as large as a unit of -O0.
    let code = "i32.const 1 i32.add ".repeat(150_000);
    let func = format!("(func (result i32) i32.const 0 {code})");
    let module = format!(r#"(module {func} {func} {func} (func (export "main") (result i32) call 2))"#);
    let (one, other) = (Bench::new(&module), Bench::new(&module));
    holds(&one.succeeds(&["-j1", "-O0", "-v", "app.wat"]), 0, &["units: 3,"]);
    other.succeeds(&["-j", "4", "-O0", "app.wat"]);
    assert_eq!(exit_status(&one.path("app")), Some(150_000 % 256));
    let bytes = |bench: &Bench| fs::read(bench.path("app")).expect("the output");
    assert!(bytes(&one) == bytes(&other), "two runs gave different bytes");
}

#[test]
fn code_in_parts_works_and_does_not_depend_on_threads() {
    // Large enough for two parts. Each function calls the next and has a table of constants of its own, so
    // that parts refer to each other's code and data; memory is 0. No function is called only once.
    let (funcs, steps) = (320, 60);
    let picked = [3, 1, 4, 1];
    let step = "(local.set 0 (i32.xor (i32.mul (local.get 0) (i32.const 5))
        (i32.load (i32.and (local.get 0) (i32.const 0xffc)))))"
        .repeat(steps);
    let pick = "(block (block (block (block (block (br_table 0 1 2 3 4 (i32.and (local.get 0) (i32.const 3))))
        (return (i32.const 3))) (return (i32.const 1))) (return (i32.const 4))) (return (i32.const 1))) (i32.const 9)";
    let mut module =
        format!("(module (memory 1) (table {funcs} funcref) (func $pick (param i32) (result i32) {pick})");
    let mut names = String::new();
    for func in 0..funcs {
        let sum = "(i32.add (local.get 0) (call $pick (local.get 0)))";
        let next = if func + 1 == funcs { sum.to_owned() } else { format!("(call $f{} {sum})", func + 1) };
        module += &format!("(func $f{func} (param i32) (result i32) {step} {next})");
        names += &format!(" $f{func}");
    }
    module += &format!(
        r#"(elem (i32.const 0) {names}) (func (export "main") (result i32) (call $f0 (i32.const 1))))"#
    );
    let expected = (0..funcs).fold(1_u32, |value, _| {
        let value = (0..steps).fold(value, |value, _| value.wrapping_mul(5));
        value.wrapping_add(picked[(value & 3) as usize])
    });
    let (one, other) = (Bench::new(&module), Bench::new(&module));
    holds(&one.succeeds(&["-j1", "-O2", "-v", "app.wat"]), 0, &["unit 0: code in 2 parts"]);
    other.succeeds(&["-j3", "-O2", "app.wat"]);
    assert_eq!(exit_status(&one.path("app")), Some((expected % 256) as i32));
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
        (&["-shred", "app.wat"][..], &["unknown option `-shred`", "did you mean `-shared`?"][..]),
        (&["-cg", "app.wat"], &["unknown option `-cg`"]),
        (&["-o"], &["option `-o` needs a value"]),
        (&["--shared=1", "app.wat"], &["option `-shared` takes no value"]),
        (&["-j", "x", "app.wat"], &["`x` is no value of `-j`", "a number"]),
        (&["--bounds-check=guard", "app.wat"], &["unknown option", "did you mean `--bounds-checks`?"]),
        (&["--emit=banana", "app.wat"], &["`banana` is no value of", "llvm-ir"]),
        (&["-O7", "app.wat"], &["`7` is no value of"]),
        (&["-j0", "app.wat"], &["at least one thread"]),
        (&["-c", "-S", "app.wat"], &["-c and -S both say what to make"]),
        (&["-o", "app"], &["no input file"]),
        (&[""], &["the name of the input is empty"]),
        (&["--target=", "app.wat"], &["--target: the name is empty"]),
        (&["host.c"], &["no module to compile: host.c"]),
        (&["-", "-"], &["standard input can be read only once"]),
        (&["-march=pdp11", "app.wat"], &["unknown processor `pdp11`", "x86-64-v3"]),
        (&["-march=znver33", "app.wat"], &["unknown processor `znver33`", "-march=znver3?"]),
        (&["-march=pentium4", "app.wat"], &["unknown processor `pentium4`"]),
        (&["--module-name=a b", "app.wat"], &["not a C identifier"]),
        (
            &["--module-name=a__b", "app.wat"],
            &["--module-name=a__b: not a name for symbols", "an underscore"],
        ),
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
fn a_full_standard_output_is_an_error() {
    let bench = Bench::new(ANSWER);
    for arguments in [&["--help"][..], &["--version"], &["-S", "app.wat", "-o", "-"]] {
        let full = fs::OpenOptions::new().write(true).open("/dev/full").expect("/dev/full");
        let output = bench.command(arguments).stdout(full).output().expect("the compiler runs");
        holds(&output, 1, &["cannot write standard output: no space left on device"]);
    }
}

#[test]
fn color_is_used_only_when_asked_for_or_on_a_terminal() {
    let bench = Bench::new(ANSWER);
    assert!(!bench.fails(&["missing.wasm"], 1, &[]).contains('\x1b'));
    assert!(bench.fails(&["--color=always", "missing.wasm"], 1, &[]).contains('\x1b'));
    let on_terminal = |environment: &str, options: &str| {
        let command = format!("{environment} {} {options} missing.wasm", compiler().display());
        let output = bench.on_terminal(&command);
        assert!(output.contains("cannot read missing.wasm"), "{output}");
        output.contains('\x1b')
    };
    assert!(on_terminal("", ""));
    assert!(!on_terminal("", "--color=never"));
    assert!(!on_terminal("NO_COLOR=1", ""));
    assert!(!on_terminal("TERM=dumb", ""));
    assert!(!on_terminal("TERM=dumb CI=true", ""));
}

#[test]
fn long_work_shows_progress_on_a_terminal_only() {
    let bench = Bench::new(ANSWER);
    // The linker takes its time: whatever is waited for, the user sees that something happens.
    bench.write("slow", b"#!/bin/sh\nsleep 4\nexec cc \"$@\"\n");
    fs::set_permissions(bench.path("slow"), fs::Permissions::from_mode(0o755)).expect("a mode");
    let command = format!("{} --linker=./slow app.wat", compiler().display());
    let output = bench.on_terminal(&command);
    assert!(output.contains("linking, 3 s"), "{output}");
    assert!(output.ends_with("\r\x1b[K"), "the line was not wiped: {output:?}");
    assert_eq!(exit_status(&bench.path("app")), Some(42));
    let silent = bench.succeeds(&["--linker=./slow", "app.wat"]);
    assert!(silent.stderr.is_empty() && silent.stdout.is_empty());
}

/// A program whose function `$large` is `blocks` times the same: it makes `3 * x + 1`, modulo 251, of the
/// number in memory, which starts as 7, unless that is 0. The program exits with what is left.
fn program_of_blocks(blocks: usize) -> String {
    let block = "(block (br_if 0 (i32.eqz (i32.load (i32.const 0))))
        (i32.store (i32.const 0) (i32.rem_u
            (i32.add (i32.mul (i32.load (i32.const 0)) (i32.const 3)) (i32.const 1)) (i32.const 251))))\n";
    format!(
        "(module (memory 1) (func $large (i32.store (i32.const 0) (i32.const 7))\n{})
        (func (export \"main\") (result i32) (call $large) (i32.load (i32.const 0))))",
        block.repeat(blocks)
    )
}

#[test]
fn a_huge_function_gets_cheap_passes_only_and_is_reported() {
    let is_reported = |blocks| {
        let bench = Bench::new(&program_of_blocks(blocks));
        let output = bench.succeeds(&["-O2", "--remarks", "app.wat"]);
        let left = (0..blocks).fold(7, |number, _| if number == 0 { 0 } else { (number * 3 + 1) % 251 });
        assert_eq!(exit_status(&bench.path("app")), Some(left));
        String::from_utf8_lossy(&output.stderr).contains("instructions gets a few cheap passes only")
    };
    assert!(!is_reported(1_000));
    assert!(is_reported(12_000));
}
