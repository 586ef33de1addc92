//! Loads and stores of parts of a vector. spec: exec/instructions, memory instructions.
//!
//! Whole vectors go the way of all other values, in `translate/memory.rs`.

use inkwell::values::BasicValueEnum;
use wasmparser::MemArg;

use super::Shape;
use crate::error::Result;
use crate::translate::FuncTranslator;
use crate::translate::memory::Signedness;

impl<'c> FuncTranslator<'c, '_> {
    /// Loads half as many lanes as `shape` has and widens each.
    pub(super) fn vector_load_extend(
        &mut self,
        memarg: MemArg,
        shape: Shape,
        signedness: Signedness,
    ) -> Result<()> {
        let count = shape.lane_count() / 2;
        let ty = shape.lanes_type(self.types(), count);
        let half = self.load(memarg, ty.into(), count * shape.lane_bytes())?;
        let extended = self.extended(half.into_vector_value(), shape.widened(), signedness)?;
        self.push_v128(extended)
    }

    /// Loads one lane, for all of them.
    pub(super) fn vector_load_splat(&mut self, memarg: MemArg, shape: Shape) -> Result<()> {
        let lane = self.load_one_lane(memarg, shape)?;
        let splat = self.splatted(lane, shape.lane_count())?;
        self.push_v128(splat)
    }

    /// Loads the first lane; the others are zero.
    pub(super) fn vector_load_zero(&mut self, memarg: MemArg, shape: Shape) -> Result<()> {
        let lane = self.load_one_lane(memarg, shape)?;
        let vector = self.with_lane(shape.vector_type(self.types()).const_zero(), 0, lane)?;
        self.push_v128(vector)
    }

    /// Loads one lane of a vector that has the others.
    pub(super) fn vector_load_lane(&mut self, memarg: MemArg, shape: Shape, lane: u8) -> Result<()> {
        let vector = self.pop_as(shape)?;
        let value = self.load_one_lane(memarg, shape)?;
        let replaced = self.with_lane(vector, lane, value)?;
        self.push_v128(replaced)
    }

    pub(super) fn vector_store_lane(&mut self, memarg: MemArg, shape: Shape, lane: u8) -> Result<()> {
        let vector = self.pop_as(shape)?;
        let value = self.lane_of(vector, lane)?;
        self.store(memarg, value, shape.lane_bytes())
    }

    fn load_one_lane(&mut self, memarg: MemArg, shape: Shape) -> Result<BasicValueEnum<'c>> {
        self.load(memarg, shape.lane_type(self.types()), shape.lane_bytes())
    }
}
