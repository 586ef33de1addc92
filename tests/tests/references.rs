//! Typed function references seen from outside: what import matching and the host API let through.
//!
//! How: `fixtures/reference/exporter.wat` is instantiated once, and small modules import from it.

use std::cell::Cell;
use std::rc::Rc;

use w2n_abi::{LinkError, TrapCode};
use w2n_tests::host::{Failure, Import, Instance, Type, Value};
use w2n_tests::plugin::{Source, build, descriptor_symbol};
use w2n_tests::program::fixture;
use wasm2native::options::CodeOptions;

/// The exporter, and what becomes of a module with each of these texts that imports one thing from it.
fn import_all(texts: &[&str]) -> (Instance, Vec<Result<Instance, Failure>>) {
    let exporter = wat::parse_file(fixture("reference/exporter.wat")).unwrap();
    let mut sources = vec![Source { prefix: "exporter".to_owned(), bytes: exporter }];
    for (number, text) in texts.iter().enumerate() {
        let bytes = wat::parse_str(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        sources.push(Source { prefix: format!("m{number}"), bytes });
    }
    let library = build(&sources, &CodeOptions::default()).unwrap();
    let module = |prefix: &str| library.module(&descriptor_symbol(prefix)).unwrap();
    let exporter = module("exporter").instantiate(&[]).unwrap();
    let import = |number: usize| {
        let module = module(&format!("m{number}"));
        let name = module.imports()[0].name.clone();
        module.instantiate(&[Import::external(&exporter.export(name).unwrap())])
    };
    let instances = (0..texts.len()).map(import).collect();
    (exporter, instances)
}

fn all_link(texts: &[&str]) {
    for (text, result) in texts.iter().zip(import_all(texts).1) {
        assert!(result.is_ok(), "{text}");
    }
}

fn none_links(texts: &[&str]) {
    for (text, result) in texts.iter().zip(import_all(texts).1) {
        let failure = result.map(|_| ()).expect_err(text);
        assert!(failure.is_link_error(LinkError::IncompatibleImport), "{text}: {failure}");
    }
}

const UNARY: &str = "(module (type $unary (func (param i32) (result i32)))";

#[test]
fn constants_match_supertypes_and_variables_and_tables_their_own_type() {
    let texts = [
        r#"(import "e" "constant" (global (ref $unary))))"#,
        r#"(import "e" "constant" (global (ref null $unary))))"#,
        r#"(import "e" "constant" (global (ref func))))"#,
        r#"(import "e" "constant" (global funcref)))"#,
        r#"(import "e" "variable" (global (mut (ref $unary)))))"#,
        r#"(import "e" "never_null" (table 1 (ref $unary))))"#,
        r#"(import "e" "nullable" (table 1 (ref null $unary))))"#,
        r#"(import "e" "any" (table 1 funcref)))"#,
    ];
    let texts = texts.map(|fields| format!("{UNARY}{fields}"));
    all_link(&texts.each_ref().map(String::as_str));
}

#[test]
fn other_reference_types_do_not_match() {
    let texts = [
        r#"(import "e" "constant" (global (mut (ref $unary)))))"#,
        r#"(type $other (func (param i64))) (import "e" "constant" (global (ref $other))))"#,
        r#"(import "e" "constant" (global externref)))"#,
        r#"(import "e" "variable" (global (mut (ref null $unary)))))"#,
        r#"(import "e" "variable" (global (mut funcref))))"#,
        r#"(import "e" "variable" (global (ref $unary))))"#,
        r#"(import "e" "never_null" (table 1 (ref null $unary))))"#,
        r#"(import "e" "never_null" (table 1 (ref func))))"#,
        r#"(import "e" "nullable" (table 1 (ref $unary))))"#,
        r#"(import "e" "nullable" (table 1 funcref)))"#,
        r#"(import "e" "any" (table 1 (ref null $unary))))"#,
        // The same type, but in another place of another recursion group.
        r#"(rec (type $in_group (func (param i32) (result i32))) (type (func)))
           (import "e" "constant" (global (ref $in_group))))"#,
        r#"(rec (type $in_group (func (param i32) (result i32))) (type (func)))
           (import "e" "double" (func (type $in_group))))"#,
        r#"(type $open (sub (func (param i32) (result i32))))
           (import "e" "double" (func (type $open))))"#,
    ];
    let texts = texts.map(|fields| format!("{UNARY}{fields}"));
    none_links(&texts.each_ref().map(String::as_str));
}

#[test]
fn the_host_cannot_put_what_is_not_of_the_type() {
    let (exporter, _) = import_all(&[]);
    let func = |name: &str| {
        let table = exporter.export("any").unwrap();
        // A table of any functions takes them all, and answers the reference.
        let reference = exporter.export(name).unwrap().reference();
        assert!(table.table_set(0, reference));
        reference
    };
    let (triple, add, null) = (func("triple"), func("add"), Value::FuncRef(0));
    let call = |name: &str, args: &[Value]| exporter.call(name, args).unwrap();

    let table = exporter.export("never_null").unwrap();
    assert!(!table.table_set(0, null));
    assert!(!table.table_set(0, add));
    assert_eq!(table.table_grow(1, add), None);
    assert_eq!(call("call_never_null", &[Value::from(0), Value::from(7)]), [Value::from(14)]);
    assert!(table.table_set(0, triple));
    assert_eq!(call("call_never_null", &[Value::from(0), Value::from(7)]), [Value::from(21)]);
    assert_eq!(call("call_never_null", &[Value::from(1), Value::from(7)]), [Value::from(14)]);

    let nullable = exporter.export("nullable").unwrap();
    assert!(nullable.table_set(0, null) && nullable.table_set(0, triple) && !nullable.table_set(0, add));

    let variable = exporter.export("variable").unwrap();
    assert!(!variable.global_set(null) && !variable.global_set(add));
    assert_eq!(call("call_variable", &[Value::from(7)]), [Value::from(14)]);
    assert!(variable.global_set(triple));
    assert_eq!(call("call_variable", &[Value::from(7)]), [Value::from(21)]);
}

/// Functions that call what they are given: as an argument, or as what the host answered.
const CALLER: &str = r#"(module
    (type $unary (func (param i32) (result i32)))
    (rec (type $self (func (param (ref null $self)) (result i32))) (type $none (func)))
    (import "host" "give" (func $give (result i32 (ref $unary))))
    (func (export "double") (type $unary) (i32.mul (local.get 0) (i32.const 2)))
    (func (export "other") (param i64))
    (func (export "self") (type $self) (ref.is_null (local.get 0)))
    (func (export "apply") (param i32 (ref $unary)) (result i32) (call_ref $unary (local.get 0) (local.get 1)))
    (func (export "apply_given") (result i32) (call $give) (call_ref $unary)))"#;

#[test]
fn the_host_cannot_pass_what_is_not_of_the_type() {
    let source = Source { prefix: "caller".to_owned(), bytes: wat::parse_str(CALLER).unwrap() };
    let library = build(&[source], &CodeOptions::default()).unwrap();
    let module = library.module(&descriptor_symbol("caller")).unwrap();
    let given = Rc::new(Cell::new(Value::FuncRef(0)));
    let answer = Rc::clone(&given);
    let ty = Type::decode(&module.imports()[0].func_type);
    let give = Import::func(&module, ty, move |_| Ok(vec![Value::from(21), answer.get()]));
    let instance = module.instantiate(&[give]).unwrap();
    let func = |name: &str| instance.export(name).unwrap().reference();
    let (double, other, null) = (func("double"), func("other"), Value::FuncRef(0));

    let apply = |reference| instance.call("apply", &[Value::from(4), reference]);
    assert_eq!(apply(double).unwrap(), [Value::from(8)]);
    for wrong in [other, null, func("self")] {
        let failure = apply(wrong).unwrap_err();
        assert!(failure.is_link_error(LinkError::InvalidArgument), "{failure}");
    }
    let is_null = |reference| instance.call("self", &[reference]);
    assert_eq!(is_null(null).unwrap(), [Value::from(1)]);
    assert_eq!(is_null(func("self")).unwrap(), [Value::from(0)]);
    assert!(is_null(double).unwrap_err().is_link_error(LinkError::InvalidArgument));

    given.set(double);
    assert_eq!(instance.call("apply_given", &[]).unwrap(), [Value::from(42)]);
    for wrong in [other, null] {
        given.set(wrong);
        let failure = instance.call("apply_given", &[]).unwrap_err();
        assert_eq!(failure.trap(), Some(TrapCode::HostError), "{failure}");
    }
}

/// Each type refers twice to the one before: written out, the last would fill the memory of any machine.
#[test]
fn types_that_would_be_huge_when_written_out_link_at_once() {
    let types: String =
        (1..200).map(|number| format!("(type (func (param (ref {0}) (ref {0}))))", number - 1)).collect();
    let module = |fields: &str| format!("(module (type (func)) {types} {fields})");
    let exporter = module(r#"(func (export "f") (type 199))"#);
    let importer = module(r#"(import "e" "f" (func (type 199)))"#);
    let other = module(r#"(import "e" "f" (func (type 198)))"#);
    let sources = [("exporter", exporter), ("importer", importer), ("other", other)]
        .map(|(prefix, text)| Source { prefix: prefix.to_owned(), bytes: wat::parse_str(text).unwrap() });
    let library = build(&sources, &CodeOptions::default()).unwrap();
    let module = |prefix: &str| library.module(&descriptor_symbol(prefix)).unwrap();
    let exporter = module("exporter").instantiate(&[]).unwrap();
    let import = || Import::external(&exporter.export("f").unwrap());
    assert!(module("importer").instantiate(&[import()]).is_ok());
    let failure = module("other").instantiate(&[import()]).map(|_| ()).unwrap_err();
    assert!(failure.is_link_error(LinkError::IncompatibleImport), "{failure}");
}
