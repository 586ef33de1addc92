//! The one door to LLVM's optimiser: its pipelines, with our passes in their places.
//!
//! LLVM's C API cannot register passes, so this is C++; the functions at the end are what Rust calls.

#include "pipeline.h"

#include "alias_versioning.h"
#include "dispatch_threading.h"
#include "dominated_checks.h"
#include "extended_indices.h"
#include "huge_functions.h"
#include "kept_accesses.h"
#include "llvm-c/Core.h"
#include "llvm-c/TargetMachine.h"
#include "llvm/Analysis/CGSCCPassManager.h"
#include "llvm/Analysis/LoopAnalysisManager.h"
#include "llvm/IR/Module.h"
#include "llvm/IR/Verifier.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Passes/StandardInstrumentations.h"
#include "llvm/Target/TargetMachine.h"
#include "promotion.h"
#include "relaxed_accesses.h"
#include "reroll.h"
#include "verify.h"
#include "wrap_versioning.h"

using namespace llvm;

namespace w2n {

void addPasses(PassBuilder &builder, const W2nPassOptions &options) {
    Verification verification = options.verifiesPasses ? Verification::On : Verification::Off;
    // Behind GVN, so that equal indices are one value, and before what takes dead branches away.
    builder.registerScalarOptimizerLateEPCallback([=](FunctionPassManager &passes, OptimizationLevel) {
        passes.addPass(Verified(DominatedChecks(), verification));
    });
    // When all is simplified, and before the vectorisers.
    builder.registerOptimizerEarlyEPCallback(
        [=](ModulePassManager &passes, OptimizationLevel level, ThinOrFullLTOPhase) {
            passes.addPass(createModuleToFunctionPassAdaptor(Verified(RelaxedAccesses(level), verification)));
        });
    builder.registerVectorizerStartEPCallback([=](FunctionPassManager &passes, OptimizationLevel level) {
        if (options.checksLoops)
            passes.addPass(Verified(LoopChecks(options.loopChecks), verification));
        // At -O1 speed of compilation counts, at -Os and -Oz size: a loop is not copied.
        if (level != OptimizationLevel::O2 && level != OptimizationLevel::O3)
            return;
        passes.addPass(Verified(WrapVersioning(), verification));
        passes.addPass(Verified(AliasVersioning(), verification));
        passes.addPass(Verified(Reroll(), verification));
    });
    builder.registerOptimizerLastEPCallback(
        [=](ModulePassManager &passes, OptimizationLevel, ThinOrFullLTOPhase) {
            passes.addPass(createModuleToFunctionPassAdaptor(Verified(ExtendedIndices(), verification)));
            if (options.checksLoops)
                passes.addPass(createModuleToFunctionPassAdaptor(
                    Verified(LoopCheckStores(options.loopChecks), verification)));
            passes.addPass(createModuleToFunctionPassAdaptor(Verified(KeptAccesses(), verification)));
        });
}

namespace {

OptimizationLevel levelOf(W2nOptLevel level) {
    switch (level) {
    case W2N_O0:
        return OptimizationLevel::O0;
    case W2N_O1:
        return OptimizationLevel::O1;
    case W2N_O2:
        return OptimizationLevel::O2;
    case W2N_O3:
        return OptimizationLevel::O3;
    case W2N_OS:
        return OptimizationLevel::Os;
    case W2N_OZ:
        return OptimizationLevel::Oz;
    }
    llvm_unreachable("the levels are those of the enumeration");
}

/// What is done at every level before anything else: locals are in memory as they were translated. What has
/// to see them there, because no value then has to be merged anew, runs before they become registers. At -O0
/// nothing follows, so loads that code generation would change are kept from it here.
void prepare(Module &module, OptimizationLevel level, const W2nPassOptions &options) {
    for (Function &function : module) {
        if (function.isDeclaration())
            continue;
        if (level != OptimizationLevel::O0)
            threadDispatchesOf(function);
        promoteLocals(function);
        if (level == OptimizationLevel::O0)
            keepOpaqueLoads(function);
        if (options.verifiesPasses && verifyFunction(function))
            report_fatal_error("verification failed after promotion in " + function.getName());
    }
}

/// What clang's driver turns on.
PipelineTuningOptions tuning() {
    PipelineTuningOptions options;
    options.LoopVectorization = true;
    options.SLPVectorization = true;
    options.LoopInterleaving = true;
    options.LoopUnrolling = true;
    return options;
}

void optimise(Module &module, TargetMachine &machine, OptimizationLevel level,
              const W2nPassOptions &options) {
    prepare(module, level, options);
    if (level == OptimizationLevel::O0)
        return;
    PassInstrumentationCallbacks callbacks;
    OptNoneInstrumentation skipSetAside(/*DebugLogging=*/false);
    skipSetAside.registerCallbacks(callbacks);
    PassBuilder builder(&machine, tuning(), std::nullopt, &callbacks);
    addPasses(builder, options);
    LoopAnalysisManager loops;
    FunctionAnalysisManager functions;
    CGSCCAnalysisManager components;
    ModuleAnalysisManager modules;
    builder.registerModuleAnalyses(modules);
    builder.registerCGSCCAnalyses(components);
    builder.registerFunctionAnalyses(functions);
    builder.registerLoopAnalyses(loops);
    builder.crossRegisterProxies(loops, functions, components, modules);
    {
        HugeFunctions huge(module, functions);
        builder.buildPerModuleDefaultPipeline(level).run(module, modules);
    }
    leaveLongBlocksAlone(module);
}

} // namespace

} // namespace w2n

extern "C" void w2n_optimise(LLVMModuleRef module, LLVMTargetMachineRef machine, W2nOptLevel level,
                             const W2nPassOptions *options) {
    w2n::optimise(*llvm::unwrap(module), *reinterpret_cast<llvm::TargetMachine *>(machine),
                  w2n::levelOf(level), *options);
}
