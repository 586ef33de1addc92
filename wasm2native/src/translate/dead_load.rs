//! Keeps the traps of loads whose value nobody uses, or only in part.
//!
//! LLVM deletes a load without uses, and its out-of-bounds trap with it; Wasm traps. Loads that are
//! dead, directly or because only dead values use them, become volatile; so do those that LLVM would
//! narrow to the bytes in use (see [`super::partial_load`]). A call whose result is dead
//! keeps it alive through an empty asm statement, since after inlining the loads it came from would be
//! dead too. Runs after locals have become registers (`mem2reg`). All others stay plain: see RATIONALE.md.

use std::collections::HashSet;

use inkwell::builder::Builder;
use inkwell::values::{
    AnyValue, AsValueRef, BasicValueEnum, FunctionValue, InstructionOpcode, InstructionValue,
};

use super::partial_load::is_partly_used;
use crate::env::ModuleEnv;
use crate::env::types::WASM_CALL_CONVENTION;
use crate::error::{CompileError, Result};

/// Keeps what would be lost in every function of the LLVM module.
pub fn keep_dead_loads(env: &ModuleEnv<'_, '_>) -> Result<()> {
    for function in env.llvm.get_functions() {
        keep_in_function(env, function)?;
    }
    Ok(())
}

fn keep_in_function<'c>(env: &ModuleEnv<'c, '_>, function: FunctionValue<'c>) -> Result<()> {
    let mut to_keep = Vec::new();
    for block in function.get_basic_block_iter() {
        for instruction in block.get_instructions() {
            match instruction.get_opcode() {
                InstructionOpcode::Load if env.alias.is_linear_memory(instruction) => {
                    if is_dead(env, instruction) {
                        make_volatile(instruction)?;
                    } else if is_partly_used(instruction) {
                        make_volatile(instruction)?;
                        // Instruction selection for x86 narrows vectors that are volatile too.
                        if instruction.get_type().is_vector_type() {
                            to_keep.push(instruction);
                        }
                    }
                }
                InstructionOpcode::Call
                    if is_wasm_call_with_result(instruction) && is_dead(env, instruction) =>
                {
                    to_keep.push(instruction);
                }
                _ => {}
            }
        }
    }
    to_keep.into_iter().try_for_each(|instruction| keep_result(env, instruction))
}

fn make_volatile(load: InstructionValue<'_>) -> Result<()> {
    load.set_volatile(true).map_err(|error| CompileError::internal(error.to_string()))
}

/// Calls in the tail convention are left alone: what they answer is returned, and between a `musttail`
/// call and its `ret` there must be nothing.
fn is_wasm_call_with_result(call: InstructionValue<'_>) -> bool {
    // SAFETY: `call` is a call instruction, checked by the caller.
    let convention = unsafe { llvm_sys::core::LLVMGetInstructionCallConv(call.as_value_ref()) };
    convention == WASM_CALL_CONVENTION && !call.get_type().is_void_type()
}

/// Whether no store, call or branch depends on `value`, through any chain of other instructions.
fn is_dead<'c>(env: &ModuleEnv<'c, '_>, value: InstructionValue<'c>) -> bool {
    let mut pending = vec![value];
    let mut seen = HashSet::new();
    while let Some(value) = pending.pop() {
        let mut next_use = value.get_first_use();
        while let Some(current) = next_use {
            next_use = current.get_next_use();
            let Some(user) = user_of(current) else { return false };
            if has_effect(env, user) {
                return false;
            }
            if seen.insert(user.as_value_ref()) {
                pending.push(user);
            }
        }
    }
    true
}

/// The instruction behind a use; `None` for a constant expression.
pub(super) fn user_of<'c>(value_use: inkwell::values::BasicValueUse<'c>) -> Option<InstructionValue<'c>> {
    let user = value_use.get_user().as_value_ref();
    // SAFETY: `user` is a value of the module; it is wrapped only if LLVM says that it is an instruction.
    unsafe {
        let is_instruction = !llvm_sys::core::LLVMIsAInstruction(user).is_null();
        is_instruction.then(|| InstructionValue::new(user))
    }
}

/// Whether an instruction stays, whatever becomes of its result.
fn has_effect<'c>(env: &ModuleEnv<'c, '_>, instruction: InstructionValue<'c>) -> bool {
    match instruction.get_opcode() {
        // A dead load from memory becomes volatile itself.
        InstructionOpcode::Load => env.alias.is_linear_memory(instruction),
        InstructionOpcode::Call => !is_pure_intrinsic(instruction),
        InstructionOpcode::Store => true,
        _ => instruction.is_terminator(),
    }
}

/// Whether a call is of one of the arithmetic intrinsics, which go when their result is not used.
pub(super) fn is_pure_intrinsic(call: InstructionValue<'_>) -> bool {
    let callee = call
        .get_num_operands()
        .checked_sub(1)
        .and_then(|last| call.get_operand(last))
        .and_then(|operand| operand.value());
    let Some(BasicValueEnum::PointerValue(callee)) = callee else { return false };
    let name = callee.get_name().to_bytes();
    name.starts_with(b"llvm.") && !name.starts_with(b"llvm.mem")
}

/// Uses each part of the result of a call or load in an empty asm statement right behind it.
fn keep_result<'c>(env: &ModuleEnv<'c, '_>, instruction: InstructionValue<'c>) -> Result<()> {
    let Some(next) = instruction.get_next_instruction() else { return Ok(()) };
    let builder = env.context.create_builder();
    builder.position_before(&next);
    if let Some(location) = instruction.get_debug_location() {
        builder.set_current_debug_location(location);
    }
    let result = BasicValueEnum::try_from(instruction.as_any_value_enum())
        .map_err(|()| CompileError::internal("a result is not a value"))?;
    let parts = match result {
        BasicValueEnum::StructValue(results) => (0..results.get_type().count_fields())
            .map(|position| builder.build_extract_value(results, position, "kept"))
            .collect::<std::result::Result<Vec<_>, _>>()?,
        single => vec![single],
    };
    for part in parts {
        let part = in_register(env, &builder, part)?;
        // A float is kept in a vector register, everything else in a general one.
        let constraint = if part.is_float_value() || part.is_vector_value() { "x" } else { "r" };
        let ty = env.types.void.fn_type(&[part.get_type().into()], false);
        let asm =
            env.context.create_inline_asm(ty, String::new(), constraint.to_owned(), true, false, None, false);
        builder.build_indirect_call(ty, asm, &[part.into()], "")?;
    }
    Ok(())
}

/// An asm statement takes no vectors of 64 bits, which are what `load8x8_s` and its like load.
fn in_register<'c>(
    env: &ModuleEnv<'c, '_>,
    builder: &Builder<'c>,
    value: BasicValueEnum<'c>,
) -> Result<BasicValueEnum<'c>> {
    match value {
        BasicValueEnum::VectorValue(vector) if vector.get_type() != env.types.vector => {
            Ok(builder.build_bit_cast(vector, env.types.f64, "kept")?)
        }
        other => Ok(other),
    }
}
