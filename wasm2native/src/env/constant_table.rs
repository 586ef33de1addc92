//! Constant tables as data of the object: what a call through one has to know of each element.
//!
//! The rule: the runtime fills the table itself too, for whoever reads elements; calls look here. The data
//! are in the first LLVM module of a Wasm module, and the others may look at them while they are optimised.

use inkwell::GlobalVisibility;
use inkwell::module::Linkage;
use inkwell::types::BasicTypeEnum;
use inkwell::values::{ArrayValue, GlobalValue};
use std::mem::size_of;

use super::layout::Word;
use super::module_env::{ModuleEnv, Part};
use crate::options::OptLevel;
use crate::wasm::{FuncIndex, TableIndex, TypeIndex};

/// One thing about every element: an array by index. Nobody but compiled code sees them, so they are no part
/// of the ABI. Each has elements of a size that a processor can multiply an index by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    /// Code of a function that the module defines, in the Wasm calling convention; else null.
    Code,
    /// [`type_number`] of the function; 0 for a null element.
    Type,
    /// Where the function's `VmFuncRef` is in the instance; 0 for a null element.
    FuncRef,
}

impl Column {
    /// In the order in which their arrays are emitted.
    pub const ALL: [Self; 3] = [Self::Code, Self::Type, Self::FuncRef];

    fn name(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::Type => "types",
            Self::FuncRef => "func_refs",
        }
    }
}

/// The number of a type in constant tables: equal types are one [`TypeIndex`], and 0 is no type's.
pub fn type_number(ty: TypeIndex) -> u32 {
    ty.0 + 1
}

impl<'c> ModuleEnv<'c, '_> {
    /// LLVM type of the elements in a column.
    pub fn column_type(&self, column: Column) -> BasicTypeEnum<'c> {
        match column {
            Column::Code => self.types.ptr.into(),
            Column::Type | Column::FuncRef => self.types.i32.into(),
        }
    }

    /// A column of a constant table; made at its first use.
    pub fn constant_table(&self, table: TableIndex, column: Column) -> GlobalValue<'c> {
        let name = self.symbols.internal(&format!("table{}.{}", table.0, column.name()));
        if let Some(known) = self.llvm.get_global(&name) {
            return known;
        }
        let elements = &self.module.constant_tables[&table].elements;
        let ty = match self.column_type(column) {
            BasicTypeEnum::PointerType(ptr) => ptr.array_type(elements.len() as u32),
            _ => self.types.i32.array_type(elements.len() as u32),
        };
        let global = self.llvm.add_global(ty, None, &name);
        global.set_constant(true);
        global.set_alignment(size_of::<Word>() as u32);
        match self.part {
            Part::Whole => {
                global.set_initializer(&self.column(elements, column));
                global.set_linkage(Linkage::Internal);
            }
            Part::First => {
                global.set_initializer(&self.column(elements, column));
                global.set_visibility(GlobalVisibility::Hidden);
            }
            // Only the optimiser would look at the elements.
            Part::Further if self.options.opt_level == OptLevel::O0 => {
                global.set_visibility(GlobalVisibility::Hidden);
            }
            Part::Further => {
                global.set_initializer(&self.column(elements, column));
                global.set_linkage(Linkage::AvailableExternally);
                global.set_visibility(GlobalVisibility::Hidden);
            }
        }
        global
    }

    fn column(&self, elements: &[Option<FuncIndex>], column: Column) -> ArrayValue<'c> {
        let (ptr, i32) = (self.types.ptr, self.types.i32);
        let number = |number: u32| i32.const_int(number.into(), false);
        let code = |func: &FuncIndex| match self.module.is_imported(*func) {
            true => ptr.const_null(),
            false => self.func(*func).as_global_value().as_pointer_value(),
        };
        let ty = |func: &FuncIndex| type_number(self.module.funcs[func.index()].ty);
        let func_ref = |func: &FuncIndex| self.layout.func_ref(*func);
        let elements = elements.iter().map(Option::as_ref);
        match column {
            Column::Code => {
                let values: Vec<_> = elements.map(|func| func.map_or(ptr.const_null(), code)).collect();
                ptr.const_array(&values)
            }
            Column::Type => {
                let values: Vec<_> = elements.map(|func| number(func.map_or(0, ty))).collect();
                i32.const_array(&values)
            }
            Column::FuncRef => {
                let values: Vec<_> = elements.map(|func| number(func.map_or(0, func_ref))).collect();
                i32.const_array(&values)
            }
        }
    }
}
