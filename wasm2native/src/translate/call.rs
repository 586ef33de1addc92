//! call, call_indirect and call_ref. spec: exec/instructions, control instructions.

use inkwell::IntPredicate;
use inkwell::builder::Builder;
use inkwell::types::FunctionType;
use inkwell::values::{BasicMetadataValueEnum, BasicValueEnum, CallSiteValue, IntValue, PointerValue};
use std::mem::offset_of;

use super::func::FuncTranslator;
use crate::env::layout::Word;
use crate::env::place::{Mutability, Place};
use crate::env::types::WASM_CALL_CONVENTION;
use crate::error::Result;
use crate::wasm::{FuncIndex, FuncType, TableIndex, TypeIndex};
use w2n_abi::{TrapCode, VmFuncRef, VmTableEntry};

impl<'c> FuncTranslator<'c, '_> {
    pub(super) fn translate_call(&mut self, func: FuncIndex) -> Result<()> {
        let ty = self.env.module.func_type(func);
        let arguments = self.pop_many(ty.params.len());
        let results = self.build_call(func, &arguments)?;
        self.stack.extend(results);
        Ok(())
    }

    /// Calls a function of the module, imported or defined.
    pub fn build_call(
        &mut self,
        func: FuncIndex,
        arguments: &[BasicValueEnum<'c>],
    ) -> Result<Vec<BasicValueEnum<'c>>> {
        let ty = self.env.module.func_type(func).clone();
        self.count_call(&ty)?;
        if self.env.module.is_imported(func) {
            let place = self.env.layout.func_ref(func);
            let field = |offset: usize| Place::Field(place + offset as u32);
            let code = field(offset_of!(VmFuncRef<Word>, code)).load_fixed_pointer(
                self.env,
                &self.builder,
                self.instance,
                "import_code",
            )?;
            let instance = field(offset_of!(VmFuncRef<Word>, instance)).load_fixed_pointer(
                self.env,
                &self.builder,
                self.instance,
                "import_instance",
            )?;
            return self.build_indirect_call(&ty, code, instance, arguments);
        }
        self.mark_location(0);
        let operands = with_instance(self.instance, arguments);
        let call = self.builder.build_call(self.env.func(func), &operands, result_name(&ty))?;
        self.finish_call(call, &ty)
    }

    pub(super) fn translate_call_indirect(&mut self, ty: TypeIndex, table: TableIndex) -> Result<()> {
        let index = self.pop_index()?;
        let results = match self.env.module.constant_tables.get(&table) {
            Some(content) => self.call_in_constant_table(table, content, index, ty)?,
            None => {
                let entry = self.callee_entry(table, index, ty)?;
                let code =
                    self.load_entry_pointer(entry, offset_of!(VmTableEntry<Word>, code), "callee_code")?;
                let instance = offset_of!(VmTableEntry<Word>, instance);
                let instance = self.load_entry_pointer(entry, instance, "callee_instance")?;
                self.pop_arguments_and_call(ty, code, instance)?
            }
        };
        self.stack.extend(results);
        Ok(())
    }

    /// The type of the reference says what the function is, so only null is checked.
    pub(super) fn translate_call_ref(&mut self, ty: TypeIndex) -> Result<()> {
        let reference = self.pop_pointer();
        self.trap_if_null(reference, TrapCode::NullFunctionReference)?;
        let results = self.pop_arguments_and_call_reference(ty, reference)?;
        self.stack.extend(results);
        Ok(())
    }

    /// Calls the function that `reference` refers to, which is not null.
    pub(super) fn pop_arguments_and_call_reference(
        &mut self,
        ty: TypeIndex,
        reference: PointerValue<'c>,
    ) -> Result<Vec<BasicValueEnum<'c>>> {
        let load = |offset: usize, name| {
            Place::At(reference, offset as u32).load_fixed_pointer(
                self.env,
                &self.builder,
                self.instance,
                name,
            )
        };
        let code = load(offset_of!(VmFuncRef<Word>, code), "callee_code")?;
        let instance = load(offset_of!(VmFuncRef<Word>, instance), "callee_instance")?;
        self.pop_arguments_and_call(ty, code, instance)
    }

    pub(super) fn pop_arguments_and_call(
        &mut self,
        ty: TypeIndex,
        code: PointerValue<'c>,
        instance: PointerValue<'c>,
    ) -> Result<Vec<BasicValueEnum<'c>>> {
        let ty = self.env.module.types[ty.index()].clone();
        self.count_call(&ty)?;
        let arguments = self.pop_many(ty.params.len());
        self.build_indirect_call(&ty, code, instance, &arguments)
    }

    /// The entry at `index` of a table, which traps unless it is a function of type `ty`.
    pub(super) fn callee_entry(
        &mut self,
        table: TableIndex,
        index: IntValue<'c>,
        ty: TypeIndex,
    ) -> Result<PointerValue<'c>> {
        let entry = self.table_element(table, index, TrapCode::UndefinedElement)?;
        self.check_entry_type(entry, ty)?;
        Ok(entry)
    }

    /// Traps unless the function of a table entry has type `expected`. A null entry has id 0, which no
    /// type has, so the common case is one comparison.
    fn check_entry_type(&mut self, entry: PointerValue<'c>, expected: TypeIndex) -> Result<()> {
        let i32 = self.types().i32;
        let (env, instance) = (self.env, self.instance);
        let expected = Place::Field(env.layout.type_id(expected));
        let expected =
            expected.load(env, &self.builder, instance, i32, Mutability::Constant, "expected_type")?;
        let actual = Place::At(entry, offset_of!(VmTableEntry<Word>, type_id) as u32);
        let actual = actual.load(env, &self.builder, instance, i32, Mutability::Variable, "actual_type")?;
        let actual = actual.into_int_value();
        let differs = self.builder.build_int_compare(
            IntPredicate::NE,
            actual,
            expected.into_int_value(),
            "type_differs",
        )?;
        self.trap_if_with(differs, |translator| translator.missing_or_mismatched(actual))
    }

    /// The trap code for an element of this type, as a number that is 0 for null.
    pub(super) fn missing_or_mismatched(&mut self, actual_type: IntValue<'c>) -> Result<IntValue<'c>> {
        let i32 = self.types().i32;
        let is_null = self.builder.build_int_compare(
            IntPredicate::EQ,
            actual_type,
            i32.const_zero(),
            "entry_is_null",
        )?;
        let missing = self.trap_code(TrapCode::UninitializedElement);
        let mismatched = self.trap_code(TrapCode::IndirectCallTypeMismatch);
        Ok(self.builder.build_select(is_null, missing, mismatched, "trap_code")?.into_int_value())
    }

    pub(super) fn load_entry_pointer(
        &mut self,
        entry: PointerValue<'c>,
        offset: usize,
        name: &str,
    ) -> Result<PointerValue<'c>> {
        let place = Place::At(entry, offset as u32);
        let ptr = self.types().ptr;
        Ok(place
            .load(self.env, &self.builder, self.instance, ptr, Mutability::Variable, name)?
            .into_pointer_value())
    }

    fn build_indirect_call(
        &mut self,
        ty: &FuncType,
        code: PointerValue<'c>,
        instance: PointerValue<'c>,
        arguments: &[BasicValueEnum<'c>],
    ) -> Result<Vec<BasicValueEnum<'c>>> {
        self.mark_location(0);
        let llvm_type: FunctionType<'c> = self.types().func(ty);
        let operands = with_instance(instance, arguments);
        let call = self.builder.build_indirect_call(llvm_type, code, &operands, result_name(ty))?;
        self.finish_call(call, ty)
    }

    fn finish_call(&mut self, call: CallSiteValue<'c>, ty: &FuncType) -> Result<Vec<BasicValueEnum<'c>>> {
        call.set_call_convention(WASM_CALL_CONVENTION);
        call_results(&self.builder, call, ty.results.len())
    }
}

/// The `count` results of a call.
pub fn call_results<'c>(
    builder: &Builder<'c>,
    call: CallSiteValue<'c>,
    count: usize,
) -> Result<Vec<BasicValueEnum<'c>>> {
    match count {
        0 => Ok(Vec::new()),
        1 => Ok(vec![call.try_as_basic_value().unwrap_basic()]),
        count => {
            let results = call.try_as_basic_value().unwrap_basic().into_struct_value();
            let take = |position| builder.build_extract_value(results, position as u32, "result");
            Ok((0..count).map(take).collect::<std::result::Result<_, _>>()?)
        }
    }
}

pub(super) fn with_instance<'c>(
    instance: PointerValue<'c>,
    arguments: &[BasicValueEnum<'c>],
) -> Vec<BasicMetadataValueEnum<'c>> {
    std::iter::once(instance.into()).chain(arguments.iter().map(|argument| (*argument).into())).collect()
}

/// A call without a result must not have a name.
pub(super) fn result_name(ty: &FuncType) -> &'static str {
    if ty.results.is_empty() { "" } else { "result" }
}
