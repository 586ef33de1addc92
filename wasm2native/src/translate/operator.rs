//! THE TABLE: every operator and what translates it, in the order of the specification.
//!
//! Arms are one line. What an arm calls is in the file of its family.

use inkwell::builder::Builder;
use inkwell::{FloatPredicate, IntPredicate};
use wasmparser::Operator;

use super::float::Extreme;
use super::func::FuncTranslator;
use super::integer::Shift;
use super::memory::Signedness::{Signed, Unsigned};
use super::memory::Width::{Bits8, Bits16, Bits32};
use crate::error::Result;
use crate::wasm::{DataIndex, ElementIndex, FuncIndex, GlobalIndex, MemoryIndex, TableIndex};
use w2n_abi::ValueType::{F32, F64, I32, I64};

impl<'c> FuncTranslator<'c, '_> {
    /// Translates an operator that can be reached.
    #[rustfmt::skip]
    pub(super) fn translate_operator(&mut self, operator: Operator<'_>) -> Result<()> {
        use Operator::*;
        let types = self.types();
        match operator {
            // Control instructions
            Unreachable => self.translate_unreachable(),
            Nop => Ok(()),
            Block { blockty } => self.translate_block(blockty),
            Loop { blockty } => self.translate_loop(blockty),
            If { blockty } => self.translate_if(blockty),
            Else => self.translate_else(),
            End => self.translate_end(),
            Br { relative_depth } => self.translate_br(relative_depth),
            BrIf { relative_depth } => self.translate_br_if(relative_depth),
            BrOnNull { relative_depth } => self.translate_br_on_null(relative_depth),
            BrOnNonNull { relative_depth } => self.translate_br_on_non_null(relative_depth),
            BrTable { targets } => self.translate_br_table(&targets),
            Return => self.translate_return(),
            Call { function_index } => self.translate_call(FuncIndex(function_index)),
            CallIndirect { type_index, table_index } => self.translate_call_indirect(self.env.module.type_index(type_index), TableIndex(table_index)),
            CallRef { type_index } => self.translate_call_ref(self.env.module.type_index(type_index)),
            ReturnCall { function_index } => self.translate_return_call(FuncIndex(function_index)),
            ReturnCallIndirect { type_index, table_index } => self.translate_return_call_indirect(self.env.module.type_index(type_index), TableIndex(table_index)),
            ReturnCallRef { type_index } => self.translate_return_call_ref(self.env.module.type_index(type_index)),

            // Reference instructions
            RefNull { hty } => self.translate_ref_null(hty),
            RefIsNull => self.translate_ref_is_null(),
            RefAsNonNull => self.translate_ref_as_non_null(),
            RefFunc { function_index } => self.translate_ref_func(FuncIndex(function_index)),

            // Parametric instructions
            Drop => self.translate_drop(),
            Select | TypedSelect { .. } => self.translate_select(),

            // Variable instructions
            LocalGet { local_index } => self.translate_local_get(local_index),
            LocalSet { local_index } => self.translate_local_set(local_index),
            LocalTee { local_index } => self.translate_local_tee(local_index),
            GlobalGet { global_index } => self.translate_global_get(GlobalIndex(global_index)),
            GlobalSet { global_index } => self.translate_global_set(GlobalIndex(global_index)),

            // Table instructions
            TableGet { table } => self.translate_table_get(TableIndex(table)),
            TableSet { table } => self.translate_table_set(TableIndex(table)),
            TableSize { table } => self.translate_table_size(TableIndex(table)),
            TableGrow { table } => self.translate_table_grow(TableIndex(table)),
            TableFill { table } => self.translate_table_fill(TableIndex(table)),
            TableCopy { dst_table, src_table } => self.translate_table_copy(TableIndex(dst_table), TableIndex(src_table)),
            TableInit { elem_index, table } => self.translate_table_init(ElementIndex(elem_index), TableIndex(table)),
            ElemDrop { elem_index } => self.build_elem_drop(ElementIndex(elem_index)),

            // Memory instructions
            I32Load { memarg } => self.translate_load(memarg, I32),
            I64Load { memarg } => self.translate_load(memarg, I64),
            F32Load { memarg } => self.translate_load(memarg, F32),
            F64Load { memarg } => self.translate_load(memarg, F64),
            I32Load8S { memarg } => self.translate_load_extend(memarg, I32, Bits8, Signed),
            I32Load8U { memarg } => self.translate_load_extend(memarg, I32, Bits8, Unsigned),
            I32Load16S { memarg } => self.translate_load_extend(memarg, I32, Bits16, Signed),
            I32Load16U { memarg } => self.translate_load_extend(memarg, I32, Bits16, Unsigned),
            I64Load8S { memarg } => self.translate_load_extend(memarg, I64, Bits8, Signed),
            I64Load8U { memarg } => self.translate_load_extend(memarg, I64, Bits8, Unsigned),
            I64Load16S { memarg } => self.translate_load_extend(memarg, I64, Bits16, Signed),
            I64Load16U { memarg } => self.translate_load_extend(memarg, I64, Bits16, Unsigned),
            I64Load32S { memarg } => self.translate_load_extend(memarg, I64, Bits32, Signed),
            I64Load32U { memarg } => self.translate_load_extend(memarg, I64, Bits32, Unsigned),
            I32Store { memarg } => self.translate_store(memarg, I32),
            I64Store { memarg } => self.translate_store(memarg, I64),
            F32Store { memarg } => self.translate_store(memarg, F32),
            F64Store { memarg } => self.translate_store(memarg, F64),
            I32Store8 { memarg } => self.translate_store_wrap(memarg, Bits8),
            I32Store16 { memarg } => self.translate_store_wrap(memarg, Bits16),
            I64Store8 { memarg } => self.translate_store_wrap(memarg, Bits8),
            I64Store16 { memarg } => self.translate_store_wrap(memarg, Bits16),
            I64Store32 { memarg } => self.translate_store_wrap(memarg, Bits32),
            MemorySize { mem } => self.translate_memory_size(MemoryIndex(mem)),
            MemoryGrow { mem } => self.translate_memory_grow(MemoryIndex(mem)),
            MemoryFill { mem } => self.translate_memory_fill(MemoryIndex(mem)),
            MemoryCopy { dst_mem, src_mem } => self.translate_memory_copy(MemoryIndex(dst_mem), MemoryIndex(src_mem)),
            MemoryInit { data_index, mem } => self.translate_memory_init(DataIndex(data_index), MemoryIndex(mem)),
            DataDrop { data_index } => self.build_data_drop(DataIndex(data_index)),

            // Numeric instructions: constants
            I32Const { value } => { self.push(types.i32.const_int(value as u32 as u64, false)); Ok(()) }
            I64Const { value } => { self.push(types.i64.const_int(value as u64, false)); Ok(()) }
            F32Const { value } => self.float_const(value.bits().into(), types.f32),
            F64Const { value } => self.float_const(value.bits(), types.f64),

            // i32 and i64 comparison
            I32Eqz | I64Eqz => self.int_is_zero(),
            I32Eq | I64Eq => self.int_compare(IntPredicate::EQ),
            I32Ne | I64Ne => self.int_compare(IntPredicate::NE),
            I32LtS | I64LtS => self.int_compare(IntPredicate::SLT),
            I32LtU | I64LtU => self.int_compare(IntPredicate::ULT),
            I32GtS | I64GtS => self.int_compare(IntPredicate::SGT),
            I32GtU | I64GtU => self.int_compare(IntPredicate::UGT),
            I32LeS | I64LeS => self.int_compare(IntPredicate::SLE),
            I32LeU | I64LeU => self.int_compare(IntPredicate::ULE),
            I32GeS | I64GeS => self.int_compare(IntPredicate::SGE),
            I32GeU | I64GeU => self.int_compare(IntPredicate::UGE),

            // f32 and f64 comparison
            F32Eq | F64Eq => self.float_compare(FloatPredicate::OEQ),
            F32Ne | F64Ne => self.float_compare(FloatPredicate::UNE),
            F32Lt | F64Lt => self.float_compare(FloatPredicate::OLT),
            F32Gt | F64Gt => self.float_compare(FloatPredicate::OGT),
            F32Le | F64Le => self.float_compare(FloatPredicate::OLE),
            F32Ge | F64Ge => self.float_compare(FloatPredicate::OGE),

            // i32 and i64 arithmetic
            I32Clz | I64Clz => self.int_count_zeros("llvm.ctlz"),
            I32Ctz | I64Ctz => self.int_count_zeros("llvm.cttz"),
            I32Popcnt | I64Popcnt => self.int_popcnt(),
            I32Add | I64Add => self.int_binary("sum", Builder::build_int_add),
            I32Sub | I64Sub => self.int_binary("difference", Builder::build_int_sub),
            I32Mul | I64Mul => self.int_binary("product", Builder::build_int_mul),
            I32DivS | I64DivS => self.int_div(Signed),
            I32DivU | I64DivU => self.int_div(Unsigned),
            I32RemS | I64RemS => self.int_rem(Signed),
            I32RemU | I64RemU => self.int_rem(Unsigned),
            I32And | I64And => self.int_binary("and", Builder::build_and),
            I32Or | I64Or => self.int_binary("or", Builder::build_or),
            I32Xor | I64Xor => self.int_binary("xor", Builder::build_xor),
            I32Shl | I64Shl => self.int_shift(Shift::Left),
            I32ShrS | I64ShrS => self.int_shift(Shift::RightSigned),
            I32ShrU | I64ShrU => self.int_shift(Shift::RightUnsigned),
            I32Rotl | I64Rotl => self.int_rotate("llvm.fshl"),
            I32Rotr | I64Rotr => self.int_rotate("llvm.fshr"),

            // f32 and f64 arithmetic
            F32Abs | F64Abs => self.float_unary("llvm.fabs"),
            F32Neg | F64Neg => self.float_neg(),
            F32Ceil | F64Ceil => self.float_round("llvm.ceil"),
            F32Floor | F64Floor => self.float_round("llvm.floor"),
            F32Trunc | F64Trunc => self.float_round("llvm.trunc"),
            F32Nearest | F64Nearest => self.float_round("llvm.roundeven"),
            F32Sqrt | F64Sqrt => self.float_unary("llvm.sqrt"),
            F32Add | F64Add => self.float_binary("sum", Builder::build_float_add),
            F32Sub | F64Sub => self.float_binary("difference", Builder::build_float_sub),
            F32Mul | F64Mul => self.float_binary("product", Builder::build_float_mul),
            F32Div | F64Div => self.float_binary("quotient", Builder::build_float_div),
            F32Min | F64Min => self.float_extreme(Extreme::Minimum),
            F32Max | F64Max => self.float_extreme(Extreme::Maximum),
            F32Copysign | F64Copysign => self.float_copysign(),

            // Conversions
            I32WrapI64 => self.int_wrap(),
            I32TruncF32S | I32TruncF64S => self.float_trunc(types.i32, Signed),
            I32TruncF32U | I32TruncF64U => self.float_trunc(types.i32, Unsigned),
            I64ExtendI32S => self.int_extend(Signed),
            I64ExtendI32U => self.int_extend(Unsigned),
            I64TruncF32S | I64TruncF64S => self.float_trunc(types.i64, Signed),
            I64TruncF32U | I64TruncF64U => self.float_trunc(types.i64, Unsigned),
            F32ConvertI32S | F32ConvertI64S => self.int_convert(types.f32, Signed),
            F32ConvertI32U | F32ConvertI64U => self.int_convert(types.f32, Unsigned),
            F32DemoteF64 => self.float_demote(),
            F64ConvertI32S | F64ConvertI64S => self.int_convert(types.f64, Signed),
            F64ConvertI32U | F64ConvertI64U => self.int_convert(types.f64, Unsigned),
            F64PromoteF32 => self.float_promote(),
            I32ReinterpretF32 => self.reinterpret(I32),
            I64ReinterpretF64 => self.reinterpret(I64),
            F32ReinterpretI32 => self.reinterpret(F32),
            F64ReinterpretI64 => self.reinterpret(F64),

            // Sign extension
            I32Extend8S | I64Extend8S => self.int_extend_low(Bits8),
            I32Extend16S | I64Extend16S => self.int_extend_low(Bits16),
            I64Extend32S => self.int_extend_low(Bits32),

            // Saturating conversions
            I32TruncSatF32S | I32TruncSatF64S => self.float_trunc_sat(types.i32, Signed),
            I32TruncSatF32U | I32TruncSatF64U => self.float_trunc_sat(types.i32, Unsigned),
            I64TruncSatF32S | I64TruncSatF64S => self.float_trunc_sat(types.i64, Signed),
            I64TruncSatF32U | I64TruncSatF64U => self.float_trunc_sat(types.i64, Unsigned),

            // Wide arithmetic
            I64Add128 => self.wide_binary("sum", Builder::build_int_add),
            I64Sub128 => self.wide_binary("difference", Builder::build_int_sub),
            I64MulWideS => self.wide_mul(Signed),
            I64MulWideU => self.wide_mul(Unsigned),

            // Vector instructions
            vector => self.translate_vector_operator(vector),
        }
    }
}
