//! Constant expressions: initial values and segment offsets. spec: valid/instructions, constant expressions.

use wasmparser::Operator;

use super::index::{FuncIndex, GlobalIndex};
use super::module::value_type_of_heap;
use crate::error::{CompileError, Result};
use w2n_abi::ValueType;

/// One instruction of a constant expression.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ConstOp {
    /// `i32.const`
    I32(i32),
    /// `i64.const`
    I64(i64),
    /// `f32.const`, as bits.
    F32(u32),
    /// `f64.const`, as bits.
    F64(u64),
    /// `v128.const`, as bits, lane 0 in the lowest.
    V128(u128),
    /// `global.get`
    GlobalGet(GlobalIndex),
    /// `ref.func`
    RefFunc(FuncIndex),
    /// `ref.null`
    RefNull(ValueType),
    /// `i32.add`, `i64.add` (extended constant expressions).
    Add,
    /// `i32.sub`, `i64.sub`
    Sub,
    /// `i32.mul`, `i64.mul`
    Mul,
}

/// A validated constant expression, in postfix order.
#[derive(Clone, Debug, PartialEq)]
pub struct ConstExpr {
    /// Its instructions without the `end`.
    pub ops: Vec<ConstOp>,
}

impl ConstExpr {
    /// The bytes of the value, lowest first, if it is a plain constant: what is compiled in as data.
    pub fn plain_bits(&self) -> Option<u128> {
        match *self.ops.as_slice() {
            [ConstOp::I32(value)] => Some(u128::from(value as u32)),
            [ConstOp::I64(value)] => Some(u128::from(value as u64)),
            [ConstOp::F32(bits)] => Some(u128::from(bits)),
            [ConstOp::F64(bits)] => Some(u128::from(bits)),
            [ConstOp::V128(bits)] => Some(bits),
            [ConstOp::RefNull(_)] => Some(0),
            _ => None,
        }
    }

    /// Reads a validated expression.
    pub(super) fn read(expr: &wasmparser::ConstExpr<'_>) -> Result<Self> {
        let mut ops = Vec::new();
        let mut reader = expr.get_operators_reader();
        while !reader.eof() {
            let (operator, offset) = reader.read_with_offset().map_err(super::parse::malformed)?;
            ops.push(match operator {
                Operator::I32Const { value } => ConstOp::I32(value),
                Operator::I64Const { value } => ConstOp::I64(value),
                Operator::F32Const { value } => ConstOp::F32(value.bits()),
                Operator::F64Const { value } => ConstOp::F64(value.bits()),
                Operator::V128Const { value } => ConstOp::V128(value.i128() as u128),
                Operator::GlobalGet { global_index } => ConstOp::GlobalGet(GlobalIndex(global_index)),
                Operator::RefFunc { function_index } => ConstOp::RefFunc(FuncIndex(function_index)),
                Operator::RefNull { hty } => ConstOp::RefNull(value_type_of_heap(hty)?),
                Operator::I32Add | Operator::I64Add => ConstOp::Add,
                Operator::I32Sub | Operator::I64Sub => ConstOp::Sub,
                Operator::I32Mul | Operator::I64Mul => ConstOp::Mul,
                Operator::End => continue,
                other => {
                    let message = format!("{other:?} in a constant expression is not supported");
                    return Err(CompileError::input(message).at(offset as usize));
                }
            });
        }
        Ok(Self { ops })
    }

    /// The function that the expression is a plain reference to; `None` inside for `ref.null`.
    pub fn as_plain_func_ref(&self) -> Option<Option<FuncIndex>> {
        match self.ops.as_slice() {
            [ConstOp::RefFunc(func)] => Some(Some(*func)),
            [ConstOp::RefNull(ValueType::FuncRef)] => Some(None),
            _ => None,
        }
    }

    /// The offset that the expression is, if it is one constant.
    pub fn as_plain_offset(&self) -> Option<u64> {
        match self.ops.as_slice() {
            [ConstOp::I32(start)] => Some(u64::from(*start as u32)),
            [ConstOp::I64(start)] => Some(*start as u64),
            _ => None,
        }
    }
}
