//! Takes back the unrolling that the guest's compiler has done.
//!
//! The rule to know: a loop is rerolled only if every instruction of each copy of its body was matched with
//! one of the copy before it, and no load changes places with a store that it may read.
#pragma once

#include "llvm/IR/PassManager.h"

namespace w2n {

/// Makes `U` iterations of the counted loops of `WrapVersioning` out of one that is `U` copies.
class Reroll : public llvm::PassInfoMixin<Reroll> {
public:
    llvm::PreservedAnalyses run(llvm::Function &function, llvm::FunctionAnalysisManager &analyses);
};

} // namespace w2n
