//! Modules as libraries, used by hosts in C, C++ and Python.
//!
//! How: the hosts of `fixtures/plugin` are compiled with the public header, and nothing else of ours. Each
//! checks what it does and prints "ok". Linking of instances is tested from Rust, since it takes several
//! modules in one shared object.

use std::ffi::OsStr;
use std::fs;
use std::process::Command;

use w2n_abi::{LinkError, TrapCode};
use w2n_tests::host::{Import, Instance, Library, Value};
use w2n_tests::plugin::{Source, build, descriptor_symbol};
use w2n_tests::program::fixture;
use w2n_tests::workshop::{Workshop, says_ok};
use wasm2native::options::CodeOptions;

#[test]
fn hosts_in_c_cpp_and_python_use_all_of_a_module() {
    let workshop = Workshop::new("plugin");
    let (c, cpp) = (workshop.host("tour.c", &[]), workshop.host("tour.cpp", &[]));
    for options in [
        ["-O0", "--bounds-checks=guard"],
        ["-O2", "--bounds-checks=guard"],
        ["-O2", "--bounds-checks=software"],
    ] {
        let calc = workshop.plugin("calc", "calc", &options);
        says_ok(Command::new(&c).arg(&calc));
        says_ok(Command::new(&cpp).arg(&calc));
        says_ok(Command::new("python3").arg(fixture("plugin/tour.py")).arg(&calc));
    }
}

#[test]
fn mistakes_of_hosts_are_errors() {
    let workshop = Workshop::new("plugin");
    let (calc, small) = (workshop.plugin("calc", "calc", &[]), workshop.plugin("small", "small", &[]));
    says_ok(Command::new(workshop.host("misuse.c", &[])).arg(calc).arg(small));
}

#[test]
fn thousands_of_instances_leave_nothing_behind_and_the_one_too_many_is_refused() {
    let workshop = Workshop::new("plugin");
    let (calc, small) = (workshop.plugin("calc", "calc", &[]), workshop.plugin("small", "small", &[]));
    says_ok(Command::new(workshop.host("crowd.c", &[])).arg(calc).arg(small));
}

#[test]
fn faults_of_the_host_go_to_its_own_handler() {
    let workshop = Workshop::new("plugin");
    let (calc, host) = (workshop.plugin("calc", "calc", &[]), workshop.host("signals.c", &[]));
    says_ok(Command::new(&host).arg(&calc).arg("plain"));
    says_ok(Command::new(&host).arg(&calc).arg("info"));
    let finished = Command::new(&host).arg(&calc).arg("none").output().unwrap();
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&finished.status), Some(11), "{finished:?}");
}

#[test]
fn six_threads_trap_all_the_time() {
    let workshop = Workshop::new("plugin");
    let host = workshop.host("threads.c", &[]);
    for bounds in ["--bounds-checks=guard", "--bounds-checks=software"] {
        says_ok(Command::new(&host).arg(workshop.plugin("calc", "calc", &[bounds])));
    }
}

#[test]
fn two_shared_objects_call_each_other_through_the_host() {
    let workshop = Workshop::new("plugin");
    let (calc, other) = (workshop.plugin("calc", "calc", &[]), workshop.plugin("calc", "other", &["-O0"]));
    says_ok(Command::new(workshop.host("two.c", &[])).arg(calc).arg(other));
}

#[test]
fn export_names_neither_replace_functions_of_the_host_nor_get_lost() {
    let workshop = Workshop::new("plugin");
    let (names, host) = (workshop.plugin("names", "names", &[]), workshop.host("names.c", &[]));
    says_ok(Command::new(&host).arg(&names));
    // First of all libraries in the search for symbols.
    says_ok(Command::new(&host).env("LD_PRELOAD", &names).arg(&names));
}

#[test]
fn a_host_can_be_linked_with_a_module() {
    let workshop = Workshop::new("plugin");
    let calc = workshop.plugin("calc", "calc", &[]);
    says_ok(&mut Command::new(workshop.host("linked.c", &[calc.as_os_str()])));
}

/// Every file of `fixtures/plugin` is used here.
#[test]
fn no_fixture_is_forgotten() {
    let this_file = include_str!("plugin.rs");
    for entry in fs::read_dir(fixture("plugin")).unwrap() {
        let path = entry.unwrap().path();
        let (name, stem) = (path.file_name().unwrap().to_str().unwrap(), path.file_stem().unwrap());
        let quoted_stem = format!("{stem:?}");
        let is_used = match path.extension().and_then(OsStr::to_str) {
            Some("wat") => this_file.contains(&quoted_stem),
            Some("h") => true,
            _ => this_file.contains(name),
        };
        assert!(is_used, "no test uses {name}");
    }
}

/// Exports one of each kind.
const EXPORTER: &str = r#"(module
    (memory (export "memory") 1 2)
    (table (export "table") 2 3 funcref)
    (global (export "counter") (mut i32) (i32.const 10))
    (global (export "fixed") i32 (i32.const 7))
    (func (export "count") (result i32)
      (global.set 0 (i32.add (global.get 0) (i32.const 1)))
      (global.get 0))
    (func (export "trap") (result i32) (i32.load (i32.const -1))))"#;

/// Imports them, and uses them.
const IMPORTER: &str = r#"(module
    (import "m" "memory" (memory 1 2))
    (import "m" "table" (table 2 3 funcref))
    (import "m" "counter" (global $counter (mut i32)))
    (import "m" "count" (func $count (result i32)))
    (import "m" "trap" (func $trap (result i32)))
    (elem (i32.const 1) $ten_times)
    (data (i32.const 8) "\2a")
    (func $ten_times (result i32) (i32.mul (call $count) (i32.const 10)))
    (func (export "use") (result i32)
      (i32.store8 (i32.const 9) (i32.const 1))
      (drop (memory.grow (i32.const 1)))
      (i32.add (call $count) (global.get $counter)))
    (func (export "indirect") (result i32) (call_indirect (result i32) (i32.const 1)))
    (func (export "trap") (result i32) (call $trap)))"#;

fn build_modules(sources: &[(&str, &str)]) -> Library {
    let sources: Vec<_> = sources
        .iter()
        .map(|(prefix, text)| Source {
            prefix: (*prefix).to_owned(),
            bytes: wat::parse_str(text).unwrap_or_else(|error| panic!("{prefix}: {error}")),
        })
        .collect();
    build(&sources, &CodeOptions::default()).unwrap_or_else(|reason| panic!("{reason}"))
}

/// What `exporter` exports under the names that `module` imports, in its order.
fn imports_of(module: &w2n_tests::host::Module, exporter: &Instance) -> Vec<Import> {
    let import = |name: &[u8]| Import::external(&exporter.export(name).unwrap());
    module.imports().iter().map(|info| import(&info.name)).collect()
}

#[test]
fn instances_share_what_they_import_and_keep_it_alive() {
    let library = build_modules(&[("exporter", EXPORTER), ("importer", IMPORTER)]);
    let exporter = library.module(&descriptor_symbol("exporter")).unwrap().instantiate(&[]).unwrap();
    let module = library.module(&descriptor_symbol("importer")).unwrap();
    let importer = module.instantiate(&imports_of(&module, &exporter)).unwrap();
    let twin = module.instantiate(&imports_of(&module, &exporter)).unwrap();
    let memory = exporter.export("memory").unwrap();
    assert_eq!(importer.call("use", &[]).unwrap(), [Value::I32(11 + 11)]);
    assert_eq!(memory.memory_size_bytes(), 2 << 16);
    assert_eq!(memory.memory_read(8, 2).unwrap(), [42, 1]);
    assert_eq!(twin.call("use", &[]).unwrap(), [Value::I32(12 + 12)]);

    // The report names the functions of both instances.
    let failure = importer.call("trap", &[]).unwrap_err();
    assert_eq!((failure.trap(), failure.frames.len()), (Some(TrapCode::MemoryOutOfBounds), 2));

    // The host gives the exporter and one importer up; what they own stays.
    drop((exporter, memory, importer));
    assert_eq!(twin.call("use", &[]).unwrap(), [Value::I32(13 + 13)]);
    assert_eq!(twin.call("indirect", &[]).unwrap(), [Value::I32(140)]);
}

#[test]
fn imports_that_do_not_match_are_refused_by_name() {
    let wanted = [
        ("memory_min", r#"(import "m" "memory" (memory 2))"#),
        ("memory_max", r#"(import "m" "memory" (memory 1 1))"#),
        ("table_min", r#"(import "m" "table" (table 3 3 funcref))"#),
        ("table_max", r#"(import "m" "table" (table 2 2 funcref))"#),
        ("table_type", r#"(import "m" "table" (table 2 3 externref))"#),
        ("global_type", r#"(import "m" "counter" (global (mut i64)))"#),
        ("global_constant", r#"(import "m" "counter" (global i32))"#),
        ("global_mutable", r#"(import "m" "fixed" (global (mut i32)))"#),
        ("func_result", r#"(import "m" "count" (func (result i64)))"#),
        ("func_param", r#"(import "m" "count" (func (param i32) (result i32)))"#),
        ("kind", r#"(import "m" "count" (memory 1 2))"#),
    ];
    let sources: Vec<_> = wanted.iter().map(|(name, import)| (*name, format!("(module {import})"))).collect();
    let mut sources: Vec<_> = sources.iter().map(|(name, text)| (*name, text.as_str())).collect();
    sources.push(("exporter", EXPORTER));
    let library = build_modules(&sources);
    let exporter = library.module(&descriptor_symbol("exporter")).unwrap().instantiate(&[]).unwrap();
    for (name, _) in wanted {
        let module = library.module(&descriptor_symbol(name)).unwrap();
        let field = String::from_utf8(module.imports()[0].name.clone()).unwrap();
        let Err(failure) = module.instantiate(&imports_of(&module, &exporter)) else { panic!("{name} fits") };
        assert!(failure.is_link_error(LinkError::IncompatibleImport), "{name}: {failure}");
        assert_eq!(failure.message, format!("incompatible import type: module `m`, field `{field}`"));
        let Err(failure) = module.instantiate(&[]) else { panic!("{name} needs nothing") };
        assert!(failure.is_link_error(LinkError::UnknownImport), "{name}: {failure}");
    }
    // Whatever was refused has changed nothing.
    assert_eq!(exporter.call("count", &[]).unwrap(), [Value::I32(11)]);
}

/// A module that fails half-way keeps what it wrote into shared tables, as the specification wants.
#[test]
fn a_start_function_that_traps_leaves_what_was_written_before() {
    const FAILING: &str = r#"(module
        (import "m" "table" (table 2 3 funcref))
        (import "m" "memory" (memory 1))
        (elem (i32.const 0) $five)
        (data (i32.const 100) "here")
        (func $five (result i32) (i32.const 5))
        (func $fail unreachable)
        (start $fail))"#;
    const CALLER: &str = r#"(module
        (import "m" "table" (table 2 3 funcref))
        (func (export "call") (result i32) (call_indirect (result i32) (i32.const 0))))"#;
    let library = build_modules(&[("exporter", EXPORTER), ("failing", FAILING), ("caller", CALLER)]);
    let exporter = library.module(&descriptor_symbol("exporter")).unwrap().instantiate(&[]).unwrap();
    let failing = library.module(&descriptor_symbol("failing")).unwrap();
    let Err(failure) = failing.instantiate(&imports_of(&failing, &exporter)) else { panic!("it must trap") };
    assert_eq!(failure.trap(), Some(TrapCode::Unreachable));
    assert!(failure.rendered.ends_with("  1: instantiation\n"), "{}", failure.rendered);
    assert_eq!(exporter.export("memory").unwrap().memory_read(100, 4).unwrap(), b"here");
    let module = library.module(&descriptor_symbol("caller")).unwrap();
    let caller = module.instantiate(&imports_of(&module, &exporter)).unwrap();
    assert_eq!(caller.call("call", &[]).unwrap(), [Value::I32(5)]);
}
