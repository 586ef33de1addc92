//! What a plugin, an object and an executable let others see: names that no library has, whatever the guest calls
//! its modules and exports.
//!
//! How: modules are named so that joining module and export would give a function of the C library or of a
//! language's runtime; the symbols of the output are read with `nm`.

use w2n_tests::command::Bench;
use w2n_tests::host::{Library, Value};
use w2n_tests::plugin::descriptor_symbol;

/// Names of symbols as `nm` lists them.
fn names(bench: &Bench, arguments: &[&str]) -> Vec<String> {
    let listed = bench.tool("nm", arguments);
    let names = listed.lines().filter_map(|line| line.split_whitespace().last());
    names.map(|name| name.split('@').next().unwrap_or(name).to_owned()).collect()
}

/// All of what the C library of this machine defines, cut at each underscore into a module and an export.
#[test]
fn a_plugin_has_no_symbol_of_a_library() {
    let bench = Bench::new("(module)");
    let libc = bench.tool("cc", &["-print-file-name=libc.so.6"]);
    let all = names(&bench, &["-D", "--defined-only", libc.trim()]);
    let mut taken: Vec<(String, String)> =
        ["rust_begin_unwind", "rust_eh_personality", "rust_panic", "getopt_long"]
            .into_iter()
            .chain(all.iter().map(String::as_str))
            .filter_map(|name| name.split_once('_'))
            .filter(|(module, _)| module.starts_with(|c: char| c.is_ascii_alphabetic()))
            // Versions of the library are in the list, too.
            .filter(|(module, export)| *module != "GLIBC" && !export.contains('.'))
            .map(|(module, export)| (module.to_owned(), export.to_owned()))
            .collect();
    taken.sort();
    taken.dedup();
    assert!(taken.len() > 200 && taken.contains(&("iconv".to_owned(), "open".to_owned())), "{}", taken.len());
    let modules: Vec<_> = taken.chunk_by(|left, right| left.0 == right.0).collect();
    let mut files = Vec::new();
    for module in &modules {
        let exports = module.iter().map(|(_, export)| format!(r#"(func (export "{export}"))"#));
        let file = format!("{}.wat", module[0].0);
        bench.write(&file, format!("(module {})", exports.collect::<String>()).as_bytes());
        files.push(file);
    }
    let mut arguments = vec!["-shared", "-O0", "-g0", "-o", "all.so"];
    arguments.extend(files.iter().map(String::as_str));
    bench.succeeds(&arguments);
    let defined = names(&bench, &["-D", "--defined-only", "all.so"]);
    assert!(defined.len() > taken.len(), "{} symbols", defined.len());
    for name in &defined {
        assert!(name.starts_with("w2n_") && !all.contains(name), "{name}");
    }
    for (module, export) in &taken {
        let symbol = format!("w2n_{module}__{export}");
        assert!(defined.contains(&symbol), "{symbol}");
    }
}

/// Also not through C code that is linked into it.
#[test]
fn c_code_in_a_plugin_is_its_own() {
    let bench = Bench::of(&[
        ("app.wat", r#"(module (import "env" "f" (func $f (result i32))) (export "g" (func $f)))"#),
        ("host.c", "int env_f(void *caller) { return 42; }\nint clock_gettime(void) { return 1; }\n"),
    ]);
    bench.succeeds(&["-shared", "app.wat", "host.c", "-o", "app.so"]);
    assert_eq!(names(&bench, &["-D", "--defined-only", "app.so"]).len(), 3);
    let library = Library::open(&bench.path("app.so")).expect("a plugin");
    let instance = library.module("w2n_module").expect("a module").instantiate(&[]).expect("an instance");
    assert_eq!(instance.call("g", &[]).expect("an answer"), [Value::I32(42)]);
}

#[test]
fn two_exports_are_never_one_symbol() {
    let bench = Bench::of(&[
        ("x.wat", r#"(module (func (export "b_a") (result i32) i32.const 1))"#),
        ("x_b.wat", r#"(module (func (export "a") (result i32) i32.const 2))"#),
        ("x__b.wat", r#"(module (func (export "a") (result i32) i32.const 3))"#),
        ("x_.wat", r#"(module (func (export "b_a") (result i32) i32.const 4) (func (export "_b__a")))"#),
        ("module.wat", r#"(module (func (export "x") (result i32) i32.const 5))"#),
        ("w2n.wat", r#"(module (func (export "start") (result i32) i32.const 6) (func (export "api")))"#),
    ]);
    bench.succeeds(&[
        "-shared",
        "x.wat",
        "x_b.wat",
        "x__b.wat",
        "x_.wat",
        "module.wat",
        "w2n.wat",
        "-o",
        "all.so",
    ]);
    let library = Library::open(&bench.path("all.so")).expect("a plugin");
    for (module, export, answer) in [
        ("x", "b_a", 1),
        ("x_b", "a", 2),
        ("x_x5f__b", "a", 3),
        ("x_x5f_", "b_a", 4),
        ("module", "x", 5),
        ("w2n", "start", 6),
    ] {
        let module = library.module(&descriptor_symbol(module)).expect(module);
        let instance = module.instantiate(&[]).expect("an instance");
        assert_eq!(instance.call(export, &[]).expect("an answer"), [Value::I32(answer)]);
    }
    // Names of modules that would be one prefix.
    bench.write("2.wat", b"(module)");
    bench.write("m_2.wat", b"(module)");
    bench.fails(&["-shared", "2.wat", "m_2.wat"], 2, &["2.wat and m_2.wat have the same name"]);
}

#[test]
fn an_object_shows_its_own_names_alone() {
    let bench = Bench::of(&[
        ("clock.wat", r#"(module (func (export "gettime")) (memory (export "memory") 1))"#),
        ("app.wat", r#"(module (func (export "main")))"#),
    ]);
    bench.succeeds(&["-c", "clock.wat"]);
    let defined = names(&bench, &["--defined-only", "--extern-only", "clock.o"]);
    let expected = |name: &String| name.starts_with("w2n_") || name.starts_with("clock.");
    assert!(
        defined.contains(&"w2n_clock__gettime".to_owned()) && defined.iter().all(expected),
        "{defined:?}"
    );
    bench.succeeds(&["-c", "app.wat"]);
    let defined = names(&bench, &["--defined-only", "--extern-only", "app.o"]);
    let expected = |name: &String| name == "main" || name.starts_with("w2n_") || name.starts_with("app.");
    assert!(defined.contains(&"main".to_owned()) && defined.iter().all(expected), "{defined:?}");
}
