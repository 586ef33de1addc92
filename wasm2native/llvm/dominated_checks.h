//! Bounds checks of which an earlier check has said enough.
//!
//! The rule to know: memories never shrink. What was inside a memory once is inside it for ever, whatever
//! was called in between, and that is what LLVM cannot know.
#pragma once

#include "llvm/IR/PassManager.h"

namespace w2n {

/// Decides comparisons of an address with a memory's length by those that dominate them.
class DominatedChecks : public llvm::PassInfoMixin<DominatedChecks> {
public:
    llvm::PreservedAnalyses run(llvm::Function &function, llvm::FunctionAnalysisManager &analyses);
};

} // namespace w2n
