//! Arguments and expected results of the suite's assertions, in our values.

use wast::core::{AbstractHeapType, HeapType, NanPattern, V128Pattern, WastArgCore, WastRetCore};
use wast::token::{F32, F64};
use wast::{WastArg, WastRet};

use crate::host::Value;

/// The word that stands for host reference `number`; never 0, which is null.
fn host_word(number: u32) -> usize {
    number as usize + 1
}

/// An argument as a value. Errors: a kind of value that needs a later proposal, named.
pub fn argument(arg: &WastArg<'_>) -> Result<Value, String> {
    let WastArg::Core(arg) = arg else { return Err("component values".to_owned()) };
    Ok(match arg {
        WastArgCore::I32(value) => Value::from(*value),
        WastArgCore::I64(value) => Value::from(*value),
        WastArgCore::F32(value) => Value::F32(value.bits),
        WastArgCore::F64(value) => Value::F64(value.bits),
        WastArgCore::V128(value) => Value::V128(u128::from_le_bytes(value.to_le_bytes())),
        WastArgCore::RefExtern(number) => Value::ExternRef(host_word(*number)),
        WastArgCore::RefNull(HeapType::Abstract { ty: AbstractHeapType::Func, .. }) => Value::FuncRef(0),
        WastArgCore::RefNull(HeapType::Abstract { ty: AbstractHeapType::Extern, .. }) => Value::ExternRef(0),
        WastArgCore::RefNull(_) | WastArgCore::RefHost(_) => {
            return Err("references of the garbage-collection proposal".to_owned());
        }
    })
}

/// Whether `value` is what the assertion expects.
pub fn matches(expected: &WastRet<'_>, value: Value) -> bool {
    match expected {
        WastRet::Core(expected) => matches_core(expected, value),
        _ => false,
    }
}

fn matches_core(expected: &WastRetCore<'_>, value: Value) -> bool {
    match (expected, value) {
        (WastRetCore::I32(expected), value) => value == Value::from(*expected),
        (WastRetCore::I64(expected), value) => value == Value::from(*expected),
        (WastRetCore::F32(pattern), Value::F32(bits)) => matches_f32(pattern, bits),
        (WastRetCore::F64(pattern), Value::F64(bits)) => matches_f64(pattern, bits),
        (WastRetCore::V128(pattern), Value::V128(bits)) => matches_v128(pattern, bits),
        (WastRetCore::RefNull(None), Value::FuncRef(word) | Value::ExternRef(word)) => word == 0,
        (WastRetCore::RefNull(Some(HeapType::Abstract { ty, .. })), value) => match value {
            Value::FuncRef(word) => {
                word == 0 && matches!(ty, AbstractHeapType::Func | AbstractHeapType::NoFunc)
            }
            Value::ExternRef(word) => {
                word == 0 && matches!(ty, AbstractHeapType::Extern | AbstractHeapType::NoExtern)
            }
            _ => false,
        },
        (WastRetCore::RefExtern(Some(number)), Value::ExternRef(word)) => word == host_word(*number),
        (WastRetCore::RefExtern(None), Value::ExternRef(word)) => word != 0,
        (WastRetCore::RefFunc(None), Value::FuncRef(word)) => word != 0,
        (WastRetCore::Either(cases), value) => cases.iter().any(|case| matches_core(case, value)),
        _ => false,
    }
}

/// spec: a canonical NaN has the quiet bit alone, an arithmetic NaN at least the quiet bit.
fn matches_f32(pattern: &NanPattern<F32>, bits: u32) -> bool {
    const QUIET: u32 = 0x7fc0_0000;
    match pattern {
        NanPattern::CanonicalNan => bits & 0x7fff_ffff == QUIET,
        NanPattern::ArithmeticNan => bits & QUIET == QUIET,
        NanPattern::Value(value) => bits == value.bits,
    }
}

fn matches_f64(pattern: &NanPattern<F64>, bits: u64) -> bool {
    const QUIET: u64 = 0x7ff8_0000_0000_0000;
    match pattern {
        NanPattern::CanonicalNan => bits & 0x7fff_ffff_ffff_ffff == QUIET,
        NanPattern::ArithmeticNan => bits & QUIET == QUIET,
        NanPattern::Value(value) => bits == value.bits,
    }
}

fn matches_v128(pattern: &V128Pattern, bits: u128) -> bool {
    let lane = |index: usize, width: usize| bits >> (index * width);
    match pattern {
        V128Pattern::I8x16(lanes) => (0..16).all(|index| lane(index, 8) as i8 == lanes[index]),
        V128Pattern::I16x8(lanes) => (0..8).all(|index| lane(index, 16) as i16 == lanes[index]),
        V128Pattern::I32x4(lanes) => (0..4).all(|index| lane(index, 32) as i32 == lanes[index]),
        V128Pattern::I64x2(lanes) => (0..2).all(|index| lane(index, 64) as i64 == lanes[index]),
        V128Pattern::F32x4(lanes) => (0..4).all(|index| matches_f32(&lanes[index], lane(index, 32) as u32)),
        V128Pattern::F64x2(lanes) => (0..2).all(|index| matches_f64(&lanes[index], lane(index, 64) as u64)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signalling_nan_is_no_arithmetic_nan() {
        assert!(!matches_f32(&NanPattern::ArithmeticNan, 0x7fa0_0000));
        assert!(!matches_f64(&NanPattern::ArithmeticNan, 0x7ff4_0000_0000_0000));
        assert!(matches_f32(&NanPattern::ArithmeticNan, 0xffc0_0001));
        assert!(!matches_f32(&NanPattern::CanonicalNan, 0xffc0_0001));
        assert!(matches_f64(&NanPattern::CanonicalNan, 0xfff8_0000_0000_0000));
    }

    #[test]
    fn the_host_reference_zero_is_not_null() {
        assert!(matches_core(&WastRetCore::RefExtern(Some(0)), Value::ExternRef(host_word(0))));
        assert!(!matches_core(&WastRetCore::RefExtern(Some(0)), Value::ExternRef(0)));
        assert!(matches_core(&WastRetCore::RefNull(None), Value::ExternRef(0)));
    }
}
