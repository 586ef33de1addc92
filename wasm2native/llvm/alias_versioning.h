//! Loops that the guest's compiler unrolled, with a check that their arrays do not overlap.
//!
//! The rule to know: only loops marked `kUnrolledByGuest` are touched; elsewhere this was measured to
//! make code slower.
#pragma once

#include "llvm/IR/PassManager.h"

namespace w2n {

/// LLVM's LoopVersioning for marked loops, and the clean-up that lets SLP use what it proved.
class AliasVersioning : public llvm::PassInfoMixin<AliasVersioning> {
public:
    llvm::PreservedAnalyses run(llvm::Function &function, llvm::FunctionAnalysisManager &analyses);
};

} // namespace w2n
