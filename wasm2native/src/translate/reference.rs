//! ref.null, ref.is_null, ref.func and ref.as_non_null. spec: exec/instructions, reference instructions.

use inkwell::values::PointerValue;
use wasmparser::HeapType;

use super::func::FuncTranslator;
use crate::error::Result;
use crate::wasm::{FuncIndex, value_type_of_heap};
use w2n_abi::TrapCode;

impl<'c> FuncTranslator<'c, '_> {
    pub(super) fn translate_ref_null(&mut self, ty: HeapType) -> Result<()> {
        let ty = self.types().value(value_type_of_heap(ty)?);
        self.push(ty.const_zero());
        Ok(())
    }

    pub(super) fn translate_ref_is_null(&mut self) -> Result<()> {
        let reference = self.pop_pointer();
        let is_null = self.builder.build_is_null(reference, "is_null")?;
        self.push_condition(is_null)
    }

    pub(super) fn translate_ref_func(&mut self, func: FuncIndex) -> Result<()> {
        let reference = self.func_reference(func)?;
        self.push(reference);
        Ok(())
    }

    pub(super) fn translate_ref_as_non_null(&mut self) -> Result<()> {
        let reference = self.pop_pointer();
        self.trap_if_null(reference, TrapCode::NullReference)?;
        self.push(reference);
        Ok(())
    }

    /// Traps with `code` where `reference` is null.
    pub(super) fn trap_if_null(&mut self, reference: PointerValue<'c>, code: TrapCode) -> Result<()> {
        let is_null = self.builder.build_is_null(reference, "is_null")?;
        self.trap_if(is_null, code)
    }

    /// The funcref value of a function: the address of its `VmFuncRef` in the instance.
    pub fn func_reference(&self, func: FuncIndex) -> Result<PointerValue<'c>> {
        self.env.offset_pointer(&self.builder, self.instance, self.env.layout.func_ref(func))
    }
}
