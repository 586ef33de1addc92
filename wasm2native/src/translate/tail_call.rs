//! return_call, return_call_indirect and return_call_ref. spec: exec/instructions, tail calls.
//!
//! A function that makes tail calls has two forms: its own, in the tail convention (`env/tail.rs`), and an
//! ordinary one that calls it. A function that makes none is called ordinarily even from a tail call: the
//! one frame that stays below it is the last, so the stack is bounded all the same.

use inkwell::attributes::AttributeLoc;
use inkwell::builder::Builder;
use inkwell::module::Linkage;
use inkwell::values::{
    BasicMetadataValueEnum, BasicValueEnum, CallSiteValue, FunctionValue, LLVMTailCallKind, PointerValue,
};
use std::mem::{offset_of, size_of};

use super::call::{call_results, result_name, with_instance};
use super::func::{FuncTranslator, returned_value};
use crate::env::ModuleEnv;
use crate::env::layout::Word;
use crate::env::place::{Mutability, Place};
use crate::env::tail::{Passing, TAIL_CALL_CONVENTION, TailSignature};
use crate::env::types::WASM_CALL_CONVENTION;
use crate::error::Result;
use crate::wasm::{FuncIndex, FuncType, TableIndex, TypeIndex};
use w2n_abi::{TrapCode, ValueSlot, VmFuncRef, VmTableEntry};

impl<'c> FuncTranslator<'c, '_> {
    pub(super) fn translate_return_call(&mut self, func: FuncIndex) -> Result<()> {
        let ty = self.env.module.funcs[func.index()].ty;
        let arguments = self.pop_many(self.env.module.types[ty.index()].params.len());
        if self.env.module.is_imported(func) {
            let reference = self.func_reference(func)?;
            self.build_reference_tail_call(ty, reference, &arguments)?;
        } else if self.env.module.makes_tail_calls(func) {
            let code = self.env.tail_form(func).as_global_value().as_pointer_value();
            self.build_tail_call(&self.env.module.types[ty.index()], code, self.instance, &arguments)?;
        } else {
            let results = self.build_call(func, &arguments)?;
            self.build_return(&results)?;
        }
        self.mark_unreachable();
        Ok(())
    }

    pub(super) fn translate_return_call_indirect(&mut self, ty: TypeIndex, table: TableIndex) -> Result<()> {
        let index = self.pop_index()?;
        if let Some(content) = self.env.module.constant_tables.get(&table) {
            return self.return_call_in_constant_table(table, content, index, ty);
        }
        let entry = self.callee_entry(table, index, ty)?;
        let reference =
            self.load_entry_pointer(entry, offset_of!(VmTableEntry<Word>, reference), "callee")?;
        self.pop_arguments_and_return_call_reference(ty, reference)
    }

    pub(super) fn translate_return_call_ref(&mut self, ty: TypeIndex) -> Result<()> {
        let reference = self.pop_pointer();
        self.trap_if_null(reference, TrapCode::NullFunctionReference)?;
        self.pop_arguments_and_return_call_reference(ty, reference)
    }

    /// Calls the function that `reference` refers to, which is not null, and returns what it does.
    pub(super) fn pop_arguments_and_return_call_reference(
        &mut self,
        ty: TypeIndex,
        reference: PointerValue<'c>,
    ) -> Result<()> {
        let arguments = self.pop_many(self.env.module.types[ty.index()].params.len());
        self.build_reference_tail_call(ty, reference, &arguments)?;
        self.mark_unreachable();
        Ok(())
    }

    /// Calls the function that `reference` refers to, which is not null, and returns what it does.
    fn build_reference_tail_call(
        &mut self,
        ty: TypeIndex,
        reference: PointerValue<'c>,
        arguments: &[BasicValueEnum<'c>],
    ) -> Result<()> {
        let adapter = self.tail_adapter(ty)?.as_global_value().as_pointer_value();
        let load = |offset: usize, name| {
            let place = Place::At(reference, offset as u32);
            let (env, ptr) = (self.env, self.types().ptr);
            place.load(env, &self.builder, self.instance, ptr, Mutability::Variable, name)
        };
        let tail_code = load(offset_of!(VmFuncRef<Word>, tail_code), "tail_code")?;
        let instance = load(offset_of!(VmFuncRef<Word>, instance), "callee_instance")?;
        let lacks_form = self.builder.build_is_null(tail_code.into_pointer_value(), "lacks_tail_form")?;
        let code = self.builder.build_select(lacks_form, adapter.into(), tail_code, "code")?;
        let callee = self.builder.build_select(lacks_form, reference.into(), instance, "callee")?;
        let ty = &self.env.module.types[ty.index()];
        self.build_tail_call(ty, code.into_pointer_value(), callee.into_pointer_value(), arguments)
    }

    /// Calls `code` in the tail convention with this function's frame gone, and ends the block.
    fn build_tail_call(
        &mut self,
        ty: &FuncType,
        code: PointerValue<'c>,
        instance: PointerValue<'c>,
        arguments: &[BasicValueEnum<'c>],
    ) -> Result<()> {
        self.count_call(ty)?;
        let signature = TailSignature::new(ty);
        let own = self.tail.as_ref().expect("a function that makes tail calls is in its tail form");
        let results = results_pointer(own, self.function);
        let memory = self.instance;
        self.mark_location(0);
        let caller = TailCaller { env: self.env, builder: &self.builder, memory, results };
        let call = caller.call(&signature, code, instance, arguments)?;
        call.set_tail_call_kind(LLVMTailCallKind::LLVMTailCallKindMustTail);
        // Between a `musttail` call and its `ret` there must be nothing.
        match call.try_as_basic_value().basic() {
            Some(results) => self.builder.build_return(Some(&results))?,
            None => self.builder.build_return(None)?,
        };
        Ok(())
    }

    /// A function in the tail convention, with a `VmFuncRef` for its instance, that calls the function there
    /// in the ordinary convention. Made at its first use.
    fn tail_adapter(&self, ty: TypeIndex) -> Result<FunctionValue<'c>> {
        let env = self.env;
        let name = env.unit_symbol(&format!("tail_adapter.{}", ty.0));
        if let Some(adapter) = env.llvm.get_function(&name) {
            return Ok(adapter);
        }
        let ty = &env.module.types[ty.index()];
        let signature = TailSignature::new(ty);
        let adapter = env.llvm.add_function(&name, signature.func_type(&env.types), Some(Linkage::Internal));
        adapter.set_call_conventions(TAIL_CALL_CONVENTION);
        env.add_wasm_attributes(adapter);
        let builder = env.context.create_builder();
        builder.position_at_end(env.context.append_basic_block(adapter, "entry"));
        let reference = adapter.get_params()[0].into_pointer_value();
        let arguments = receive_arguments(env, &builder, &signature, adapter)?;
        let load = |offset: usize, name| {
            Place::At(reference, offset as u32).load_fixed_pointer(env, &builder, reference, name)
        };
        let code = load(offset_of!(VmFuncRef<Word>, code), "code")?;
        let instance = load(offset_of!(VmFuncRef<Word>, instance), "callee_instance")?;
        let operands = with_instance(instance, &arguments);
        let call = builder.build_indirect_call(env.types.func(ty), code, &operands, result_name(ty))?;
        call.set_call_convention(WASM_CALL_CONVENTION);
        let results = call_results(&builder, call, ty.results.len())?;
        build_tail_return(env, &builder, &signature, adapter, &results)?;
        Ok(adapter)
    }
}

/// Gives the ordinary form of a function that makes tail calls its body: a call of the tail form.
pub(super) fn build_ordinary_form(env: &ModuleEnv<'_, '_>, func: FuncIndex) -> Result<()> {
    let function = env.func(func);
    env.mark_defined(function);
    env.mark_instance_param(function, 0);
    let builder = env.context.create_builder();
    builder.position_at_end(env.context.append_basic_block(function, "entry"));
    let params = function.get_params();
    let instance = params[0].into_pointer_value();
    let ty = env.module.func_type(func);
    let signature = TailSignature::new(ty);
    let results = match signature.results_pointer {
        Some(_) => Some(build_results_memory(env, &builder, ty.results.len())?),
        None => None,
    };
    let caller = TailCaller { env, builder: &builder, memory: instance, results };
    let code = env.tail_form(func).as_global_value().as_pointer_value();
    let call = caller.call(&signature, code, instance, &params[1..])?;
    // Inlined here, it would be missing in backtraces, which know the tail form alone.
    call.add_attribute(AttributeLoc::Function, env.enum_attribute("noinline"));
    let results = match results {
        Some(memory) => load_results(env, &builder, &signature, memory)?,
        None => call_results(&builder, call, ty.results.len())?,
    };
    match returned_value(&builder, function, &results)? {
        Some(value) => builder.build_return(Some(&value))?,
        None => builder.build_return(None)?,
    };
    Ok(())
}

/// What a call in the tail convention needs on the caller's side.
struct TailCaller<'c, 'e> {
    env: &'e ModuleEnv<'c, 'e>,
    builder: &'e Builder<'c>,
    /// The instance whose memory holds the arguments that are not in registers.
    memory: PointerValue<'c>,
    /// Where results that are not in registers go.
    results: Option<PointerValue<'c>>,
}

impl<'c> TailCaller<'c, '_> {
    fn call(
        &self,
        signature: &TailSignature,
        code: PointerValue<'c>,
        instance: PointerValue<'c>,
        arguments: &[BasicValueEnum<'c>],
    ) -> Result<CallSiteValue<'c>> {
        let (env, builder) = (self.env, self.builder);
        let mut operands: Vec<BasicMetadataValueEnum> = vec![instance.into()];
        let memory = env.layout.tail_arguments();
        for (passing, argument) in signature.params.iter().zip(arguments) {
            match passing {
                Passing::Register(_) => operands.push((*argument).into()),
                Passing::Memory(offset) => {
                    Place::Field(memory + offset).store(env, builder, self.memory, *argument)?
                }
            }
        }
        if signature.results_pointer.is_some() {
            operands.push(self.results.expect("the caller returns the same results").into());
        }
        if signature.arguments_pointer.is_some() {
            operands.push(Place::Field(memory).address(env, builder, self.memory)?.into());
        }
        let ty = signature.func_type(&env.types);
        let name = if ty.get_return_type().is_some() { "result" } else { "" };
        let call = builder.build_indirect_call(ty, code, &operands, name)?;
        call.set_call_convention(TAIL_CALL_CONVENTION);
        Ok(call)
    }
}

/// The arguments of a function in the tail convention, at its start.
pub(super) fn receive_arguments<'c>(
    env: &ModuleEnv<'c, '_>,
    builder: &Builder<'c>,
    signature: &TailSignature,
    function: FunctionValue<'c>,
) -> Result<Vec<BasicValueEnum<'c>>> {
    let params = function.get_params();
    let pointer = |position: u32| params[position as usize].into_pointer_value();
    let receive = |(passing, ty): (&Passing, &w2n_abi::ValueType)| match *passing {
        Passing::Register(position) => Ok(params[position as usize]),
        Passing::Memory(offset) => {
            let memory = pointer(signature.arguments_pointer.expect("some argument is in memory"));
            let ty = env.types.value(*ty);
            Place::At(memory, offset).load(env, builder, memory, ty, Mutability::Variable, "argument")
        }
    };
    signature.params.iter().zip(&signature.ty().params).map(receive).collect()
}

/// Returns from a function in the tail convention.
pub(super) fn build_tail_return<'c>(
    env: &ModuleEnv<'c, '_>,
    builder: &Builder<'c>,
    signature: &TailSignature,
    function: FunctionValue<'c>,
    results: &[BasicValueEnum<'c>],
) -> Result<()> {
    let value = match results_pointer(signature, function) {
        None => returned_value(builder, function, results)?,
        Some(memory) => {
            for (position, result) in results.iter().enumerate() {
                result_place(memory, position).store(env, builder, memory, *result)?;
            }
            None
        }
    };
    match value {
        Some(value) => builder.build_return(Some(&value))?,
        None => builder.build_return(None)?,
    };
    Ok(())
}

fn results_pointer<'c>(signature: &TailSignature, function: FunctionValue<'c>) -> Option<PointerValue<'c>> {
    let position = signature.results_pointer? as usize;
    Some(function.get_params()[position].into_pointer_value())
}

fn build_results_memory<'c>(
    env: &ModuleEnv<'c, '_>,
    builder: &Builder<'c>,
    count: usize,
) -> Result<PointerValue<'c>> {
    let slot = env.types.i64.vec_type((size_of::<ValueSlot>() / size_of::<u64>()) as u32);
    Ok(builder.build_alloca(slot.array_type(count as u32), "results")?)
}

fn load_results<'c>(
    env: &ModuleEnv<'c, '_>,
    builder: &Builder<'c>,
    signature: &TailSignature,
    memory: PointerValue<'c>,
) -> Result<Vec<BasicValueEnum<'c>>> {
    let load = |(position, ty): (usize, &w2n_abi::ValueType)| {
        let ty = env.types.value(*ty);
        result_place(memory, position).load(env, builder, memory, ty, Mutability::Variable, "result")
    };
    signature.ty().results.iter().enumerate().map(load).collect()
}

/// Results in memory take a slot each.
fn result_place(memory: PointerValue<'_>, position: usize) -> Place<'_> {
    Place::At(memory, (position * size_of::<ValueSlot>()) as u32)
}
