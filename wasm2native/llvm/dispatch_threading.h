//! Gives back the control flow that Wasm cannot say and its producers dispatch on a number.
//!
//! The rule to know: an edge is moved only past blocks that do nothing but find out where to go.
#pragma once

#include "llvm-c/Types.h"

extern "C" {

/// Leads each branch that sets a local to a constant directly to where a dispatch on that local goes, in
/// all functions of `module`. Locals are still allocas. `backend/promote.rs` repeats this declaration.
void w2n_thread_dispatches(LLVMModuleRef module);
}
