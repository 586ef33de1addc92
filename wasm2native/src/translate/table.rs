//! table.get, set, size, grow, fill, copy, init and elem.drop. spec: exec/instructions, table instructions.
//!
//! The runtime's half is `rt/src/builtins.rs`.

use inkwell::IntPredicate;
use inkwell::values::{BasicMetadataValueEnum, BasicValueEnum, IntValue, PointerValue};
use std::mem::{offset_of, size_of};

use super::func::FuncTranslator;
use crate::env::layout::Word;
use crate::env::place::{Mutability, Place};
use crate::error::Result;
use crate::wasm::{ElementIndex, TableIndex, TableType};
use w2n_abi::{RtFunc, TrapCode, ValueType, VmFuncRef, VmTable, VmTableEntry};

impl<'c> FuncTranslator<'c, '_> {
    pub(super) fn translate_table_get(&mut self, table: TableIndex) -> Result<()> {
        let index = self.pop_index()?;
        let element = self.table_element(table, index, TrapCode::TableOutOfBounds)?;
        let place = match self.element_type(table) {
            ValueType::FuncRef => Place::At(element, offset_of!(VmTableEntry<Word>, reference) as u32),
            _ => Place::At(element, 0),
        };
        let ptr = self.types().ptr;
        let value =
            place.load(self.env, &self.builder, self.instance, ptr, Mutability::Variable, "element")?;
        self.push(value);
        Ok(())
    }

    pub(super) fn translate_table_set(&mut self, table: TableIndex) -> Result<()> {
        let value = self.pop_pointer();
        let index = self.pop_index()?;
        let element = self.table_element(table, index, TrapCode::TableOutOfBounds)?;
        match self.element_type(table) {
            ValueType::FuncRef => self.store_func_entry(element, value),
            _ => Place::At(element, 0).store(self.env, &self.builder, self.instance, value.into()),
        }
    }

    /// Copies what a funcref points to into a table entry; null makes a null entry.
    fn store_func_entry(&mut self, entry: PointerValue<'c>, reference: PointerValue<'c>) -> Result<()> {
        let is_null = self.builder.build_is_null(reference, "is_null")?;
        let copy = self.append_block("table_set.func");
        let clear = self.append_block("table_set.null");
        let next = self.append_block("table_set.next");
        self.builder.build_conditional_branch(is_null, clear, copy)?;

        self.builder.position_at_end(copy);
        let (env, instance) = (self.env, self.instance);
        let (ptr, i32) = (self.types().ptr, self.types().i32);
        let from = |offset: usize| Place::At(reference, offset as u32);
        let code = from(offset_of!(VmFuncRef<Word>, code)).load(
            env,
            &self.builder,
            instance,
            ptr,
            Mutability::Variable,
            "code",
        )?;
        let callee = from(offset_of!(VmFuncRef<Word>, instance)).load(
            env,
            &self.builder,
            instance,
            ptr,
            Mutability::Variable,
            "callee",
        )?;
        let ty = from(offset_of!(VmFuncRef<Word>, type_id)).load(
            env,
            &self.builder,
            instance,
            i32,
            Mutability::Variable,
            "type_id",
        )?;
        self.store_entry_fields(entry, [code, callee, reference.into(), ty])?;
        self.builder.build_unconditional_branch(next)?;

        self.builder.position_at_end(clear);
        let null: BasicValueEnum = ptr.const_null().into();
        self.store_entry_fields(entry, [null, null, null, i32.const_zero().into()])?;
        self.builder.build_unconditional_branch(next)?;

        self.builder.position_at_end(next);
        Ok(())
    }

    fn store_entry_fields(&mut self, entry: PointerValue<'c>, fields: [BasicValueEnum<'c>; 4]) -> Result<()> {
        let offsets = [
            offset_of!(VmTableEntry<Word>, code),
            offset_of!(VmTableEntry<Word>, instance),
            offset_of!(VmTableEntry<Word>, reference),
            offset_of!(VmTableEntry<Word>, type_id),
        ];
        for (offset, value) in offsets.into_iter().zip(fields) {
            Place::At(entry, offset as u32).store(self.env, &self.builder, self.instance, value)?;
        }
        Ok(())
    }

    pub(super) fn translate_table_size(&mut self, table: TableIndex) -> Result<()> {
        let length = self.table_length(table)?;
        self.push_size(length, self.table_type(table).address)
    }

    pub(super) fn translate_table_grow(&mut self, table: TableIndex) -> Result<()> {
        let delta = self.pop_index()?;
        let value = self.pop_pointer();
        let old = self.call_table_runtime(RtFunc::TableGrow, &[table.0], &[value.into(), delta.into()])?;
        self.push_size(old, self.table_type(table).address)
    }

    pub(super) fn translate_table_fill(&mut self, table: TableIndex) -> Result<()> {
        let length = self.pop_index()?;
        let value = self.pop_pointer();
        let start = self.pop_index()?;
        self.build_table_fill(table, start, value, length)
    }

    /// `table.fill` with start and length extended to 64 bits.
    pub fn build_table_fill(
        &mut self,
        table: TableIndex,
        start: IntValue<'c>,
        value: PointerValue<'c>,
        length: IntValue<'c>,
    ) -> Result<()> {
        let operands = [start.into(), value.into(), length.into()];
        let status = self.call_table_runtime(RtFunc::TableFill, &[table.0], &operands)?;
        self.trap_if_failed(status)
    }

    pub(super) fn translate_table_copy(&mut self, destination: TableIndex, source: TableIndex) -> Result<()> {
        let operands = self.pop_range_operands()?;
        let status = self.call_table_runtime(RtFunc::TableCopy, &[destination.0, source.0], &operands)?;
        self.trap_if_failed(status)
    }

    pub(super) fn translate_table_init(&mut self, segment: ElementIndex, table: TableIndex) -> Result<()> {
        let operands = self.pop_range_operands()?;
        self.build_table_init(segment, table, operands)
    }

    /// `table.init` with destination, source and length extended to 64 bits.
    pub fn build_table_init(
        &mut self,
        segment: ElementIndex,
        table: TableIndex,
        operands: [BasicMetadataValueEnum<'c>; 3],
    ) -> Result<()> {
        let status = self.call_table_runtime(RtFunc::TableInit, &[table.0, segment.0], &operands)?;
        self.trap_if_failed(status)
    }

    /// `elem.drop`
    pub fn build_elem_drop(&mut self, segment: ElementIndex) -> Result<()> {
        let segment = self.types().i32.const_int(segment.0.into(), false);
        self.call_runtime(RtFunc::ElemDrop, &[self.instance.into(), segment.into()])?;
        Ok(())
    }

    fn pop_range_operands(&mut self) -> Result<[BasicMetadataValueEnum<'c>; 3]> {
        let length = self.pop_index()?;
        let source = self.pop_index()?;
        let destination = self.pop_index()?;
        Ok([destination.into(), source.into(), length.into()])
    }

    /// Calls a runtime function on `(instance, indices…, operands…)` and takes its answer.
    fn call_table_runtime(
        &mut self,
        func: RtFunc,
        indices: &[u32],
        operands: &[BasicMetadataValueEnum<'c>],
    ) -> Result<IntValue<'c>> {
        let mut arguments: Vec<BasicMetadataValueEnum> = vec![self.instance.into()];
        for index in indices {
            arguments.push(self.types().i32.const_int((*index).into(), false).into());
        }
        arguments.extend_from_slice(operands);
        Ok(self.call_runtime(func, &arguments)?.try_as_basic_value().unwrap_basic().into_int_value())
    }

    /// Address of element `index`, which traps with `code` when there is none.
    pub(super) fn table_element(
        &mut self,
        table: TableIndex,
        index: IntValue<'c>,
        code: TrapCode,
    ) -> Result<PointerValue<'c>> {
        let is_outside = self.is_outside(table, index)?;
        self.trap_if(is_outside, code)?;
        let definition = self.table_definition(table)?;
        let elements = Place::At(definition, offset_of!(VmTable<Word>, elements) as u32);
        let ptr = self.types().ptr;
        let elements =
            elements.load(self.env, &self.builder, self.instance, ptr, Mutability::Variable, "elements")?;
        let size = match self.element_type(table) {
            ValueType::FuncRef => size_of::<VmTableEntry<Word>>(),
            _ => size_of::<Word>(),
        };
        let size = self.types().i64.const_int(size as u64, false);
        let distance = self.builder.build_int_mul(index, size, "distance")?;
        // SAFETY: not `inbounds`; the index was compared with the table's length above.
        Ok(unsafe {
            self.builder.build_gep(self.types().i8, elements.into_pointer_value(), &[distance], "element")?
        })
    }

    /// Whether a table has no element `index`.
    pub(super) fn is_outside(&mut self, table: TableIndex, index: IntValue<'c>) -> Result<IntValue<'c>> {
        let length = self.table_length(table)?;
        Ok(self.builder.build_int_compare(IntPredicate::UGE, index, length, "is_outside")?)
    }

    fn table_length(&mut self, table: TableIndex) -> Result<IntValue<'c>> {
        if let Some(content) = self.env.module.constant_tables.get(&table) {
            return Ok(self.types().i64.const_int(content.elements.len() as u64, false));
        }
        let definition = self.table_definition(table)?;
        let length = Place::At(definition, offset_of!(VmTable<Word>, length) as u32);
        let i64 = self.types().i64;
        let value =
            length.load(self.env, &self.builder, self.instance, i64, Mutability::Variable, "table_length")?;
        Ok(value.into_int_value())
    }

    fn table_definition(&mut self, table: TableIndex) -> Result<PointerValue<'c>> {
        Place::Field(self.env.layout.table(table)).load_fixed_pointer(
            self.env,
            &self.builder,
            self.instance,
            "table",
        )
    }

    fn table_type(&self, table: TableIndex) -> TableType {
        self.env.module.tables[table.index()]
    }

    fn element_type(&self, table: TableIndex) -> ValueType {
        self.table_type(table).element
    }
}
