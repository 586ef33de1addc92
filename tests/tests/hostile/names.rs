//! What names can do: to the linker, to the terminal, to our memory.

use std::process::Command;

use w2n_tests::command::{Bench, holds};
use w2n_tests::host::{Library, Value};

use crate::encode::*;
use crate::shapes::compile;

/// Names that a linker, a loader or C knows, and names that could become one symbol.
const HOSTILE_EXPORTS: &[&str] = &[
    "main",
    "malloc",
    "free",
    "_start",
    "_init",
    "environ",
    "a b\0c",
    "a b",
    "w2n_module",
    "w2n_api",
    "w2n_call",
    "a_b",
    "a_x5f_b",
    "a_5f_b",
    "a.b",
    "a-b",
    "a_x2e_b",
    "a__b",
    "",
    "_",
    "é",
    "_xc3__xa9_",
    "f0",
    ".f0",
    "app.f0",
    "initialize",
    "\u{202e}",
    "%s%n",
    "../../x",
    "int",
    "a\nb",
    "@plt",
    "x@@GLIBC_2.2.5",
];

#[test]
fn exports_of_any_name_are_told_apart_and_interpose_nothing() {
    let funcs: Vec<_> = (1..=HOSTILE_EXPORTS.len() as u64).map(|n| (0, body(&[], &i32_const(n)))).collect();
    // `main` of the program is not exported twice: the list has it.
    let exports = HOSTILE_EXPORTS.iter().skip(1).zip(2..).map(|(name, index)| func_export(name, index));
    let program = Program { funcs, exports: exports.collect(), ..Program::default() };
    let bench = Bench::new("");
    holds(&compile(&bench, &program.encode(), &["-shared", "-O0"]), 0, &[]);
    let library = Library::open(&bench.path("app.so")).expect("it loads");
    let module = library.module("w2n_module").expect("a module");
    let instance = module.instantiate(&[]).expect("it starts");
    for (name, index) in HOSTILE_EXPORTS.iter().zip(1..) {
        let expected = if *name == "main" { 42 } else { index };
        let result = instance.call(name, &[]).unwrap_or_else(|failure| panic!("{name:?}: {failure:?}"));
        assert_eq!(result, [Value::I32(expected)], "{name:?}");
    }
    let symbols = Command::new("nm").args(["-D", "--defined-only"]).arg(bench.path("app.so")).output();
    let symbols = String::from_utf8(symbols.expect("nm runs").stdout).expect("ASCII");
    let names: Vec<_> = symbols.lines().filter_map(|line| line.split(' ').nth(2)).collect();
    let typed = names.iter().filter(|name| name.starts_with("w2n_app__")).count();
    assert_eq!(typed, HOSTILE_EXPORTS.len(), "two names became one symbol:\n{symbols}");
    let others: Vec<_> = names.iter().filter(|name| !name.starts_with("w2n_app__")).collect();
    assert_eq!(others, [&"w2n_module", &"w2n_module_app"]);
    // As an executable, where `main` has a meaning.
    holds(&compile(&bench, &program.encode(), &["-O0"]), 0, &[]);
    assert_eq!(Command::new(bench.path("app")).status().expect("it runs").code(), Some(42));
}

#[test]
fn an_executable_with_exports_named_like_the_c_library_runs() {
    let names = ["malloc", "free", "write", "memcpy", "exit", "environ", "w2n_start", "sigaction"];
    let exports = names.map(|name| func_export(name, 0)).to_vec();
    let bench = Bench::new("");
    holds(&compile(&bench, &Program { exports, ..Program::default() }.encode(), &[]), 0, &[]);
    assert_eq!(Command::new(bench.path("app")).status().expect("it runs").code(), Some(42));
}

#[test]
fn names_of_megabytes_do_no_harm() {
    let bench = Bench::new("");
    let long = "n".repeat(5_000_000);
    let export = Program { exports: vec![func_export(&long, 0)], ..Program::default() };
    let said = holds(&compile(&bench, &export.encode(), &[]), 1, &["string size out of bounds"]);
    assert!(said.len() < 1000, "a message of {} bytes", said.len());
    // The longest that engines take.
    let export = Program { exports: vec![func_export(&long[..99_999], 0)], ..Program::default() };
    holds(&compile(&bench, &export.encode(), &["-shared"]), 0, &[]);
    let library = Library::open(&bench.path("app.so")).expect("it loads");
    let instance = library.module("w2n_module").expect("a module").instantiate(&[]).expect("it starts");
    assert_eq!(instance.call(&long[..99_999], &[]).expect("a result"), [Value::I32(42)]);

    let wrong = |func_name: &str| Program {
        code: vec![BLOCK, EMPTY, END],
        at_end: vec![name_section(func_name)],
        ..Program::default()
    };
    // The name section is not limited.
    let said = holds(&compile(&bench, &wrong(&long).encode(), &[]), 1, &["in func 0 `nnn", "…`\n"]);
    assert!(said.len() < 1000, "a message of {} bytes", said.len());
}

#[test]
fn a_long_list_of_imports_is_bounded_and_its_names_are_short() {
    let import = |name_of_import: &str| [name("env"), name(name_of_import), vec![0, 0]].concat();
    let imports: Vec<_> = (0..1000).map(|index| import(&format!("{index:04}{}", "n".repeat(5000)))).collect();
    let bench = Bench::new("");
    let module = module(&[
        section(Section::Type, &vector(&[func_type(&[], &[])])),
        section(Section::Import, &vector(&imports)),
        section(Section::Export, &vector(&[func_export("_start", 0)])),
    ]);
    let said = holds(&compile(&bench, &module, &[]), 1, &["1000 imports", "and 997 more", "hint: "]);
    let listed = (0..1000).filter(|index| said.contains(&format!("  env.{index:04}nnn"))).count();
    assert_eq!(listed, 20, "{said}");
    assert!(said.contains("  and 980 more\n") && said.len() < 300 * 30, "{} bytes: {said}", said.len());
}
