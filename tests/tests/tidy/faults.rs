//! The faults of `fixtures/faults` can still be planted, and `tests/FAULTS.md` is about them.
//!
//! The rule: only the text is looked at. Whether the tests catch them is what `make faults` finds out.

use std::fs;
use std::path::Path;

use w2n_tests::fault::{self, Fault};

fn read(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path:?}: {error}"))
}

#[test]
fn every_fault_can_be_planted() {
    let faults = fault::all();
    assert!(faults.len() >= 10, "{} faults", faults.len());
    let errors: Vec<_> = faults.iter().filter_map(|fault| fault.plant(&read(&fault.file)).err()).collect();
    assert!(errors.is_empty(), "{}", errors.join("\n"));
}

#[test]
fn a_fault_that_does_not_fit_is_refused() {
    let fault = &fault::all()[0];
    let source = read(&fault.file);
    assert!(fault.plant("").is_err());
    assert!(fault.plant(&source.repeat(2)).is_err());
    assert_ne!(fault.plant(&source).unwrap(), source);
}

#[test]
fn the_table_is_of_these_faults() {
    let row = |fault: &Fault| format!("| {} | `{}` | ", fault.what, fault.file);
    let expected: Vec<_> = fault::all().iter().map(row).collect();
    let table = read("tests/FAULTS.md");
    let is_row = |line: &&str| {
        line.starts_with("| ") && (line.contains(".rs`") || line.contains(".cpp`") || line.contains(".h`"))
    };
    let rows: Vec<_> = table.lines().filter(is_row).collect();
    assert_eq!(rows.len(), expected.len(), "run `make faults`");
    for (row, expected) in rows.iter().zip(&expected) {
        assert!(row.starts_with(expected) && row.len() > expected.len() + 2, "{row}; run `make faults`");
    }
}
