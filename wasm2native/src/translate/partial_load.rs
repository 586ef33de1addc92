//! Which bytes of a loaded value are used.
//!
//! LLVM narrows a load to the bytes that matter, `i32.wrap_i64` of an `i64.load` to a load of four
//! bytes, and an access that lies across the end of the memory then no longer traps. The rule: what is
//! not understood here uses all bytes, so that a load is at worst left as it is.

use inkwell::types::{AnyTypeEnum, BasicTypeEnum};
use inkwell::values::{AsValueRef, InstructionOpcode, InstructionValue};
use llvm_sys::core::{
    LLVMConstIntGetZExtValue, LLVMGetAggregateElement, LLVMGetMaskValue, LLVMGetNumOperands, LLVMGetOperand,
    LLVMIsAConstantInt,
};
use llvm_sys::prelude::LLVMValueRef;

use super::dead_load::{is_pure_intrinsic, user_of};

/// Users that are looked at for one load; with more of them, all bytes count as used.
const MAX_USERS: u32 = 64;

/// Whether some byte of what `load` loads has no influence on any store, call or branch.
pub(super) fn is_partly_used(load: InstructionValue<'_>) -> bool {
    let Some(lanes) = Lanes::of(load).filter(|lanes| lanes.count * lanes.bytes > 1) else { return false };
    Usage { remaining_users: MAX_USERS }.bytes_of(load, lanes) != lanes.all()
}

/// How a value is divided: a number is one lane. Conditions count as lanes of a byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Lanes {
    count: u32,
    bytes: u32,
}

impl Lanes {
    /// Of a number or a vector of numbers, up to 64 bytes.
    fn of(value: InstructionValue<'_>) -> Option<Self> {
        let lanes = match value.get_type() {
            AnyTypeEnum::IntType(ty) => Self { count: 1, bytes: ty.get_bit_width().div_ceil(8) },
            AnyTypeEnum::FloatType(ty) => Self { count: 1, bytes: ty.get_bit_width() / 8 },
            AnyTypeEnum::VectorType(ty) => {
                let bits = match ty.get_element_type() {
                    BasicTypeEnum::IntType(lane) => lane.get_bit_width(),
                    BasicTypeEnum::FloatType(lane) => lane.get_bit_width(),
                    _ => return None,
                };
                Self { count: ty.get_size(), bytes: bits.div_ceil(8) }
            }
            _ => return None,
        };
        (lanes.count * lanes.bytes <= u64::BITS).then_some(lanes)
    }

    fn all(self) -> u64 {
        ones(self.count * self.bytes)
    }

    /// The bytes of lane `number` out of those of all lanes.
    fn lane(self, bytes: u64, number: u32) -> u64 {
        bytes.checked_shr(number * self.bytes).unwrap_or(0) & ones(self.bytes)
    }

    /// Puts the bytes of lane `number` where they are among those of all lanes.
    fn place(self, lane: u64, number: u32) -> u64 {
        (lane & ones(self.bytes)).checked_shl(number * self.bytes).unwrap_or(0)
    }

    /// The bytes that `of_lane` makes of those of each of `result`'s lanes, which are as many.
    fn map(self, result: Self, used: u64, of_lane: impl Fn(u64) -> u64) -> u64 {
        (0..self.count).map(|number| self.place(of_lane(result.lane(used, number)), number)).sum()
    }
}

fn ones(count: u32) -> u64 {
    1u64.checked_shl(count).map_or(u64::MAX, |bit| bit - 1)
}

/// All bytes up to the highest one that is used: carries go upwards.
fn up_to_highest(used: u64) -> u64 {
    ones(u64::BITS - used.leading_zeros())
}

/// All bytes, if one is used.
fn whole(used: u64) -> u64 {
    if used == 0 { 0 } else { u64::MAX }
}

/// Answers which bytes are used, as bits, within a bounded number of steps.
struct Usage {
    remaining_users: u32,
}

impl Usage {
    fn bytes_of(&mut self, value: InstructionValue<'_>, lanes: Lanes) -> u64 {
        let mut used = 0;
        let mut next_use = value.get_first_use();
        while let Some(current) = next_use.filter(|_| used != lanes.all()) {
            next_use = current.get_next_use();
            used |= match user_of(current) {
                Some(user) if self.remaining_users > 0 => {
                    self.remaining_users -= 1;
                    self.bytes_for(user, value.as_value_ref(), lanes).unwrap_or(lanes.all())
                }
                _ => lanes.all(),
            };
        }
        used
    }

    /// Which bytes of `value`, an operand of `user`, the users of `user` use; `None` for all of them.
    fn bytes_for(&mut self, user: InstructionValue<'_>, value: LLVMValueRef, lanes: Lanes) -> Option<u64> {
        use InstructionOpcode::*;
        let result = Lanes::of(user)?;
        let opcode = user.get_opcode();
        match opcode {
            // Moves between lanes.
            BitCast if result.all() != lanes.all() => return None,
            BitCast | ExtractElement | InsertElement | ShuffleVector => {}
            Select if operand(user, 0) == Some(value) => return None,
            Call if !is_lanewise_intrinsic(user) => return None,
            Select | Call | Trunc | ZExt | SExt | And | Or | Xor | Add | Sub | Mul | Shl | LShr | AShr
            | FAdd | FSub | FMul | FDiv | FNeg | FPTrunc | FPExt | SIToFP | UIToFP | FPToSI | FPToUI
            | ICmp | FCmp
                if result.count == lanes.count => {}
            _ => return None,
        }
        let used = self.bytes_of(user, result);
        Some(match opcode {
            BitCast | Or | Xor | Select => used,
            ExtractElement => lanes.place(used, constant_operand(user, 1)? as u32),
            InsertElement => {
                let number = constant_operand(user, 2)? as u32;
                let replaced = result.place(u64::MAX, number);
                let as_vector = if operand(user, 0) == Some(value) { used & !replaced } else { 0 };
                let as_lane = if operand(user, 1) == Some(value) { result.lane(used, number) } else { 0 };
                as_vector | as_lane
            }
            ShuffleVector => shuffled_bytes(user, value, lanes, result, used),
            And => used & mask_bytes(user, lanes),
            Trunc | ZExt => lanes.map(result, used, |lane| lane),
            Add | Sub | Mul | Shl => lanes.map(result, used, up_to_highest),
            LShr if lanes.count == 1 => {
                let amount = constant_operand(user, 1)? as u32;
                let moved = used.checked_shl(amount / 8).unwrap_or(0);
                (moved | if amount.is_multiple_of(8) { 0 } else { moved << 1 }) & lanes.all()
            }
            _ => lanes.map(result, used, whole),
        })
    }
}

/// Which bytes of the lanes of `value` end up in the used bytes of a shuffle.
fn shuffled_bytes(
    shuffle: InstructionValue<'_>,
    value: LLVMValueRef,
    lanes: Lanes,
    result: Lanes,
    used: u64,
) -> u64 {
    let mut bytes = 0;
    for number in 0..result.count {
        // SAFETY: `shuffle` is a shufflevector with `result.count` lanes.
        let source = unsafe { LLVMGetMaskValue(shuffle.as_value_ref(), number) };
        // Below zero: any lane will do.
        let Ok(source) = u32::try_from(source) else { continue };
        if operand(shuffle, source / lanes.count) == Some(value) {
            bytes |= lanes.place(result.lane(used, number), source % lanes.count);
        }
    }
    bytes
}

/// The bytes that an `and` with a constant leaves; all of them if neither operand is one.
fn mask_bytes(and: InstructionValue<'_>, lanes: Lanes) -> u64 {
    let lane_mask = |lane: LLVMValueRef| {
        let bits = integer(lane).unwrap_or(u64::MAX);
        (0..lanes.bytes)
            .filter(|byte| *byte >= 8 || (bits >> (8 * byte)) & 0xff != 0)
            .map(|byte| 1 << byte)
            .sum()
    };
    let mask_of = |constant: LLVMValueRef| -> u64 {
        if lanes.count == 1 {
            return lane_mask(constant);
        }
        // SAFETY: the operand of an `and` of the module being made; null if it is no constant with elements.
        let element = |number| unsafe { LLVMGetAggregateElement(constant, number) };
        (0..lanes.count).map(|number| lanes.place(lane_mask(element(number)), number)).sum()
    };
    [0, 1].into_iter().filter_map(|position| operand(and, position)).map(mask_of).fold(u64::MAX, |l, r| l & r)
}

/// Whether a call is of an intrinsic whose lanes do not depend on each other. (Those with as many
/// lanes as their operand are, but for the ones of a machine.)
fn is_lanewise_intrinsic(call: InstructionValue<'_>) -> bool {
    let callee = operand_count(call).checked_sub(1).and_then(|last| call.get_operand(last));
    let name = callee.and_then(|callee| callee.value()).map(|callee| callee.get_name().to_bytes().to_owned());
    is_pure_intrinsic(call) && name.is_some_and(|name| !name.starts_with(b"llvm.x86."))
}

fn operand_count(instruction: InstructionValue<'_>) -> u32 {
    // SAFETY: an instruction of the module being made.
    unsafe { LLVMGetNumOperands(instruction.as_value_ref()) as u32 }
}

fn operand(instruction: InstructionValue<'_>, position: u32) -> Option<LLVMValueRef> {
    // SAFETY: the position is below the count.
    (position < operand_count(instruction))
        .then(|| unsafe { LLVMGetOperand(instruction.as_value_ref(), position) })
}

fn constant_operand(instruction: InstructionValue<'_>, position: u32) -> Option<u64> {
    operand(instruction, position).and_then(integer)
}

/// The value of an integer constant.
fn integer(value: LLVMValueRef) -> Option<u64> {
    // SAFETY: null or a value of the module being made; read only if LLVM says that it is an integer.
    unsafe {
        let is_integer = !value.is_null() && !LLVMIsAConstantInt(value).is_null();
        is_integer.then(|| LLVMConstIntGetZExtValue(value))
    }
}
