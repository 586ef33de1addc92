//! Wide arithmetic: 128-bit integers as two i64 operands, low half first. spec: proposals, wide-arithmetic.
//!
//! LLVM's i128 is what processors have carries and double-width products for: `add` and `adc`, one `mul`.

use inkwell::values::IntValue;

use super::func::FuncTranslator;
use super::integer::IntEmitter;
use super::memory::Signedness;
use crate::error::Result;

impl<'c> FuncTranslator<'c, '_> {
    /// `i64.add128` and `i64.sub128`.
    pub(super) fn wide_binary(&mut self, name: &str, emit: IntEmitter<'c>) -> Result<()> {
        let right = self.pop_wide()?;
        let left = self.pop_wide()?;
        let result = emit(&self.builder, left, right, name)?;
        self.push_wide(result)
    }

    /// `i64.mul_wide_s` and `i64.mul_wide_u`: the whole product of two i64.
    pub(super) fn wide_mul(&mut self, signedness: Signedness) -> Result<()> {
        let right = self.pop_int();
        let left = self.pop_int();
        let left = self.widened(left, signedness)?;
        let right = self.widened(right, signedness)?;
        // It fits: the largest factors make 2^126 (signed) or less than 2^128 (unsigned).
        let product = self.builder.build_int_mul(left, right, "product")?;
        self.push_wide(product)
    }

    fn widened(&self, value: IntValue<'c>, signedness: Signedness) -> Result<IntValue<'c>> {
        let i128 = self.types().i128;
        Ok(match signedness {
            Signedness::Signed => self.builder.build_int_s_extend(value, i128, "widened")?,
            Signedness::Unsigned => self.builder.build_int_z_extend(value, i128, "widened")?,
        })
    }

    /// The high half is on top of the stack.
    fn pop_wide(&mut self) -> Result<IntValue<'c>> {
        let high = self.pop_int();
        let low = self.pop_int();
        let high = self.widened(high, Signedness::Unsigned)?;
        let low = self.widened(low, Signedness::Unsigned)?;
        let high = self.builder.build_left_shift(high, self.half_bits(), "high")?;
        Ok(self.builder.build_or(high, low, "wide")?)
    }

    fn push_wide(&mut self, value: IntValue<'c>) -> Result<()> {
        let i64 = self.types().i64;
        let low = self.builder.build_int_truncate(value, i64, "low")?;
        let high = self.builder.build_right_shift(value, self.half_bits(), false, "high")?;
        let high = self.builder.build_int_truncate(high, i64, "high")?;
        self.push(low);
        self.push(high);
        Ok(())
    }

    fn half_bits(&self) -> IntValue<'c> {
        self.types().i128.const_int(u64::from(i64::BITS), false)
    }
}
