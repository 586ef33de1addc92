//! What our passes leave is verified, where it is asked for.
//!
//! LLVM's own checks of loops are assertions, which its library is built without; so the loops are found once
//! more and compared.

#include "verify.h"

#include "llvm/Analysis/LoopInfo.h"
#include "llvm/IR/Dominators.h"
#include "llvm/IR/Verifier.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;

namespace w2n {

namespace {

[[noreturn]] void reportUnverified(StringRef pass, const Function &function, const Twine &problem) {
    report_fatal_error("verification failed after " + pass + " in " + function.getName() + ": " + problem);
}

/// Whether `block` is in loops with the same headers in both.
bool isInSameLoops(const BasicBlock *block, const LoopInfo &loops, const LoopInfo &fresh) {
    Loop *loop = loops.getLoopFor(block);
    Loop *other = fresh.getLoopFor(block);
    for (; loop && other; loop = loop->getParentLoop(), other = other->getParentLoop()) {
        if (loop->getHeader() != other->getHeader() || loop->getNumBlocks() != other->getNumBlocks())
            return false;
    }
    return !loop && !other;
}

template <typename Analysis> bool isPreserved(const PreservedAnalyses &preserved) {
    auto checker = preserved.getChecker<Analysis>();
    return checker.preserved() || checker.template preservedSet<AllAnalysesOn<Function>>() ||
           checker.template preservedSet<CFGAnalyses>();
}

} // namespace

void verifyAfter(StringRef pass, Function &function, FunctionAnalysisManager &analyses,
                 const PreservedAnalyses &preserved) {
    std::string problem;
    raw_string_ostream stream(problem);
    if (verifyFunction(function, &stream))
        reportUnverified(pass, function, problem);
    auto *dominators = analyses.getCachedResult<DominatorTreeAnalysis>(function);
    if (dominators && isPreserved<DominatorTreeAnalysis>(preserved) && !dominators->verify())
        reportUnverified(pass, function, "the dominator tree is another");
    auto *loops = analyses.getCachedResult<LoopAnalysis>(function);
    if (!loops || !isPreserved<LoopAnalysis>(preserved))
        return;
    DominatorTree freshDominators(function);
    LoopInfo fresh(freshDominators);
    for (const BasicBlock &block : function) {
        if (freshDominators.isReachableFromEntry(&block) && !isInSameLoops(&block, *loops, fresh))
            reportUnverified(pass, function, "the loops are others");
    }
}

} // namespace w2n
