//! Takes back the unrolling that the guest's compiler has done.
//!
//! The loop vectoriser wants one iteration at a time: of a body that is unrolled by 3 it makes shuffles,
//! or nothing. So where a loop of `WrapVersioning` reads as copies (copies.h), all but the first go:
//!
//!     k = 0 .. n:  b[2k] = f(a[2k])             =>     k = 0 .. 2n:  b[k] = f(a[k])
//!                  b[2k + 1] = f(a[2k + 1])
//!
//! Every address that the rerolled loop forms is one that the unrolled loop forms: those of copy c in
//! iteration k are those of copy 0 in iteration `factor * k + c`.
//!
//! What is left of the body, and all that is left (`Copies` makes sure of it): the kept instructions of copy
//! 0, the carried phis, the counter, and values that advance, rebuilt from the counter wherever a kept
//! instruction or a carried phi uses one. Who used a value that goes:
//!
//! - another copy's instruction: it goes as well;
//! - a carried phi, at the end of an iteration: it gets copy 0's instruction, or the rebuilt value;
//! - what comes after the loop: it gets copy 0's instruction, whose last value is that of the last copy, or
//!   the last value of what advances, computed in front of the loop; for anything else the loop is left
//!   alone.

#include "reroll.h"

#include "copies.h"
#include "counted_loop.h"
#include "erase.h"
#include "llvm/Analysis/OptimizationRemarkEmitter.h"
#include "llvm/Analysis/ScalarEvolution.h"
#include "llvm/IR/Dominators.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/Transforms/Scalar/EarlyCSE.h"
#include "llvm/Transforms/Utils/Local.h"
#include "llvm/Transforms/Utils/LoopUtils.h"
#include "llvm/Transforms/Utils/ScalarEvolutionExpander.h"
#include "wrap_versioning.h"

using namespace llvm;

namespace w2n {

namespace {

constexpr const char *kRerollName = "reroll";

/// Compilers do not unroll further.
constexpr unsigned kMaxFactor = 16;

/// How a loop of `WrapVersioning` counts: `iteration` from 0, and `test` compares its successor with the
/// number of iterations.
struct Counter {
    PHINode *iteration;
    ICmpInst *test;

    Value *iterations() const { return test->getOperand(1); }
};

std::optional<Counter> findCounter(Loop &loop) {
    auto *branch = dyn_cast<BranchInst>(loop.getHeader()->getTerminator());
    auto *test = branch && branch->isConditional() ? dyn_cast<ICmpInst>(branch->getCondition()) : nullptr;
    PHINode *iteration = loop.getCanonicalInductionVariable();
    if (!test || !iteration || !test->hasOneUse() || !test->isEquality() ||
        test->getOperand(0) != iteration->getIncomingValueForBlock(loop.getHeader()) ||
        !loop.isLoopInvariant(test->getOperand(1)) || !iteration->getType()->isIntegerTy(64))
        return std::nullopt;
    return Counter{iteration, test};
}

/// The stores of the loop in order; nothing if it has other effects.
std::optional<SmallVector<StoreInst *, 8>> onlyStores(Loop &loop) {
    SmallVector<StoreInst *, 8> stores;
    for (Instruction &instruction : *loop.getHeader()) {
        auto *store = dyn_cast<StoreInst>(&instruction);
        if (store && store->isSimple())
            stores.push_back(store);
        else if (instruction.mayHaveSideEffects())
            return std::nullopt;
    }
    return stores;
}

/// Whether `pointer` is an address of `WrapVersioning`, which does not wrap in any iteration.
bool isProvedAddress(Value *pointer) {
    auto *address = dyn_cast<GEPOperator>(pointer);
    while (address && address->hasNoUnsignedSignedWrap() && address->hasAllConstantIndices())
        address = dyn_cast<GEPOperator>(address->getPointerOperand());
    return address && address->hasNoUnsignedSignedWrap();
}

/// Rewrites one loop.
class LoopReroller {
public:
    LoopReroller(Loop &loop, Counter counter, Copies &copies, unsigned factor, ScalarEvolution &evolution)
        : loop(loop), counter(counter), copies(copies), factor(factor), evolution(evolution),
          expander(evolution, kRerollName), preheader(loop.getLoopPreheader()->getTerminator()) {}

    /// Whether values used after the loop can be had from the rerolled one. Call it before `reroll`.
    bool findExitValues() {
        DenseMap<Value *, Value *> lastCopies;
        for (Instruction *instruction : copies.kept())
            lastCopies[copies.successor(instruction, factor - 1)] = instruction;
        for (Instruction &instruction : *loop.getHeader()) {
            for (Use &use : instruction.uses()) {
                if (loop.contains(cast<Instruction>(use.getUser())))
                    continue;
                if (Value *value = lastCopies.lookup(&instruction))
                    exitValues.push_back({&use, value, nullptr});
                else if (const SCEV *atExit = valueAtExit(instruction))
                    exitValues.push_back({&use, nullptr, atExit});
                else
                    return false;
            }
        }
        return all_of(copies.kept(),
                      [&](Instruction *instruction) { return canRebuildOperands(*instruction); }) &&
               all_of(copies.carried(), [&](PHINode *phi) { return canRebuild(copies.successor(phi)); });
    }

    void reroll() {
        for (ExitValue &exit : exitValues) {
            // What is known of it was derived from the recurrences of the loop as it was.
            evolution.forgetValue(exit.use->getUser());
            exit.use->set(exit.value ? exit.value : expand(exit.atExit, exit.use->get()->getType()));
        }
        relaxFlags();
        rebuildOperands();
        rebuildCarried();
        IRBuilder<> builder(preheader);
        counter.test->setOperand(1, builder.CreateMul(counter.iterations(), builder.getInt64(factor),
                                                      "rerolled_iterations", true, true));
        eraseOtherCopies();
        evolution.forgetTopmostLoop(&loop);
    }

private:
    struct ExitValue {
        Use *use;
        /// In the rerolled loop, or null:
        Value *value;
        /// computed without the loop.
        const SCEV *atExit;
    };

    /// What an advancing value is in the last iteration, if it can be computed before the loop.
    const SCEV *valueAtExit(Instruction &instruction) {
        const SCEVAddRecExpr *recurrence = copies.advancing(&instruction);
        if (!recurrence || !instruction.getType()->isIntegerTy())
            return nullptr;
        const SCEV *iterations = evolution.getSCEV(counter.iterations());
        const SCEV *last = evolution.getMinusSCEV(iterations, evolution.getOne(iterations->getType()));
        last = evolution.getTruncateOrZeroExtend(last, instruction.getType());
        const SCEV *value = recurrence->evaluateAtIteration(last, evolution);
        return expander.isSafeToExpandAt(value, preheader) ? value : nullptr;
    }

    bool canRebuildOperands(Instruction &instruction) {
        return all_of(instruction.operands(), [&](Value *operand) { return canRebuild(operand); });
    }

    bool canRebuild(Value *value) {
        return !isAdvancing(value) ||
               expander.isSafeToExpandAt(copies.advancing(value)->getStart(), preheader);
    }

    bool isAdvancing(Value *value) { return inLoop(value) && copies.advancing(value); }

    bool inLoop(Value *value) const {
        auto *instruction = dyn_cast<Instruction>(value);
        return instruction && loop.contains(instruction);
    }

    Value *expand(const SCEV *value, Type *type) {
        return expander.expandCodeFor(value, type, preheader->getIterator());
    }

    /// What LLVM has found out about copy 0 need not hold for the others, which it now computes too.
    void relaxFlags() {
        for (Instruction *instruction : copies.kept()) {
            for (unsigned copy = 1; copy < factor; ++copy) {
                auto *later = cast<Instruction>(copies.successor(instruction, copy));
                instruction->andIRFlags(later);
                combineMetadataForCSE(instruction, later, /*DoesKMove=*/true);
            }
        }
    }

    void rebuildOperands() {
        for (Instruction *instruction : copies.kept()) {
            for (Use &operand : instruction->operands()) {
                if (isAdvancing(operand))
                    operand.set(rebuilt(operand));
            }
        }
    }

    void rebuildCarried() {
        for (PHINode *phi : copies.carried()) {
            Value *later = copies.successor(phi);
            phi->setIncomingValueForBlock(loop.getHeader(), isAdvancing(later) ? rebuilt(later) : later);
        }
    }

    /// The advancing value of copy 0, which advances by `1/factor` of its step from now on.
    Value *rebuilt(Value *value) {
        Value *&result = rebuiltValues[value];
        if (result)
            return result;
        const SCEVAddRecExpr *recurrence = copies.advancing(value);
        int64_t step = copies.stepPerCopy(*recurrence);
        Value *start = expand(recurrence->getStart(), value->getType());
        IRBuilder<> builder(&*loop.getHeader()->getFirstInsertionPt());
        if (auto *constant = dyn_cast<ConstantInt>(start);
            constant && constant->isZero() && step == 1 && value->getType()->isIntegerTy(64))
            return result = counter.iteration;
        if (value->getType()->isPointerTy() && isProvedAddress(value))
            return result = advance(start, counter.iteration, step, builder);
        Value *distance = builder.CreateMul(counter.iteration, builder.getInt64(step), "distance");
        if (value->getType()->isPointerTy())
            return result = builder.CreatePtrAdd(start, distance, "rerolled");
        return result = builder.CreateAdd(start, builder.CreateZExtOrTrunc(distance, value->getType()),
                                          "rerolled");
    }

    void eraseOtherCopies() {
        SmallPtrSet<Instruction *, 32> staying(copies.kept().begin(), copies.kept().end());
        staying.insert(copies.carried().begin(), copies.carried().end());
        Instruction *nextIteration = cast<Instruction>(counter.test->getOperand(0));
        staying.insert({counter.iteration, nextIteration, counter.test, loop.getHeader()->getTerminator()});
        // What was rebuilt stays, with all it is made of.
        for (auto [original, result] : rebuiltValues)
            keepWithOperands(result, staying);
        SmallVector<Instruction *, 32> leaving;
        for (Instruction &instruction : *loop.getHeader()) {
            if (!staying.contains(&instruction))
                leaving.push_back(&instruction);
        }
        eraseTogether(leaving, kRerollName);
    }

    void keepWithOperands(Value *value, SmallPtrSetImpl<Instruction *> &staying) {
        if (inLoop(value) && staying.insert(cast<Instruction>(value)).second) {
            for (Value *operand : cast<Instruction>(value)->operands())
                keepWithOperands(operand, staying);
        }
    }

    Loop &loop;
    Counter counter;
    Copies &copies;
    unsigned factor;
    ScalarEvolution &evolution;
    SCEVExpander expander;
    Instruction *preheader;
    SmallVector<ExitValue, 4> exitValues;
    DenseMap<Value *, Value *> rebuiltValues;
};

/// Rerolls `loop` by the largest factor that it can be; answers the factor, or 1.
unsigned rerollLoop(Loop &loop, ScalarEvolution &evolution, AAResults &aliases) {
    bool isOneBlock = loop.getNumBlocks() == 1 && loop.isLoopSimplifyForm() && loop.getExitBlock();
    auto counter = isOneBlock ? findCounter(loop) : std::nullopt;
    auto stores = counter ? onlyStores(loop) : std::nullopt;
    if (!stores)
        return 1;
    unsigned largest = stores->empty() ? kMaxFactor : std::min<unsigned>(kMaxFactor, stores->size());
    for (unsigned factor = largest; factor > 1; --factor) {
        if (stores->size() % factor != 0)
            continue;
        Copies copies(loop, *stores, factor, evolution);
        if (!copies.match() || !copies.keepsMemoryOrder(aliases))
            continue;
        LoopReroller reroller(loop, *counter, copies, factor, evolution);
        if (!reroller.findExitValues())
            continue;
        reroller.reroll();
        return factor;
    }
    return 1;
}

} // namespace

PreservedAnalyses Reroll::run(Function &function, FunctionAnalysisManager &manager) {
    auto &loops = manager.getResult<LoopAnalysis>(function);
    SmallVector<Loop *, 8> marked;
    for (Loop *loop : loops.getLoopsInPreorder()) {
        // The loop behind a failed check is a copy with the same mark; it is best left as it is.
        if (getBooleanLoopAttribute(loop, kUnrolledByGuest) &&
            !getBooleanLoopAttribute(loop, "llvm.loop.isvectorized"))
            marked.push_back(loop);
    }
    if (marked.empty())
        return PreservedAnalyses::all();
    auto &evolution = manager.getResult<ScalarEvolutionAnalysis>(function);
    auto &aliases = manager.getResult<AAManager>(function);
    auto &remarks = manager.getResult<OptimizationRemarkEmitterAnalysis>(function);
    bool isChanged = false;
    for (Loop *loop : marked) {
        unsigned factor = rerollLoop(*loop, evolution, aliases);
        if (factor == 1)
            continue;
        isChanged = true;
        remarks.emit([&] {
            return OptimizationRemark(kRerollName, "Rerolled", loop->getStartLoc(), loop->getHeader())
                   << "loop that was unrolled by " << ore::NV("Factor", factor);
        });
    }
    if (!isChanged)
        return PreservedAnalyses::all();
    PreservedAnalyses preserved;
    preserved.preserveSet<CFGAnalyses>();
    manager.invalidate(function, preserved);
    // Values that one copy took over from another are now loaded twice.
    preserved.intersect(EarlyCSEPass(/*UseMemorySSA=*/true).run(function, manager));
    return preserved;
}

} // namespace w2n
