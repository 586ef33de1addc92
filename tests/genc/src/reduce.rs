//! Makes a failure small: fewer kernels.
//!
//! The rule: what is left fails with the same options; how it fails may differ.

use std::path::Path;

use crate::compare::{self, Failure};
use crate::program::Program;
use crate::setup::Guest;

/// Whether the kernels with these numbers alone fail.
fn fails(program: &Program, numbers: &[u32], guest: &Guest, options: &[&str], dir: &Path) -> bool {
    let Ok(expected) = compare::native(dir, &program.source(numbers)) else { return false };
    let Ok(module) = compare::guest(dir, guest) else { return false };
    compare::ours(dir, &module, options, &expected).is_err()
}

/// The numbers of a few kernels that fail as well.
pub fn reduce(program: &Program, failure: &Failure, guest: &Guest, options: &[&str], dir: &Path) -> Vec<u32> {
    let mut numbers = program.numbers();
    if let Failure::Different(different) = failure {
        for alone in different.iter().take(3) {
            if fails(program, &[*alone], guest, options, dir) {
                return vec![*alone];
            }
        }
    }
    let mut part = numbers.len().div_ceil(2);
    while part > 0 {
        let mut start = 0;
        while start < numbers.len() && numbers.len() > 1 {
            let end = (start + part).min(numbers.len());
            let fewer = [&numbers[..start], &numbers[end..]].concat();
            if !fewer.is_empty() && fails(program, &fewer, guest, options, dir) {
                numbers = fewer;
            } else {
                start = end;
            }
        }
        part /= 2;
    }
    numbers
}
