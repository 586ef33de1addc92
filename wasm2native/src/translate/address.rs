//! The only file that makes pointers into linear memory, and the only bounds check.
//!
//! INV-2: an address is `base + zext64(index) + offset`, extended before anything is added, so it can
//! never lie below the base nor more than 8 GiB above it. Accesses are align 1.

use inkwell::IntPredicate;
use inkwell::values::{InstructionValue, IntValue, PointerValue};

use super::func::FuncTranslator;
use crate::env::alias::AliasClass;
use crate::env::layout::Word;
use crate::env::place::{Mutability, Place};
use crate::error::Result;
use crate::options::BoundsChecks;
use crate::wasm::MemoryIndex;
use std::mem::offset_of;
use w2n_abi::{RtFunc, VmMemory, VmMemoryRef};

impl<'c> FuncTranslator<'c, '_> {
    /// Address of the `width` bytes at `index + offset` of a memory, which are accessible or fault
    /// (guard pages), or were checked (software).
    pub(super) fn bounded_address(
        &mut self,
        memory: MemoryIndex,
        index: IntValue<'c>,
        offset: u64,
        width: u32,
    ) -> Result<PointerValue<'c>> {
        let i64 = self.types().i64;
        let index = self.builder.build_int_z_extend_or_bit_cast(index, i64, "index")?;
        self.mark_location(width);
        match self.env.options.bounds_checks {
            BoundsChecks::Guard => {
                let start = self.memory_pointer(memory, index)?;
                self.add_bytes(start, i64.const_int(offset, false))
            }
            BoundsChecks::Software => {
                let address = self.builder.build_int_add(index, i64.const_int(offset, false), "address")?;
                self.check_access(memory, address, width)?;
                self.memory_pointer(memory, address)
            }
        }
    }

    /// Traps unless `width` bytes at `address` are inside the memory.
    ///
    /// `address` is below 2^33, so adding the width cannot wrap.
    fn check_access(&mut self, memory: MemoryIndex, address: IntValue<'c>, width: u32) -> Result<()> {
        let width = self.types().i64.const_int(width.into(), false);
        let end = self.builder.build_int_add(address, width, "access_end")?;
        let length = self.memory_length(memory)?;
        let is_outside = self.builder.build_int_compare(IntPredicate::UGT, end, length, "is_outside")?;
        self.trap_memory_if(is_outside, memory, address, width)
    }

    /// Traps where `is_outside` holds, for an access to `length` bytes at `address`.
    fn trap_memory_if(
        &mut self,
        is_outside: IntValue<'c>,
        memory: MemoryIndex,
        address: IntValue<'c>,
        length: IntValue<'c>,
    ) -> Result<()> {
        let trap = self.append_block("trap.memory");
        let next = self.append_block("in_bounds");
        self.builder.build_conditional_branch(is_outside, trap, next)?;
        self.builder.position_at_end(trap);
        let number = self.types().i32.const_int(memory.0.into(), false);
        let arguments = [self.instance.into(), number.into(), address.into(), length.into()];
        self.call_runtime_noreturn(RtFunc::TrapMemory, &arguments)?;
        self.builder.position_at_end(next);
        Ok(())
    }

    /// Address of the `length` bytes from `start` of a memory, for operators on whole ranges, which
    /// check before they touch anything. `start` and `length` are below 2^32, extended to 64 bits.
    pub(super) fn bounded_range(
        &mut self,
        memory: MemoryIndex,
        start: IntValue<'c>,
        length: IntValue<'c>,
    ) -> Result<PointerValue<'c>> {
        let end = self.builder.build_int_add(start, length, "range_end")?;
        let memory_length = self.memory_length(memory)?;
        let is_outside =
            self.builder.build_int_compare(IntPredicate::UGT, end, memory_length, "is_outside")?;
        self.trap_memory_if(is_outside, memory, start, length)?;
        self.memory_pointer(memory, start)
    }

    /// Accessible bytes of a memory now.
    pub(super) fn memory_length(&mut self, memory: MemoryIndex) -> Result<IntValue<'c>> {
        let field = self.env.layout.memory(memory) + offset_of!(VmMemoryRef<Word>, memory) as u32;
        let definition =
            Place::Field(field).load_fixed_pointer(self.env, &self.builder, self.instance, "memory")?;
        let length = Place::At(definition, offset_of!(VmMemory<Word>, length_bytes) as u32);
        let i64 = self.types().i64;
        let value = length.load(
            self.env,
            &self.builder,
            self.instance,
            i64,
            Mutability::Variable,
            "memory_length",
        )?;
        Ok(value.into_int_value())
    }

    /// `base + distance`. INV-6: the base is loaded each time; it never changes, so LLVM keeps it.
    fn memory_pointer(&mut self, memory: MemoryIndex, distance: IntValue<'c>) -> Result<PointerValue<'c>> {
        let field = self.env.layout.memory(memory) + offset_of!(VmMemoryRef<Word>, base) as u32;
        let base =
            Place::Field(field).load_fixed_pointer(self.env, &self.builder, self.instance, "memory_base")?;
        self.add_bytes(base, distance)
    }

    fn add_bytes(&self, pointer: PointerValue<'c>, distance: IntValue<'c>) -> Result<PointerValue<'c>> {
        // SAFETY: not `inbounds`, so any distance is defined; whether the bytes can be accessed is what
        // the guard pages or the check before decide.
        Ok(unsafe { self.builder.build_gep(self.types().i8, pointer, &[distance], "pointer")? })
    }

    /// Says that a load, store or memory intrinsic touches linear memory.
    pub(super) fn mark_access(&self, access: InstructionValue<'c>) {
        self.env.alias.mark(access, AliasClass::LinearMemory);
        if self.env.options.strict_traps {
            // Only loads, stores and memory intrinsics come here, and all of them can be volatile.
            let is_set = access.set_volatile(true);
            debug_assert!(is_set.is_ok());
        }
    }
}
