//! What the compiler says about inputs that are not what it needs: each message names the thing, the place
//! and the way out. Hints with commands are run where that is possible.

use std::fs;
use std::process::Command;

use w2n_tests::command::{Bench, holds};
use w2n_tests::program::compiler;

/// Answers 42.
const ANSWER: &str = r#"(module (func (export "main") (result i32) i32.const 42))"#;

fn exit_status(bench: &Bench, name: &str) -> Option<i32> {
    Command::new(bench.path(name)).status().expect("the program runs").code()
}

/// The words of the first command in a hint, without the program.
fn command_in(said: &str) -> Vec<String> {
    let hint = said.split("hint: ").nth(1).unwrap_or_else(|| panic!("no hint in {said}"));
    let command = hint.split('`').find(|text| text.starts_with("wasm2native ")).expect(hint);
    command.split(' ').skip(1).map(str::to_owned).collect()
}

#[test]
fn errors_in_text_have_line_and_column() {
    let bench = Bench::new("(module\n  (func)\n\t(func $wrong (result i32)\n    i64.const 1\n    nop))");
    let texts =
        ["found i64, at 0x", "in func 1 `wrong`\n", "--> app.wat:5:5\n", "    5 |     nop))\n      |     ^"];
    bench.fails(&["app.wat"], 1, &texts);
    bench.write(
        "folded.wat",
        b"(module (memory 1)\n (func $f\n  (i32.store (i32.const 0)\n   (f32.const 1))))",
    );
    bench.fails(&["folded.wat"], 1, &["in func 0 `f`\n", "--> folded.wat:3:4\n", "(i32.store (i32.const 0)"]);
    let proposal = "(module (memory 1)\n (func)\n (func (drop (i32.atomic.load (i32.const 0)))))";
    bench.write("threads.wat", proposal.as_bytes());
    bench.fails(&["threads.wat"], 1, &["needs the threads proposal", "--> threads.wat:3:15\n"]);
    // A line that is too long to be read is only named.
    let long = format!("(module (func {} i32.add))", "nop ".repeat(400));
    bench.write("long.wat", long.as_bytes());
    let said = bench.fails(&["long.wat"], 1, &["--> long.wat:1:"]);
    assert!(said.len() < 400, "{said}");
}

#[test]
fn sources_are_to_be_compiled_to_wasm_first() {
    let bench = Bench::new(ANSWER);
    bench.write("hello.c", b"int main(void) { return 7; }");
    let said =
        bench.fails(&["hello.c"], 2, &["no module to compile: hello.c", "compile it to Wasm first: `clang "]);
    assert!(said.contains("`wasm2native hello.wasm -o hello`"), "{said}");
    // Debian calls the compiler by its version.
    let clang = said.split('`').nth(1).expect("a command").replacen("clang ", "clang-22 --no-wasm-opt ", 1);
    let shell = Command::new("sh").args(["-c", &clang]).current_dir(bench.dir()).output().expect("sh runs");
    assert!(shell.status.success(), "{shell:?}");
    let command = command_in(&said);
    bench.succeeds(&command.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(exit_status(&bench, "hello"), Some(7));
    bench.fails(
        &["a b.cpp", "c.c"],
        2,
        &["`clang++ --target=wasm32-wasi -O2 -fno-exceptions 'a b.cpp' c.c -o 'a b.wasm'`"],
    );
    bench.write("of_wasm.o", b"\0asm\x01\0\0\0");
    bench.fails(&["of_wasm.o"], 2, &["`clang --target=wasm32-wasi of_wasm.o -o of_wasm.wasm`"]);
    bench.write("main.rs", b"fn main() {}");
    bench.fails(&["main.rs"], 1, &["`rustc --target wasm32-wasip1 -O main.rs -o main.wasm`"]);
    bench.write("app.bc", b"BC\xc0\xde\x01");
    bench.fails(&["app.bc"], 1, &["`clang --target=wasm32-wasi -O2 app.bc -o app.wasm`"]);
    bench.write("app.js", b"var Module = {};");
    bench.fails(&["app.js"], 1, &["give the .wasm file beside it"]);
}

#[test]
fn text_that_cannot_be_read_and_native_code_are_told_apart() {
    let bench = Bench::new(ANSWER);
    for (name, bytes, text) in [
        (
            "latin.wat",
            &b"(module\n ;; caf\xe9\n)"[..],
            "latin.wat: is not in UTF-8, as Wasm text is: byte 0xe9 in line 2",
        ),
        ("mark.wat", b"\xef\xbb\xbf(module)", "mark.wat: begins with a byte order mark"),
        ("wide.wat", b"\xff\xfe(\0m\0", "wide.wat: is in UTF-16"),
        ("wide.wat", b"\xfe\xff\0(\0m", "`iconv -f UTF-16 -t UTF-8 wide.wat`"),
        ("app", b"\x7fELF\x02\x01\x01", "app: is native code already (ELF), not a module"),
        ("noise", b"\xe9(", "noise: is neither a Wasm binary"),
    ] {
        bench.write(name, bytes);
        bench.fails(&[name], 1, &[text]);
    }
    bench.write("of_wasm.o", b"\0asm\x01\0\0\0");
    let linked = "`clang --target=wasm32-wasi of_wasm.o -o of_wasm.wasm`";
    bench.fails(&["app.wat", "of_wasm.o"], 1, &["of_wasm.o: is an object file of Wasm", linked]);
    bench.write("text.o", b"text");
    bench.fails(&["app.wat", "text.o"], 1, &["text.o: is no object, archive or shared library"]);
}

/// Another C compiler is no help against a limit of the system.
#[test]
fn a_linker_that_cannot_be_started_is_not_missing() {
    let bench = Bench::new(ANSWER);
    let mut shell = Command::new("sh");
    let limited = r#"ulimit -n 6; exec "$0" app.wat -o app"#;
    shell.args(["-c", limited]).arg(compiler()).current_dir(bench.dir()).env_remove("CC");
    let said = holds(&shell.output().expect("sh runs"), 1, &["too many open files"]);
    assert!(!said.contains("install a C compiler"), "{said}");
}

#[test]
fn packed_modules_are_to_be_unpacked() {
    let bench = Bench::new(ANSWER);
    let gzip =
        Command::new("gzip").arg("-k").arg("app.wat").current_dir(bench.dir()).status().expect("gzip runs");
    assert!(gzip.success());
    let said = bench.fails(&["app.wat.gz"], 1, &["app.wat.gz: is packed with gzip", "`gzip -dk app.wat.gz`"]);
    fs::remove_file(bench.path("app.wat")).expect("a file");
    let command = said.split('`').nth(1).expect("a command");
    let shell = Command::new("sh").args(["-c", command]).current_dir(bench.dir()).status().expect("sh runs");
    assert!(shell.success());
    bench.succeeds(&["app.wat"]);
    for (name, bytes, text) in [
        ("a.wasm", &b"\x28\xb5\x2f\xfd\x04"[..], "is packed with zstd, not a module"),
        ("b.zip", b"PK\x03\x04", "is a zip archive"),
        ("c.wasm.br", b"\x8b\x01", "is packed with brotli"),
        ("d.tgz", b"\x1f\x8b\x08", "`tar xf d.tgz`"),
    ] {
        bench.write(name, bytes);
        bench.fails(&[name], 1, &[text, "unpack it first"]);
    }
    let packed = fs::File::open(bench.path("d.tgz")).expect("a file");
    let output = bench.command(&["-"]).stdin(packed).output().expect("the compiler runs");
    holds(&output, 1, &["<stdin>: is packed with gzip", "before it comes here"]);
}

#[test]
fn names_that_are_nearly_those_of_wasi_get_a_suggestion() {
    let importing = |module: &str, name: &str| {
        Bench::new(&format!(
            r#"(module (import "{module}" "{name}" (func (param i32))) (func (export "_start")))"#
        ))
    };
    let typo = importing("wasi_snapshot_preview1", "proc_exti");
    typo.fails(&["app.wat"], 1, &["did you mean `wasi_snapshot_preview1.proc_exit`?"]);
    let module = importing("wasi_snapshot_preview_1", "proc_exit");
    module.fails(&["app.wat"], 1, &["did you mean `wasi_snapshot_preview1.proc_exit`?"]);
    let other = importing("wasi_snapshot_preview1", "thread_spawn");
    assert!(!other.fails(&["app.wat"], 1, &[]).contains("did you mean"));
}

#[test]
fn a_module_that_could_be_given_too_is_named() {
    let bench = Bench::new(
        r#"(module (import "lib" "f" (func $f (result i32))) (func (export "main") (result i32) call $f))"#,
    );
    bench.fails(&["app.wat"], 1, &["a module of the name, lib.wasm, given beside it"]);
    bench.write("lib.wat", br#"(module (func (export "f") (result i32) i32.const 5))"#);
    let said =
        bench.fails(&["app.wat"], 1, &["lib.f (func (result i32))", "the file lib.wat may provide it"]);
    let command = command_in(&said);
    bench.succeeds(&command.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(exit_status(&bench, "app"), Some(5));
    // Beside the module, wherever that is; and no name of a module leads elsewhere.
    fs::create_dir(bench.path("dir")).expect("a directory");
    fs::rename(bench.path("lib.wat"), bench.path("dir/lib.wat")).expect("a rename");
    fs::copy(bench.path("app.wat"), bench.path("dir/app.wat")).expect("a copy");
    bench.fails(&["dir/app.wat"], 1, &["`wasm2native dir/app.wat dir/lib.wat -o app`"]);
    let evil = r#"(module (import "dir/lib" "f" (func)) (func (export "main")))"#;
    bench.write("evil.wat", evil.as_bytes());
    assert!(!bench.fails(&["evil.wat"], 1, &[]).contains("may provide"));
}

#[test]
fn an_import_under_the_name_of_the_file_gets_a_hint_that_works() {
    let bench = Bench::new("");
    bench.write(
        "env.wat",
        br#"(module (import "env" "f" (func $f (result i32))) (func (export "main") (result i32) call $f))"#,
    );
    bench.write("host.c", b"int env_f(void *caller) { return 9; }");
    let said =
        bench.fails(&["env.wat", "host.c"], 1, &["`env` is also the name of the module itself", "env_f("]);
    let option = said.split('`').find(|text| text.starts_with("--module-name=")).expect(&said);
    bench.succeeds(&[option, "env.wat", "host.c", "-o", "app"]);
    assert_eq!(exit_status(&bench, "app"), Some(9));
}

#[test]
fn lists_of_imports_are_bounded() {
    let imports: String = (0..500).map(|n| format!(r#"(import "env" "f{n}" (func))"#)).collect();
    let bench = Bench::new(&format!(r#"(module {imports} (func (export "_start")))"#));
    let said = bench.fails(&["app.wat"], 1, &["500 imports", "and 497 more", "  and 480 more\n"]);
    assert!(said.lines().count() <= 25, "{said}");
}

#[test]
fn toolchains_for_javascript_are_known_by_shape() {
    let importing = |imports: &str, export: &str| {
        Bench::new(&format!(
            r#"(module {imports} (memory 1) (export "c" (memory 0)) (func (export "{export}")))"#
        ))
    };
    let minified = r#"(import "a" "a" (func (param i32))) (import "a" "b" (func (result i32)))"#;
    importing(minified, "d").fails(&["app.wat"], 1, &["Emscripten module", "-sSTANDALONE_WASM"]);
    let bindgen = r#"(import "./app_bg.js" "__wbg_log_1" (func (param i32 i32)))"#;
    importing(bindgen, "start").fails(&["app.wat"], 1, &["wasm-bindgen", "--target wasm32-wasip1"]);
    let embind = r#"(import "env" "_embind_register_void" (func (param i32 i32)))"#;
    importing(embind, "_start").fails(&["app.wat"], 1, &["Emscripten module"]);
}

#[test]
fn a_refused_proposal_comes_with_its_cause_and_how_to_rebuild() {
    for (module, texts) in [
        ("(memory 1) (func i32.const 0 i32.atomic.load drop)", &["`i32.atomic.load`: ", "-pthread"][..]),
        (r#"(import "a" "b" (memory 1 2 shared))"#, &["in the import section: ", "rebuild without threads"]),
        ("(tag $t) (func throw $t)", &["in the tag section: ", "-fno-exceptions"]),
        ("(func try nop catch_all nop end)", &["`try`: ", "-fno-exceptions"]),
        ("(type (struct (field i32)))", &["in the type section: ", "--enable-gc"]),
        ("(memory 1) (func i32.const 0 i32.const 0 memory.discard)", &["`memory.discard`: ", "experimental"]),
    ] {
        Bench::new(&format!("(module {module})")).fails(&["-shared", "app.wat"], 1, texts);
    }
}

#[test]
fn an_entry_that_is_not_there_is_answered_with_those_that_are() {
    let bench = Bench::new(
        r#"(module (func (export "go")) (func (export "runs") (result i32) i32.const 3) (func (export "f") (param i32)))"#,
    );
    bench.fails(
        &["--entry=run", "app.wat"],
        1,
        &["there is no such export", "did you mean `runs`?", "`go`, `runs`"],
    );
    bench.fails(&["--entry=nope", "app.wat"], 1, &["no such export", "what can be started: `go`, `runs`\n"]);
    bench.fails(
        &["--entry=f", "app.wat"],
        1,
        &["it is func (param i32)", "what can be started: `go`, `runs`\n"],
    );
    bench.write("lib.wat", br#"(module (func (export "x")))"#);
    bench.fails(&["--entry=nope", "app.wat", "lib.wat"], 1, &["none of app.wat, lib.wat exports", "`x`"]);
    let nothing = Bench::new(r#"(module (func (export "f") (param i32)))"#);
    nothing.fails(&["--entry=nope", "app.wat"], 1, &["no export is a function `() -> ()`"]);
}

#[test]
fn a_start_function_alone_is_a_program() {
    let exit = r#"(import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))"#;
    let bench = Bench::new(&format!(
        r#"(module {exit} (memory (export "memory") 1) (func $go (call $exit (i32.const 6))) (start $go))"#
    ));
    bench.succeeds(&["app.wat"]);
    assert_eq!(exit_status(&bench, "app"), Some(6));
    let silent = Bench::new(
        "(module (global $g (mut i32) (i32.const 0)) (func $go (global.set $g (i32.const 1))) (start $go))",
    );
    silent.succeeds(&["app.wat"]);
    assert_eq!(exit_status(&silent, "app"), Some(0));
    let trapping = Bench::new("(module (func $go unreachable) (start $go))");
    trapping.succeeds(&["app.wat"]);
    assert_eq!(exit_status(&trapping, "app"), Some(134));
    // A library that prepares itself is none, and neither is what has no code to run.
    Bench::new(r#"(module (func $go) (start $go) (func (export "add")))"#).fails(
        &["app.wat"],
        1,
        &["no entry point"],
    );
    Bench::new("(module (func))").fails(&["app.wat"], 1, &["no entry point"]);
}

#[test]
fn binaries_do_not_go_to_a_terminal() {
    let bench = Bench::new(ANSWER);
    let compiler = compiler();
    let run = |arguments: &str| bench.on_terminal(&format!("{} {arguments} app.wat", compiler.display()));
    for arguments in ["-o -", "-c -o -", "-shared -o -", "-emit-llvm -c -o -", "-o /dev/tty"] {
        let said = run(arguments);
        assert!(said.contains("is a terminal, and the output is no text") && !said.contains("ELF"), "{said}");
    }
    assert!(run("-S -o -").contains(".text"));
    assert!(run("-### -o -").contains("-pie"));
    let piped =
        bench.on_terminal(&format!("{} -o - app.wat >out; head -c 4 out | tail -c 3", compiler.display()));
    assert_eq!(piped, "ELF");
}

#[test]
fn remarks_tell_of_threaded_dispatches() {
    // A state machine: each state says which is the next.
    let bench = Bench::new(
        r#"(module (func (export "main") (result i32) (local $next i32) (local $sum i32)
          (loop $again (block $two (block $one (block $zero
              (br_table $zero $one $two (local.get $next)))
            (local.set $sum (i32.add (local.get $sum) (i32.const 1)))
            (local.set $next (i32.const 1)) (br $again))
            (local.set $sum (i32.add (local.get $sum) (i32.const 2)))
            (local.set $next (i32.const 2)) (br $again)))
          (local.get $sum)))"#,
    );
    let output = bench.succeeds(&["-O2", "--remarks", "app.wat"]);
    holds(&output, 0, &["in func 0: dispatch-threading: ", "branches led past a dispatch"]);
    assert_eq!(exit_status(&bench, "app"), Some(3));
}

#[test]
fn remarks_tell_of_locals_that_stay_in_memory() {
    // Each of the locals changes in each of the loops.
    let (locals, depth) = (200, 100);
    let count = |local: usize| format!("(local.set {local} (i32.add (local.get {local}) (i32.const 1)))");
    let counts: String = (0..locals).map(count).collect();
    let ends: String = (0..depth).map(|level| format!("(br_if 0 (i32.eqz (local.get {level}))))")).collect();
    let (types, loops) = ("i32 ".repeat(locals), "(loop ".repeat(depth));
    let bench = Bench::new(&format!(
        "(module (func (export \"main\") (result i32) (local {types}) {loops}{counts}{ends} (local.get 0)))"
    ));
    for level in ["-O0", "-O2"] {
        let output = bench.succeeds(&[level, "--remarks", "app.wat"]);
        holds(
            &output,
            0,
            &["in func 0: promotion: 200 locals, which change in too many places, stay in memory"],
        );
        assert_eq!(exit_status(&bench, "app"), Some(1), "{level}");
    }
}
