//! Values as tests write them, and as array calls carry them.
//!
//! Floats are kept as bits, because a signalling NaN does not survive a trip through `f32` everywhere.

use w2n_abi::{FUNC_TYPE_SEPARATOR, ValueSlot, ValueType};

/// A value that goes into or comes out of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value {
    /// 32-bit integer.
    I32(u32),
    /// 64-bit integer.
    I64(u64),
    /// Bits of a 32-bit float.
    F32(u32),
    /// Bits of a 64-bit float.
    F64(u64),
    /// 128-bit vector, little-endian.
    V128(u128),
    /// `*const VmFuncRef`, 0 for null.
    FuncRef(usize),
    /// A host's word, 0 for null.
    ExternRef(usize),
}

impl Value {
    /// Its type.
    pub fn ty(self) -> ValueType {
        match self {
            Self::I32(_) => ValueType::I32,
            Self::I64(_) => ValueType::I64,
            Self::F32(_) => ValueType::F32,
            Self::F64(_) => ValueType::F64,
            Self::V128(_) => ValueType::V128,
            Self::FuncRef(_) => ValueType::FuncRef,
            Self::ExternRef(_) => ValueType::ExternRef,
        }
    }

    /// The slot that holds it.
    pub fn to_slot(self) -> ValueSlot {
        let bits = match self {
            Self::I32(bits) | Self::F32(bits) => [u64::from(bits), 0],
            Self::I64(bits) | Self::F64(bits) => [bits, 0],
            Self::V128(bits) => [bits as u64, (bits >> 64) as u64],
            Self::FuncRef(word) | Self::ExternRef(word) => [word as u64, 0],
        };
        ValueSlot { bits }
    }

    /// The value of type `ty` in `slot`, whose other bits are undefined.
    pub fn from_slot(ty: ValueType, slot: ValueSlot) -> Self {
        let [low, high] = slot.bits;
        match ty {
            ValueType::I32 => Self::I32(low as u32),
            ValueType::I64 => Self::I64(low),
            ValueType::F32 => Self::F32(low as u32),
            ValueType::F64 => Self::F64(low),
            ValueType::V128 => Self::V128(u128::from(low) | (u128::from(high) << 64)),
            ValueType::FuncRef => Self::FuncRef(low as usize),
            ValueType::ExternRef => Self::ExternRef(low as usize),
        }
    }
}

impl From<i32> for Value {
    fn from(value: i32) -> Self {
        Self::I32(value as u32)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::I64(value as u64)
    }
}

impl From<f32> for Value {
    fn from(value: f32) -> Self {
        Self::F32(value.to_bits())
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::F64(value.to_bits())
    }
}

/// A function type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Type {
    /// Types of the parameters.
    pub params: Vec<ValueType>,
    /// Types of the results.
    pub results: Vec<ValueType>,
}

impl Type {
    /// Decodes the ABI's encoding. Panics on one that is malformed, which is a bug of the compiler.
    pub fn decode(encoding: &[u8]) -> Self {
        let value_type =
            |&code: &u8| ValueType::from_code(code).unwrap_or_else(|| panic!("value type {code:#x}"));
        let mut halves = encoding.split(|&code| code == FUNC_TYPE_SEPARATOR);
        let (Some(params), Some(results), None) = (halves.next(), halves.next(), halves.next()) else {
            panic!("function type {encoding:02x?}");
        };
        Self {
            params: params.iter().map(value_type).collect(),
            results: results.iter().map(value_type).collect(),
        }
    }

    /// The ABI's encoding.
    pub fn encode(&self) -> Vec<u8> {
        let mut encoding: Vec<u8> = self.params.iter().map(|ty| *ty as u8).collect();
        encoding.push(FUNC_TYPE_SEPARATOR);
        encoding.extend(self.results.iter().map(|ty| *ty as u8));
        encoding
    }
}
