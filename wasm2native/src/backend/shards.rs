//! Code generation of one optimised LLVM module in several threads (`llvm/shards.cpp`).
//!
//! The rule: how a module is divided depends on the module alone, never on the number of threads.

use inkwell::context::Context;
use inkwell::memory_buffer::MemoryBuffer;
use inkwell::module::Module;
use llvm_sys::prelude::{LLVMContextRef, LLVMMemoryBufferRef, LLVMModuleRef};
use std::ffi::{c_char, c_uint};

use crate::error::{CompileError, Result};

/// LLVM instructions that are worth a thread: one to three seconds of code generation.
const INSTRUCTIONS_PER_SHARD: usize = 50_000;

/// More parts than this are not made: what all of them share is read by each.
pub const MAX_SHARDS: usize = 8;

unsafe extern "C" {
    fn w2n_split(module: LLVMModuleRef, shards: c_uint) -> LLVMMemoryBufferRef;
    fn w2n_load_shard(
        context: LLVMContextRef,
        bitcode: *const c_char,
        size: usize,
        shard: c_uint,
    ) -> LLVMModuleRef;
}

/// Into how many parts `module` is to be divided.
pub fn shard_count(module: &Module<'_>) -> usize {
    let blocks = module.get_functions().flat_map(|function| function.get_basic_blocks());
    let instructions: usize = blocks.map(|block| block.get_instructions().count()).sum();
    (instructions / INSTRUCTIONS_PER_SHARD).clamp(1, MAX_SHARDS)
}

/// Divides `module` into `shards` parts: bitcode from which [`load`] makes each of them.
pub fn split(module: &Module<'_>, shards: usize) -> Vec<u8> {
    // SAFETY: the module is alive and used by this thread alone; the answer is a buffer that is ours.
    let buffer = unsafe { MemoryBuffer::new(w2n_split(module.as_mut_ptr(), shards as c_uint)) };
    buffer.as_slice().to_vec()
}

/// Part `shard` of what [`split`] made, in a context of its own.
pub fn load<'c>(context: &'c Context, bitcode: &[u8], shard: usize) -> Result<Module<'c>> {
    // SAFETY: the context is alive and used by this thread alone, and so is the bitcode, which is read to
    // its end before the call returns.
    let module =
        unsafe { w2n_load_shard(context.raw(), bitcode.as_ptr().cast(), bitcode.len(), shard as c_uint) };
    match module.is_null() {
        true => Err(CompileError::internal("LLVM cannot read the bitcode it wrote")),
        // SAFETY: a module that is not null is a new one that is ours.
        false => Ok(unsafe { Module::new(module) }),
    }
}
