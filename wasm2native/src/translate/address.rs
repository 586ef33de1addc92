//! The only file that makes pointers into linear memory, and the only bounds check.
//!
//! INV-2: an address is `base + zext64(index) + offset`, extended before anything is added. Where guard
//! pages catch what is out of bounds, index and offset have 32 bits, so it lies between the base and
//! 8 GiB above. Everywhere else it is compared with the length first, in arithmetic that cannot wrap.
//! Accesses are align 1.

use inkwell::IntPredicate;
use inkwell::values::{BasicValue, InstructionValue, IntValue, PointerValue};

use super::func::FuncTranslator;
use crate::env::alias::AliasClass;
use crate::env::intrinsic::call_overloaded;
use crate::env::layout::Word;
use crate::env::place::{Mutability, Place};
use crate::error::Result;
use crate::options::BoundsChecks;
use crate::wasm::{AddressType, MemoryIndex};
use std::mem::offset_of;
use w2n_abi::{RtFunc, TrapCode, VmMemory, VmMemoryRef, can_be_guarded};

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
        match self.bounds_checks(memory) {
            BoundsChecks::Guard => {
                let start = self.memory_pointer(memory, index)?;
                self.add_bytes(start, i64.const_int(offset, false))
            }
            BoundsChecks::Software => {
                self.check_access(memory, index, offset, width)?;
                let address = self.builder.build_int_add(index, i64.const_int(offset, false), "address")?;
                self.memory_pointer(memory, address)
            }
        }
    }

    /// How accesses to a memory are checked: as the options say where guard pages can do it.
    fn bounds_checks(&self, memory: MemoryIndex) -> BoundsChecks {
        let ty = self.memory_type(memory);
        if can_be_guarded(ty.address.flags(), ty.page_size_log2) {
            self.env.options.bounds_checks
        } else {
            BoundsChecks::Software
        }
    }

    /// Traps unless the `width` bytes at `index + offset` are inside the memory.
    fn check_access(
        &mut self,
        memory: MemoryIndex,
        index: IntValue<'c>,
        offset: u64,
        width: u32,
    ) -> Result<()> {
        let is_outside = self.is_access_outside(memory, index, offset, width)?;
        let width = self.types().i64.const_int(width.into(), false);
        self.trap_memory_if(is_outside, memory, index, offset, width)
    }

    /// Traps where `is_outside` holds, for an access to `length` bytes at `index + offset`.
    fn trap_memory_if(
        &mut self,
        is_outside: IntValue<'c>,
        memory: MemoryIndex,
        index: IntValue<'c>,
        offset: u64,
        length: IntValue<'c>,
    ) -> Result<()> {
        let trap = self.append_block("trap.memory");
        let next = self.append_block("in_bounds");
        self.builder.build_conditional_branch(is_outside, trap, next)?;
        self.builder.position_at_end(trap);
        // A report that named the wrapped sum would name an address inside the memory.
        let offset = self.types().i64.const_int(offset, false);
        let address = self.saturating("llvm.uadd.sat", index, offset)?;
        let number = self.types().i32.const_int(memory.0.into(), false);
        let arguments = [self.instance.into(), number.into(), address.into(), length.into()];
        self.call_runtime_noreturn(RtFunc::TrapMemory, &arguments)?;
        self.builder.position_at_end(next);
        Ok(())
    }

    /// Whether an access reaches past the end of its memory: `index + reach > length`, where `reach` is
    /// `offset + width`, as numbers without a limit.
    ///
    /// A 32-bit index and offset make a sum below 2^34. A sum with a 64-bit index can wrap: the 8 bytes
    /// at index 2^64-4 would end at 4, inside every memory. So the constant goes to the other side, as
    /// `index >= length - (reach - 1)`, in a subtraction that stops at 0. Worked example, width 8:
    ///
    /// - length 65536: 65536 - 7 = 65529; index 65528 is inside, 65529 and 2^64-4 are outside
    /// - length 4: 4 - 7 stops at 0; every index is outside, 0 too
    ///
    /// It need not stop where the memory is never smaller than `reach - 1`, which is most often known.
    fn is_access_outside(
        &mut self,
        memory: MemoryIndex,
        index: IntValue<'c>,
        offset: u64,
        width: u32,
    ) -> Result<IntValue<'c>> {
        let i64 = self.types().i64;
        let Some(reach) = offset.checked_add(width.into()) else {
            // No memory reaches to 2^64.
            return Ok(self.types().i1.const_all_ones());
        };
        let length = self.memory_length(memory)?;
        let ty = self.memory_type(memory);
        if ty.address == AddressType::I32 {
            let end = self.builder.build_int_add(index, i64.const_int(reach, false), "access_end")?;
            return Ok(self.builder.build_int_compare(IntPredicate::UGT, end, length, "is_outside")?);
        }
        let last = i64.const_int(reach - 1, false);
        let limit = if reach - 1 <= ty.min_bytes() {
            self.builder.build_int_sub(length, last, "index_limit")?
        } else {
            self.saturating("llvm.usub.sat", length, last)?
        };
        Ok(self.builder.build_int_compare(IntPredicate::UGE, index, limit, "is_outside")?)
    }

    /// Address of the `length` bytes from `start` of a memory, for operators on whole ranges, which
    /// check before they touch anything. `start` and `length` are extended to 64 bits.
    pub(super) fn bounded_range(
        &mut self,
        memory: MemoryIndex,
        start: IntValue<'c>,
        length: IntValue<'c>,
    ) -> Result<PointerValue<'c>> {
        let memory_length = self.memory_length(memory)?;
        let end = self.saturating("llvm.uadd.sat", start, length)?;
        let is_outside =
            self.builder.build_int_compare(IntPredicate::UGT, end, memory_length, "is_outside")?;
        self.trap_memory_if(is_outside, memory, start, 0, length)?;
        self.memory_pointer(memory, start)
    }

    /// Traps unless the `length` bytes from `start` end within the first `available` bytes.
    ///
    /// A sum that would wrap is 2^64-1 instead, which is past every end: 2^64-4 and 8 do not make 4.
    pub(super) fn check_range(
        &mut self,
        start: IntValue<'c>,
        length: IntValue<'c>,
        available: IntValue<'c>,
    ) -> Result<()> {
        let end = self.saturating("llvm.uadd.sat", start, length)?;
        let is_outside = self.builder.build_int_compare(IntPredicate::UGT, end, available, "is_outside")?;
        self.trap_if(is_outside, TrapCode::MemoryOutOfBounds)
    }

    fn saturating(
        &self,
        intrinsic: &'static str,
        left: IntValue<'c>,
        right: IntValue<'c>,
    ) -> Result<IntValue<'c>> {
        let operands = [left.into(), right.into()];
        Ok(call_overloaded(self.env, &self.builder, intrinsic, &operands)?.into_int_value())
    }

    /// Bytes of a memory now.
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
        if let Some(load) = value.as_instruction_value() {
            self.env.alias.mark(load, AliasClass::MemoryLength);
            // Whoever instantiates checks the least, also where the memory is imported, and none shrinks.
            self.env.alias.mark_at_least(self.env.context, load, self.memory_type(memory).min_bytes());
        }
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

    /// Says that a load or store touches a linear memory. Where it may fault it is volatile, or LLVM would
    /// lose the trap; `llvm/relaxed_accesses.cpp` makes plain again what cannot be lost.
    pub(super) fn mark_access(&self, access: InstructionValue<'c>, memory: MemoryIndex) {
        self.env.alias.mark(access, AliasClass::LinearMemory);
        if self.env.options.strict_traps || self.bounds_checks(memory) == BoundsChecks::Guard {
            let is_set = access.set_volatile(true);
            debug_assert!(is_set.is_ok());
        }
    }
}
