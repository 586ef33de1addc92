//! The tail convention: how functions that make tail calls are called, so that the caller's frame can go
//! first.
//!
//! The rule: nothing is passed on the stack, so whatever calls whatever, no frame has to change its size.
//! Arguments beyond the registers lie in the caller's instance, and the callee takes them out before it
//! does anything else; results beyond the registers go to memory of the function that waits for them.

use inkwell::types::{BasicMetadataTypeEnum, BasicType, FunctionType};

use super::types::Types;
use crate::arch::TARGET;
use crate::wasm::FuncType;
use w2n_abi::{ValueSlot, ValueType};

/// The only convention in which LLVM lets a `musttail` call have another type than its function.
pub const TAIL_CALL_CONVENTION: u32 = TARGET.calls.tail;

/// Registers for integer and reference arguments; the instance takes one.
const INT_REGISTERS: usize = TARGET.calls.tail_int_registers;

/// Registers for float and vector arguments.
const FLOAT_REGISTERS: usize = TARGET.calls.tail_float_registers;

/// As many results fit in registers, whatever their types.
const RESULT_REGISTERS: usize = TARGET.calls.tail_result_registers;

/// How a parameter is passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passing {
    /// As the parameter of the LLVM function at this position.
    Register(u32),
    /// In the memory for further arguments, at this byte offset.
    Memory(u32),
}

/// A function type in the tail convention: the instance, parameters in registers, then pointers to the
/// memory for results and for further arguments where there are any.
#[derive(Clone, Debug)]
pub struct TailSignature {
    /// One per parameter.
    pub params: Vec<Passing>,
    /// Position of the pointer to where the results go.
    pub results_pointer: Option<u32>,
    /// Position of the pointer to the arguments in memory.
    pub arguments_pointer: Option<u32>,
    /// Bytes of the arguments in memory.
    pub arguments_size: u32,
    register_types: Vec<ValueType>,
    ty: FuncType,
}

impl TailSignature {
    /// How functions of type `ty` are called.
    pub fn new(ty: &FuncType) -> Self {
        let floats = ty.params.iter().filter(|ty| is_float(**ty)).count();
        let ints = ty.params.len() - floats;
        let results_in_memory = ty.results.len() > RESULT_REGISTERS;
        let ints_free = INT_REGISTERS - 1 - usize::from(results_in_memory);
        let arguments_in_memory = ints > ints_free || floats > FLOAT_REGISTERS;
        let mut free = [ints_free - usize::from(arguments_in_memory), FLOAT_REGISTERS];
        let mut register_types = Vec::new();
        let mut arguments_size = 0;
        let pass = |ty: &ValueType| {
            let free = &mut free[usize::from(is_float(*ty))];
            if *free > 0 {
                *free -= 1;
                register_types.push(*ty);
                Passing::Register(register_types.len() as u32)
            } else {
                arguments_size += size_of::<ValueSlot>() as u32;
                Passing::Memory(arguments_size - size_of::<ValueSlot>() as u32)
            }
        };
        let params = ty.params.iter().map(pass).collect();
        let first_pointer = register_types.len() as u32 + 1;
        Self {
            params,
            results_pointer: results_in_memory.then_some(first_pointer),
            arguments_pointer: arguments_in_memory.then_some(first_pointer + u32::from(results_in_memory)),
            arguments_size,
            register_types,
            ty: ty.clone(),
        }
    }

    /// The type of the LLVM function.
    pub fn func_type<'c>(&self, types: &Types<'c>) -> FunctionType<'c> {
        let pointers = [self.results_pointer, self.arguments_pointer].into_iter().flatten().count();
        let params: Vec<BasicMetadataTypeEnum> = std::iter::once(types.ptr.into())
            .chain(self.register_types.iter().map(|ty| types.value(*ty).into()))
            .chain(std::iter::repeat_n(types.ptr.into(), pointers))
            .collect();
        match types.results(&self.ty.results) {
            Some(results) if self.results_pointer.is_none() => results.fn_type(&params, false),
            _ => types.void.fn_type(&params, false),
        }
    }

    /// The function type.
    pub fn ty(&self) -> &FuncType {
        &self.ty
    }
}

fn is_float(ty: ValueType) -> bool {
    matches!(ty, ValueType::F32 | ValueType::F64 | ValueType::V128)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ValueType::{F64, I32, I64};

    fn signature(params: &[ValueType], results: &[ValueType]) -> TailSignature {
        TailSignature::new(&FuncType { params: params.to_vec(), results: results.to_vec() })
    }

    fn registers(signature: &TailSignature) -> usize {
        signature.params.iter().filter(|passing| matches!(passing, Passing::Register(_))).count()
    }

    #[test]
    fn the_instance_and_every_pointer_take_a_register_for_integers() {
        let full = signature(&[I32; 5], &[]);
        assert_eq!((registers(&full), full.arguments_pointer), (5, None));
        let one_more = signature(&[I32; 6], &[]);
        assert_eq!(
            (registers(&one_more), one_more.arguments_pointer, one_more.arguments_size),
            (4, Some(5), 32)
        );
        let with_results = signature(&[I32; 5], &[I64; 3]);
        assert_eq!((registers(&with_results), with_results.results_pointer), (3, Some(4)));
        assert_eq!(with_results.arguments_pointer, Some(5));
    }

    #[test]
    fn integers_and_floats_do_not_take_registers_from_each_other() {
        let mixed = signature(&[[F64; 9].as_slice(), &[I64; 4]].concat(), &[F64, I32]);
        assert_eq!(mixed.params[7..10], [Passing::Register(8), Passing::Memory(0), Passing::Register(9)]);
        assert_eq!((mixed.results_pointer, mixed.arguments_pointer), (None, Some(13)));
    }
}
