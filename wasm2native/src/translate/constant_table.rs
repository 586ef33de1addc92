//! Calls through constant tables: what is called depends on the index alone, so nothing of the table is
//! loaded and the callee gets the caller's instance.
//!
//! The rule: they trap with the same codes as calls through other tables. Where the functions of a type stand
//! next to each other the index says all, and where there is just one it is called by name.

use inkwell::module::Linkage;
use inkwell::values::{BasicValueEnum, FunctionValue, IntValue, PointerValue};
use inkwell::{IntPredicate, attributes::AttributeLoc};

use super::func::FuncTranslator;
use crate::env::constant_table::{Column, type_number};
use crate::env::place::{Mutability, Place};
use crate::error::Result;
use crate::wasm::{ConstantTable, Origin, TableIndex, TypeIndex};
use w2n_abi::TrapCode;

impl<'c> FuncTranslator<'c, '_> {
    /// Calls the function at `index` of a constant table, or traps unless there is one of type `ty`.
    pub(super) fn call_in_constant_table(
        &mut self,
        table: TableIndex,
        content: &ConstantTable,
        index: IntValue<'c>,
        ty: TypeIndex,
    ) -> Result<Vec<BasicValueEnum<'c>>> {
        self.trap_unless_callable(table, content, index, ty)?;
        let callees = content.callees(ty);
        if let Some(func) = callees.only {
            let arguments = self.pop_many(self.env.module.types[ty.index()].params.len());
            return self.build_call(func, &arguments);
        }
        match callees.origin {
            Origin::Defined => {
                let code = self.load_column(table, Column::Code, index, "callee_code")?;
                self.pop_arguments_and_call(ty, code.into_pointer_value(), self.instance)
            }
            Origin::Any => {
                let reference = self.constant_reference(table, index)?;
                self.pop_arguments_and_call_reference(ty, reference)
            }
        }
    }

    /// As [`Self::call_in_constant_table`], and returns what the function does.
    pub(super) fn return_call_in_constant_table(
        &mut self,
        table: TableIndex,
        content: &ConstantTable,
        index: IntValue<'c>,
        ty: TypeIndex,
    ) -> Result<()> {
        self.trap_unless_callable(table, content, index, ty)?;
        match content.callees(ty).only {
            Some(func) => self.translate_return_call(func),
            None => {
                let reference = self.constant_reference(table, index)?;
                self.pop_arguments_and_return_call_reference(ty, reference)
            }
        }
    }

    fn trap_unless_callable(
        &mut self,
        table: TableIndex,
        content: &ConstantTable,
        index: IntValue<'c>,
        ty: TypeIndex,
    ) -> Result<()> {
        let callees = content.callees(ty);
        let trap = self.append_block("trap");
        let callable = self.append_block("callable");
        let i64 = self.types().i64;
        if callees.is_run() {
            let first = i64.const_int(callees.positions.start.into(), false);
            let count = i64.const_int(callees.positions.len() as u64, false);
            let place = self.builder.build_int_sub(index, first, "place")?;
            let is_other = self.builder.build_int_compare(IntPredicate::UGE, place, count, "is_other")?;
            self.builder.build_conditional_branch(is_other, trap, callable)?;
        } else {
            let inside = self.append_block("inside");
            let is_outside = self.is_outside(table, index)?;
            self.builder.build_conditional_branch(is_outside, trap, inside)?;
            self.builder.position_at_end(inside);
            let actual = self.load_column(table, Column::Type, index, "actual_type")?.into_int_value();
            let expected = self.types().i32.const_int(type_number(ty).into(), false);
            let differs =
                self.builder.build_int_compare(IntPredicate::NE, actual, expected, "type_differs")?;
            self.builder.build_conditional_branch(differs, trap, callable)?;
        }
        self.builder.position_at_end(trap);
        let reason = self.reason_not_callable(table)?;
        self.mark_location(0);
        let code = self.builder.build_call(reason, &[self.instance.into(), index.into()], "trap_code")?;
        self.build_trap(code.try_as_basic_value().unwrap_basic().into_int_value())?;
        self.builder.position_at_end(callable);
        Ok(())
    }

    /// `(instance, index)` to the code of the trap, where there is no function of the wanted type. Made at
    /// its first use. Out of line: what the check has found out need not stay in registers for it.
    fn reason_not_callable(&self, table: TableIndex) -> Result<FunctionValue<'c>> {
        let env = self.env;
        let name = env.unit_symbol(&format!("table{}.reason", table.0));
        if let Some(known) = env.llvm.get_function(&name) {
            return Ok(known);
        }
        let ty = env.types.i32.fn_type(&[env.types.ptr.into(), env.types.i64.into()], false);
        let reason = env.llvm.add_function(&name, ty, Some(Linkage::Internal));
        env.add_wasm_attributes(reason);
        for attribute in ["cold", "noinline"] {
            reason.add_attribute(AttributeLoc::Function, env.enum_attribute(attribute));
        }
        let index = reason.get_params()[1].into_int_value();
        FuncTranslator::new(env, reason, 0).build_reason(table, index)?;
        Ok(reason)
    }

    fn build_reason(&mut self, table: TableIndex, index: IntValue<'c>) -> Result<()> {
        let outside = self.append_block("outside");
        let inside = self.append_block("inside");
        let is_outside = self.is_outside(table, index)?;
        self.builder.build_conditional_branch(is_outside, outside, inside)?;
        self.builder.position_at_end(outside);
        self.builder.build_return(Some(&self.trap_code(TrapCode::UndefinedElement)))?;
        self.builder.position_at_end(inside);
        let actual = self.load_column(table, Column::Type, index, "actual_type")?.into_int_value();
        let code = self.missing_or_mismatched(actual)?;
        self.builder.build_return(Some(&code))?;
        Ok(())
    }

    /// The reference to the function at `index`, where there is one.
    fn constant_reference(&self, table: TableIndex, index: IntValue<'c>) -> Result<PointerValue<'c>> {
        let offset = self.load_column(table, Column::FuncRef, index, "func_ref")?.into_int_value();
        let offset = self.builder.build_int_z_extend(offset, self.types().i64, "func_ref_offset")?;
        // SAFETY: the offset is of the function's `VmFuncRef` in the instance (InstanceLayout).
        Ok(unsafe { self.builder.build_in_bounds_gep(self.types().i8, self.instance, &[offset], "callee")? })
    }

    /// What a column has at `index`, which is in bounds.
    fn load_column(
        &self,
        table: TableIndex,
        column: Column,
        index: IntValue<'c>,
        name: &str,
    ) -> Result<BasicValueEnum<'c>> {
        let elements = self.env.constant_table(table, column).as_pointer_value();
        let ty = self.env.column_type(column);
        // SAFETY: not `inbounds`; the caller has compared the index with the table's length.
        let address = unsafe { self.builder.build_gep(ty, elements, &[index], "element")? };
        Place::At(address, 0).load(self.env, &self.builder, self.instance, ty, Mutability::Constant, name)
    }
}
