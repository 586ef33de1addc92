//! From a vector to one number: any_true, all_true, bitmask. spec: exec/instructions, vector instructions.

use std::num::NonZeroU32;

use inkwell::IntPredicate;
use inkwell::types::IntType;
use inkwell::values::{IntValue, VectorValue};

use super::Shape::{self, I64x2};
use crate::error::{CompileError, Result};
use crate::translate::FuncTranslator;

impl<'c> FuncTranslator<'c, '_> {
    /// `v128.any_true`: whether any bit is one.
    pub(super) fn any_true(&mut self) -> Result<()> {
        let vector = self.pop_as(I64x2)?;
        let bits = self.builder.build_bit_cast(vector, self.int_type(128)?, "bits")?.into_int_value();
        let zero = bits.get_type().const_zero();
        let any = self.builder.build_int_compare(IntPredicate::NE, bits, zero, "any_true")?;
        self.push_condition(any)
    }

    /// `all_true`: whether no lane is zero.
    pub(super) fn all_true(&mut self, shape: Shape) -> Result<()> {
        let vector = self.pop_as(shape)?;
        let zero = vector.get_type().const_zero();
        let is_zero = self.builder.build_int_compare(IntPredicate::EQ, vector, zero, "is_zero")?;
        let zeros = self.bit_per_lane(is_zero)?;
        let none = zeros.get_type().const_zero();
        let all = self.builder.build_int_compare(IntPredicate::EQ, zeros, none, "all_true")?;
        self.push_condition(all)
    }

    /// `bitmask`: the topmost bit of each lane.
    pub(super) fn bitmask(&mut self, shape: Shape) -> Result<()> {
        let vector = self.pop_as(shape)?;
        let zero = vector.get_type().const_zero();
        let is_negative = self.builder.build_int_compare(IntPredicate::SLT, vector, zero, "is_negative")?;
        let bits = self.bit_per_lane(is_negative)?;
        let mask = self.builder.build_int_z_extend(bits, self.types().i32, "bitmask")?;
        self.push(mask);
        Ok(())
    }

    /// Conditions as the bits of an integer that has as many.
    fn bit_per_lane(&self, conditions: VectorValue<'c>) -> Result<IntValue<'c>> {
        let ty = self.int_type(conditions.get_type().get_size())?;
        Ok(self.builder.build_bit_cast(conditions, ty, "bit_per_lane")?.into_int_value())
    }

    fn int_type(&self, bits: u32) -> Result<IntType<'c>> {
        NonZeroU32::new(bits)
            .and_then(|bits| self.env.context.custom_width_int_type(bits).ok())
            .ok_or_else(|| CompileError::internal(format!("LLVM has no integers of {bits} bits")))
    }
}
