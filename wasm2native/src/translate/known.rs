//! What is known of a value while code is made: the one place that asks LLVM which constant a value is.
//!
//! The rule: a constant need not be a plain number. A lane of a constant vector, or a reinterpretation of
//! one, may be an expression that LLVM works out later, and after a trap that is certain it is poison.
//! Questions about numbers that are put to such a constant end the process.

use inkwell::types::{AsTypeRef, VectorType};
use inkwell::values::{AsValueRef, BasicValue, VectorValue};
use llvm_sys::LLVMOpcode;
use llvm_sys::core::{
    LLVMConstIntGetZExtValue, LLVMConstRealGetDouble, LLVMGetAggregateElement, LLVMGetConstOpcode,
    LLVMGetIntTypeWidth, LLVMGetOperand, LLVMIsABitCastInst, LLVMIsAConstantExpr, LLVMIsAConstantFP,
    LLVMIsAConstantInt, LLVMIsConstant, LLVMIsUndef, LLVMTypeOf,
};
use llvm_sys::prelude::LLVMValueRef;

/// Bits of the widest integer that is taken apart here.
const MAX_BITS: u32 = u64::BITS;

/// What a value is known to be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Known {
    /// This number, of a float type.
    Number(f64),
    /// These bits of an integer.
    Bits(u64),
    /// A constant that LLVM works out later: it may turn out to be anything.
    Later,
    /// Nothing, or nothing that matters: what is poison is never looked at.
    Nothing,
}

impl Known {
    /// What is known of `value`, which is no vector.
    pub fn of<'c>(value: impl BasicValue<'c>) -> Self {
        Self::of_ref(value.as_value_ref())
    }

    /// What is known of lane `number` of `vector`.
    pub fn of_lane(vector: VectorValue<'_>, number: u32) -> Self {
        let value = vector.as_value_ref();
        // SAFETY: `value` belongs to the module being made, and a constant is asked for an element.
        unsafe {
            if LLVMIsConstant(value) == 0 {
                return Self::Nothing;
            }
            let lane = LLVMGetAggregateElement(value, number);
            if lane.is_null() { Self::Later } else { Self::of_ref(lane) }
        }
    }

    fn of_ref(value: LLVMValueRef) -> Self {
        // SAFETY: `value` belongs to the module being made. Each question is put to the kind of constant that
        // it is about, which the line before it has found out.
        unsafe {
            if LLVMIsConstant(value) == 0 || LLVMIsUndef(value) != 0 {
                return Self::Nothing;
            }
            if !LLVMIsAConstantFP(value).is_null() {
                let mut loses_bits = 0;
                return Self::Number(LLVMConstRealGetDouble(value, &mut loses_bits));
            }
            if !LLVMIsAConstantInt(value).is_null() && LLVMGetIntTypeWidth(LLVMTypeOf(value)) <= MAX_BITS {
                return Self::Bits(LLVMConstIntGetZExtValue(value));
            }
            Self::Later
        }
    }
}

/// What `vector` is a cast of, as an instruction or as a constant, if that is a vector of type `ty`.
pub(super) fn cast_source<'c>(vector: VectorValue<'c>, ty: VectorType<'c>) -> Option<VectorValue<'c>> {
    let value = vector.as_value_ref();
    // SAFETY: `value` belongs to the module being made; a cast, as instruction or as constant, has one
    // operand, which is a vector because its type is `ty`.
    unsafe {
        let is_cast = !LLVMIsABitCastInst(value).is_null()
            || (!LLVMIsAConstantExpr(value).is_null()
                && LLVMGetConstOpcode(value) == LLVMOpcode::LLVMBitCast);
        let source = is_cast.then(|| LLVMGetOperand(value, 0))?;
        (LLVMTypeOf(source) == ty.as_type_ref()).then(|| VectorValue::new(source))
    }
}

/// Whether some operation with this number leaves the other operand as it is.
pub(super) fn is_identity(number: f64) -> bool {
    number.abs() == 1.0 || number == 0.0
}
