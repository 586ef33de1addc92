//! Floating-point arithmetic lane by lane. spec: exec/numerics, floating-point operations.
//!
//! No fast-math flags, ever. INV-3: what LLVM would fold so that a signalling NaN stays one is made
//! quiet here, as for single floats in `translate/float.rs`.

use inkwell::FloatPredicate;
use inkwell::values::VectorValue;

use super::Shape;
use super::integer::VectorEmitter;
use crate::arch::VectorOp;
use crate::error::Result;
use crate::translate::FuncTranslator;
use crate::translate::float::Extreme;
use crate::translate::known::{Known, cast_source, is_identity};

impl<'c> FuncTranslator<'c, '_> {
    pub(super) fn vector_float_binary(
        &mut self,
        shape: Shape,
        name: &str,
        emit: VectorEmitter<'c>,
    ) -> Result<()> {
        let (left, right) = self.pop_pair_as(shape)?;
        let result = self.float_binary_of(left, right, shape, name, emit)?;
        self.push_v128(result)
    }

    pub(super) fn float_binary_of(
        &mut self,
        left: VectorValue<'c>,
        right: VectorValue<'c>,
        shape: Shape,
        name: &str,
        emit: VectorEmitter<'c>,
    ) -> Result<VectorValue<'c>> {
        let (left, right) = self.quieted_pair(left, right, shape)?;
        Ok(emit(&self.builder, left, right, name)?)
    }

    /// `x * 1.0`, `x / 1.0`, `x - 0.0` and `x + -0.0` are folded to `x` by LLVM, also in single lanes
    /// once it has taken a vector apart; a signalling NaN would stay signalling.
    pub(super) fn quieted_pair(
        &mut self,
        left: VectorValue<'c>,
        right: VectorValue<'c>,
        shape: Shape,
    ) -> Result<(VectorValue<'c>, VectorValue<'c>)> {
        let quiet_left = self.quieted_if_identity_lane(left, right, shape)?;
        Ok((quiet_left, self.quieted_if_identity_lane(right, left, shape)?))
    }

    fn quieted_if_identity_lane(
        &mut self,
        operand: VectorValue<'c>,
        other: VectorValue<'c>,
        shape: Shape,
    ) -> Result<VectorValue<'c>> {
        if !self.has_identity_lane(other, shape) {
            return Ok(operand);
        }
        let one = self.float_splat(shape, 1.0)?;
        self.times_opaque_one(operand, one)
    }

    /// Whether a lane of `vector` is a constant that some operation leaves the other operand alone with.
    fn has_identity_lane(&self, vector: VectorValue<'c>, shape: Shape) -> bool {
        let bits = cast_source(vector, self.types().vector).unwrap_or(vector);
        (0..bits.get_type().get_size()).any(|number| match Known::of_lane(bits, number) {
            Known::Number(lane) => is_identity(lane),
            Known::Bits(half) => has_identity(half, shape),
            Known::Later => true,
            Known::Nothing => false,
        })
    }

    pub(super) fn vector_float_neg(&mut self, shape: Shape) -> Result<()> {
        let operand = self.pop_as(shape)?;
        let negated = self.builder.build_float_neg(operand, "negated")?;
        self.push_v128(negated)
    }

    /// `min` and `max`. `a < b ? a : b` is `b` when they are equal or one is a NaN; taken both ways
    /// round, the two answers differ for zeros of different sign only, where the sign bits decide, and
    /// for NaNs, which all become the canonical one. (`llvm.minimum` is longer and lets a signalling
    /// NaN pass.)
    pub(super) fn vector_extreme(&mut self, shape: Shape, extreme: Extreme) -> Result<()> {
        let (left, right) = self.pop_pair_as(shape)?;
        let one_way = self.first_if_more_extreme(left, right, extreme)?;
        let other_way = self.first_if_more_extreme(right, left, extreme)?;
        let int_type = shape.as_int().vector_type(self.types());
        let one_way = self.reshaped(one_way, int_type)?;
        let other_way = self.reshaped(other_way, int_type)?;
        let number = match extreme {
            // -0 if either is: the sign bit of one suffices.
            Extreme::Minimum => self.builder.build_or(one_way, other_way, "number")?,
            // +0 if either is: the sign bit only if both have it.
            Extreme::Maximum => self.builder.build_and(one_way, other_way, "number")?,
        };
        let number = self.reshaped(number, left.get_type())?;
        let has_nan = self.builder.build_float_compare(FloatPredicate::UNO, left, right, "has_nan")?;
        let nan = self.float_splat(shape, f64::NAN)?;
        let result = self.chosen(has_nan, nan, number, "extreme")?;
        self.push_v128(result)
    }

    /// `pmin` and `pmax`: the second operand if it is more extreme, else the first, whatever they are.
    pub(super) fn vector_pseudo_extreme(&mut self, shape: Shape, extreme: Extreme) -> Result<()> {
        let (left, right) = self.pop_pair_as(shape)?;
        let result = self.first_if_more_extreme(right, left, extreme)?;
        self.push_v128(result)
    }

    /// `first` if it is less (or greater), else `second`, also when one is a NaN. LLVM finds the
    /// instruction for floats in a comparison and a choice; of two vectors of doubles, which are as
    /// many as the integers on the operand stack, it would choose as of integers and not find it.
    pub(super) fn first_if_more_extreme(
        &self,
        first: VectorValue<'c>,
        second: VectorValue<'c>,
        extreme: Extreme,
    ) -> Result<VectorValue<'c>> {
        let are_doubles = first.get_type() == Shape::F64x2.vector_type(self.types());
        let (predicate, op) = match extreme {
            Extreme::Minimum => (FloatPredicate::OLT, VectorOp::LesserDouble),
            Extreme::Maximum => (FloatPredicate::OGT, VectorOp::GreaterDouble),
        };
        if are_doubles && self.env.vector_unit().has(op) {
            return self.instruction(op, &[first, second]);
        }
        let is_more = self.builder.build_float_compare(predicate, first, second, "is_more_extreme")?;
        self.chosen(is_more, first, second, "more_extreme")
    }
}

/// Whether a lane in 64 bits of a vector is an identity constant.
fn has_identity(bits: u64, shape: Shape) -> bool {
    match shape {
        Shape::F32x4 => {
            [bits as u32, (bits >> 32) as u32].iter().any(|lane| is_identity(f32::from_bits(*lane).into()))
        }
        _ => is_identity(f64::from_bits(bits)),
    }
}
