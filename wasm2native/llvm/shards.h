//! Code generation of one LLVM module in several threads, each with a part of its functions.
//! `backend/shards.rs` repeats these declarations.
#pragma once

#include "llvm-c/Types.h"

extern "C" {

/// Divides the functions of `module` into `shards` parts of about the same size, makes everything they
/// share visible to the other objects of the same output, and answers the module as bitcode.
LLVMMemoryBufferRef w2n_split(LLVMModuleRef module, unsigned shards);

/// Reads part `shard` of what `w2n_split` made into `context`; null if LLVM cannot, which is our bug.
/// `bitcode` stays the caller's and must live as long as the module.
LLVMModuleRef w2n_load_shard(LLVMContextRef context, const char *bitcode, size_t size, unsigned shard);
}
