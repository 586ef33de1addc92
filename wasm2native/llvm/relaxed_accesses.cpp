//! Decides which accesses become plain, and lets LLVM optimise them.

#include "relaxed_accesses.h"

#include "certain_loads.h"
#include "linear_memory.h"
#include "llvm/ADT/PostOrderIterator.h"
#include "llvm/Analysis/ScalarEvolution.h"
#include "llvm/Transforms/InstCombine/InstCombine.h"
#include "llvm/Transforms/Scalar/EarlyCSE.h"
#include "llvm/Transforms/Scalar/GVN.h"
#include "llvm/Transforms/Scalar/LICM.h"
#include "llvm/Transforms/Scalar/LoopIdiomRecognize.h"
#include "llvm/Transforms/Scalar/LoopPassManager.h"
#include "llvm/Transforms/Scalar/SimplifyCFG.h"

using namespace llvm;

namespace w2n {

namespace {

class AccessRelaxer {
public:
    AccessRelaxer(Function &function, FunctionAnalysisManager &analyses)
        : function(function), loops(analyses.getResult<LoopAnalysis>(function)),
          evolution(analyses.getResult<ScalarEvolutionAnalysis>(function)),
          certain(Stage::Optimisation, loops, analyses.getResult<PostDominatorTreeAnalysis>(function)) {}

    bool run() {
        bool isChanged = false;
        for (BasicBlock *block : post_order(&function)) {
            for (Instruction &instruction : reverse(*block)) {
                if (!instruction.isVolatile() || !isLinearMemory(instruction))
                    continue;
                auto *store = dyn_cast<StoreInst>(&instruction);
                if (store && !mayNeverLeaveLoop(*store)) {
                    store->setVolatile(false);
                    isChanged = true;
                }
                auto *load = dyn_cast<LoadInst>(&instruction);
                if (load && certain.decide(*load)) {
                    load->setVolatile(false);
                    isChanged = true;
                }
            }
        }
        return isChanged;
    }

private:
    /// Whether LLVM would do a store behind a loop that may run for ever: each iteration stores to one place.
    bool mayNeverLeaveLoop(StoreInst &store) {
        Loop *loop = loops.getLoopFor(store.getParent());
        while (loop && loop->isLoopInvariant(store.getPointerOperand())) {
            if (any_of(loop->getLoopsInPreorder(), [&](Loop *inner) { return !isFinite(*inner); }))
                return true;
            loop = loop->getParentLoop();
        }
        return false;
    }

    bool isFinite(Loop &loop) {
        auto [known, isNew] = finite.try_emplace(&loop, false);
        if (isNew)
            known->second = !isa<SCEVCouldNotCompute>(evolution.getSymbolicMaxBackedgeTakenCount(&loop));
        return known->second;
    }

    Function &function;
    LoopInfo &loops;
    ScalarEvolution &evolution;
    CertainLoads certain;
    DenseMap<Loop *, bool> finite;
};

} // namespace

RelaxedAccesses::RelaxedAccesses(OptimizationLevel level) {
    cleanup.addPass(EarlyCSEPass(/*UseMemorySSA=*/true));
    LoopPassManager inLoops;
    inLoops.addPass(LICMPass(LICMOptions()));
    inLoops.addPass(LoopIdiomRecognizePass());
    cleanup.addPass(createFunctionToLoopPassAdaptor(std::move(inLoops), /*UseMemorySSA=*/true));
    if (level != OptimizationLevel::O1)
        cleanup.addPass(GVNPass());
    cleanup.addPass(InstCombinePass());
    cleanup.addPass(SimplifyCFGPass(SimplifyCFGOptions().hoistCommonInsts(true).sinkCommonInsts(true)));
}

PreservedAnalyses RelaxedAccesses::run(Function &function, FunctionAnalysisManager &analyses) {
    auto isOpaque = [](Instruction &instruction) {
        return instruction.isVolatile() && isLinearMemory(instruction);
    };
    bool hasOpaque = any_of(function, [&](BasicBlock &block) { return any_of(block, isOpaque); });
    if (!hasOpaque || hasStrictTraps(*function.getParent()))
        return PreservedAnalyses::all();
    if (!AccessRelaxer(function, analyses).run())
        return PreservedAnalyses::all();
    PreservedAnalyses preserved;
    preserved.preserveSet<CFGAnalyses>();
    analyses.invalidate(function, preserved);
    cleanup.run(function, analyses);
    return PreservedAnalyses::none();
}

} // namespace w2n
