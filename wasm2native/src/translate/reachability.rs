//! Operators in code that cannot run: only the nesting of blocks is followed.

use wasmparser::Operator;

use super::func::FuncTranslator;
use crate::error::Result;

impl FuncTranslator<'_, '_> {
    /// Skips `operator`. Code becomes reachable again at the `else` or `end` of a frame opened while it was.
    pub(super) fn skip_operator(&mut self, operator: Operator<'_>) -> Result<()> {
        match operator {
            Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } => self.skipped_frames += 1,
            Operator::End if self.skipped_frames > 0 => self.skipped_frames -= 1,
            Operator::End => self.translate_end()?,
            Operator::Else if self.skipped_frames == 0 => self.translate_else()?,
            _ => {}
        }
        Ok(())
    }
}
