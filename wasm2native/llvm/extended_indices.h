//! Keeps one form of a guest address from block to block: the extended one.
//!
//! The rule to know: nothing is computed that was not computed before, only where and in which width it is
//! kept; the lower half of an extended value is the value.
#pragma once

#include "llvm/IR/PassManager.h"

namespace w2n {

/// Replaces 32-bit values that are used beyond their block by the lower half of their zero extension.
class ExtendedIndices : public llvm::PassInfoMixin<ExtendedIndices> {
public:
    llvm::PreservedAnalyses run(llvm::Function &function, llvm::FunctionAnalysisManager &analyses);
};

} // namespace w2n
