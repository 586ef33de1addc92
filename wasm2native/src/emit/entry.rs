//! The ways in and out of Wasm code: array-call entries, host entries and typed C functions.

use inkwell::builder::Builder;
use inkwell::module::Linkage;
use inkwell::types::{BasicMetadataTypeEnum, BasicType, FunctionType};
use inkwell::values::{BasicMetadataValueEnum, BasicValueEnum, FunctionValue, PointerValue};
use std::mem::size_of;

use crate::env::types::WASM_CALL_CONVENTION;
use crate::env::{ModuleEnv, runtime};
use crate::error::Result;
use crate::translate::{call_results, returned_value};
use crate::wasm::{ExternType, FuncIndex, FuncType};
use w2n_abi::{RtFunc, ValueSlot, ValueType, symbol};

/// `void (code, instance, slots)`: calls `code` with what is in the slots, puts its results there.
pub fn emit_array_entry<'c>(
    env: &ModuleEnv<'c, '_>,
    ty: &FuncType,
    number: usize,
) -> Result<FunctionValue<'c>> {
    let name = env.symbols.internal(&format!("array_entry.{number}"));
    let function = env.llvm.add_function(&name, env.types.array_entry(), Some(Linkage::Internal));
    env.add_wasm_attributes(function);
    let builder = entry_builder(env, function);
    let [code, instance, slots] = pointer_params(function);
    let mut arguments: Vec<BasicMetadataValueEnum> = vec![instance.into()];
    arguments
        .extend(load_slots(env, &builder, slots, &ty.params)?.into_iter().map(BasicMetadataValueEnum::from));
    let result_name = if ty.results.is_empty() { "" } else { "result" };
    let call = builder.build_indirect_call(env.types.func(ty), code, &arguments, result_name)?;
    call.set_call_convention(WASM_CALL_CONVENTION);
    let results = call_results(&builder, call, ty.results.len())?;
    store_slots(env, &builder, slots, &results)?;
    builder.build_return(None)?;
    Ok(function)
}

/// A Wasm function whose instance is a `VmHostFunc`: puts its arguments into slots and calls the host.
pub fn emit_host_entry<'c>(
    env: &ModuleEnv<'c, '_>,
    ty: &FuncType,
    number: usize,
) -> Result<FunctionValue<'c>> {
    let name = env.symbols.internal(&format!("host_entry.{number}"));
    let function = env.llvm.add_function(&name, env.types.func(ty), Some(Linkage::Internal));
    function.set_call_conventions(WASM_CALL_CONVENTION);
    env.add_wasm_attributes(function);
    let builder = entry_builder(env, function);
    let params = function.get_params();
    let slots = build_slots(env, &builder, ty)?;
    store_slots(env, &builder, slots, &params[1..])?;
    let host_call = runtime::declaration(env, RtFunc::HostCall);
    builder.build_call(host_call, &[params[0].into(), slots.into()], "")?;
    let results = load_slots(env, &builder, slots, &ty.results)?;
    match returned_value(&builder, function, &results)? {
        Some(value) => builder.build_return(Some(&value))?,
        None => builder.build_return(None)?,
    };
    Ok(function)
}

/// One C function per exported function: `result w2n_prefix__name(instance, parameters…)`. The second and
/// further results are stored through pointers behind the parameters. After a trap the result is 0
/// and the instance holds the trap until it is taken. A v128 is passed as C compilers pass `__m128i`.
pub fn emit_typed_exports(env: &ModuleEnv<'_, '_>) -> Result<()> {
    for export in &env.module.exports {
        if let ExternType::Func(ty) = export.ty {
            let ty = &env.module.types[ty.index()];
            env.width.count_type(ty)?;
            emit_typed_export(env, export.name, FuncIndex(export.index), ty)?;
        }
    }
    Ok(())
}

fn emit_typed_export(env: &ModuleEnv<'_, '_>, name: &str, func: FuncIndex, ty: &FuncType) -> Result<()> {
    let function = env.llvm.add_function(&env.symbols.typed_export(name), typed_function(env, ty), None);
    env.add_wasm_attributes(function);
    let builder = entry_builder(env, function);
    let params = function.get_params();
    let instance = params[0].into_pointer_value();
    let slots = build_slots(env, &builder, ty)?;
    let (arguments, result_pointers) = params[1..].split_at(ty.params.len());
    store_slots(env, &builder, slots, arguments)?;
    let reference = env.offset_pointer(&builder, instance, env.layout.func_ref(func))?;
    call_export(env, &builder, [instance, reference, slots])?;
    let results = load_slots(env, &builder, slots, &ty.results)?;
    for (pointer, result) in result_pointers.iter().zip(results.iter().skip(1)) {
        builder.build_store(pointer.into_pointer_value(), *result)?;
    }
    match results.first() {
        Some(result) => builder.build_return(Some(result))?,
        None => builder.build_return(None)?,
    };
    Ok(())
}

/// Type of a typed C function, see [`emit_typed_exports`].
pub(super) fn typed_function<'c>(env: &ModuleEnv<'c, '_>, ty: &FuncType) -> FunctionType<'c> {
    let further_results = ty.results.len().saturating_sub(1);
    let params: Vec<BasicMetadataTypeEnum> = std::iter::once(env.types.ptr.into())
        .chain(ty.params.iter().map(|ty| env.types.value(*ty).into()))
        .chain(std::iter::repeat_n(env.types.ptr.into(), further_results))
        .collect();
    match ty.results.first() {
        Some(result) => env.types.value(*result).fn_type(&params, false),
        None => env.types.void.fn_type(&params, false),
    }
}

/// `w2n_call_export(instance, func_ref, slots)` of the runtime; after a trap it leaves zeros as the results.
fn call_export<'c>(
    env: &ModuleEnv<'c, '_>,
    builder: &Builder<'c>,
    arguments: [PointerValue<'c>; 3],
) -> Result<()> {
    let callee = env.llvm.get_function(symbol::CALL_EXPORT).unwrap_or_else(|| {
        let params = [env.types.ptr.into(), env.types.ptr.into(), env.types.ptr.into()];
        env.llvm.add_function(symbol::CALL_EXPORT, env.types.void.fn_type(&params, false), None)
    });
    builder.build_call(callee, &arguments.map(BasicMetadataValueEnum::from), "")?;
    Ok(())
}

pub(super) fn entry_builder<'c>(env: &ModuleEnv<'c, '_>, function: FunctionValue<'c>) -> Builder<'c> {
    let builder = env.context.create_builder();
    builder.position_at_end(env.context.append_basic_block(function, "entry"));
    builder
}

pub(super) fn pointer_params<const N: usize>(function: FunctionValue<'_>) -> [PointerValue<'_>; N] {
    let params = function.get_params();
    std::array::from_fn(|position| params[position].into_pointer_value())
}

/// Room for the parameters or the results, whichever are more.
fn build_slots<'c>(
    env: &ModuleEnv<'c, '_>,
    builder: &Builder<'c>,
    ty: &FuncType,
) -> Result<PointerValue<'c>> {
    let count = ty.params.len().max(ty.results.len()).max(1);
    let slots = builder.build_alloca(env.types.i64.array_type(2 * count as u32), "slots")?;
    if let Some(alloca) = slots.as_instruction() {
        // inkwell refuses alignments that are not powers of two only.
        let is_set = alloca.set_alignment(align_of::<ValueSlot>() as u32);
        debug_assert!(is_set.is_ok());
    }
    Ok(slots)
}

fn slot_address<'c>(
    env: &ModuleEnv<'c, '_>,
    builder: &Builder<'c>,
    slots: PointerValue<'c>,
    position: usize,
) -> Result<PointerValue<'c>> {
    env.offset_pointer(builder, slots, (position * size_of::<ValueSlot>()) as u32)
}

pub(super) fn store_slots<'c>(
    env: &ModuleEnv<'c, '_>,
    builder: &Builder<'c>,
    slots: PointerValue<'c>,
    values: &[BasicValueEnum<'c>],
) -> Result<()> {
    for (position, value) in values.iter().enumerate() {
        builder.build_store(slot_address(env, builder, slots, position)?, *value)?;
    }
    Ok(())
}

pub(super) fn load_slots<'c>(
    env: &ModuleEnv<'c, '_>,
    builder: &Builder<'c>,
    slots: PointerValue<'c>,
    types: &[ValueType],
) -> Result<Vec<BasicValueEnum<'c>>> {
    let load = |(position, ty): (usize, &ValueType)| {
        let address = slot_address(env, builder, slots, position)?;
        Ok(builder.build_load(env.types.value(*ty), address, "slot")?)
    };
    types.iter().enumerate().map(load).collect()
}
