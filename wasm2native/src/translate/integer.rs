//! Integer arithmetic and comparison. spec: exec/numerics, integer operations.
//!
//! INV-3: what is undefined or poison in LLVM is guarded here: division and shift amounts.

use inkwell::IntPredicate;
use inkwell::builder::{Builder, BuilderError};
use inkwell::types::IntType;
use inkwell::values::IntValue;

use super::func::FuncTranslator;
use super::memory::{Signedness, Width};
use crate::env::intrinsic::call_intrinsic;
use crate::env::intrinsic::call_overloaded;
use crate::error::Result;
use w2n_abi::TrapCode;

/// A builder method on two integers, such as `Builder::build_int_add`.
pub(super) type IntEmitter<'c> = for<'b, 'n> fn(
    &'b Builder<'c>,
    IntValue<'c>,
    IntValue<'c>,
    &'n str,
) -> std::result::Result<IntValue<'c>, BuilderError>;

/// Which way bits move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shift {
    Left,
    RightSigned,
    RightUnsigned,
}

impl<'c> FuncTranslator<'c, '_> {
    fn pop_int_pair(&mut self) -> (IntValue<'c>, IntValue<'c>) {
        let right = self.pop_int();
        (self.pop_int(), right)
    }

    pub(super) fn int_binary(&mut self, name: &str, emit: IntEmitter<'c>) -> Result<()> {
        let (left, right) = self.pop_int_pair();
        let result = emit(&self.builder, left, right, name)?;
        self.push(result);
        Ok(())
    }

    pub(super) fn int_compare(&mut self, predicate: IntPredicate) -> Result<()> {
        let (left, right) = self.pop_int_pair();
        let holds = self.builder.build_int_compare(predicate, left, right, "holds")?;
        self.push_condition(holds)
    }

    pub(super) fn int_is_zero(&mut self) -> Result<()> {
        let operand = self.pop_int();
        let zero = operand.get_type().const_zero();
        let is_zero = self.builder.build_int_compare(IntPredicate::EQ, operand, zero, "is_zero")?;
        self.push_condition(is_zero)
    }

    /// Pushes an i1 as the i32 that Wasm has for conditions.
    pub(super) fn push_condition(&mut self, condition: IntValue<'c>) -> Result<()> {
        let extended = self.builder.build_int_z_extend(condition, self.types().i32, "as_int")?;
        self.push(extended);
        Ok(())
    }

    pub(super) fn int_shift(&mut self, shift: Shift) -> Result<()> {
        let (value, amount) = self.pop_int_pair();
        let amount = self.masked_shift_amount(amount)?;
        let shifted = match shift {
            Shift::Left => self.builder.build_left_shift(value, amount, "shifted")?,
            Shift::RightSigned => self.builder.build_right_shift(value, amount, true, "shifted")?,
            Shift::RightUnsigned => self.builder.build_right_shift(value, amount, false, "shifted")?,
        };
        self.push(shifted);
        Ok(())
    }

    /// A shift by the width or more is poison in LLVM; Wasm takes the amount modulo the width.
    fn masked_shift_amount(&mut self, amount: IntValue<'c>) -> Result<IntValue<'c>> {
        let ty = amount.get_type();
        let mask = ty.const_int(u64::from(ty.get_bit_width()) - 1, false);
        Ok(self.builder.build_and(amount, mask, "amount")?)
    }

    /// `rotl` by `llvm.fshl`, `rotr` by `llvm.fshr`, which take the amount modulo the width themselves.
    pub(super) fn int_rotate(&mut self, intrinsic: &'static str) -> Result<()> {
        let (value, amount) = self.pop_int_pair();
        let arguments = [value.into(), value.into(), amount.into()];
        let rotated = call_overloaded(self.env, &self.builder, intrinsic, &arguments)?;
        self.push(rotated);
        Ok(())
    }

    /// `llvm.ctlz` or `llvm.cttz`, defined for zero: it has as many zeros as bits.
    pub(super) fn int_count_zeros(&mut self, intrinsic: &'static str) -> Result<()> {
        let operand = self.pop_int();
        let zero_is_poison = self.types().i1.const_zero();
        let overloads = [operand.get_type().into()];
        let arguments = [operand.into(), zero_is_poison.into()];
        let count = call_intrinsic(self.env, &self.builder, intrinsic, &overloads, &arguments)?;
        self.push(count.try_as_basic_value().unwrap_basic());
        Ok(())
    }

    pub(super) fn int_popcnt(&mut self) -> Result<()> {
        let operand = self.pop();
        let count = call_overloaded(self.env, &self.builder, "llvm.ctpop", &[operand])?;
        self.push(count);
        Ok(())
    }

    /// `extend8_s` and its like: sign-extends the low bits.
    pub(super) fn int_extend_low(&mut self, width: Width) -> Result<()> {
        let operand = self.pop_int();
        let low = self.builder.build_int_truncate(operand, width.int_type(self.types()), "low")?;
        let extended = self.builder.build_int_s_extend(low, operand.get_type(), "extended")?;
        self.push(extended);
        Ok(())
    }

    pub(super) fn int_div(&mut self, signedness: Signedness) -> Result<()> {
        let (dividend, divisor) = self.pop_int_pair();
        self.trap_if_zero(divisor)?;
        let quotient = match signedness {
            Signedness::Unsigned => self.builder.build_int_unsigned_div(dividend, divisor, "quotient")?,
            Signedness::Signed => {
                self.trap_if_division_overflows(dividend, divisor)?;
                self.builder.build_int_signed_div(dividend, divisor, "quotient")?
            }
        };
        self.push(quotient);
        Ok(())
    }

    pub(super) fn int_rem(&mut self, signedness: Signedness) -> Result<()> {
        let (dividend, divisor) = self.pop_int_pair();
        self.trap_if_zero(divisor)?;
        let remainder = match signedness {
            Signedness::Unsigned => self.builder.build_int_unsigned_rem(dividend, divisor, "remainder")?,
            Signedness::Signed => self.signed_remainder(dividend, divisor)?,
        };
        self.push(remainder);
        Ok(())
    }

    /// Division by zero is undefined in LLVM; Wasm traps.
    fn trap_if_zero(&mut self, divisor: IntValue<'c>) -> Result<()> {
        let zero = divisor.get_type().const_zero();
        let is_zero = self.builder.build_int_compare(IntPredicate::EQ, divisor, zero, "is_zero")?;
        self.trap_if(is_zero, TrapCode::IntegerDivideByZero)
    }

    /// `sdiv INT_MIN, -1` is undefined in LLVM; Wasm traps.
    fn trap_if_division_overflows(&mut self, dividend: IntValue<'c>, divisor: IntValue<'c>) -> Result<()> {
        let ty = dividend.get_type();
        let is_min =
            self.builder.build_int_compare(IntPredicate::EQ, dividend, most_negative(ty), "is_min")?;
        let is_minus_one =
            self.builder.build_int_compare(IntPredicate::EQ, divisor, ty.const_all_ones(), "is_minus_one")?;
        let overflows = self.builder.build_and(is_min, is_minus_one, "overflows")?;
        self.trap_if(overflows, TrapCode::IntegerOverflow)
    }

    /// `srem INT_MIN, -1` is undefined in LLVM; in Wasm it is 0, as the remainder by -1 always is: so is that
    /// by 1.
    fn signed_remainder(&mut self, dividend: IntValue<'c>, divisor: IntValue<'c>) -> Result<IntValue<'c>> {
        let ty = divisor.get_type();
        let is_minus_one =
            self.builder.build_int_compare(IntPredicate::EQ, divisor, ty.const_all_ones(), "is_minus_one")?;
        let one = ty.const_int(1, false);
        let safe_divisor =
            self.builder.build_select(is_minus_one, one, divisor, "safe_divisor")?.into_int_value();
        Ok(self.builder.build_int_signed_rem(dividend, safe_divisor, "remainder")?)
    }
}

fn most_negative(ty: IntType<'_>) -> IntValue<'_> {
    ty.const_int(1 << (ty.get_bit_width() - 1), false)
}
