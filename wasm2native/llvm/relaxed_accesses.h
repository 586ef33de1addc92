//! Makes those accesses to linear memory plain that LLVM cannot lose.
//!
//! The rule to know: up to here every access is volatile, so that no simplification has lost one. What is
//! certain to stay is plain from here on, and gets the passes that need plain accesses; the rest stays
//! volatile.
#pragma once

#include "llvm/IR/PassManager.h"
#include "llvm/Passes/OptimizationLevel.h"

namespace w2n {

class RelaxedAccesses : public llvm::PassInfoMixin<RelaxedAccesses> {
public:
    explicit RelaxedAccesses(llvm::OptimizationLevel level);

    llvm::PreservedAnalyses run(llvm::Function &function, llvm::FunctionAnalysisManager &analyses);

private:
    /// What could not be done while accesses were volatile.
    llvm::FunctionPassManager cleanup;
};

} // namespace w2n
