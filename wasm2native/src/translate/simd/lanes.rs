//! Constants, and lanes moved about: shuffle, swizzle, splat, extract, replace. spec: exec/instructions,
//! vector instructions.

use inkwell::IntPredicate;
use inkwell::values::{BasicValueEnum, VectorValue};
use wasmparser::V128;

use super::Shape::{self, I8x16, I64x2};
use super::shape::Half;
use crate::arch::VectorOp;
use crate::error::Result;
use crate::translate::FuncTranslator;
use crate::translate::memory::Signedness;

impl<'c> FuncTranslator<'c, '_> {
    pub(super) fn vector_const(&mut self, value: V128) -> Result<()> {
        let vector = self.types().vector_const(value.i128() as u128);
        self.push(vector);
        Ok(())
    }

    /// `i8x16.shuffle`: lanes of two vectors by constant numbers.
    pub(super) fn shuffle(&mut self, lanes: [u8; 16]) -> Result<()> {
        let (left, right) = self.pop_pair_as(I8x16)?;
        let shuffled = self.shuffled(left, right, lanes.map(u32::from), "shuffled")?;
        self.push_v128(shuffled)
    }

    /// `i8x16.swizzle`: lanes by the numbers in another vector; zero for numbers without a lane.
    pub(super) fn swizzle(&mut self) -> Result<()> {
        let (lanes, numbers) = self.pop_pair_as(I8x16)?;
        let swizzled = if self.env.vector_unit().has(VectorOp::ShuffleBytes) {
            // The instruction answers zero for numbers from 128 on, and takes others modulo 16. Saturated, 16
            // and what is above become 128 and more: 15 + 0x70 = 0x7f, 16 + 0x70 = 0x80.
            let beyond = self.int_splat(I8x16, 0x70)?;
            let numbers = self.lanewise("llvm.uadd.sat", &[numbers, beyond])?;
            self.instruction(VectorOp::ShuffleBytes, &[lanes, numbers])?
        } else {
            self.swizzled_one_by_one(lanes, numbers)?
        };
        self.push_v128(swizzled)
    }

    /// Extracting a lane that is not there is poison in LLVM: the number is taken modulo 16, and where
    /// that changed it, zero is chosen.
    fn swizzled_one_by_one(
        &self,
        lanes: VectorValue<'c>,
        numbers: VectorValue<'c>,
    ) -> Result<VectorValue<'c>> {
        let safe_numbers = self.builder.build_and(numbers, self.int_splat(I8x16, 15)?, "safe_numbers")?;
        let mut swizzled = lanes.get_type().get_poison();
        for position in 0..I8x16.lane_count() {
            let position = self.types().i32.const_int(position.into(), false);
            let number = self.builder.build_extract_element(safe_numbers, position, "number")?;
            let lane = self.builder.build_extract_element(lanes, number.into_int_value(), "lane")?;
            swizzled = self.builder.build_insert_element(swizzled, lane, position, "swizzled")?;
        }
        let count = self.int_splat(I8x16, I8x16.lane_count().into())?;
        let exists = self.builder.build_int_compare(IntPredicate::ULT, numbers, count, "lane_exists")?;
        self.chosen(exists, swizzled, swizzled.get_type().const_zero(), "swizzled")
    }

    pub(super) fn splat(&mut self, shape: Shape) -> Result<()> {
        let lane = self.pop_lane(shape)?;
        let splat = self.splatted(lane, shape.lane_count())?;
        self.push_v128(splat)
    }

    /// Takes a number operand as a lane: i32 for the narrow integers, of which the low bits count.
    fn pop_lane(&mut self, shape: Shape) -> Result<BasicValueEnum<'c>> {
        let operand = self.pop();
        match shape {
            Shape::F32x4 | Shape::F64x2 => Ok(operand),
            _ => {
                let ty = shape.int_lane_type(self.types());
                Ok(self.builder.build_int_truncate_or_bit_cast(operand.into_int_value(), ty, "lane")?.into())
            }
        }
    }

    /// Pushes a lane that is as wide as a number.
    pub(super) fn extract_lane(&mut self, shape: Shape, lane: u8) -> Result<()> {
        let vector = self.pop_as(shape)?;
        let lane = self.lane_of(vector, lane)?;
        self.push(lane);
        Ok(())
    }

    /// Pushes a narrow lane as an i32.
    pub(super) fn extract_lane_extend(
        &mut self,
        shape: Shape,
        lane: u8,
        signedness: Signedness,
    ) -> Result<()> {
        let vector = self.pop_as(shape)?;
        let lane = self.lane_of(vector, lane)?.into_int_value();
        let extended = match signedness {
            Signedness::Signed => self.builder.build_int_s_extend(lane, self.types().i32, "extended")?,
            Signedness::Unsigned => self.builder.build_int_z_extend(lane, self.types().i32, "extended")?,
        };
        self.push(extended);
        Ok(())
    }

    pub(super) fn lane_of(&self, vector: VectorValue<'c>, lane: u8) -> Result<BasicValueEnum<'c>> {
        let position = self.types().i32.const_int(lane.into(), false);
        Ok(self.builder.build_extract_element(vector, position, "lane")?)
    }

    pub(super) fn replace_lane(&mut self, shape: Shape, lane: u8) -> Result<()> {
        let value = self.pop_lane(shape)?;
        let vector = self.pop_as(shape)?;
        let replaced = self.with_lane(vector, lane, value)?;
        self.push_v128(replaced)
    }

    pub(super) fn with_lane(
        &self,
        vector: VectorValue<'c>,
        lane: u8,
        value: BasicValueEnum<'c>,
    ) -> Result<VectorValue<'c>> {
        let position = self.types().i32.const_int(lane.into(), false);
        Ok(self.builder.build_insert_element(vector, value, position, "replaced")?)
    }

    /// `v128.bitselect`: bits of the first operand where the third has ones, of the second elsewhere.
    pub(super) fn bitselect(&mut self) -> Result<()> {
        let mask = self.pop_as(I64x2)?;
        let (if_one, if_zero) = self.pop_pair_as(I64x2)?;
        let ones = self.builder.build_and(if_one, mask, "ones")?;
        let zeros = self.builder.build_and(if_zero, self.builder.build_not(mask, "not")?, "zeros")?;
        let selected = self.builder.build_or(ones, zeros, "selected")?;
        self.push_v128(selected)
    }

    /// Half of the lanes of a vector.
    pub(super) fn half_of(
        &self,
        vector: VectorValue<'c>,
        shape: Shape,
        half: Half,
    ) -> Result<VectorValue<'c>> {
        let count = shape.lane_count() / 2;
        let first = match half {
            Half::Low => 0,
            Half::High => count,
        };
        self.selected_lanes(vector, first..first + count, "half")
    }

    /// Half of a vector, and zeros as the high lanes.
    pub(super) fn push_zero_extended(&mut self, low: VectorValue<'c>) -> Result<()> {
        let count = low.get_type().get_size();
        let full = self.shuffled(low, low.get_type().const_zero(), 0..2 * count, "zero_extended")?;
        self.push_v128(full)
    }
}
