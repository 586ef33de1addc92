//! What the compiler says, read by a program: every line is an object with the keys that DESIGN.md lists, whatever
//! the line is about, and says what the text says. And the library: it says all of it to its caller, nothing to
//! anybody else.

use std::process::{Command, Output};
use std::sync::{Arc, Mutex};

use serde_json::Value;
use w2n_tests::command::{Bench, holds};
use wasm2native::error::{Code, ErrorKind, Severity};
use wasm2native::options::{Environment, InputFile, Options, OutputFile, OutputKind};
use wasm2native::{Artifact, Compilation, Event};

/// Answers 42.
const ANSWER: &str = r#"(module (func (export "main") (result i32) i32.const 42))"#;

/// A loop that is vectorised.
const LOOP: &str = r#"(module (memory (export "m") 1) (func $fill (export "f") (param $p i32) (param $n i32)
  (block $out
    (br_if $out (i32.le_s (local.get $n) (i32.const 0)))
    (loop $l
      (i32.store (local.get $p) (i32.add (i32.load (local.get $p)) (i32.const 7)))
      (local.set $p (i32.add (local.get $p) (i32.const 4)))
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))))"#;

const KEYS: [&str; 11] = [
    "severity", "code", "message", "file", "function", "offset", "line", "column", "source", "detail", "hint",
];

/// The lines of JSON on standard error, each held to have all keys and no others.
#[track_caller]
fn lines(output: &Output) -> Vec<Value> {
    let said = String::from_utf8(output.stderr.clone()).expect("UTF-8");
    let parse = |line: &str| {
        let value: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let object = value.as_object().unwrap_or_else(|| panic!("no object: {line}"));
        let mut keys: Vec<_> = object.keys().map(String::as_str).collect();
        let mut expected = KEYS;
        keys.sort_unstable();
        expected.sort_unstable();
        assert_eq!(keys, expected);
        assert!(Code::ALL.iter().any(|code| value["code"] == code.name()), "{line}");
        value
    };
    said.lines().map(parse).collect()
}

/// The only line that a failing command says.
#[track_caller]
fn error(bench: &Bench, arguments: &[&str], status: i32, code: &str) -> Value {
    let all = [&["--diagnostics-format=json"], arguments].concat();
    let output = bench.run(&all);
    assert_eq!(output.status.code(), Some(status), "{output:?}");
    let mut lines = lines(&output);
    assert_eq!(lines.len(), 1, "{lines:?}");
    let line = lines.remove(0);
    assert_eq!((line["severity"].as_str(), line["code"].as_str()), (Some("error"), Some(code)), "{line}");
    line
}

#[test]
fn an_error_in_a_text_has_file_function_offset_line_and_column() {
    let bench = Bench::new("(module\n  (func)\n  (func $\"\u{e9}\" (result i32)\n\ti64.const 1\n\tnop))");
    let line = error(&bench, &["app.wat"], 1, "invalid-module");
    assert_eq!(line["file"], "app.wat");
    assert_eq!(line["function"], serde_json::json!({"index": 1, "name": "\u{e9}"}));
    assert_eq!((line["line"].as_u64(), line["column"].as_u64()), (Some(5), Some(2)));
    assert_eq!(line["source"], "\tnop))");
    assert!(line["message"].as_str().expect("a text").contains("found i64"), "{line}");
    // The same place as in the text for people.
    let text = format!("at {:#x} in func 1 `\u{e9}`\n", line["offset"].as_u64().expect("an offset"));
    bench.fails(&["app.wat"], 1, &[&text, "--> app.wat:5:2\n", "    5 | \tnop))\n      | \t^\n"]);
}

#[test]
fn columns_count_characters_and_syntax_errors_have_them_too() {
    let bench = Bench::new("(module (func (export \"\u{e9}\u{e9}\")) (fnc))");
    let line = error(&bench, &["app.wat"], 1, "text-syntax");
    assert_eq!((line["line"].as_u64(), line["column"].as_u64()), (Some(1), Some(31)));
    assert_eq!(line["offset"], Value::Null);
    bench.fails(&["app.wat"], 1, &["--> app.wat:1:31\n", &format!("\n      | {}^\n", " ".repeat(30))]);
}

#[test]
fn each_kind_of_error_has_a_code() {
    let bench = Bench::new(ANSWER);
    error(&bench, &["--shred", "app.wat"], 2, "unknown-option");
    error(&bench, &["-j0", "app.wat"], 2, "usage");
    error(&bench, &["missing.wasm"], 1, "file");
    error(&bench, &["--linker=/nonexistent", "app.wat"], 1, "linker");
    bench.write("empty.wasm", b"");
    error(&bench, &["empty.wasm"], 1, "not-a-module");
    bench.write("threads.wat", b"(module (memory 1 1 shared))");
    let threads = error(&bench, &["threads.wat"], 1, "unsupported-proposal");
    assert!(threads["hint"].is_string(), "{threads}");
    bench.write("lib.wat", br#"(module (func (export "f")))"#);
    error(&bench, &["lib.wat"], 1, "no-entry");
    bench.write("open.wat", br#"(module (import "a" "b" (func)) (func (export "_start")))"#);
    error(&bench, &["open.wat"], 1, "import");
    bench.write("bad.c", b"int f(void) { return }");
    let bad = error(&bench, &["app.wat", "bad.c"], 1, "c-compiler");
    assert_eq!(bad["file"], "bad.c");
    assert!(bad["detail"].as_str().expect("what it said").contains("bad.c:1:"), "{bad}");
}

#[test]
fn warnings_remarks_and_steps_are_lines_too() {
    let bench = Bench::new(ANSWER);
    bench.write("loop.wat", LOOP.as_bytes());
    let arguments = ["--diagnostics-format=json", "-v", "--remarks", "-s", "-shared", "-c", "loop.wat"];
    let output = bench.succeeds(&arguments);
    let lines = lines(&output);
    let of = |severity: &str| lines.iter().filter(|line| line["severity"] == severity).collect::<Vec<_>>();
    assert!(of("note").iter().all(|line| line["code"] == "step"));
    let is_reading =
        |line: &&Value| line["message"].as_str().is_some_and(|text| text.starts_with("reading loop.wat"));
    assert!(of("note").iter().any(is_reading));
    assert_eq!(
        of("warning").iter().map(|line| line["code"].as_str()).collect::<Vec<_>>(),
        [Some("no-effect")]
    );
    let remarks = of("remark");
    assert!(!remarks.is_empty() && of("error").is_empty());
    for remark in remarks {
        assert_eq!(remark["function"]["name"], "fill");
        assert_eq!(remark["file"], "loop.wat");
    }
}

#[test]
fn c_warnings_are_passed_on_with_their_file() {
    let bench = Bench::new(ANSWER);
    bench.write("host.c", b"#warning careful\nint unused;\n");
    let output = bench.succeeds(&["app.wat", "host.c"]);
    holds(&output, 0, &["wasm2native: warning: host.c: the C compiler warns\n", "careful"]);
    let output = bench.succeeds(&["--diagnostics-format=json", "app.wat", "host.c"]);
    let line = &lines(&output)[0];
    assert_eq!((line["severity"].as_str(), line["code"].as_str()), (Some("warning"), Some("c-compiler")));
}

#[test]
fn every_code_is_listed_in_the_design() {
    let design = include_str!("../../wasm2native/DESIGN.md");
    for code in Code::ALL {
        let row = format!("| `{}` | {} |", code.name(), code.meaning());
        assert!(design.contains(&row), "no row in DESIGN.md: {row}");
    }
    for key in KEYS {
        assert!(design.contains(&format!("`{key}`")), "no key in DESIGN.md: {key}");
    }
}

fn in_memory(name: &str, text: &str, kind: OutputKind) -> Options {
    let mut options = Options::new(InputFile::Bytes { name: name.into(), bytes: text.into() });
    options.output_kind = kind;
    options.output = OutputFile::Memory;
    options.environment = Environment::of_process();
    options
}

#[test]
fn the_library_answers_bytes_and_tells_its_listener() {
    let mut options = in_memory("app.wat", ANSWER, OutputKind::Executable);
    options.reports.steps = true;
    options.reports.costs = true;
    let heard = Arc::new(Mutex::new(Vec::new()));
    let listener = Arc::clone(&heard);
    let compilation = Compilation::new(options).on_event(move |event| {
        if let Event::Diagnostic(diagnostic) = event {
            listener.lock().expect("a lock").push(diagnostic.clone());
        }
    });
    let outcome = compilation.run();
    let Ok(Artifact::Bytes(program)) = outcome.result else { panic!("{:?}", outcome.result) };
    let bench = Bench::of(&[]);
    bench.write("app", &program);
    bench.tool("chmod", &["+x", "app"]);
    bench.answers("app", 42);
    assert_eq!(*heard.lock().expect("a lock"), outcome.diagnostics);
    assert!(outcome.diagnostics.iter().all(|diagnostic| diagnostic.severity() == Severity::Note));
    assert!(outcome.diagnostics.len() > 2 && outcome.costs.len() == 7);
}

#[test]
fn one_process_compiles_with_remarks_and_without_at_once() {
    let run = |remarks: bool| {
        let mut options = in_memory("loop.wat", LOOP, OutputKind::SharedLibrary);
        options.reports.remarks = remarks;
        let outcome = Compilation::new(options).run();
        assert!(outcome.result.is_ok(), "{:?}", outcome.result);
        outcome.diagnostics.len()
    };
    assert_eq!(run(false), 0);
    assert!(run(true) > 0);
    assert_eq!(run(false), 0);
}

/// The library finds nothing that its options do not name: no linker without a PATH, though this process has one.
#[test]
fn the_library_does_not_look_at_the_process() {
    let mut options = in_memory("app.wat", ANSWER, OutputKind::Executable);
    options.environment = Environment { path: "/nonexistent".into(), ..Environment::default() };
    let error = Compilation::new(options).run().result.expect_err("no linker");
    assert_eq!((error.kind(), error.code_name()), (ErrorKind::Input, Code::Linker), "{error}");
    let mut options = in_memory("app.wat", ANSWER, OutputKind::Executable);
    options.environment.temp_dir = "/nonexistent".into();
    let error = Compilation::new(options).run().result.expect_err("no temporary directory");
    assert!(error.to_string().contains("/nonexistent"), "{error}");
}

/// What a program of the library's prints is its own words alone.
#[test]
fn the_library_prints_nothing() {
    if std::env::var_os("W2N_TEST_QUIET").is_some() {
        let mut options = in_memory("app.wat", ANSWER, OutputKind::Object);
        options.reports.steps = true;
        options.link.strip = true;
        let outcome = Compilation::new(options).run();
        assert!(outcome.diagnostics.iter().any(|told| told.severity() == Severity::Warning));
        return;
    }
    let this = std::env::current_exe().expect("this program");
    let mut again = Command::new(this);
    again.args(["--exact", "the_library_prints_nothing", "--nocapture"]).env("W2N_TEST_QUIET", "1");
    let output = again.output().expect("it runs");
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(!said.contains("wasm2native") && !said.contains("reading"), "{said}");
}
