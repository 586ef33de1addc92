//! The shapes of a vector: as how many lanes, and of which type, its 128 bits are taken.

use inkwell::types::{BasicTypeEnum, FloatType, IntType, VectorType};

use crate::env::types::Types;

/// Bits of a vector. spec: syntax/types, vector types.
const VECTOR_BITS: u32 = 128;

/// spec: syntax/instructions, shapes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::translate) enum Shape {
    I8x16,
    I16x8,
    I32x4,
    I64x2,
    F32x4,
    F64x2,
}

/// Which lanes of a vector an operator takes that uses half of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::translate) enum Half {
    /// Those with the small numbers.
    Low,
    /// Those with the great numbers.
    High,
}

impl Shape {
    pub(super) fn lane_bits(self) -> u32 {
        match self {
            Self::I8x16 => 8,
            Self::I16x8 => 16,
            Self::I32x4 | Self::F32x4 => 32,
            Self::I64x2 | Self::F64x2 => 64,
        }
    }

    pub(super) fn lane_bytes(self) -> u32 {
        self.lane_bits() / 8
    }

    pub(super) fn lane_count(self) -> u32 {
        VECTOR_BITS / self.lane_bits()
    }

    pub(super) fn lane_type<'c>(self, types: &Types<'c>) -> BasicTypeEnum<'c> {
        match self {
            Self::F32x4 => types.f32.into(),
            Self::F64x2 => types.f64.into(),
            Self::I8x16 | Self::I16x8 | Self::I32x4 | Self::I64x2 => self.int_lane_type(types).into(),
        }
    }

    /// The integer type as wide as a lane.
    pub(super) fn int_lane_type<'c>(self, types: &Types<'c>) -> IntType<'c> {
        match self {
            Self::I8x16 => types.i8,
            Self::I16x8 => types.i16,
            Self::I32x4 | Self::F32x4 => types.i32,
            Self::I64x2 | Self::F64x2 => types.i64,
        }
    }

    /// Type of the lanes of a floating-point shape.
    pub(super) fn float_lane_type<'c>(self, types: &Types<'c>) -> FloatType<'c> {
        match self {
            Self::F32x4 => types.f32,
            Self::F64x2 => types.f64,
            Self::I8x16 | Self::I16x8 | Self::I32x4 | Self::I64x2 => {
                unreachable!("the operator tables give floating-point operators a floating-point shape")
            }
        }
    }

    pub(super) fn vector_type<'c>(self, types: &Types<'c>) -> VectorType<'c> {
        self.lanes_type(types, self.lane_count())
    }

    /// `count` lanes, which need not be 128 bits.
    pub(super) fn lanes_type<'c>(self, types: &Types<'c>, count: u32) -> VectorType<'c> {
        match self.lane_type(types) {
            BasicTypeEnum::FloatType(lane) => lane.vec_type(count),
            _ => self.int_lane_type(types).vec_type(count),
        }
    }

    /// The integers of the same width, which comparisons answer with.
    pub(super) fn as_int(self) -> Self {
        match self {
            Self::F32x4 => Self::I32x4,
            Self::F64x2 => Self::I64x2,
            int => int,
        }
    }

    /// Integer lanes of twice the width, and half as many.
    pub(super) fn widened(self) -> Self {
        match self.as_int() {
            Self::I8x16 => Self::I16x8,
            Self::I16x8 => Self::I32x4,
            _ => Self::I64x2,
        }
    }

    /// Integer lanes of half the width, and twice as many.
    pub(super) fn narrowed(self) -> Self {
        match self.as_int() {
            Self::I64x2 => Self::I32x4,
            Self::I32x4 => Self::I16x8,
            _ => Self::I8x16,
        }
    }
}
