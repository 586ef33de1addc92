//! drop and select. spec: exec/instructions, parametric instructions.

use super::func::FuncTranslator;
use crate::error::Result;

impl FuncTranslator<'_, '_> {
    pub(super) fn translate_drop(&mut self) -> Result<()> {
        // What only a drop used may be a load that must still trap: it is volatile.
        self.pop();
        Ok(())
    }

    pub(super) fn translate_select(&mut self) -> Result<()> {
        let condition = self.pop_condition()?;
        let if_zero = self.pop();
        let if_nonzero = self.pop();
        let selected = self.builder.build_select(condition, if_nonzero, if_zero, "selected")?;
        self.push(selected);
        Ok(())
    }
}
