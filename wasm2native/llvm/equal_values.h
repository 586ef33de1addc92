//! Which values may turn out to be one when LLVM merges equal loads and forwards what was stored.
//!
//! The rule to know: accesses were volatile, so that two loads of one place are still two, and so is all that
//! was computed from them. What is not understood may be equal.
#pragma once

#include "llvm/IR/Instructions.h"

namespace w2n {

/// Whether a load may see what was stored through the same pointer, and so become any value.
bool mayBeForwarded(const llvm::LoadInst &load);

/// Whether two values may turn out to be one.
bool mayBeEqual(const llvm::Value &one, const llvm::Value &other);

/// Whether something that a value was computed from is a load from linear memory.
bool dependsOnLoad(const llvm::Value &value);

} // namespace w2n
