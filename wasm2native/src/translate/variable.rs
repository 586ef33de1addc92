//! Locals and globals. spec: exec/instructions, variable instructions.

use super::func::FuncTranslator;
use crate::env::place::{Mutability, Place};
use crate::error::Result;
use crate::wasm::GlobalIndex;

impl<'c> FuncTranslator<'c, '_> {
    pub(super) fn translate_local_get(&mut self, local: u32) -> Result<()> {
        let local = self.locals.get(local);
        let value = self.builder.build_load(self.types().value(local.ty), local.address, "local")?;
        self.push(value);
        Ok(())
    }

    pub(super) fn translate_local_set(&mut self, local: u32) -> Result<()> {
        let value = self.pop();
        self.builder.build_store(self.locals.get(local).address, value)?;
        Ok(())
    }

    pub(super) fn translate_local_tee(&mut self, local: u32) -> Result<()> {
        let value = self.pop();
        self.builder.build_store(self.locals.get(local).address, value)?;
        self.push(value);
        Ok(())
    }

    pub(super) fn translate_global_get(&mut self, global: GlobalIndex) -> Result<()> {
        let value = self.load_global(global)?;
        self.push(value);
        Ok(())
    }

    pub(super) fn translate_global_set(&mut self, global: GlobalIndex) -> Result<()> {
        let value = self.pop();
        self.global_place(global).store(self.env, &self.builder, self.instance, value)
    }

    /// The value of a global.
    pub fn load_global(&mut self, global: GlobalIndex) -> Result<inkwell::values::BasicValueEnum<'c>> {
        let ty = self.env.module.globals[global.index()].ty;
        // Not `Constant` even when immutable: `initialize` sets globals and reads them.
        let ty = self.types().value(ty.value);
        self.global_place(global).load(
            self.env,
            &self.builder,
            self.instance,
            ty,
            Mutability::Variable,
            "global",
        )
    }

    /// Where a global is.
    pub fn global_place(&self, global: GlobalIndex) -> Place<'c> {
        let offset = self.env.layout.global(global);
        if self.env.module.is_global_imported(global) {
            Place::Indirect(offset)
        } else {
            Place::Field(offset)
        }
    }
}
