//! Gives back the control flow that Wasm cannot say and its producers dispatch on a number.
//!
//! The rule to know: an edge is moved only past blocks that do nothing but find out where to go.
#pragma once

#include "llvm/IR/Function.h"

namespace w2n {

/// Leads each branch that sets a local to a constant directly to where a dispatch on that local goes. Locals
/// are still allocas.
void threadDispatchesOf(llvm::Function &function);

} // namespace w2n
