//! Loops that the guest's compiler unrolled, with a check that their arrays do not overlap.
//!
//! The loop vectoriser pays shuffles for a loop that is unrolled already; the SLP vectoriser takes the
//! copies of the body side by side, if it knows that the stores of one do not reach the loads of the next.
//! Nothing is erased here: LLVM's own versioning makes the copy, and its scopes say what the check has found.

#include "alias_versioning.h"

#include "llvm/Analysis/LoopAccessAnalysis.h"
#include "llvm/Analysis/LoopInfo.h"
#include "llvm/Analysis/OptimizationRemarkEmitter.h"
#include "llvm/Analysis/ScalarEvolution.h"
#include "llvm/IR/Dominators.h"
#include "llvm/Transforms/Scalar/EarlyCSE.h"
#include "llvm/Transforms/Scalar/LICM.h"
#include "llvm/Transforms/Scalar/LoopPassManager.h"
#include "llvm/Transforms/Utils/LCSSA.h"
#include "llvm/Transforms/Utils/LoopUtils.h"
#include "llvm/Transforms/Utils/LoopVersioning.h"
#include "wrap_versioning.h"

using namespace llvm;

namespace w2n {

namespace {

constexpr const char *kAliasVersioningName = "alias-versioning";

/// Each check compares two ranges; more of them cost more than they bring.
constexpr unsigned kMaxChecks = 12;

bool versionMarkedLoops(Function &function, FunctionAnalysisManager &manager) {
    auto &loops = manager.getResult<LoopAnalysis>(function);
    auto &dominators = manager.getResult<DominatorTreeAnalysis>(function);
    SmallVector<Loop *, 8> marked;
    for (Loop *loop : loops.getLoopsInPreorder()) {
        if (getBooleanLoopAttribute(loop, kUnrolledByGuest))
            marked.push_back(loop);
    }
    if (marked.empty())
        return false;
    auto &evolution = manager.getResult<ScalarEvolutionAnalysis>(function);
    auto &accesses = manager.getResult<LoopAccessAnalysis>(function);
    auto &remarks = manager.getResult<OptimizationRemarkEmitterAnalysis>(function);
    bool isChanged = false;
    for (Loop *loop : marked) {
        if (!loop->isLoopSimplifyForm() || !loop->isRotatedForm() || !loop->getExitingBlock())
            continue;
        const LoopAccessInfo &info = accesses.getInfo(*loop);
        unsigned checks = info.getNumRuntimePointerChecks();
        if (info.hasConvergentOp() || checks == 0 || checks > kMaxChecks)
            continue;
        if (!loop->isLCSSAForm(dominators))
            formLCSSARecursively(*loop, dominators, &loops, &evolution);
        LoopVersioning versioning(info, info.getRuntimePointerChecking()->getChecks(), loop, &loops,
                                  &dominators, &evolution);
        versioning.versionLoop();
        versioning.annotateLoopWithNoAlias();
        Loop *fallback = versioning.getNonVersionedLoop();
        fallback->setLoopAlreadyUnrolled();
        addStringMetadataToLoop(fallback, "llvm.loop.isvectorized", 1);
        accesses.clear();
        isChanged = true;
        remarks.emit([&] {
            return OptimizationRemark(kAliasVersioningName, "Versioned", loop->getStartLoc(),
                                      loop->getHeader())
                   << "loop without overlap of its arrays: " << ore::NV("Checks", checks) << " checks";
        });
    }
    return isChanged;
}

} // namespace

PreservedAnalyses AliasVersioning::run(Function &function, FunctionAnalysisManager &manager) {
    if (!versionMarkedLoops(function, manager))
        return PreservedAnalyses::all();
    manager.invalidate(function, PreservedAnalyses::none());
    FunctionPassManager cleanup;
    cleanup.addPass(EarlyCSEPass(/*UseMemorySSA=*/true));
    cleanup.addPass(createFunctionToLoopPassAdaptor(LICMPass(LICMOptions()), /*UseMemorySSA=*/true));
    cleanup.run(function, manager);
    return PreservedAnalyses::none();
}

} // namespace w2n
