//! Integer arithmetic lane by lane. spec: exec/numerics, integer operations.
//!
//! INV-3: shift amounts are taken modulo the width of a lane; see [`FuncTranslator::vector_shift`].

use inkwell::IntPredicate;
use inkwell::builder::{Builder, BuilderError};
use inkwell::values::VectorValue;

use super::Shape::{self, I16x8, I32x4, I64x2};
use super::shape::Half;
use crate::arch::VectorOp;
use crate::env::intrinsic::call_intrinsic;
use crate::error::Result;
use crate::translate::FuncTranslator;
use crate::translate::integer::Shift;
use crate::translate::memory::Signedness::{self, Signed, Unsigned};

/// A builder method on two vectors, such as `Builder::build_int_add`.
pub(super) type VectorEmitter<'c> = for<'b, 'n> fn(
    &'b Builder<'c>,
    VectorValue<'c>,
    VectorValue<'c>,
    &'n str,
) -> std::result::Result<VectorValue<'c>, BuilderError>;

impl<'c> FuncTranslator<'c, '_> {
    pub(super) fn vector_binary(&mut self, shape: Shape, name: &str, emit: VectorEmitter<'c>) -> Result<()> {
        let (left, right) = self.pop_pair_as(shape)?;
        let result = emit(&self.builder, left, right, name)?;
        self.push_v128(result)
    }

    /// An operator that is an intrinsic on one vector.
    pub(super) fn vector_unary(&mut self, shape: Shape, intrinsic: &'static str) -> Result<()> {
        let operand = self.pop_as(shape)?;
        let result = self.lanewise(intrinsic, &[operand])?;
        self.push_v128(result)
    }

    /// An operator that is an intrinsic on two vectors: minimum, maximum and saturating arithmetic.
    pub(super) fn vector_pairwise(&mut self, shape: Shape, intrinsic: &'static str) -> Result<()> {
        let (left, right) = self.pop_pair_as(shape)?;
        let result = self.lanewise(intrinsic, &[left, right])?;
        self.push_v128(result)
    }

    pub(super) fn vector_not(&mut self) -> Result<()> {
        let operand = self.pop_as(I64x2)?;
        let inverted = self.builder.build_not(operand, "not")?;
        self.push_v128(inverted)
    }

    /// `v128.andnot`: the bits of the first operand that the second does not have.
    pub(super) fn vector_and_not(&mut self) -> Result<()> {
        let (left, right) = self.pop_pair_as(I64x2)?;
        let inverted = self.builder.build_not(right, "not")?;
        let result = self.builder.build_and(left, inverted, "and_not")?;
        self.push_v128(result)
    }

    pub(super) fn vector_neg(&mut self, shape: Shape) -> Result<()> {
        let operand = self.pop_as(shape)?;
        let negated = self.builder.build_int_neg(operand, "negated")?;
        self.push_v128(negated)
    }

    /// The most negative integer is its own absolute value, not poison.
    pub(super) fn vector_abs(&mut self, shape: Shape) -> Result<()> {
        let operand = self.pop_as(shape)?;
        let min_is_poison = self.types().i1.const_zero();
        let operands = [operand.into(), min_is_poison.into()];
        let overloads = [operand.get_type().into()];
        let call = call_intrinsic(self.env, &self.builder, "llvm.abs", &overloads, &operands)?;
        self.push_v128(call.try_as_basic_value().unwrap_basic().into_vector_value())
    }

    /// A shift by the width of a lane or more is poison in LLVM; Wasm takes the amount modulo the width.
    pub(super) fn vector_shift(&mut self, shape: Shape, shift: Shift) -> Result<()> {
        let amount = self.pop_int();
        let vector = self.pop_as(shape)?;
        let mask = amount.get_type().const_int(u64::from(shape.lane_bits()) - 1, false);
        let amount = self.builder.build_and(amount, mask, "amount")?;
        let lane_type = shape.int_lane_type(self.types());
        let amount = if shape == I64x2 {
            self.builder.build_int_z_extend(amount, lane_type, "amount")?
        } else {
            self.builder.build_int_truncate_or_bit_cast(amount, lane_type, "amount")?
        };
        let amount = self.splatted(amount, shape.lane_count())?;
        let shifted = match shift {
            Shift::Left => self.builder.build_left_shift(vector, amount, "shifted")?,
            Shift::RightSigned => self.builder.build_right_shift(vector, amount, true, "shifted")?,
            Shift::RightUnsigned => self.builder.build_right_shift(vector, amount, false, "shifted")?,
        };
        self.push_v128(shifted)
    }

    /// `avgr_u`: the mean, rounded up. LLVM has an instruction selected for exactly this form.
    pub(super) fn rounded_average(&mut self, shape: Shape) -> Result<()> {
        let (left, right) = self.pop_pair_as(shape)?;
        let left = self.extended(left, shape.widened(), Unsigned)?;
        let right = self.extended(right, shape.widened(), Unsigned)?;
        let one = left.get_type().get_element_type().into_int_type().const_int(1, false);
        let one = self.splatted(one, shape.lane_count())?;
        let sum = self.builder.build_int_add(left, right, "sum")?;
        let sum = self.builder.build_int_add(sum, one, "sum")?;
        let average = self.builder.build_right_shift(sum, one, false, "average")?;
        let average = self.builder.build_int_truncate(average, shape.vector_type(self.types()), "average")?;
        self.push_v128(average)
    }

    /// `extend_low` and `extend_high`: half of the lanes of `shape`, each widened.
    pub(super) fn vector_extend(&mut self, shape: Shape, half: Half, signedness: Signedness) -> Result<()> {
        let vector = self.pop_as(shape)?;
        let extended = self.extended_half(vector, shape, half, signedness)?;
        self.push_v128(extended)
    }

    pub(super) fn extended_half(
        &self,
        vector: VectorValue<'c>,
        shape: Shape,
        half: Half,
        signedness: Signedness,
    ) -> Result<VectorValue<'c>> {
        self.extended(self.half_of(vector, shape, half)?, shape.widened(), signedness)
    }

    /// `extmul`: products of half of the lanes of `shape`, twice as wide.
    pub(super) fn extended_product(
        &mut self,
        shape: Shape,
        half: Half,
        signedness: Signedness,
    ) -> Result<()> {
        let (left, right) = self.pop_pair_as(shape)?;
        let left = self.extended_half(left, shape, half, signedness)?;
        let right = self.extended_half(right, shape, half, signedness)?;
        let product = self.builder.build_int_mul(left, right, "product")?;
        self.push_v128(product)
    }

    /// `narrow`: the lanes of two vectors of `shape` at half the width, saturated. The operands are
    /// signed; `signedness` is the result's.
    pub(super) fn vector_narrow(&mut self, shape: Shape, signedness: Signedness) -> Result<()> {
        let (left, right) = self.pop_pair_as(shape)?;
        let unit = self.env.vector_unit();
        let lacks_instruction =
            shape == I32x4 && signedness == Unsigned && !unit.has(VectorOp::NarrowUnsigned);
        let narrowed = if lacks_instruction && unit.has(VectorOp::NarrowSigned) {
            self.narrowed_around_zero(left, right)?
        } else {
            self.narrowed(left, right, shape, signedness)?
        };
        self.push_v128(narrowed)
    }

    /// i32 to u16 by way of i16, for which there is an instruction: what is not negative is moved
    /// down by half the range and, narrow and saturated, up again.
    ///
    /// 0x12345 - 0x8000 = 0xa345 saturates to 0x7fff, whose topmost bit inverted gives 0xffff.
    fn narrowed_around_zero(&self, left: VectorValue<'c>, right: VectorValue<'c>) -> Result<VectorValue<'c>> {
        let half_range = 0x8000;
        let moved = |vector: VectorValue<'c>| -> Result<VectorValue<'c>> {
            let positive = self.lanewise("llvm.smax", &[vector, vector.get_type().const_zero()])?;
            Ok(self.builder.build_int_sub(positive, self.int_splat(I32x4, half_range)?, "moved")?)
        };
        let narrowed = self.instruction(VectorOp::NarrowSigned, &[moved(left)?, moved(right)?])?;
        Ok(self.builder.build_xor(narrowed, self.int_splat(I16x8, half_range)?, "moved_back")?)
    }

    pub(super) fn narrowed(
        &self,
        left: VectorValue<'c>,
        right: VectorValue<'c>,
        shape: Shape,
        signedness: Signedness,
    ) -> Result<VectorValue<'c>> {
        let narrow = shape.narrowed();
        let count = narrow.lane_count();
        let bits = narrow.lane_bits();
        let (lowest, highest) = match signedness {
            Signed => (-1i64 << (bits - 1), (1i64 << (bits - 1)) - 1),
            Unsigned => (0, (1i64 << bits) - 1),
        };
        let bound = |value: i64| {
            self.splatted(shape.int_lane_type(self.types()).const_int(value as u64, true), count)
        };
        let both = self.shuffled(left, right, 0..count, "both")?;
        let saturated = self.lanewise("llvm.smax", &[both, bound(lowest)?])?;
        let saturated = self.lanewise("llvm.smin", &[saturated, bound(highest)?])?;
        Ok(self.builder.build_int_truncate(saturated, narrow.vector_type(self.types()), "narrowed")?)
    }

    /// `i16x8.q15mulr_sat_s`: `(left * right + 0x4000) >> 15`, which overflows for -0x8000 squared
    /// alone: 0x8000 would be the result, which no other product has, and becomes 0x7fff.
    pub(super) fn rounded_q15_product(&mut self) -> Result<()> {
        let (left, right) = self.pop_pair_as(I16x8)?;
        let wrapped = if self.env.vector_unit().has(VectorOp::RoundedHighProduct) {
            self.instruction(VectorOp::RoundedHighProduct, &[left, right])?
        } else {
            self.rounded_high_product(left, right)?
        };
        let overflow = self.int_splat(I16x8, 0x8000)?;
        let overflows = self.builder.build_int_compare(IntPredicate::EQ, wrapped, overflow, "overflows")?;
        let correction = self.lane_mask(overflows, I16x8)?;
        let product = self.builder.build_xor(wrapped, correction, "product")?;
        self.push_v128(product)
    }

    /// What [`VectorOp::RoundedHighProduct`] does, from the two halves of the 32-bit product: its bits 15 to
    /// 30, plus its bit 14.
    fn rounded_high_product(&self, left: VectorValue<'c>, right: VectorValue<'c>) -> Result<VectorValue<'c>> {
        let builder = &self.builder;
        let amount = |bits: u64| self.int_splat(I16x8, bits);
        let low = builder.build_int_mul(left, right, "low_half")?;
        let high = self.high_product(left, right)?;
        let upper = builder.build_left_shift(high, amount(1)?, "upper_bits")?;
        let lowest = builder.build_right_shift(low, amount(15)?, false, "lowest_bit")?;
        let truncated = builder.build_or(upper, lowest, "truncated")?;
        let below = builder.build_right_shift(low, amount(14)?, false, "below")?;
        let round = builder.build_and(below, amount(1)?, "round_bit")?;
        Ok(builder.build_int_add(truncated, round, "rounded")?)
    }

    /// The high halves of products of i16. LLVM knows the long form as one instruction, but not once
    /// it has merged its shift with another.
    fn high_product(&self, left: VectorValue<'c>, right: VectorValue<'c>) -> Result<VectorValue<'c>> {
        if self.env.vector_unit().has(VectorOp::HighProduct) {
            return self.instruction(VectorOp::HighProduct, &[left, right]);
        }
        let wide = I16x8.widened();
        let wide_left = self.extended(left, wide, Signed)?;
        let wide_right = self.extended(right, wide, Signed)?;
        let product = self.builder.build_int_mul(wide_left, wide_right, "product")?;
        let half_width = wide.int_lane_type(self.types()).const_int(16, false);
        let half_width = self.splatted(half_width, I16x8.lane_count())?;
        let high = self.builder.build_right_shift(product, half_width, true, "high_half")?;
        Ok(self.builder.build_int_truncate(high, left.get_type(), "high_half")?)
    }

    /// `extadd_pairwise`: sums of neighbouring lanes, twice as wide. A wide lane holds two neighbours;
    /// shifts take them apart without moving lanes about.
    pub(super) fn pairwise_sum(&mut self, shape: Shape, signedness: Signedness) -> Result<()> {
        let wide = shape.widened();
        let pairs = self.pop_as(wide)?;
        let width = self.int_splat(wide, shape.lane_bits().into())?;
        let is_signed = signedness == Signed;
        let even_on_top = self.builder.build_left_shift(pairs, width, "even_on_top")?;
        let even = self.builder.build_right_shift(even_on_top, width, is_signed, "even")?;
        let odd = self.builder.build_right_shift(pairs, width, is_signed, "odd")?;
        let sum = self.builder.build_int_add(even, odd, "sum")?;
        self.push_v128(sum)
    }

    /// `i32x4.dot_i16x8_s`: sums of products of neighbouring lanes. LLVM knows this form as one instruction.
    pub(super) fn dot_product(&mut self) -> Result<()> {
        let (left, right) = self.pop_pair_as(I16x8)?;
        let sums = self.summed_products(left, right)?;
        self.push_v128(sums)
    }

    /// Sums, as i32, of neighbouring products of two vectors of eight i16.
    pub(super) fn summed_products(
        &self,
        left: VectorValue<'c>,
        right: VectorValue<'c>,
    ) -> Result<VectorValue<'c>> {
        let left = self.extended(left, I16x8.widened(), Signed)?;
        let right = self.extended(right, I16x8.widened(), Signed)?;
        let products = self.builder.build_int_mul(left, right, "products")?;
        let even = self.selected_lanes(products, (0..8).step_by(2), "even")?;
        let odd = self.selected_lanes(products, (1..8).step_by(2), "odd")?;
        Ok(self.builder.build_int_add(even, odd, "sums")?)
    }
}
