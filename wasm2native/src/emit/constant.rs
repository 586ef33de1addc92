//! Constant data in the layout of the ABI's structures, by the offsets that `offset_of!` gives.

use inkwell::GlobalVisibility;
use inkwell::module::Linkage;
use inkwell::values::{ArrayValue, AsValueRef, BasicValueEnum, GlobalValue, PointerValue, StructValue};

use crate::env::ModuleEnv;
use crate::env::layout::Word;
use std::mem::offset_of;
use w2n_abi::Slice;

/// A structure under construction: values at byte offsets.
pub struct ConstStruct<'c, 'e> {
    env: &'e ModuleEnv<'c, 'e>,
    size: usize,
    fields: Vec<(usize, usize, BasicValueEnum<'c>)>,
}

impl<'c, 'e> ConstStruct<'c, 'e> {
    /// A structure of `size` bytes, zero where nothing is put.
    pub fn new(env: &'e ModuleEnv<'c, 'e>, size: usize) -> Self {
        Self { env, size, fields: Vec::new() }
    }

    /// Puts a `u32` at `offset`.
    pub fn u32(self, offset: usize, value: u32) -> Self {
        let value = self.env.types.i32.const_int(value.into(), false);
        self.put(offset, size_of::<u32>(), value.into())
    }

    /// Puts a `u64` at `offset`.
    pub fn u64(self, offset: usize, value: u64) -> Self {
        let value = self.env.types.i64.const_int(value, false);
        self.put(offset, size_of::<u64>(), value.into())
    }

    /// Puts a pointer at `offset`.
    pub fn pointer(self, offset: usize, value: PointerValue<'c>) -> Self {
        self.put(offset, size_of::<Word>(), value.into())
    }

    /// Puts a slice at `offset`.
    pub fn slice(self, offset: usize, (pointer, length): (PointerValue<'c>, u64)) -> Self {
        self.pointer(offset + offset_of!(Slice<Word>, ptr), pointer)
            .u64(offset + offset_of!(Slice<Word>, len), length)
    }

    /// Puts a structure of `size` bytes at `offset`.
    pub fn nested(self, offset: usize, size: usize, value: StructValue<'c>) -> Self {
        self.put(offset, size, value.into())
    }

    fn put(mut self, offset: usize, size: usize, value: BasicValueEnum<'c>) -> Self {
        self.fields.push((offset, size, value));
        self
    }

    /// The finished structure, packed, with padding written out.
    pub fn finish(mut self) -> StructValue<'c> {
        self.fields.sort_by_key(|(offset, ..)| *offset);
        let mut values = Vec::with_capacity(self.fields.len());
        let mut cursor = 0;
        for (offset, size, value) in &self.fields {
            assert!(*offset >= cursor, "fields of a constant overlap at byte {offset}");
            self.pad(&mut values, *offset - cursor);
            values.push(*value);
            cursor = offset + size;
        }
        self.pad(&mut values, self.size - cursor);
        self.env.context.const_struct(&values, true)
    }

    fn pad(&self, values: &mut Vec<BasicValueEnum<'c>>, count: usize) {
        if count > 0 {
            values.push(self.env.types.i8.array_type(count as u32).const_zero().into());
        }
    }
}

/// A constant global that only this module's data refers to.
pub fn private_constant<'c>(
    env: &ModuleEnv<'c, '_>,
    name: &str,
    value: BasicValueEnum<'c>,
    align: u32,
) -> GlobalValue<'c> {
    let global = env.llvm.add_global(value.get_type(), None, &env.symbols.internal(name));
    global.set_initializer(&value);
    global.set_constant(true);
    global.set_linkage(Linkage::Private);
    global.set_alignment(align);
    global.set_visibility(GlobalVisibility::Default);
    global
}

/// Bytes as a slice.
pub fn byte_slice<'c>(env: &ModuleEnv<'c, '_>, name: &str, bytes: &[u8]) -> (PointerValue<'c>, u64) {
    if bytes.is_empty() {
        return (env.types.ptr.const_null(), 0);
    }
    let constant = private_constant(env, name, env.context.const_string(bytes, false).into(), 1);
    (constant.as_pointer_value(), bytes.len() as u64)
}

/// Equal structures, one after the other, as a slice.
pub fn struct_slice<'c>(
    env: &ModuleEnv<'c, '_>,
    name: &str,
    elements: &[StructValue<'c>],
) -> (PointerValue<'c>, u64) {
    let Some(first) = elements.first() else { return (env.types.ptr.const_null(), 0) };
    // Elements that hold different pointers have the same packed type, so an array can hold them; where
    // the types differ a structure does, with the same bytes.
    let is_uniform = elements.iter().all(|element| element.get_type() == first.get_type());
    let value: BasicValueEnum = if is_uniform {
        first.get_type().const_array(elements).into()
    } else {
        let fields: Vec<BasicValueEnum> = elements.iter().map(|element| (*element).into()).collect();
        env.context.const_struct(&fields, true).into()
    };
    (private_constant(env, name, value, 16).as_pointer_value(), elements.len() as u64)
}

/// Numbers as a slice of `u32`.
pub fn u32_slice<'c>(env: &ModuleEnv<'c, '_>, name: &str, numbers: &[u32]) -> (PointerValue<'c>, u64) {
    if numbers.is_empty() {
        return (env.types.ptr.const_null(), 0);
    }
    let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
    let constant = private_constant(env, name, const_bytes(env, &bytes).into(), 4);
    (constant.as_pointer_value(), numbers.len() as u64)
}

fn const_bytes<'c>(env: &ModuleEnv<'c, '_>, bytes: &[u8]) -> ArrayValue<'c> {
    let value = env.context.const_string(bytes, false);
    debug_assert!(!value.as_value_ref().is_null());
    value
}
