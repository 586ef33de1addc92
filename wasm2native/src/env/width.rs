//! How much a unit may ask for in a few bytes: a type can stand for a thousand parameters and results, and
//! each block, branch, call and function that has it for all of them.
//!
//! The rule: what is beyond a few values counts, for all functions of a unit together, so that what a module
//! can ask for is in proportion to its size. `translate/` counts before it makes the values.

use std::cell::Cell;

use crate::error::{CompileError, Result};
use crate::wasm::FuncType;

/// Parameters of a function that are not counted. Who calls it has made the arguments one by one.
const FREE_PARAMS: usize = 16;

/// Values that a block or branch carries, and results, that are not counted.
const FREE_VALUES: usize = 2;

/// Values of a unit beyond that.
const MAX_WIDE_VALUES: usize = 1_000_000;

/// Results that take as long together as another value does.
const RESULTS_AT_ONCE: usize = 64;

/// What a unit has asked for so far.
#[derive(Debug, Default)]
pub struct Width {
    wide_values: Cell<usize>,
}

impl Width {
    /// Counts a block or a branch that carries `values`.
    ///
    /// Errors: the unit has too many.
    pub fn count(&self, values: usize) -> Result<()> {
        let wide_values = self.wide_values.get() + values.saturating_sub(FREE_VALUES);
        self.wide_values.set(wide_values);
        if wide_values <= MAX_WIDE_VALUES {
            return Ok(());
        }
        Err(CompileError::input(format!(
            "limit exceeded: {MAX_WIDE_VALUES} values of blocks, branches, calls and functions that have many each"
        )))
    }

    /// Counts a function or a call. Several results are one value of LLVM's, which is looked at as a whole
    /// for each that is taken out of it.
    pub fn count_type(&self, ty: &FuncType) -> Result<()> {
        let results = ty.results.len();
        let params = ty.params.len().saturating_sub(FREE_PARAMS);
        self.count(params + results + results * results / RESULTS_AT_ONCE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use w2n_abi::ValueType;

    fn ty(params: usize, results: usize) -> FuncType {
        FuncType { params: vec![ValueType::I32; params], results: vec![ValueType::I32; results] }
    }

    #[test]
    fn what_compilers_make_is_not_counted() {
        let width = Width::default();
        for _ in 0..1000 {
            width.count(2).expect("it is free");
            width.count_type(&ty(16, 2)).expect("it is free");
        }
        assert_eq!(width.wide_values.get(), 0);
    }

    #[test]
    fn results_count_by_their_square() {
        let width = Width::default();
        width.count_type(&ty(0, 1000)).expect("once is possible");
        assert_eq!(width.wide_values.get(), 998 + 15_625);
        width.count_type(&ty(1000, 0)).expect("once is possible");
        assert_eq!(width.wide_values.get(), 998 + 15_625 + 982);
        let error = (0..100).find_map(|_| width.count_type(&ty(0, 1000)).err()).expect("it is too much");
        assert!(error.to_string().contains("limit exceeded: 1000000 values"), "{error}");
    }
}
