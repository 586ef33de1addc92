//! Conversions between numbers. spec: exec/numerics, conversions.
//!
//! INV-3: `fptosi` and `fptoui` out of range are poison in LLVM; the trapping forms check first, the
//! saturating ones are intrinsics.

use inkwell::FloatPredicate;
use inkwell::types::{FloatType, IntType};
use inkwell::values::{FloatValue, InstructionOpcode, IntValue};

use super::func::FuncTranslator;
use super::memory::Signedness;
use crate::env::intrinsic::call_intrinsic;
use crate::error::Result;
use w2n_abi::{TrapCode, ValueType};

impl<'c> FuncTranslator<'c, '_> {
    pub(super) fn int_wrap(&mut self) -> Result<()> {
        let operand = self.pop_int();
        let wrapped = self.builder.build_int_truncate(operand, self.types().i32, "wrapped")?;
        self.push(wrapped);
        Ok(())
    }

    pub(super) fn int_extend(&mut self, signedness: Signedness) -> Result<()> {
        let operand = self.pop_int();
        let i64 = self.types().i64;
        let extended = match signedness {
            Signedness::Signed => self.builder.build_int_s_extend(operand, i64, "extended")?,
            Signedness::Unsigned => self.builder.build_int_z_extend(operand, i64, "extended")?,
        };
        self.push(extended);
        Ok(())
    }

    /// `trunc`: traps for a NaN and for what does not fit.
    pub(super) fn float_trunc(&mut self, to: IntType<'c>, signedness: Signedness) -> Result<()> {
        let operand = self.pop_float();
        let fits = self.fits_int(operand, to, signedness)?;
        let misfits = self.builder.build_not(fits, "misfits")?;
        self.trap_if_with(misfits, |translator| translator.why_not_int(operand))?;
        let truncated = match signedness {
            Signedness::Signed => self.builder.build_float_to_signed_int(operand, to, "truncated")?,
            Signedness::Unsigned => self.builder.build_float_to_unsigned_int(operand, to, "truncated")?,
        };
        self.push(truncated);
        Ok(())
    }

    /// Whether truncation gives an integer of `to`. A NaN fails both comparisons.
    fn fits_int(
        &mut self,
        operand: FloatValue<'c>,
        to: IntType<'c>,
        signedness: Signedness,
    ) -> Result<IntValue<'c>> {
        let ty = operand.get_type();
        let bits = to.get_bit_width() as i32;
        let (lowest, predicate, beyond) = match signedness {
            // Exclusive: what lies between -1 and 0 truncates to 0.
            Signedness::Unsigned => (-1.0, FloatPredicate::OGT, 2f64.powi(bits)),
            // An f64 has numbers between -2^31 - 1 and -2^31, which fit; the others have none below
            // -2^(bits-1).
            Signedness::Signed if bits == 32 && self.is_f64(ty) => {
                (-2f64.powi(31) - 1.0, FloatPredicate::OGT, 2f64.powi(31))
            }
            Signedness::Signed => (-2f64.powi(bits - 1), FloatPredicate::OGE, 2f64.powi(bits - 1)),
        };
        let above =
            self.builder.build_float_compare(predicate, operand, ty.const_float(lowest), "is_above")?;
        let below = self.builder.build_float_compare(
            FloatPredicate::OLT,
            operand,
            ty.const_float(beyond),
            "is_below",
        )?;
        Ok(self.builder.build_and(above, below, "fits")?)
    }

    fn is_f64(&self, ty: FloatType<'c>) -> bool {
        ty == self.types().f64
    }

    fn why_not_int(&mut self, operand: FloatValue<'c>) -> Result<IntValue<'c>> {
        let is_nan = self.builder.build_float_compare(FloatPredicate::UNO, operand, operand, "is_nan")?;
        let invalid = self.trap_code(TrapCode::InvalidConversionToInteger);
        let overflow = self.trap_code(TrapCode::IntegerOverflow);
        Ok(self.builder.build_select(is_nan, invalid, overflow, "trap_code")?.into_int_value())
    }

    /// `trunc_sat`: never traps.
    pub(super) fn float_trunc_sat(&mut self, to: IntType<'c>, signedness: Signedness) -> Result<()> {
        let operand = self.pop_float();
        let intrinsic = match signedness {
            Signedness::Signed => "llvm.fptosi.sat",
            Signedness::Unsigned => "llvm.fptoui.sat",
        };
        let overloads = [to.into(), operand.get_type().into()];
        let truncated = call_intrinsic(self.env, &self.builder, intrinsic, &overloads, &[operand.into()])?;
        self.push(truncated.try_as_basic_value().unwrap_basic());
        Ok(())
    }

    pub(super) fn int_convert(&mut self, to: FloatType<'c>, signedness: Signedness) -> Result<()> {
        let operand = self.pop_int();
        let converted = match signedness {
            Signedness::Signed => self.builder.build_signed_int_to_float(operand, to, "converted")?,
            Signedness::Unsigned => self.builder.build_unsigned_int_to_float(operand, to, "converted")?,
        };
        self.push(converted);
        Ok(())
    }

    /// `f32.demote_f64`. LLVM folds the demotion of a promotion to the operand, and a signalling NaN
    /// would stay one.
    pub(super) fn float_demote(&mut self) -> Result<()> {
        let mut operand = self.pop_float();
        if operand.as_instruction().is_some_and(|made_by| made_by.get_opcode() == InstructionOpcode::FPExt) {
            operand = self.quieted(operand)?;
        }
        let demoted = self.builder.build_float_trunc(operand, self.types().f32, "demoted")?;
        self.push(demoted);
        Ok(())
    }

    pub(super) fn float_promote(&mut self) -> Result<()> {
        let operand = self.pop_float();
        let promoted = self.builder.build_float_ext(operand, self.types().f64, "promoted")?;
        self.push(promoted);
        Ok(())
    }

    pub(super) fn reinterpret(&mut self, to: ValueType) -> Result<()> {
        let operand = self.pop();
        let reinterpreted = self.builder.build_bit_cast(operand, self.types().value(to), "reinterpreted")?;
        self.push(reinterpreted);
        Ok(())
    }
}
