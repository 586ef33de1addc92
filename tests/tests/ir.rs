//! What each operator becomes: `fixtures/ir/<family>/<operator>.wat` beside `<operator>.snap`.
//!
//! A family is a file of `translate/`. Fixtures take parameters, since LLVM folds constants as it builds.
//! A snapshot says what the code does, not what it should do: read the diff before `make bless`.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use w2n_tests::ir::{self, Fixture, OPERATORS, OperatorInfo};
use w2n_tests::program;
use wasm2native::options::{OptLevel, OutputKind};
use wasm2native::wasm::SUPPORTED_FEATURES;
use wasmparser::WasmFeatures;

/// Proposals none of whose operators is translated, by wasmparser's name, and why. A proposal that gets
/// its first fixture must leave the list, so it can only shrink.
const UNSUPPORTED: &[(&str, &str)] = &[
    ("exceptions", "not yet"),
    ("legacy_exceptions", "not yet: after exception handling"),
    ("gc", "not yet"),
    ("threads", "not yet"),
    ("shared_everything_threads", "phase 1: no toolchain emits it"),
    ("stack_switching", "phase 2: no toolchain emits it"),
    ("memory_control", "phase 1: no toolchain emits it"),
    ("custom_descriptors", "phase 3: no toolchain emits it by default"),
    ("acquire_release_atomics", "part of shared-everything-threads"),
];

/// Operators that no valid module contains, and why.
const NEVER_VALID: &[(&str, &str)] =
    &[("typed_select_multi", "a select of several values is syntax that validation refuses")];

/// Directory below `fixtures/ir` that is not a family: `ir_optimised.rs` reads it.
const OPTIMISED: &str = "optimised";

fn families() -> Vec<String> {
    let entries = std::fs::read_dir(program::fixture("ir")).expect("fixtures/ir");
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    names.retain(|name| name != OPTIMISED);
    names.sort();
    names
}

fn all_fixtures() -> Vec<Fixture> {
    families().iter().flat_map(|family| ir::find_fixtures(&format!("ir/{family}"))).collect()
}

/// The bodies of the fixture's functions, each under the name that it has in the fixture.
fn snapshot_of(fixture: &Fixture) -> String {
    let code = fixture.code_options(OptLevel::O0);
    let text = ir::compile(&fixture.path, OutputKind::LlvmIr, code).unwrap_or_else(|error| panic!("{error}"));
    let (names, functions) = (fixture.func_names(), ir::functions(&text));
    assert_eq!(names.len(), functions.len(), "functions of {:?}", fixture.path);
    let parts = names.iter().zip(functions).map(|(name, function)| format!(";; ${name}\n{}", function.text));
    parts.collect::<Vec<_>>().join("\n")
}

#[test]
fn each_operator_becomes_what_its_snapshot_says() {
    let mut differing = Vec::new();
    for fixture in all_fixtures() {
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path(fixture.path.parent().expect("a family"));
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        let snapshot = snapshot_of(&fixture);
        // All of them are compared, so that one run shows every change.
        let compared = catch_unwind(AssertUnwindSafe(|| {
            settings.bind(|| insta::assert_snapshot!(fixture.name(), snapshot));
        }));
        differing.extend(compared.is_err().then_some(fixture.path));
    }
    assert!(differing.is_empty(), "snapshots differ: {differing:#?}");
}

#[test]
fn each_operator_has_a_fixture_or_is_of_an_unsupported_proposal() {
    let fixtures = all_fixtures();
    let shown: BTreeSet<&str> =
        fixtures.iter().flat_map(|fixture| &fixture.operators).map(String::as_str).collect();
    let is_shown = |operator: &OperatorInfo| shown.iter().any(|name| operator.is_called(name));
    let is_unsupported = |operator: &OperatorInfo| {
        UNSUPPORTED.iter().any(|(proposal, _)| operator.proposal == *proposal)
            || NEVER_VALID.iter().any(|(name, _)| operator.is_called(name))
    };
    let missing: Vec<_> =
        OPERATORS.iter().filter(|operator| !is_shown(operator) && !is_unsupported(operator)).collect();
    assert!(missing.is_empty(), "no fixture in fixtures/ir names {missing:#?}");
    let contradicted: Vec<_> =
        OPERATORS.iter().filter(|operator| is_shown(operator) && is_unsupported(operator)).collect();
    assert!(contradicted.is_empty(), "take their proposals out of UNSUPPORTED: {contradicted:#?}");
}

#[test]
fn unsupported_proposals_exist_and_are_refused() {
    for (proposal, reason) in UNSUPPORTED {
        assert!(OPERATORS.iter().any(|operator| operator.proposal == *proposal), "no proposal {proposal}");
        assert!(!reason.is_empty(), "{proposal} has no reason");
        // Some groups of operators belong to a feature with another name.
        if let Some(feature) = WasmFeatures::from_name(&proposal.to_uppercase()) {
            assert!(!SUPPORTED_FEATURES.intersects(feature), "{proposal} is supported");
        }
    }
}

#[test]
fn each_snapshot_has_a_fixture() {
    let fixtures: BTreeSet<_> = all_fixtures().into_iter().map(|fixture| fixture.path).collect();
    for family in families() {
        for entry in std::fs::read_dir(program::fixture(&format!("ir/{family}"))).expect("a family") {
            let path = entry.expect("an entry").path();
            if path.extension().is_some_and(|extension| extension == "new") {
                // What a snapshot that differs would become.
                continue;
            }
            let is_known = fixtures.contains(&path.with_extension("wat"));
            assert!(is_known, "{path:?} belongs to no fixture");
        }
    }
}

#[test]
fn each_fixture_contains_the_operators_that_it_names() {
    for fixture in all_fixtures() {
        assert!(!fixture.operators.is_empty(), "{:?} has no `;; operators:`", fixture.path);
        for name in &fixture.operators {
            let operator = OperatorInfo::by_name(name);
            let operator = operator.unwrap_or_else(|| panic!("{:?}: no operator {name}", fixture.path));
            assert!(fixture.contains(operator), "{:?} does not contain {name}", fixture.path);
        }
    }
}

#[test]
fn each_family_is_a_file_of_the_translator() {
    for family in families() {
        let source = format!("../wasm2native/src/translate/{family}");
        let source = program::fixture(&source);
        let exists = source.with_extension("rs").exists() || source.is_dir();
        assert!(exists, "fixtures/ir/{family} is named after no file of translate/");
    }
}
