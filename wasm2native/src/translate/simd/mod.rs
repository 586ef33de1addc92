//! SIMD and relaxed SIMD. [`operator`] is the table; an operator is a shape and an emitter.
//!
//! INV-5: a vector on the operand stack is `<2 x i64>`. Emitters take it as lanes of a shape with
//! [`FuncTranslator::pop_as`] and push what they made with [`FuncTranslator::push_v128`].

mod compare;
mod convert;
mod float;
mod integer;
mod lanes;
mod memory;
mod operator;
mod reduce;
mod relaxed;
mod round;
mod shape;

use inkwell::types::{BasicTypeEnum, VectorType};
use inkwell::values::{BasicValue, BasicValueEnum, VectorValue};

use super::func::FuncTranslator;
use super::known::cast_source;
use super::memory::Signedness;
use crate::arch::VectorOp;
use crate::env::intrinsic::{call_intrinsic, call_overloaded};
use crate::error::{CompileError, Result};
use shape::Shape;

impl<'c> FuncTranslator<'c, '_> {
    /// Takes the topmost operand, a vector, as lanes of `shape`.
    fn pop_as(&mut self, shape: Shape) -> Result<VectorValue<'c>> {
        let vector = self.pop().into_vector_value();
        self.reshaped(vector, shape.vector_type(self.types()))
    }

    /// Takes the two topmost operands, the deeper one first.
    fn pop_pair_as(&mut self, shape: Shape) -> Result<(VectorValue<'c>, VectorValue<'c>)> {
        let right = self.pop_as(shape)?;
        Ok((self.pop_as(shape)?, right))
    }

    /// Pushes 128 bits of any lanes.
    fn push_v128(&mut self, vector: impl BasicValue<'c>) -> Result<()> {
        let vector = vector.as_basic_value_enum().into_vector_value();
        let bits = self.reshaped(vector, self.types().vector)?;
        self.push(bits);
        Ok(())
    }

    /// The same bits as another vector type. A reshaped vector is not reshaped again but taken as it
    /// was, so that whoever looks at an operand sees what it was made by.
    fn reshaped(&self, vector: VectorValue<'c>, ty: VectorType<'c>) -> Result<VectorValue<'c>> {
        if vector.get_type() == ty {
            return Ok(vector);
        }
        if let Some(original) = cast_source(vector, ty) {
            return Ok(original);
        }
        Ok(self.builder.build_bit_cast(vector, ty, "lanes")?.into_vector_value())
    }

    /// Lanes of `left` and `right` by their numbers, those of `right` counted on from those of `left`.
    fn shuffled(
        &self,
        left: VectorValue<'c>,
        right: VectorValue<'c>,
        numbers: impl IntoIterator<Item = u32>,
        name: &str,
    ) -> Result<VectorValue<'c>> {
        let number = |number: u32| self.types().i32.const_int(number.into(), false);
        let numbers: Vec<_> = numbers.into_iter().map(number).collect();
        Ok(self.builder.build_shuffle_vector(left, right, VectorType::const_vector(&numbers), name)?)
    }

    /// Lanes of one vector by their numbers.
    fn selected_lanes(
        &self,
        vector: VectorValue<'c>,
        numbers: impl IntoIterator<Item = u32>,
        name: &str,
    ) -> Result<VectorValue<'c>> {
        self.shuffled(vector, vector.get_type().get_poison(), numbers, name)
    }

    /// A vector whose lanes are all `lane`.
    fn splatted(&self, lane: impl BasicValue<'c>, count: u32) -> Result<VectorValue<'c>> {
        let ty = match lane.as_basic_value_enum().get_type() {
            BasicTypeEnum::FloatType(ty) => ty.vec_type(count),
            ty => ty.into_int_type().vec_type(count),
        };
        let first = self.types().i32.const_zero();
        let single = self.builder.build_insert_element(ty.get_poison(), lane, first, "single")?;
        self.selected_lanes(single, (0..count).map(|_| 0), "splat")
    }

    /// A constant whose lanes are all the integer `value`, of which the low bits count.
    fn int_splat(&self, shape: Shape, value: u64) -> Result<VectorValue<'c>> {
        self.splatted(shape.int_lane_type(self.types()).const_int(value, false), shape.lane_count())
    }

    /// A constant whose lanes are all the float `value`.
    fn float_splat(&self, shape: Shape, value: f64) -> Result<VectorValue<'c>> {
        self.splatted(shape.float_lane_type(self.types()).const_float(value), shape.lane_count())
    }

    /// All ones in the lanes where `condition` holds, zero in the others.
    fn lane_mask(&self, condition: VectorValue<'c>, shape: Shape) -> Result<VectorValue<'c>> {
        Ok(self.builder.build_int_s_extend(condition, shape.as_int().vector_type(self.types()), "mask")?)
    }

    /// Lanes of `if_true` where `condition` holds, of `if_false` where not.
    fn chosen(
        &self,
        condition: VectorValue<'c>,
        if_true: VectorValue<'c>,
        if_false: VectorValue<'c>,
        name: &str,
    ) -> Result<VectorValue<'c>> {
        Ok(self.builder.build_select(condition, if_true, if_false, name)?.into_vector_value())
    }

    /// Widens each lane to the lanes of `to`.
    fn extended(&self, lanes: VectorValue<'c>, to: Shape, signedness: Signedness) -> Result<VectorValue<'c>> {
        let ty = to.lanes_type(self.types(), lanes.get_type().get_size());
        Ok(match signedness {
            Signedness::Signed => self.builder.build_int_s_extend(lanes, ty, "extended")?,
            Signedness::Unsigned => self.builder.build_int_z_extend(lanes, ty, "extended")?,
        })
    }

    /// `op` as an instruction of the processor's, which has one.
    fn instruction(&self, op: VectorOp, operands: &[VectorValue<'c>]) -> Result<VectorValue<'c>> {
        let lacking = || CompileError::internal(format!("there is no instruction for {op:?}"));
        let intrinsic = self.env.vector_unit().intrinsic(op).ok_or_else(lacking)?;
        let operands: Vec<_> = operands.iter().map(|operand| (*operand).into()).collect();
        let call = call_intrinsic(self.env, &self.builder, intrinsic, &[], &operands)?;
        Ok(call.try_as_basic_value().unwrap_basic().into_vector_value())
    }

    /// Calls an intrinsic on vectors of one type, which it is overloaded on.
    fn lanewise(&self, intrinsic: &'static str, operands: &[VectorValue<'c>]) -> Result<VectorValue<'c>> {
        let operands: Vec<BasicValueEnum> = operands.iter().map(|operand| (*operand).into()).collect();
        Ok(call_overloaded(self.env, &self.builder, intrinsic, &operands)?.into_vector_value())
    }
}
