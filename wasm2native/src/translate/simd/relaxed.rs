//! Relaxed SIMD. spec: exec/numerics, relaxed operations; appendix/profiles, deterministic profile.
//!
//! Each operator does what the deterministic profile says, which is the same on every machine. With
//! `-C relaxed-simd=native` it is the fastest instruction that the specification allows; every use of
//! an operator is then the same instruction, because results may differ between machines only.

use inkwell::IntPredicate;
use inkwell::builder::Builder;
use inkwell::values::VectorValue;

use super::Shape::{self, F32x4, F64x2, I8x16, I16x8, I32x4};
use super::shape::Half;
use crate::arch::VectorOp;
use crate::error::Result;
use crate::options::RelaxedSimd;
use crate::translate::FuncTranslator;
use crate::translate::float::Extreme;
use crate::translate::memory::Signedness::Signed;

/// Whether `relaxed_madd` adds the product or what it takes away from zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Product {
    Plain,
    Negated,
}

impl<'c> FuncTranslator<'c, '_> {
    /// Whether the user prefers speed to equal results on all machines.
    fn relaxes(&self) -> bool {
        self.env.options.relaxed_simd == RelaxedSimd::Native
    }

    /// Whether that is an instruction of the processor's.
    fn relaxes_to(&self, op: VectorOp) -> bool {
        self.relaxes() && self.env.vector_unit().has(op)
    }

    /// Native: numbers from 16 to 127 are taken modulo 16.
    pub(super) fn relaxed_swizzle(&mut self) -> Result<()> {
        if !self.relaxes_to(VectorOp::ShuffleBytes) {
            return self.swizzle();
        }
        let (lanes, numbers) = self.pop_pair_as(I8x16)?;
        let swizzled = self.instruction(VectorOp::ShuffleBytes, &[lanes, numbers])?;
        self.push_v128(swizzled)
    }

    /// Native: -2^31 for what does not fit.
    pub(super) fn relaxed_trunc_signed(&mut self) -> Result<()> {
        if !self.relaxes_to(VectorOp::TruncateFloats) {
            return self.vector_trunc_sat(Signed);
        }
        let operand = self.pop_as(F32x4)?;
        let truncated = self.instruction(VectorOp::TruncateFloats, &[operand])?;
        self.push_v128(truncated)
    }

    /// Native: -2^31 for what does not fit.
    pub(super) fn relaxed_trunc_signed_zero(&mut self) -> Result<()> {
        if !self.relaxes_to(VectorOp::TruncateDoubles) {
            return self.vector_trunc_sat_zero(Signed);
        }
        let operand = self.pop_as(F64x2)?;
        let truncated = self.instruction(VectorOp::TruncateDoubles, &[operand])?;
        self.push_v128(truncated)
    }

    /// `relaxed_madd` and `relaxed_nmadd`. Native: rounded once, where there is an instruction for it.
    pub(super) fn relaxed_madd(&mut self, shape: Shape, product: Product) -> Result<()> {
        let addend = self.pop_as(shape)?;
        let (mut left, right) = self.pop_pair_as(shape)?;
        if product == Product::Negated {
            left = self.builder.build_float_neg(left, "negated")?;
        }
        let sum = if self.relaxes_to(VectorOp::FusedMultiplyAdd) {
            let (left, right) = self.quieted_pair(left, right, shape)?;
            self.lanewise("llvm.fma", &[left, right, addend])?
        } else {
            let product = self.float_binary_of(left, right, shape, "product", Builder::build_float_mul)?;
            self.float_binary_of(product, addend, shape, "sum", Builder::build_float_add)?
        };
        self.push_v128(sum)
    }

    /// Native: the topmost bit of each lane of the mask decides, where there is an instruction for it.
    /// There is none for lanes of 16 bits.
    pub(super) fn relaxed_laneselect(&mut self, shape: Shape) -> Result<()> {
        if !self.relaxes_to(VectorOp::ChooseByTopBit) || shape == I16x8 {
            return self.bitselect();
        }
        let mask = self.pop_as(shape)?;
        let (if_set, if_clear) = self.pop_pair_as(shape)?;
        let zero = mask.get_type().const_zero();
        let is_set = self.builder.build_int_compare(IntPredicate::SLT, mask, zero, "is_set")?;
        let selected = self.chosen(is_set, if_set, if_clear, "selected")?;
        self.push_v128(selected)
    }

    /// Native: the second operand if one is a NaN or both are zero.
    pub(super) fn relaxed_extreme(&mut self, shape: Shape, extreme: Extreme) -> Result<()> {
        if !self.relaxes() {
            return self.vector_extreme(shape, extreme);
        }
        let (left, right) = self.pop_pair_as(shape)?;
        let result = self.first_if_more_extreme(left, right, extreme)?;
        self.push_v128(result)
    }

    /// Native: -2^15 squared stays -2^15.
    pub(super) fn relaxed_q15_product(&mut self) -> Result<()> {
        if !self.relaxes_to(VectorOp::RoundedHighProduct) {
            return self.rounded_q15_product();
        }
        let (left, right) = self.pop_pair_as(I16x8)?;
        let product = self.instruction(VectorOp::RoundedHighProduct, &[left, right])?;
        self.push_v128(product)
    }

    /// `i16x8.relaxed_dot_i8x16_i7x16_s`
    pub(super) fn relaxed_dot(&mut self) -> Result<()> {
        let (left, right) = self.pop_pair_as(I8x16)?;
        let sums = self.byte_dot_product(left, right)?;
        self.push_v128(sums)
    }

    /// `i32x4.relaxed_dot_i8x16_i7x16_add_s`: the sums of the above, added in pairs and to the third operand.
    pub(super) fn relaxed_dot_add(&mut self) -> Result<()> {
        let addend = self.pop_as(I32x4)?;
        let (left, right) = self.pop_pair_as(I8x16)?;
        let sums = self.byte_dot_product(left, right)?;
        let ones = self.int_splat(I16x8, 1)?;
        let pairs = self.summed_products(sums, ones)?;
        let sum = self.builder.build_int_add(pairs, addend, "sum")?;
        self.push_v128(sum)
    }

    /// Sums of two neighbouring products of bytes, saturated to 16 bits. Native: bytes of `right` are
    /// unsigned.
    fn byte_dot_product(&self, left: VectorValue<'c>, right: VectorValue<'c>) -> Result<VectorValue<'c>> {
        if self.relaxes_to(VectorOp::SumByteProducts) {
            return self.instruction(VectorOp::SumByteProducts, &[right, left]);
        }
        let half = |half| -> Result<VectorValue<'c>> {
            let left = self.extended_half(left, I8x16, half, Signed)?;
            let right = self.extended_half(right, I8x16, half, Signed)?;
            self.summed_products(left, right)
        };
        self.narrowed(half(Half::Low)?, half(Half::High)?, I32x4, Signed)
    }
}
