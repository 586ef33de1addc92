//! THE OTHER TABLE: every vector operator, its shape and what translates it, in the order of the specification.
//!
//! Arms are one line. Where an operator has two shapes in its name, the arm gives that of the operands.

use inkwell::builder::Builder;
use inkwell::{FloatPredicate, IntPredicate};
use wasmparser::Operator;

use super::Shape::{F32x4, F64x2, I8x16, I16x8, I32x4, I64x2};
use super::round::Rounding;
use super::shape::Half::{High, Low};
use crate::error::{CompileError, Result};
use crate::translate::FuncTranslator;
use crate::translate::float::Extreme;
use crate::translate::integer::Shift;
use crate::translate::memory::Signedness::{Signed, Unsigned};
use w2n_abi::ValueType;

impl FuncTranslator<'_, '_> {
    /// Translates a vector operator that can be reached.
    #[rustfmt::skip]
    pub(in crate::translate) fn translate_vector_operator(&mut self, operator: Operator<'_>) -> Result<()> {
        use Operator::*;
        match operator {
            // Memory
            V128Load { memarg } => self.translate_load(memarg, ValueType::V128),
            V128Load8x8S { memarg } => self.vector_load_extend(memarg, I8x16, Signed),
            V128Load8x8U { memarg } => self.vector_load_extend(memarg, I8x16, Unsigned),
            V128Load16x4S { memarg } => self.vector_load_extend(memarg, I16x8, Signed),
            V128Load16x4U { memarg } => self.vector_load_extend(memarg, I16x8, Unsigned),
            V128Load32x2S { memarg } => self.vector_load_extend(memarg, I32x4, Signed),
            V128Load32x2U { memarg } => self.vector_load_extend(memarg, I32x4, Unsigned),
            V128Load8Splat { memarg } => self.vector_load_splat(memarg, I8x16),
            V128Load16Splat { memarg } => self.vector_load_splat(memarg, I16x8),
            V128Load32Splat { memarg } => self.vector_load_splat(memarg, I32x4),
            V128Load64Splat { memarg } => self.vector_load_splat(memarg, I64x2),
            V128Load32Zero { memarg } => self.vector_load_zero(memarg, I32x4),
            V128Load64Zero { memarg } => self.vector_load_zero(memarg, I64x2),
            V128Store { memarg } => self.translate_store(memarg, ValueType::V128),
            V128Load8Lane { memarg, lane } => self.vector_load_lane(memarg, I8x16, lane),
            V128Load16Lane { memarg, lane } => self.vector_load_lane(memarg, I16x8, lane),
            V128Load32Lane { memarg, lane } => self.vector_load_lane(memarg, I32x4, lane),
            V128Load64Lane { memarg, lane } => self.vector_load_lane(memarg, I64x2, lane),
            V128Store8Lane { memarg, lane } => self.vector_store_lane(memarg, I8x16, lane),
            V128Store16Lane { memarg, lane } => self.vector_store_lane(memarg, I16x8, lane),
            V128Store32Lane { memarg, lane } => self.vector_store_lane(memarg, I32x4, lane),
            V128Store64Lane { memarg, lane } => self.vector_store_lane(memarg, I64x2, lane),

            // Constants and lanes
            V128Const { value } => self.vector_const(value),
            I8x16Shuffle { lanes } => self.shuffle(lanes),
            I8x16ExtractLaneS { lane } => self.extract_lane_extend(I8x16, lane, Signed),
            I8x16ExtractLaneU { lane } => self.extract_lane_extend(I8x16, lane, Unsigned),
            I8x16ReplaceLane { lane } => self.replace_lane(I8x16, lane),
            I16x8ExtractLaneS { lane } => self.extract_lane_extend(I16x8, lane, Signed),
            I16x8ExtractLaneU { lane } => self.extract_lane_extend(I16x8, lane, Unsigned),
            I16x8ReplaceLane { lane } => self.replace_lane(I16x8, lane),
            I32x4ExtractLane { lane } => self.extract_lane(I32x4, lane),
            I32x4ReplaceLane { lane } => self.replace_lane(I32x4, lane),
            I64x2ExtractLane { lane } => self.extract_lane(I64x2, lane),
            I64x2ReplaceLane { lane } => self.replace_lane(I64x2, lane),
            F32x4ExtractLane { lane } => self.extract_lane(F32x4, lane),
            F32x4ReplaceLane { lane } => self.replace_lane(F32x4, lane),
            F64x2ExtractLane { lane } => self.extract_lane(F64x2, lane),
            F64x2ReplaceLane { lane } => self.replace_lane(F64x2, lane),
            I8x16Swizzle => self.swizzle(),
            I8x16Splat => self.splat(I8x16),
            I16x8Splat => self.splat(I16x8),
            I32x4Splat => self.splat(I32x4),
            I64x2Splat => self.splat(I64x2),
            F32x4Splat => self.splat(F32x4),
            F64x2Splat => self.splat(F64x2),

            // i8x16 comparison
            I8x16Eq => self.vector_compare(I8x16, IntPredicate::EQ),
            I8x16Ne => self.vector_compare(I8x16, IntPredicate::NE),
            I8x16LtS => self.vector_compare(I8x16, IntPredicate::SLT),
            I8x16LtU => self.vector_compare(I8x16, IntPredicate::ULT),
            I8x16GtS => self.vector_compare(I8x16, IntPredicate::SGT),
            I8x16GtU => self.vector_compare(I8x16, IntPredicate::UGT),
            I8x16LeS => self.vector_compare(I8x16, IntPredicate::SLE),
            I8x16LeU => self.vector_compare(I8x16, IntPredicate::ULE),
            I8x16GeS => self.vector_compare(I8x16, IntPredicate::SGE),
            I8x16GeU => self.vector_compare(I8x16, IntPredicate::UGE),

            // i16x8 comparison
            I16x8Eq => self.vector_compare(I16x8, IntPredicate::EQ),
            I16x8Ne => self.vector_compare(I16x8, IntPredicate::NE),
            I16x8LtS => self.vector_compare(I16x8, IntPredicate::SLT),
            I16x8LtU => self.vector_compare(I16x8, IntPredicate::ULT),
            I16x8GtS => self.vector_compare(I16x8, IntPredicate::SGT),
            I16x8GtU => self.vector_compare(I16x8, IntPredicate::UGT),
            I16x8LeS => self.vector_compare(I16x8, IntPredicate::SLE),
            I16x8LeU => self.vector_compare(I16x8, IntPredicate::ULE),
            I16x8GeS => self.vector_compare(I16x8, IntPredicate::SGE),
            I16x8GeU => self.vector_compare(I16x8, IntPredicate::UGE),

            // i32x4 comparison
            I32x4Eq => self.vector_compare(I32x4, IntPredicate::EQ),
            I32x4Ne => self.vector_compare(I32x4, IntPredicate::NE),
            I32x4LtS => self.vector_compare(I32x4, IntPredicate::SLT),
            I32x4LtU => self.vector_compare(I32x4, IntPredicate::ULT),
            I32x4GtS => self.vector_compare(I32x4, IntPredicate::SGT),
            I32x4GtU => self.vector_compare(I32x4, IntPredicate::UGT),
            I32x4LeS => self.vector_compare(I32x4, IntPredicate::SLE),
            I32x4LeU => self.vector_compare(I32x4, IntPredicate::ULE),
            I32x4GeS => self.vector_compare(I32x4, IntPredicate::SGE),
            I32x4GeU => self.vector_compare(I32x4, IntPredicate::UGE),

            // i64x2 comparison
            I64x2Eq => self.vector_compare(I64x2, IntPredicate::EQ),
            I64x2Ne => self.vector_compare(I64x2, IntPredicate::NE),
            I64x2LtS => self.vector_compare(I64x2, IntPredicate::SLT),
            I64x2GtS => self.vector_compare(I64x2, IntPredicate::SGT),
            I64x2LeS => self.vector_compare(I64x2, IntPredicate::SLE),
            I64x2GeS => self.vector_compare(I64x2, IntPredicate::SGE),

            // f32x4 comparison
            F32x4Eq => self.vector_float_compare(F32x4, FloatPredicate::OEQ),
            F32x4Ne => self.vector_float_compare(F32x4, FloatPredicate::UNE),
            F32x4Lt => self.vector_float_compare(F32x4, FloatPredicate::OLT),
            F32x4Gt => self.vector_float_compare(F32x4, FloatPredicate::OGT),
            F32x4Le => self.vector_float_compare(F32x4, FloatPredicate::OLE),
            F32x4Ge => self.vector_float_compare(F32x4, FloatPredicate::OGE),

            // f64x2 comparison
            F64x2Eq => self.vector_float_compare(F64x2, FloatPredicate::OEQ),
            F64x2Ne => self.vector_float_compare(F64x2, FloatPredicate::UNE),
            F64x2Lt => self.vector_float_compare(F64x2, FloatPredicate::OLT),
            F64x2Gt => self.vector_float_compare(F64x2, FloatPredicate::OGT),
            F64x2Le => self.vector_float_compare(F64x2, FloatPredicate::OLE),
            F64x2Ge => self.vector_float_compare(F64x2, FloatPredicate::OGE),

            // v128 bits
            V128Not => self.vector_not(),
            V128And => self.vector_binary(I64x2, "and", Builder::build_and),
            V128AndNot => self.vector_and_not(),
            V128Or => self.vector_binary(I64x2, "or", Builder::build_or),
            V128Xor => self.vector_binary(I64x2, "xor", Builder::build_xor),
            V128Bitselect => self.bitselect(),
            V128AnyTrue => self.any_true(),

            // i8x16 arithmetic
            I8x16Abs => self.vector_abs(I8x16),
            I8x16Neg => self.vector_neg(I8x16),
            I8x16Popcnt => self.vector_unary(I8x16, "llvm.ctpop"),
            I8x16AllTrue => self.all_true(I8x16),
            I8x16Bitmask => self.bitmask(I8x16),
            I8x16NarrowI16x8S => self.vector_narrow(I16x8, Signed),
            I8x16NarrowI16x8U => self.vector_narrow(I16x8, Unsigned),
            I8x16Shl => self.vector_shift(I8x16, Shift::Left),
            I8x16ShrS => self.vector_shift(I8x16, Shift::RightSigned),
            I8x16ShrU => self.vector_shift(I8x16, Shift::RightUnsigned),
            I8x16Add => self.vector_binary(I8x16, "sum", Builder::build_int_add),
            I8x16AddSatS => self.vector_pairwise(I8x16, "llvm.sadd.sat"),
            I8x16AddSatU => self.vector_pairwise(I8x16, "llvm.uadd.sat"),
            I8x16Sub => self.vector_binary(I8x16, "difference", Builder::build_int_sub),
            I8x16SubSatS => self.vector_pairwise(I8x16, "llvm.ssub.sat"),
            I8x16SubSatU => self.vector_pairwise(I8x16, "llvm.usub.sat"),
            I8x16MinS => self.vector_pairwise(I8x16, "llvm.smin"),
            I8x16MinU => self.vector_pairwise(I8x16, "llvm.umin"),
            I8x16MaxS => self.vector_pairwise(I8x16, "llvm.smax"),
            I8x16MaxU => self.vector_pairwise(I8x16, "llvm.umax"),
            I8x16AvgrU => self.rounded_average(I8x16),

            // i16x8 arithmetic
            I16x8ExtAddPairwiseI8x16S => self.pairwise_sum(I8x16, Signed),
            I16x8ExtAddPairwiseI8x16U => self.pairwise_sum(I8x16, Unsigned),
            I16x8Abs => self.vector_abs(I16x8),
            I16x8Neg => self.vector_neg(I16x8),
            I16x8Q15MulrSatS => self.rounded_q15_product(),
            I16x8AllTrue => self.all_true(I16x8),
            I16x8Bitmask => self.bitmask(I16x8),
            I16x8NarrowI32x4S => self.vector_narrow(I32x4, Signed),
            I16x8NarrowI32x4U => self.vector_narrow(I32x4, Unsigned),
            I16x8ExtendLowI8x16S => self.vector_extend(I8x16, Low, Signed),
            I16x8ExtendHighI8x16S => self.vector_extend(I8x16, High, Signed),
            I16x8ExtendLowI8x16U => self.vector_extend(I8x16, Low, Unsigned),
            I16x8ExtendHighI8x16U => self.vector_extend(I8x16, High, Unsigned),
            I16x8Shl => self.vector_shift(I16x8, Shift::Left),
            I16x8ShrS => self.vector_shift(I16x8, Shift::RightSigned),
            I16x8ShrU => self.vector_shift(I16x8, Shift::RightUnsigned),
            I16x8Add => self.vector_binary(I16x8, "sum", Builder::build_int_add),
            I16x8AddSatS => self.vector_pairwise(I16x8, "llvm.sadd.sat"),
            I16x8AddSatU => self.vector_pairwise(I16x8, "llvm.uadd.sat"),
            I16x8Sub => self.vector_binary(I16x8, "difference", Builder::build_int_sub),
            I16x8SubSatS => self.vector_pairwise(I16x8, "llvm.ssub.sat"),
            I16x8SubSatU => self.vector_pairwise(I16x8, "llvm.usub.sat"),
            I16x8Mul => self.vector_binary(I16x8, "product", Builder::build_int_mul),
            I16x8MinS => self.vector_pairwise(I16x8, "llvm.smin"),
            I16x8MinU => self.vector_pairwise(I16x8, "llvm.umin"),
            I16x8MaxS => self.vector_pairwise(I16x8, "llvm.smax"),
            I16x8MaxU => self.vector_pairwise(I16x8, "llvm.umax"),
            I16x8AvgrU => self.rounded_average(I16x8),
            I16x8ExtMulLowI8x16S => self.extended_product(I8x16, Low, Signed),
            I16x8ExtMulHighI8x16S => self.extended_product(I8x16, High, Signed),
            I16x8ExtMulLowI8x16U => self.extended_product(I8x16, Low, Unsigned),
            I16x8ExtMulHighI8x16U => self.extended_product(I8x16, High, Unsigned),

            // i32x4 arithmetic
            I32x4ExtAddPairwiseI16x8S => self.pairwise_sum(I16x8, Signed),
            I32x4ExtAddPairwiseI16x8U => self.pairwise_sum(I16x8, Unsigned),
            I32x4Abs => self.vector_abs(I32x4),
            I32x4Neg => self.vector_neg(I32x4),
            I32x4AllTrue => self.all_true(I32x4),
            I32x4Bitmask => self.bitmask(I32x4),
            I32x4ExtendLowI16x8S => self.vector_extend(I16x8, Low, Signed),
            I32x4ExtendHighI16x8S => self.vector_extend(I16x8, High, Signed),
            I32x4ExtendLowI16x8U => self.vector_extend(I16x8, Low, Unsigned),
            I32x4ExtendHighI16x8U => self.vector_extend(I16x8, High, Unsigned),
            I32x4Shl => self.vector_shift(I32x4, Shift::Left),
            I32x4ShrS => self.vector_shift(I32x4, Shift::RightSigned),
            I32x4ShrU => self.vector_shift(I32x4, Shift::RightUnsigned),
            I32x4Add => self.vector_binary(I32x4, "sum", Builder::build_int_add),
            I32x4Sub => self.vector_binary(I32x4, "difference", Builder::build_int_sub),
            I32x4Mul => self.vector_binary(I32x4, "product", Builder::build_int_mul),
            I32x4MinS => self.vector_pairwise(I32x4, "llvm.smin"),
            I32x4MinU => self.vector_pairwise(I32x4, "llvm.umin"),
            I32x4MaxS => self.vector_pairwise(I32x4, "llvm.smax"),
            I32x4MaxU => self.vector_pairwise(I32x4, "llvm.umax"),
            I32x4DotI16x8S => self.dot_product(),
            I32x4ExtMulLowI16x8S => self.extended_product(I16x8, Low, Signed),
            I32x4ExtMulHighI16x8S => self.extended_product(I16x8, High, Signed),
            I32x4ExtMulLowI16x8U => self.extended_product(I16x8, Low, Unsigned),
            I32x4ExtMulHighI16x8U => self.extended_product(I16x8, High, Unsigned),

            // i64x2 arithmetic
            I64x2Abs => self.vector_abs(I64x2),
            I64x2Neg => self.vector_neg(I64x2),
            I64x2AllTrue => self.all_true(I64x2),
            I64x2Bitmask => self.bitmask(I64x2),
            I64x2ExtendLowI32x4S => self.vector_extend(I32x4, Low, Signed),
            I64x2ExtendHighI32x4S => self.vector_extend(I32x4, High, Signed),
            I64x2ExtendLowI32x4U => self.vector_extend(I32x4, Low, Unsigned),
            I64x2ExtendHighI32x4U => self.vector_extend(I32x4, High, Unsigned),
            I64x2Shl => self.vector_shift(I64x2, Shift::Left),
            I64x2ShrS => self.vector_shift(I64x2, Shift::RightSigned),
            I64x2ShrU => self.vector_shift(I64x2, Shift::RightUnsigned),
            I64x2Add => self.vector_binary(I64x2, "sum", Builder::build_int_add),
            I64x2Sub => self.vector_binary(I64x2, "difference", Builder::build_int_sub),
            I64x2Mul => self.vector_binary(I64x2, "product", Builder::build_int_mul),
            I64x2ExtMulLowI32x4S => self.extended_product(I32x4, Low, Signed),
            I64x2ExtMulHighI32x4S => self.extended_product(I32x4, High, Signed),
            I64x2ExtMulLowI32x4U => self.extended_product(I32x4, Low, Unsigned),
            I64x2ExtMulHighI32x4U => self.extended_product(I32x4, High, Unsigned),

            // f32x4 arithmetic
            F32x4Ceil => self.vector_round(F32x4, Rounding::Ceil),
            F32x4Floor => self.vector_round(F32x4, Rounding::Floor),
            F32x4Trunc => self.vector_round(F32x4, Rounding::Trunc),
            F32x4Nearest => self.vector_round(F32x4, Rounding::Nearest),
            F32x4Abs => self.vector_unary(F32x4, "llvm.fabs"),
            F32x4Neg => self.vector_float_neg(F32x4),
            F32x4Sqrt => self.vector_unary(F32x4, "llvm.sqrt"),
            F32x4Add => self.vector_float_binary(F32x4, "sum", Builder::build_float_add),
            F32x4Sub => self.vector_float_binary(F32x4, "difference", Builder::build_float_sub),
            F32x4Mul => self.vector_float_binary(F32x4, "product", Builder::build_float_mul),
            F32x4Div => self.vector_float_binary(F32x4, "quotient", Builder::build_float_div),
            F32x4Min => self.vector_extreme(F32x4, Extreme::Minimum),
            F32x4Max => self.vector_extreme(F32x4, Extreme::Maximum),
            F32x4PMin => self.vector_pseudo_extreme(F32x4, Extreme::Minimum),
            F32x4PMax => self.vector_pseudo_extreme(F32x4, Extreme::Maximum),

            // f64x2 arithmetic
            F64x2Ceil => self.vector_round(F64x2, Rounding::Ceil),
            F64x2Floor => self.vector_round(F64x2, Rounding::Floor),
            F64x2Trunc => self.vector_round(F64x2, Rounding::Trunc),
            F64x2Nearest => self.vector_round(F64x2, Rounding::Nearest),
            F64x2Abs => self.vector_unary(F64x2, "llvm.fabs"),
            F64x2Neg => self.vector_float_neg(F64x2),
            F64x2Sqrt => self.vector_unary(F64x2, "llvm.sqrt"),
            F64x2Add => self.vector_float_binary(F64x2, "sum", Builder::build_float_add),
            F64x2Sub => self.vector_float_binary(F64x2, "difference", Builder::build_float_sub),
            F64x2Mul => self.vector_float_binary(F64x2, "product", Builder::build_float_mul),
            F64x2Div => self.vector_float_binary(F64x2, "quotient", Builder::build_float_div),
            F64x2Min => self.vector_extreme(F64x2, Extreme::Minimum),
            F64x2Max => self.vector_extreme(F64x2, Extreme::Maximum),
            F64x2PMin => self.vector_pseudo_extreme(F64x2, Extreme::Minimum),
            F64x2PMax => self.vector_pseudo_extreme(F64x2, Extreme::Maximum),

            // Conversions
            I32x4TruncSatF32x4S => self.vector_trunc_sat(Signed),
            I32x4TruncSatF32x4U => self.vector_trunc_sat(Unsigned),
            F32x4ConvertI32x4S => self.vector_convert(Signed),
            F32x4ConvertI32x4U => self.vector_convert(Unsigned),
            I32x4TruncSatF64x2SZero => self.vector_trunc_sat_zero(Signed),
            I32x4TruncSatF64x2UZero => self.vector_trunc_sat_zero(Unsigned),
            F64x2ConvertLowI32x4S => self.vector_convert_low(Signed),
            F64x2ConvertLowI32x4U => self.vector_convert_low(Unsigned),
            F32x4DemoteF64x2Zero => self.vector_demote_zero(),
            F64x2PromoteLowF32x4 => self.vector_promote_low(),

            other => Err(CompileError::internal(format!("validated operator without translation: {other:?}"))),
        }
    }
}
