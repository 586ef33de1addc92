//! Functions too large for the whole pipeline.

#include "huge_functions.h"

#include "llvm/Analysis/OptimizationRemarkEmitter.h"
#include "llvm/IR/Function.h"
#include "llvm/IR/Module.h"
#include "llvm/Transforms/InstCombine/InstCombine.h"
#include "llvm/Transforms/Scalar/EarlyCSE.h"
#include "llvm/Transforms/Scalar/SROA.h"
#include "llvm/Transforms/Scalar/SimplifyCFG.h"
#include "remark.h"

using namespace llvm;

namespace w2n {

namespace {

constexpr const char *kHugeFunctionsName = "huge-functions";

/// The main loops of SQLite, QuickJS and GCC stay below 40,000 instructions.
constexpr unsigned kHugeInstructions = 150'000;

FunctionPassManager cheapPasses() {
    FunctionPassManager passes;
    passes.addPass(SROAPass(SROAOptions::ModifyCFG));
    passes.addPass(EarlyCSEPass());
    passes.addPass(SimplifyCFGPass());
    passes.addPass(InstCombinePass());
    passes.addPass(EarlyCSEPass());
    passes.addPass(SimplifyCFGPass());
    return passes;
}

} // namespace

HugeFunctions::HugeFunctions(Module &module, FunctionAnalysisManager &analyses) {
    for (Function &function : module) {
        if (function.getInstructionCount() > kHugeInstructions)
            setAside(function, analyses);
    }
}

HugeFunctions::~HugeFunctions() {
    for (SetAside &aside : functions)
        aside.function->setAttributes(aside.attributes);
}

void HugeFunctions::setAside(Function &function, FunctionAnalysisManager &analyses) {
    OptimizationRemarkEmitter remarks(&function);
    remarks.emit([&] {
        return OptimizationRemark(kHugeFunctionsName, "SetAside", startOf(function), &function.getEntryBlock())
               << "function of " << ore::NV("Instructions", function.getInstructionCount())
               << " instructions gets a few cheap passes only";
    });
    cheapPasses().run(function, analyses);
    functions.push_back({&function, function.getAttributes()});
    // LLVM skips functions with `optnone`, which does not go with wishes about size.
    function.removeFnAttr(Attribute::OptimizeForSize);
    function.removeFnAttr(Attribute::MinSize);
    function.addFnAttr(Attribute::OptimizeNone);
    function.addFnAttr(Attribute::NoInline);
}

} // namespace w2n
