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

/// Attribute of a function that is set aside: letters for what it had that does not go with it.
constexpr const char *kSetAside = "w2n-set-aside";
constexpr char kWasNoInline = 'n';
constexpr char kWasForSize = 's';
constexpr char kWasMinSize = 'm';

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

HugeFunctions::HugeFunctions(Module &module, FunctionAnalysisManager &analyses) : module(module) {
    for (Function &function : module) {
        if (function.getInstructionCount() > kHugeInstructions)
            setAside(function, analyses);
    }
}

HugeFunctions::~HugeFunctions() {
    for (Function &function : module) {
        if (!function.hasFnAttribute(kSetAside))
            continue;
        StringRef attributes = function.getFnAttribute(kSetAside).getValueAsString();
        function.removeFnAttr(Attribute::OptimizeNone);
        if (!attributes.contains(kWasNoInline))
            function.removeFnAttr(Attribute::NoInline);
        if (attributes.contains(kWasForSize))
            function.addFnAttr(Attribute::OptimizeForSize);
        if (attributes.contains(kWasMinSize))
            function.addFnAttr(Attribute::MinSize);
        function.removeFnAttr(kSetAside);
    }
}

void HugeFunctions::setAside(Function &function, FunctionAnalysisManager &analyses) {
    OptimizationRemarkEmitter remarks(&function);
    remarks.emit([&] {
        return OptimizationRemark(kHugeFunctionsName, "SetAside", startOf(function), &function.getEntryBlock())
               << "function of " << ore::NV("Instructions", function.getInstructionCount())
               << " instructions gets a few cheap passes only";
    });
    cheapPasses().run(function, analyses);
    std::string attributes;
    for (auto [kind, letter] : {std::pair(Attribute::NoInline, kWasNoInline),
                                {Attribute::OptimizeForSize, kWasForSize},
                                {Attribute::MinSize, kWasMinSize}}) {
        if (function.hasFnAttribute(kind))
            attributes += letter;
    }
    function.addFnAttr(kSetAside, attributes);
    // LLVM skips functions with `optnone`, which does not go with wishes about size.
    function.removeFnAttr(Attribute::OptimizeForSize);
    function.removeFnAttr(Attribute::MinSize);
    function.addFnAttr(Attribute::OptimizeNone);
    function.addFnAttr(Attribute::NoInline);
}

} // namespace w2n
