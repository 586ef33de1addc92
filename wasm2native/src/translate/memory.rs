//! Loads, stores, memory.size and memory.grow. spec: exec/instructions, memory instructions.

use inkwell::types::{BasicTypeEnum, IntType};
use inkwell::values::{BasicValue, BasicValueEnum, IntValue};
use wasmparser::{MemArg, MemArgTarget};

use super::func::FuncTranslator;
use crate::env::types::Types;
use crate::error::Result;
use crate::wasm::{AddressType, MemoryIndex, MemoryType};
use w2n_abi::{RtFunc, ValueType};

/// How a narrow value becomes a wide one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signedness {
    Signed,
    Unsigned,
}

/// How many bits an access of part of an integer touches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Width {
    Bits8,
    Bits16,
    Bits32,
}

impl Width {
    pub(super) fn int_type<'c>(self, types: &Types<'c>) -> IntType<'c> {
        match self {
            Self::Bits8 => types.i8,
            Self::Bits16 => types.i16,
            Self::Bits32 => types.i32,
        }
    }

    fn bytes(self) -> u32 {
        match self {
            Self::Bits8 => 1,
            Self::Bits16 => 2,
            Self::Bits32 => 4,
        }
    }
}

/// The memory that an access names.
fn memory_of(memarg: MemArg) -> MemoryIndex {
    match memarg.target {
        MemArgTarget::Memory(memory) => MemoryIndex(memory),
        MemArgTarget::Array(_) => unreachable!("validated: only memories are accessed"),
    }
}

fn width_of(ty: ValueType) -> u32 {
    match ty {
        ValueType::I32 | ValueType::F32 => 4,
        ValueType::I64 | ValueType::F64 => 8,
        ValueType::V128 => 16,
        ValueType::FuncRef | ValueType::ExternRef => unreachable!("validated: references are not in memory"),
    }
}

impl<'c> FuncTranslator<'c, '_> {
    pub(super) fn translate_load(&mut self, memarg: MemArg, ty: ValueType) -> Result<()> {
        let loaded = self.load(memarg, self.types().value(ty), width_of(ty))?;
        self.push(loaded);
        Ok(())
    }

    /// Loads part of an integer of type `ty` and extends it.
    pub(super) fn translate_load_extend(
        &mut self,
        memarg: MemArg,
        ty: ValueType,
        width: Width,
        signedness: Signedness,
    ) -> Result<()> {
        let narrow = self.load(memarg, width.int_type(self.types()).into(), width.bytes())?.into_int_value();
        let wide_type = self.types().value(ty).into_int_type();
        let extended = match signedness {
            Signedness::Signed => self.builder.build_int_s_extend(narrow, wide_type, "extended")?,
            Signedness::Unsigned => self.builder.build_int_z_extend(narrow, wide_type, "extended")?,
        };
        self.push(extended);
        Ok(())
    }

    pub(super) fn load(
        &mut self,
        memarg: MemArg,
        ty: BasicTypeEnum<'c>,
        width: u32,
    ) -> Result<BasicValueEnum<'c>> {
        let index = self.pop_int();
        let address = self.bounded_address(memory_of(memarg), index, memarg.offset, width)?;
        let loaded = self.builder.build_load(ty, address, "loaded")?;
        let load = loaded.as_instruction_value().expect("a load is an instruction");
        load.set_alignment(1).map_err(|error| crate::error::CompileError::internal(error.to_string()))?;
        self.mark_access(load, memory_of(memarg));
        Ok(loaded)
    }

    pub(super) fn translate_store(&mut self, memarg: MemArg, ty: ValueType) -> Result<()> {
        let value = self.pop();
        self.store(memarg, value, width_of(ty))
    }

    /// Stores the low bits of an integer.
    pub(super) fn translate_store_wrap(&mut self, memarg: MemArg, width: Width) -> Result<()> {
        let value = self.pop_int();
        let narrow =
            self.builder.build_int_truncate_or_bit_cast(value, width.int_type(self.types()), "wrapped")?;
        self.store(memarg, narrow.into(), width.bytes())
    }

    pub(super) fn store(&mut self, memarg: MemArg, value: BasicValueEnum<'c>, width: u32) -> Result<()> {
        let index = self.pop_int();
        let address = self.bounded_address(memory_of(memarg), index, memarg.offset, width)?;
        let store = self.builder.build_store(address, value)?;
        store.set_alignment(1).map_err(|error| crate::error::CompileError::internal(error.to_string()))?;
        self.mark_access(store, memory_of(memarg));
        Ok(())
    }

    pub(super) fn translate_memory_size(&mut self, memory: MemoryIndex) -> Result<()> {
        let length = self.memory_length(memory)?;
        let MemoryType { address, page_size_log2, .. } = self.memory_type(memory);
        let page_bits = self.types().i64.const_int(page_size_log2.into(), false);
        let pages = self.builder.build_right_shift(length, page_bits, false, "pages")?;
        self.push_size(pages, address)
    }

    pub(super) fn translate_memory_grow(&mut self, memory: MemoryIndex) -> Result<()> {
        let delta = self.pop_index()?;
        let number = self.types().i32.const_int(memory.0.into(), false);
        let arguments = [self.instance.into(), number.into(), delta.into()];
        let old = self.call_runtime(RtFunc::MemoryGrow, &arguments)?.try_as_basic_value().unwrap_basic();
        self.push_size(old.into_int_value(), self.memory_type(memory).address)
    }

    pub(super) fn memory_type(&self, memory: MemoryIndex) -> MemoryType {
        self.env.module.memories[memory.index()]
    }

    /// Pushes a 64-bit size in the address type of its memory or table; -1 stays -1.
    pub(super) fn push_size(&mut self, size: IntValue<'c>, address: AddressType) -> Result<()> {
        let size = match address {
            AddressType::I32 => self.builder.build_int_truncate(size, self.types().i32, "size")?,
            AddressType::I64 => size,
        };
        self.push(size);
        Ok(())
    }
}
