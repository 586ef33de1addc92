//! Keeps the traps of loads through the back end, which sinks and narrows.
//!
//! The rule to know: it comes last. Plain loads whose block does not surely use all of them become volatile;
//! where the back end loses volatile ones too, their values pass through an empty asm statement.
#pragma once

#include "llvm/IR/PassManager.h"

namespace w2n {

class KeptAccesses : public llvm::PassInfoMixin<KeptAccesses> {
public:
    llvm::PreservedAnalyses run(llvm::Function &function, llvm::FunctionAnalysisManager &analyses);

    /// Huge functions, which most passes leave alone, need it as well.
    static bool isRequired() { return true; }
};

/// The same at -O0, where all loads are volatile and no pipeline runs.
void keepOpaqueLoads(llvm::Function &function);

} // namespace w2n
