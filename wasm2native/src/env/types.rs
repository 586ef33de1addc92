//! LLVM types of Wasm values and functions, and the Wasm calling convention.
//!
//! Every Wasm function takes the instance as a hidden first parameter.

use inkwell::AddressSpace;
use inkwell::context::Context;
use inkwell::types::{
    BasicMetadataTypeEnum, BasicType, BasicTypeEnum, FloatType, FunctionType, IntType, PointerType,
    VectorType, VoidType,
};
use inkwell::values::VectorValue;

use crate::arch::TARGET;
use crate::wasm::FuncType;
use w2n_abi::ValueType;

/// Calling convention of every Wasm function, direct or indirect. (`env/tail.rs` has the other one.)
pub const WASM_CALL_CONVENTION: u32 = TARGET.calls.ordinary;

/// The LLVM types we use, looked up once.
#[derive(Clone, Copy, Debug)]
pub struct Types<'c> {
    /// What comparisons answer and branches take.
    pub i1: IntType<'c>,
    /// For 8-bit accesses, and to count offsets in bytes.
    pub i8: IntType<'c>,
    /// For 16-bit accesses.
    pub i16: IntType<'c>,
    /// `i32`
    pub i32: IntType<'c>,
    /// `i64`, also for addresses and lengths.
    pub i64: IntType<'c>,
    /// A pair of `i64`, for wide arithmetic.
    pub i128: IntType<'c>,
    /// `f32`
    pub f32: FloatType<'c>,
    /// `f64`
    pub f64: FloatType<'c>,
    /// `v128`
    pub vector: VectorType<'c>,
    /// Pointers and references.
    pub ptr: PointerType<'c>,
    /// No result.
    pub void: VoidType<'c>,
    context: &'c Context,
}

impl<'c> Types<'c> {
    /// The types of `context`.
    pub fn new(context: &'c Context) -> Self {
        Self {
            i1: context.bool_type(),
            i8: context.i8_type(),
            i16: context.i16_type(),
            i32: context.i32_type(),
            i64: context.i64_type(),
            i128: context.i128_type(),
            f32: context.f32_type(),
            f64: context.f64_type(),
            vector: context.i64_type().vec_type(2),
            ptr: context.ptr_type(AddressSpace::default()),
            void: context.void_type(),
            context,
        }
    }

    /// Type of a Wasm value in an LLVM register.
    pub fn value(&self, ty: ValueType) -> BasicTypeEnum<'c> {
        match ty {
            ValueType::I32 => self.i32.into(),
            ValueType::I64 => self.i64.into(),
            ValueType::F32 => self.f32.into(),
            ValueType::F64 => self.f64.into(),
            ValueType::V128 => self.vector.into(),
            ValueType::FuncRef | ValueType::ExternRef => self.ptr.into(),
        }
    }

    /// A vector with these bits, lane 0 in the lowest.
    pub fn vector_const(&self, bits: u128) -> VectorValue<'c> {
        let halves = [bits as u64, (bits >> 64) as u64];
        VectorType::const_vector(&halves.map(|half| self.i64.const_int(half, false)))
    }

    /// Type of a Wasm function: the instance, then the parameters; several results are a structure.
    pub fn func(&self, ty: &FuncType) -> FunctionType<'c> {
        let params: Vec<BasicMetadataTypeEnum> = std::iter::once(self.ptr.into())
            .chain(ty.params.iter().map(|ty| self.value(*ty).into()))
            .collect();
        match self.results(&ty.results) {
            None => self.void.fn_type(&params, false),
            Some(results) => results.fn_type(&params, false),
        }
    }

    /// Type of the results together: `None` for none, several are a structure.
    pub fn results(&self, results: &[ValueType]) -> Option<BasicTypeEnum<'c>> {
        match results {
            [] => None,
            [result] => Some(self.value(*result)),
            results => {
                let fields: Vec<_> = results.iter().map(|ty| self.value(*ty)).collect();
                Some(self.context.struct_type(&fields, false).into())
            }
        }
    }

    /// Type of an array-call entry: `void (code, instance, slots)`.
    pub fn array_entry(&self) -> FunctionType<'c> {
        self.void.fn_type(&[self.ptr.into(), self.ptr.into(), self.ptr.into()], false)
    }
}
