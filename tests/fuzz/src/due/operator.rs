//! Operators to choose from, by the types they take and give.

/// Of two `i32`; those that trap are made with a constant that is not zero.
pub const I32_BINARY: [&str; 11] =
    ["add", "sub", "mul", "and", "or", "xor", "shl", "shr_s", "shr_u", "rotl", "rotr"];

/// Divisions, by a constant.
pub const DIVISION: [&str; 4] = ["div_u", "rem_u", "rem_s", "div_s"];

/// Comparisons of integers.
pub const COMPARISON: [&str; 10] =
    ["eq", "ne", "lt_s", "lt_u", "gt_s", "gt_u", "le_s", "le_u", "ge_s", "ge_u"];

/// Comparisons of floats.
pub const FLOAT_COMPARISON: [&str; 6] = ["eq", "ne", "lt", "gt", "le", "ge"];

/// Of one `i32` or `i64`.
pub const INTEGER_UNARY: [&str; 5] = ["clz", "ctz", "popcnt", "extend8_s", "extend16_s"];

/// Of two floats.
pub const FLOAT_BINARY: [&str; 7] = ["add", "sub", "mul", "div", "min", "max", "copysign"];

/// Of one float.
pub const FLOAT_UNARY: [&str; 7] = ["neg", "abs", "sqrt", "ceil", "floor", "trunc", "nearest"];

/// Loads of an `i32`.
pub const I32_LOAD: [&str; 5] = ["load", "load8_s", "load8_u", "load16_s", "load16_u"];

/// Loads of an `i64`.
pub const I64_LOAD: [&str; 7] =
    ["load", "load8_s", "load8_u", "load16_s", "load16_u", "load32_s", "load32_u"];

/// Loads of a vector without a lane.
pub const V128_LOAD: [&str; 13] = [
    "load",
    "load",
    "load8x8_s",
    "load8x8_u",
    "load16x4_s",
    "load16x4_u",
    "load32x2_s",
    "load32x2_u",
    "load8_splat",
    "load16_splat",
    "load32_splat",
    "load64_splat",
    "load32_zero",
];

/// Of two vectors.
pub const V128_BINARY: [&str; 30] = [
    "i8x16.add",
    "i8x16.sub",
    "i16x8.add",
    "i16x8.mul",
    "i32x4.add",
    "i32x4.mul",
    "i64x2.add",
    "i64x2.mul",
    "f32x4.add",
    "f64x2.mul",
    "v128.and",
    "v128.or",
    "v128.xor",
    "v128.andnot",
    "i8x16.eq",
    "i16x8.gt_s",
    "i32x4.lt_u",
    "i8x16.min_u",
    "i16x8.max_s",
    "i32x4.min_s",
    "i8x16.swizzle",
    "i8x16.narrow_i16x8_s",
    "i16x8.narrow_i32x4_u",
    "i32x4.dot_i16x8_s",
    "i16x8.extmul_low_i8x16_s",
    "i32x4.extmul_high_i16x8_u",
    "i8x16.avgr_u",
    "i16x8.q15mulr_sat_s",
    "f32x4.pmin",
    "f64x2.max",
];

/// Of one vector.
pub const V128_UNARY: [&str; 20] = [
    "v128.not",
    "i8x16.abs",
    "i16x8.neg",
    "i32x4.abs",
    "i8x16.popcnt",
    "i16x8.extend_low_i8x16_s",
    "i16x8.extend_high_i8x16_u",
    "i32x4.extend_low_i16x8_u",
    "i64x2.extend_high_i32x4_s",
    "i16x8.extadd_pairwise_i8x16_u",
    "i32x4.trunc_sat_f32x4_s",
    "i32x4.trunc_sat_f64x2_s_zero",
    "f32x4.convert_i32x4_s",
    "f64x2.convert_low_i32x4_s",
    "f32x4.demote_f64x2_zero",
    "f64x2.promote_low_f32x4",
    "f32x4.sqrt",
    "f64x2.ceil",
    "f32x4.neg",
    "i64x2.neg",
];

/// Shifts of a vector.
pub const V128_SHIFT: [&str; 6] =
    ["i8x16.shl", "i16x8.shr_u", "i32x4.shr_s", "i64x2.shl", "i32x4.shl", "i64x2.shr_u"];

/// What makes an `i32` of a vector.
pub const V128_TO_I32: [&str; 12] = [
    "i8x16.extract_lane_s 15",
    "i8x16.extract_lane_u 0",
    "i16x8.extract_lane_s 3",
    "i16x8.extract_lane_u 7",
    "i32x4.extract_lane 0",
    "i32x4.extract_lane 2",
    "i32x4.extract_lane 3",
    "v128.any_true",
    "i8x16.all_true",
    "i32x4.all_true",
    "i8x16.bitmask",
    "i64x2.bitmask",
];
