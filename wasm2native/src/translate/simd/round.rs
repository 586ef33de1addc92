//! Rounding to integral floats lane by lane. spec: exec/numerics, fceil, ffloor, ftrunc, fnearest.
//!
//! Where the processor has no instruction for it LLVM calls the C library once per lane, so it is
//! done by arithmetic here.

use inkwell::FloatPredicate;
use inkwell::values::VectorValue;

use super::Shape;
use crate::arch::VectorOp;
use crate::error::Result;
use crate::translate::FuncTranslator;

/// To which integral float.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rounding {
    Ceil,
    Floor,
    Trunc,
    Nearest,
}

impl<'c> FuncTranslator<'c, '_> {
    pub(super) fn vector_round(&mut self, shape: Shape, rounding: Rounding) -> Result<()> {
        let operand = self.pop_as(shape)?;
        let rounded = if self.env.vector_unit().has(VectorOp::RoundToIntegral) {
            let intrinsic = match rounding {
                Rounding::Ceil => "llvm.ceil",
                Rounding::Floor => "llvm.floor",
                Rounding::Trunc => "llvm.trunc",
                Rounding::Nearest => "llvm.roundeven",
            };
            self.lanewise(intrinsic, &[operand])?
        } else {
            self.rounded_by_arithmetic(operand, shape, rounding)?
        };
        self.push_v128(rounded)
    }

    /// Floats from 2^23 (2^52) on are integral. Adding that to a smaller magnitude leaves no room for
    /// a fraction, so the addition rounds to nearest, ties to even; subtracting it gives the integral
    /// float. `floor` and its like then step back where that went too far.
    ///
    /// 2.5 + 2^23 = 2^23 + 2, so nearest(2.5) = 2; 2.7 gives 3, which is above 2.7, so floor is 2.
    /// A NaN fails the comparison and comes out of the addition quiet.
    fn rounded_by_arithmetic(
        &self,
        operand: VectorValue<'c>,
        shape: Shape,
        rounding: Rounding,
    ) -> Result<VectorValue<'c>> {
        let first_integral = match shape {
            Shape::F32x4 => 2f64.powi(23),
            _ => 2f64.powi(52),
        };
        let first_integral = self.float_splat(shape, first_integral)?;
        let magnitude = self.lanewise("llvm.fabs", &[operand])?;
        let shifted = self.builder.build_float_add(magnitude, first_integral, "shifted")?;
        let nearest = self.builder.build_float_sub(shifted, first_integral, "nearest")?;
        let rounded = match rounding {
            Rounding::Nearest => nearest,
            Rounding::Trunc => self.stepped(nearest, magnitude, shape, FloatPredicate::OGT, -1.0)?,
            Rounding::Floor | Rounding::Ceil => {
                let nearest = self.lanewise("llvm.copysign", &[nearest, operand])?;
                match rounding {
                    Rounding::Floor => self.stepped(nearest, operand, shape, FloatPredicate::OGT, -1.0)?,
                    _ => self.stepped(nearest, operand, shape, FloatPredicate::OLT, 1.0)?,
                }
            }
        };
        // Zero keeps the sign: ceil(-0.5) is -0.
        let rounded = self.lanewise("llvm.copysign", &[rounded, operand])?;
        let is_integral = self.builder.build_float_compare(
            FloatPredicate::OGE,
            magnitude,
            first_integral,
            "is_integral",
        )?;
        self.chosen(is_integral, operand, rounded, "rounded")
    }

    /// `rounded` plus `step` in the lanes where it is `too_far` compared with what was rounded.
    fn stepped(
        &self,
        rounded: VectorValue<'c>,
        operand: VectorValue<'c>,
        shape: Shape,
        too_far: FloatPredicate,
        step: f64,
    ) -> Result<VectorValue<'c>> {
        let goes_too_far = self.builder.build_float_compare(too_far, rounded, operand, "is_too_far")?;
        let step = self.float_splat(shape, step)?;
        let back = self.builder.build_float_add(rounded, step, "stepped_back")?;
        self.chosen(goes_too_far, back, rounded, "rounded")
    }
}
