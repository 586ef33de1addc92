//! Loops that are run twice and compared: `-C check-loops=1`, for tests and for users who report a bug.
//!
//! The rule to know: `LoopChecks` comes before everything that versions, rerolls or vectorises loops, and
//! `LoopCheckStores` after everything; what lies between is what is checked.
#pragma once

#include "llvm/IR/PassManager.h"

extern "C" {

/// Symbols of the runtime's functions and the number of a trap (`backend/optimise.rs` repeats this).
struct W2nLoopCheckAbi {
    const char *begin;
    const char *store;
    const char *swap;
    const char *end;
    const char *trap;
    unsigned stackOverflow;
};
}

namespace w2n {

/// Puts in front of each innermost loop without calls a copy that no loop pass touches, which runs first;
/// what it has stored is taken back then. Behind the loop its values and all of memory are compared with the
/// copy's.
class LoopChecks : public llvm::PassInfoMixin<LoopChecks> {
public:
    explicit LoopChecks(const W2nLoopCheckAbi &abi) : abi(abi) {}
    llvm::PreservedAnalyses run(llvm::Function &function, llvm::FunctionAnalysisManager &analyses);

private:
    W2nLoopCheckAbi abi;
};

/// Announces each store of both loops to the runtime, whatever has become of them.
class LoopCheckStores : public llvm::PassInfoMixin<LoopCheckStores> {
public:
    explicit LoopCheckStores(const W2nLoopCheckAbi &abi) : abi(abi) {}
    llvm::PreservedAnalyses run(llvm::Function &function, llvm::FunctionAnalysisManager &analyses);

private:
    W2nLoopCheckAbi abi;
};

} // namespace w2n
