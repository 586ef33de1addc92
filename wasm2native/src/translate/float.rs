//! Floating-point arithmetic and comparison. spec: exec/numerics, floating-point operations.
//!
//! No fast-math flags, ever. INV-3: LLVM folds operations with an identity constant to their operand,
//! and a signalling NaN would stay one; see [`FuncTranslator::quieted_if_identity`].

use inkwell::FloatPredicate;
use inkwell::builder::{Builder, BuilderError};
use inkwell::types::BasicTypeEnum;
use inkwell::values::{BasicValue, BasicValueEnum, FloatMathValue, FloatValue};

use super::func::FuncTranslator;
use super::known::{Known, is_identity};
use crate::env::intrinsic::call_overloaded;
use crate::error::{CompileError, Result};

/// A builder method on two floats, such as `Builder::build_float_add`.
pub(super) type FloatEmitter<'c> = for<'b, 'n> fn(
    &'b Builder<'c>,
    FloatValue<'c>,
    FloatValue<'c>,
    &'n str,
) -> std::result::Result<FloatValue<'c>, BuilderError>;

/// Which of two floats `min` and `max` choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extreme {
    Minimum,
    Maximum,
}

impl<'c> FuncTranslator<'c, '_> {
    fn pop_float_pair(&mut self) -> (FloatValue<'c>, FloatValue<'c>) {
        let right = self.pop_float();
        (self.pop_float(), right)
    }

    pub(super) fn float_binary(&mut self, name: &str, emit: FloatEmitter<'c>) -> Result<()> {
        let (left, right) = self.pop_float_pair();
        let quiet_left = self.quieted_if_identity(left, right)?;
        let quiet_right = self.quieted_if_identity(right, left)?;
        let result = emit(&self.builder, quiet_left, quiet_right, name)?;
        self.push(result);
        Ok(())
    }

    /// `x * 1.0`, `x / 1.0`, `x - 0.0` and `x + -0.0` are folded to `x` by LLVM, so that a signalling
    /// NaN stays signalling; Wasm makes it quiet.
    fn quieted_if_identity(
        &mut self,
        operand: FloatValue<'c>,
        other: FloatValue<'c>,
    ) -> Result<FloatValue<'c>> {
        match Known::of(other) {
            Known::Number(number) if !is_identity(number) => Ok(operand),
            Known::Number(_) | Known::Later => self.quieted(operand),
            Known::Bits(_) | Known::Nothing => Ok(operand),
        }
    }

    /// The same number; a NaN becomes quiet.
    pub(super) fn quieted(&mut self, operand: FloatValue<'c>) -> Result<FloatValue<'c>> {
        self.times_opaque_one(operand, operand.get_type().const_float(1.0))
    }

    /// A product with a 1.0 that LLVM cannot see through, of single floats or of vectors.
    /// `llvm.canonicalize` says the same, but the SLP vectoriser makes `<2 x float>` of it, on which
    /// instruction selection ends the process.
    pub(super) fn times_opaque_one<T>(&mut self, operand: T, one: T) -> Result<T>
    where
        T: FloatMathValue<'c> + TryFrom<BasicValueEnum<'c>>,
    {
        let one = one.as_basic_value_enum();
        let opaque = call_overloaded(self.env, &self.builder, "llvm.arithmetic.fence", &[one])?;
        let opaque = T::try_from(opaque).map_err(|_| CompileError::internal("a fence changed a type"))?;
        Ok(self.builder.build_float_mul(operand, opaque, "quiet")?)
    }

    pub(super) fn float_compare(&mut self, predicate: FloatPredicate) -> Result<()> {
        let (left, right) = self.pop_float_pair();
        let holds = self.builder.build_float_compare(predicate, left, right, "holds")?;
        self.push_condition(holds)
    }

    /// `min` and `max`. LLVM's intrinsics order the zeros as Wasm does, but may pass a signalling NaN
    /// on as it is; an addition makes it quiet.
    pub(super) fn float_extreme(&mut self, extreme: Extreme) -> Result<()> {
        let (left, right) = self.pop_float_pair();
        let intrinsic = match extreme {
            Extreme::Minimum => "llvm.minimum",
            Extreme::Maximum => "llvm.maximum",
        };
        let chosen = call_overloaded(self.env, &self.builder, intrinsic, &[left.into(), right.into()])?;
        let has_nan = self.builder.build_float_compare(FloatPredicate::UNO, left, right, "has_nan")?;
        let nan = self.builder.build_float_add(left, right, "nan")?;
        let result = self.builder.build_select(has_nan, nan.as_basic_value_enum(), chosen, "extreme")?;
        self.push(result);
        Ok(())
    }

    /// `abs`, `sqrt` and the rounding operators: an intrinsic on one float.
    pub(super) fn float_unary(&mut self, intrinsic: &'static str) -> Result<()> {
        let operand = self.pop();
        let result = call_overloaded(self.env, &self.builder, intrinsic, &[operand])?;
        self.push(result);
        Ok(())
    }

    /// Rounding to an integral float. An operand that LLVM knows to be integral would be passed through,
    /// and the C library functions behind some of these are not bound to quieten either.
    pub(super) fn float_round(&mut self, intrinsic: &'static str) -> Result<()> {
        let operand = self.pop_float();
        let quiet = self.quieted(operand)?;
        let rounded = call_overloaded(self.env, &self.builder, intrinsic, &[quiet.into()])?;
        self.push(rounded);
        Ok(())
    }

    pub(super) fn float_neg(&mut self) -> Result<()> {
        let operand = self.pop_float();
        let negated = self.builder.build_float_neg(operand, "negated")?;
        self.push(negated);
        Ok(())
    }

    pub(super) fn float_copysign(&mut self) -> Result<()> {
        let (magnitude, sign) = self.pop_float_pair();
        let result =
            call_overloaded(self.env, &self.builder, "llvm.copysign", &[magnitude.into(), sign.into()])?;
        self.push(result);
        Ok(())
    }

    /// A constant by its bits, so that the payload of a NaN is kept.
    pub(super) fn float_const(&mut self, bits: u64, ty: impl Into<BasicTypeEnum<'c>>) -> Result<()> {
        let ty = ty.into();
        let int_type = if ty == self.types().f32.into() { self.types().i32 } else { self.types().i64 };
        let constant = self.builder.build_bit_cast(int_type.const_int(bits, false), ty, "constant")?;
        self.push(constant);
        Ok(())
    }
}
