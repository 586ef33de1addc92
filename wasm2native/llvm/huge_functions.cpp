//! Functions too large for the whole pipeline.

#include "huge_functions.h"

#include "llvm/Analysis/OptimizationRemarkEmitter.h"
#include "llvm/IR/Function.h"
#include "llvm/IR/Module.h"
#include "llvm/Transforms/InstCombine/InstCombine.h"
#include "llvm/Transforms/Scalar/EarlyCSE.h"
#include "llvm/Transforms/Scalar/InstSimplifyPass.h"
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

/// Many phis mean many values that live through many loops, all of which several passes look at for each
/// loop.
constexpr unsigned kManyPhis = 10'000;

/// A value that is compared before n branches is known better behind each of them, and who asks for it looks
/// at all: this is the most of n * n, summed over all values, that is left to LLVM.
constexpr uint64_t kManyComparisons = 500'000;

/// Beyond this, code generation takes as long.
constexpr uint64_t kTooManyComparisons = 4'000'000;

/// Instructions of one block after it was optimised. With twelve thousand, loads that stay in order, code
/// generation takes three seconds, and four times that with twice as many.
constexpr size_t kLongBlock = 10'000;

enum class Shape { Ordinary, Large, Entangled, Hopeless };

uint64_t comparisons(Function &function) {
    DenseMap<Value *, uint64_t> counts;
    for (BasicBlock &block : function) {
        auto *branch = dyn_cast<BranchInst>(block.getTerminator());
        auto *compare =
            branch && branch->isConditional() ? dyn_cast<ICmpInst>(branch->getCondition()) : nullptr;
        // A comparison of Wasm's is a number, which a branch compares with zero.
        while (compare && isa<ZExtInst>(compare->getOperand(0)) && isa<Constant>(compare->getOperand(1)))
            compare = dyn_cast<ICmpInst>(cast<ZExtInst>(compare->getOperand(0))->getOperand(0));
        if (!compare)
            continue;
        for (Value *operand : compare->operands()) {
            if (!isa<Constant>(operand))
                ++counts[operand];
        }
    }
    uint64_t squares = 0;
    for (auto [value, count] : counts)
        squares += count * count;
    return squares;
}

Shape shapeOf(Function &function) {
    unsigned phis = 0;
    for (BasicBlock &block : function)
        phis += range_size(block.phis());
    uint64_t compared = comparisons(function);
    if (compared > kTooManyComparisons)
        return Shape::Hopeless;
    if (phis > kManyPhis || compared > kManyComparisons)
        return Shape::Entangled;
    return function.getInstructionCount() > kHugeInstructions ? Shape::Large : Shape::Ordinary;
}

FunctionPassManager cheapPasses(Shape shape) {
    // What combines instructions asks what is known of values; what simplifies them does not ask as much.
    auto combine = [&](FunctionPassManager &passes) {
        if (shape == Shape::Entangled)
            passes.addPass(InstSimplifyPass());
        else
            passes.addPass(InstCombinePass());
    };
    FunctionPassManager passes;
    passes.addPass(SROAPass(SROAOptions::ModifyCFG));
    passes.addPass(EarlyCSEPass());
    passes.addPass(SimplifyCFGPass());
    combine(passes);
    passes.addPass(EarlyCSEPass());
    passes.addPass(SimplifyCFGPass());
    return passes;
}

} // namespace

void leaveAlone(Function &function) {
    // LLVM skips functions with `optnone`, which does not go with wishes about size.
    function.removeFnAttr(Attribute::OptimizeForSize);
    function.removeFnAttr(Attribute::MinSize);
    function.addFnAttr(Attribute::OptimizeNone);
    function.addFnAttr(Attribute::NoInline);
}

void leaveLongBlocksAlone(Module &module) {
    for (Function &function : module) {
        size_t longest = 0;
        for (BasicBlock &block : function)
            longest = std::max(longest, block.size());
        if (longest <= kLongBlock || function.hasOptNone())
            continue;
        OptimizationRemarkEmitter remarks(&function);
        remarks.emit([&] {
            return OptimizationRemark(kHugeFunctionsName, "LongBlock", startOf(function),
                                      &function.getEntryBlock())
                   << "a block of " << ore::NV("Instructions", unsigned(longest))
                   << " instructions has its code made the fast way";
        });
        leaveAlone(function);
    }
}

HugeFunctions::HugeFunctions(Module &module, FunctionAnalysisManager &analyses) : module(module) {
    for (Function &function : module) {
        Shape shape = function.hasOptNone() ? Shape::Ordinary : shapeOf(function);
        if (shape == Shape::Hopeless)
            leaveAlone(function);
        else if (shape != Shape::Ordinary)
            setAside(function, cheapPasses(shape), analyses);
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

void HugeFunctions::setAside(Function &function, FunctionPassManager cheap,
                             FunctionAnalysisManager &analyses) {
    OptimizationRemarkEmitter remarks(&function);
    remarks.emit([&] {
        return OptimizationRemark(kHugeFunctionsName, "SetAside", startOf(function),
                                  &function.getEntryBlock())
               << "function of " << ore::NV("Instructions", function.getInstructionCount())
               << " instructions gets a few cheap passes only";
    });
    cheap.run(function, analyses);
    std::string attributes;
    for (auto [kind, letter] : {std::pair(Attribute::NoInline, kWasNoInline),
                                {Attribute::OptimizeForSize, kWasForSize},
                                {Attribute::MinSize, kWasMinSize}}) {
        if (function.hasFnAttribute(kind))
            attributes += letter;
    }
    function.addFnAttr(kSetAside, attributes);
    leaveAlone(function);
}

} // namespace w2n
