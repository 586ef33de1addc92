//! Comparison lane by lane: all ones where it holds, zero where not. spec: exec/numerics.

use inkwell::{FloatPredicate, IntPredicate};

use super::Shape;
use crate::error::Result;
use crate::translate::FuncTranslator;

impl FuncTranslator<'_, '_> {
    pub(super) fn vector_compare(&mut self, shape: Shape, predicate: IntPredicate) -> Result<()> {
        let (left, right) = self.pop_pair_as(shape)?;
        let holds = self.builder.build_int_compare(predicate, left, right, "holds")?;
        let mask = self.lane_mask(holds, shape)?;
        self.push_v128(mask)
    }

    pub(super) fn vector_float_compare(&mut self, shape: Shape, predicate: FloatPredicate) -> Result<()> {
        let (left, right) = self.pop_pair_as(shape)?;
        let holds = self.builder.build_float_compare(predicate, left, right, "holds")?;
        let mask = self.lane_mask(holds, shape)?;
        self.push_v128(mask)
    }
}
