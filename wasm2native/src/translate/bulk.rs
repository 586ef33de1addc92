//! memory.copy, memory.fill, memory.init and data.drop. spec: exec/instructions, memory instructions.
//!
//! All bounds are checked before the first byte is touched.

use inkwell::values::{BasicMetadataValueEnum, CallSiteValue, IntValue, ValueKind};
use std::mem::offset_of;

use super::func::FuncTranslator;
use crate::env::AliasClass;
use crate::env::intrinsic::call_intrinsic;
use crate::env::layout::Word;
use crate::env::place::{Mutability, Place};
use crate::error::Result;
use crate::wasm::{DataIndex, MemoryIndex};
use w2n_abi::VmDataSegment;

impl<'c> FuncTranslator<'c, '_> {
    pub(super) fn translate_memory_copy(
        &mut self,
        destination: MemoryIndex,
        source: MemoryIndex,
    ) -> Result<()> {
        let length = self.pop_index()?;
        let source_start = self.pop_index()?;
        let destination_start = self.pop_index()?;
        let to = self.bounded_range(destination, destination_start, length)?;
        let from = self.bounded_range(source, source_start, length)?;
        let ptr = self.types().ptr.into();
        let arguments = [to.into(), from.into(), length.into(), self.volatile_flag()];
        let i64 = self.types().i64.into();
        let copy = call_intrinsic(self.env, &self.builder, "llvm.memmove", &[ptr, ptr, i64], &arguments)?;
        self.mark_range_access(copy);
        Ok(())
    }

    pub(super) fn translate_memory_fill(&mut self, memory: MemoryIndex) -> Result<()> {
        let length = self.pop_index()?;
        let value = self.pop_int();
        let start = self.pop_index()?;
        let byte = self.builder.build_int_truncate(value, self.types().i8, "byte")?;
        let to = self.bounded_range(memory, start, length)?;
        let overloads = [self.types().ptr.into(), self.types().i64.into()];
        let arguments = [to.into(), byte.into(), length.into(), self.volatile_flag()];
        let fill = call_intrinsic(self.env, &self.builder, "llvm.memset", &overloads, &arguments)?;
        self.mark_range_access(fill);
        Ok(())
    }

    pub(super) fn translate_memory_init(&mut self, segment: DataIndex, memory: MemoryIndex) -> Result<()> {
        let length = self.pop_index()?;
        let source_start = self.pop_index()?;
        let destination_start = self.pop_index()?;
        self.build_memory_init(segment, memory, destination_start, source_start, length)
    }

    /// `memory.init` with operands extended to 64 bits.
    pub fn build_memory_init(
        &mut self,
        segment: DataIndex,
        memory: MemoryIndex,
        destination_start: IntValue<'c>,
        source_start: IntValue<'c>,
        length: IntValue<'c>,
    ) -> Result<()> {
        let segment = self.env.layout.data_segment(segment);
        let field = |field: usize| Place::Field(segment + field as u32);
        self.build_segment_copy(field, memory, destination_start, source_start, length)
    }

    /// Copies bytes of the segment whose `VmDataSegment` has its fields at the places that `field` gives.
    pub fn build_segment_copy(
        &mut self,
        field: impl Fn(usize) -> Place<'c>,
        memory: MemoryIndex,
        destination_start: IntValue<'c>,
        source_start: IntValue<'c>,
        length: IntValue<'c>,
    ) -> Result<()> {
        let to = self.bounded_range(memory, destination_start, length)?;
        let available = field(offset_of!(VmDataSegment<Word>, length)).load(
            self.env,
            &self.builder,
            self.instance,
            self.types().i64,
            Mutability::Variable,
            "segment_length",
        )?;
        let data = field(offset_of!(VmDataSegment<Word>, data)).load(
            self.env,
            &self.builder,
            self.instance,
            self.types().ptr,
            Mutability::Variable,
            "segment_data",
        )?;
        self.check_range(source_start, length, available.into_int_value())?;
        // SAFETY: not `inbounds`; the check above says that the bytes are inside the segment.
        let from = unsafe {
            self.builder.build_gep(self.types().i8, data.into_pointer_value(), &[source_start], "source")?
        };
        let ptr = self.types().ptr.into();
        let arguments = [to.into(), from.into(), length.into(), self.volatile_flag()];
        // No alias class: it reads constant data of the module, which is in neither.
        call_intrinsic(
            self.env,
            &self.builder,
            "llvm.memcpy",
            &[ptr, ptr, self.types().i64.into()],
            &arguments,
        )?;
        Ok(())
    }

    /// The last operand of memory intrinsics.
    fn volatile_flag(&self) -> BasicMetadataValueEnum<'c> {
        self.types().i1.const_int(self.env.options.strict_traps.into(), false).into()
    }

    fn mark_range_access(&self, call: CallSiteValue<'c>) {
        if let ValueKind::Instruction(instruction) = call.try_as_basic_value() {
            self.env.alias.mark(instruction, AliasClass::LinearMemory);
        }
    }

    /// `data.drop`: what is dropped has length 0.
    pub fn build_data_drop(&mut self, segment: DataIndex) -> Result<()> {
        let offset = self.env.layout.data_segment(segment) + offset_of!(VmDataSegment<Word>, length) as u32;
        let zero = self.types().i64.const_zero();
        Place::Field(offset).store(self.env, &self.builder, self.instance, zero.into())
    }
}
