//! Conversions lane by lane. spec: exec/numerics, conversions.
//!
//! INV-3: `fptosi` and `fptoui` out of range are poison in LLVM, so they only ever see lanes that were
//! brought into range. (LLVM takes its own saturating conversions apart into single lanes.)

use inkwell::FloatPredicate;
use inkwell::values::{InstructionOpcode, VectorValue};

use super::Shape::{self, F32x4, F64x2, I32x4};
use super::shape::Half;
use crate::error::Result;
use crate::translate::FuncTranslator;
use crate::translate::float::Extreme;
use crate::translate::memory::Signedness::{self, Signed, Unsigned};

impl<'c> FuncTranslator<'c, '_> {
    /// `i32x4.trunc_sat_f32x4`: a NaN becomes 0, what does not fit the nearest that does.
    pub(super) fn vector_trunc_sat(&mut self, signedness: Signedness) -> Result<()> {
        let operand = self.pop_as(F32x4)?;
        let truncated = match signedness {
            Signed => self.saturated_f32_signed(operand)?,
            Unsigned => self.saturated_f32_unsigned(operand)?,
        };
        self.push_v128(truncated)
    }

    /// The largest i32 is no f32, so lanes from 2^31 on are converted as 0 and then filled in.
    fn saturated_f32_signed(&self, operand: VectorValue<'c>) -> Result<VectorValue<'c>> {
        let (small, is_large) = self.split_at(operand, 2f64.powi(31))?;
        let lowest = self.float_splat(F32x4, -2f64.powi(31))?;
        let in_range = self.first_if_more_extreme(small, lowest, Extreme::Maximum)?;
        let ty = I32x4.vector_type(self.types());
        let truncated = self.builder.build_float_to_signed_int(in_range, ty, "truncated")?;
        let highest =
            self.builder.build_right_shift(is_large, self.int_splat(I32x4, 1)?, false, "highest")?;
        Ok(self.builder.build_or(truncated, highest, "saturated")?)
    }

    /// The largest u32 is no f32, so lanes from 2^32 on are converted as 0 and then filled in.
    fn saturated_f32_unsigned(&self, operand: VectorValue<'c>) -> Result<VectorValue<'c>> {
        let (small, is_large) = self.split_at(operand, 2f64.powi(32))?;
        let in_range = self.first_if_more_extreme(small, small.get_type().const_zero(), Extreme::Maximum)?;
        let ty = I32x4.vector_type(self.types());
        let truncated = self.builder.build_float_to_unsigned_int(in_range, ty, "truncated")?;
        Ok(self.builder.build_or(truncated, is_large, "saturated")?)
    }

    /// The lanes below `limit`, zero where there is something else or a NaN; and a mask of those from
    /// `limit` on.
    fn split_at(&self, operand: VectorValue<'c>, limit: f64) -> Result<(VectorValue<'c>, VectorValue<'c>)> {
        let limit = self.float_splat(F32x4, limit)?;
        let is_small = self.builder.build_float_compare(FloatPredicate::OLT, operand, limit, "is_small")?;
        let is_large = self.builder.build_float_compare(FloatPredicate::OGE, operand, limit, "is_large")?;
        let small = self.chosen(is_small, operand, operand.get_type().const_zero(), "small")?;
        Ok((small, self.lane_mask(is_large, I32x4)?))
    }

    /// `i32x4.trunc_sat_f64x2_zero`: the bounds of both integer types are exact in an f64, so lanes are
    /// brought between them first.
    pub(super) fn vector_trunc_sat_zero(&mut self, signedness: Signedness) -> Result<()> {
        let operand = self.pop_as(F64x2)?;
        let (lowest, highest) = match signedness {
            Signed => (f64::from(i32::MIN), f64::from(i32::MAX)),
            Unsigned => (0.0, f64::from(u32::MAX)),
        };
        let number = match signedness {
            Signed => self.zero_for_nan(operand)?,
            // The comparison with the lowest does it.
            Unsigned => operand,
        };
        let raised =
            self.first_if_more_extreme(number, self.float_splat(F64x2, lowest)?, Extreme::Maximum)?;
        let in_range =
            self.first_if_more_extreme(raised, self.float_splat(F64x2, highest)?, Extreme::Minimum)?;
        let ty = self.types().i32.vec_type(F64x2.lane_count());
        let truncated = match signedness {
            Signed => self.builder.build_float_to_signed_int(in_range, ty, "truncated")?,
            Unsigned => self.builder.build_float_to_unsigned_int(in_range, ty, "truncated")?,
        };
        self.push_zero_extended(truncated)
    }

    fn zero_for_nan(&self, operand: VectorValue<'c>) -> Result<VectorValue<'c>> {
        let zero = operand.get_type().const_zero();
        let is_number = self.builder.build_float_compare(FloatPredicate::ORD, operand, zero, "is_number")?;
        self.chosen(is_number, operand, zero, "number")
    }

    /// `f32x4.convert_i32x4`
    pub(super) fn vector_convert(&mut self, signedness: Signedness) -> Result<()> {
        let operand = self.pop_as(I32x4)?;
        let converted = self.converted(operand, F32x4, signedness)?;
        self.push_v128(converted)
    }

    /// `f64x2.convert_low_i32x4`
    pub(super) fn vector_convert_low(&mut self, signedness: Signedness) -> Result<()> {
        let operand = self.pop_as(I32x4)?;
        let low = self.half_of(operand, I32x4, Half::Low)?;
        let converted = self.converted(low, F64x2, signedness)?;
        self.push_v128(converted)
    }

    fn converted(&self, ints: VectorValue<'c>, to: Shape, signedness: Signedness) -> Result<VectorValue<'c>> {
        let ty = to.vector_type(self.types());
        Ok(match signedness {
            Signed => self.builder.build_signed_int_to_float(ints, ty, "converted")?,
            Unsigned => self.builder.build_unsigned_int_to_float(ints, ty, "converted")?,
        })
    }

    /// `f32x4.demote_f64x2_zero`. LLVM folds the demotion of a promotion to the operand, and a
    /// signalling NaN would stay one.
    pub(super) fn vector_demote_zero(&mut self) -> Result<()> {
        let mut operand = self.pop_as(F64x2)?;
        if operand.as_instruction().is_some_and(|made_by| made_by.get_opcode() == InstructionOpcode::FPExt) {
            let one = self.float_splat(F64x2, 1.0)?;
            operand = self.times_opaque_one(operand, one)?;
        }
        let ty = self.types().f32.vec_type(F64x2.lane_count());
        let demoted = self.builder.build_float_trunc(operand, ty, "demoted")?;
        self.push_zero_extended(demoted)
    }

    /// `f64x2.promote_low_f32x4`
    pub(super) fn vector_promote_low(&mut self) -> Result<()> {
        let operand = self.pop_as(F32x4)?;
        let low = self.half_of(operand, F32x4, Half::Low)?;
        let promoted = self.builder.build_float_ext(low, F64x2.vector_type(self.types()), "promoted")?;
        self.push_v128(promoted)
    }
}
