//! Loops over guest addresses that provably do not wrap; the proof is in address_group.cpp.
//!
//! A guest address is `base + zext64(index)`. As long as `index` might wrap at 2^32, LLVM knows neither
//! how far apart two addresses of a loop are nor which way they go, and does not vectorise. So:
//!
//!     preheader:  ...                   preheader:  ok = no address wraps in any iteration
//!                                                   br ok, fast, slow
//!     loop:       i = phi i32           slow:       the loop as it was
//!                 load base+zext(i+8)   fast:       k = phi i64 [0], [k + 1]
//!                 br i < n, loop                    load (base + zext(start)) + k * step + 8
//!                                                   br k + 1 != iterations, fast
//!
//! The fast loop counts its iterations itself, so that the number which the check was made with is the
//! number that it runs, whatever LLVM's analysis believed. LLVM vectorises it also where the guest's own
//! exit test (`i != n` with a step of 2) would be too little to go by.
//!
//! Bounds checks are other ways out of a loop. Those that the check in front can stand for are not in the
//! fast loop (removable_checks.h); a loop with any other way out is left alone.
//!
//! Who used what the fast loop has no longer: of the guest's exit test and of each check's comparison it was
//! one branch, which tests the counter or is gone; users of an address or of an extended index get the 64-bit
//! one (address_rewriter.h). All of this is deleted at the end, and only as far as nothing uses it: each may
//! be made of any other. The slow loop is a clone from before all that.
//!
//! Each group of addresses gets a base pointer of its own, made from an integer: LLVM then takes them for
//! different objects when it groups its alias checks, where one memory base for all would make every
//! check fail.

#include "wrap_versioning.h"

#include "address_group.h"
#include "address_rewriter.h"
#include "erase.h"
#include "llvm/Analysis/LoopInfo.h"
#include "llvm/Analysis/OptimizationRemarkEmitter.h"
#include "llvm/Analysis/ScalarEvolution.h"
#include "llvm/Analysis/TargetTransformInfo.h"
#include "llvm/IR/Dominators.h"
#include "llvm/IR/IntrinsicInst.h"
#include "llvm/IR/MDBuilder.h"
#include "llvm/Transforms/Utils/BasicBlockUtils.h"
#include "llvm/Transforms/Utils/Cloning.h"
#include "llvm/Transforms/Utils/LCSSA.h"
#include "llvm/Transforms/Utils/Local.h"
#include "llvm/Transforms/Utils/LoopSimplify.h"
#include "llvm/Transforms/Utils/LoopUtils.h"
#include "llvm/Transforms/Utils/UnrollLoop.h"
#include "removable_checks.h"

using namespace llvm;

namespace w2n {

namespace {

constexpr const char *kWrapVersioningName = "wrap-versioning";

/// Larger loops are left alone: they gain little, and each is copied once.
constexpr unsigned kMaxLoopInstructions = 600;

/// More checks than this cost more than the loop gains.
constexpr unsigned kMaxGroups = 12;

/// More assumptions than this about how the loop ends are not worth checking.
constexpr unsigned kMaxAssumptions = 2;

/// What SCEVExpander may spend on one number in a preheader, in its own units.
constexpr unsigned kExpansionBudget = 12;

/// Analyses of the function, kept up to date while loops are versioned.
struct Analyses {
    LoopInfo &loops;
    DominatorTree &dominators;
    ScalarEvolution &evolution;
    TargetTransformInfo &target;
    OptimizationRemarkEmitter &remarks;
};

/// A loop that can be versioned, and all that is needed to do it.
struct Candidate {
    Loop &loop;
    /// Number of the last iteration: how often the loop branches back, where all `assumptions` hold.
    const SCEV *lastIteration;
    SmallVector<const SCEVPredicate *, 4> assumptions;
    SmallVector<AddressGroup, 8> groups;
    /// What leaves the loop elsewhere than at its end; the fast loop has none of it.
    RemovableChecks checks;
    unsigned instructions;
    /// Whether the guest's compiler seems to have unrolled it.
    bool isUnrolled = false;
};

/// Writes `x ^ -2^b` as `-2^b - x` where the low b bits of `x` are 0, which they are in indices that count
/// down in an unrolled loop: LLVM's analysis sees that a difference advances, but not so an xor.
bool spellOutDifferences(Loop &loop, ScalarEvolution &evolution) {
    bool isChanged = false;
    for (BasicBlock *block : loop.blocks()) {
        for (Instruction &instruction : make_early_inc_range(*block)) {
            auto *mask = instruction.getOpcode() == Instruction::Xor
                             ? dyn_cast<ConstantInt>(instruction.getOperand(1))
                             : nullptr;
            if (!mask || !mask->getValue().isNegatedPowerOf2())
                continue;
            Value *value = instruction.getOperand(0);
            if (evolution.getMinTrailingZeros(evolution.getSCEV(value)) < mask->getValue().countr_zero())
                continue;
            IRBuilder<> builder(&instruction);
            Value *difference = builder.CreateSub(mask, value, "difference");
            evolution.forgetValue(&instruction);
            instruction.replaceAllUsesWith(difference);
            eraseUnused(instruction, kWrapVersioningName);
            isChanged = true;
        }
    }
    return isChanged;
}

/// Instructions of `loop`, or nothing if it must not be copied or is too large.
std::optional<unsigned> copyableInstructions(const Loop &loop) {
    unsigned count = 0;
    for (BasicBlock *block : loop.blocks()) {
        count += block->sizeWithoutDebug();
        for (Instruction &instruction : *block) {
            auto *call = dyn_cast<CallBase>(&instruction);
            if (call && (!isa<IntrinsicInst>(call) || call->isConvergent() || call->cannotDuplicate()))
                return std::nullopt;
        }
    }
    return count <= kMaxLoopInstructions ? std::optional(count) : std::nullopt;
}

bool hasAddress(const AddressGroup &group, const Loop &loop) {
    return any_of(group.members, [&](const Member &member) {
        return any_of(member.extension().users(), [&](User *user) { return addressOf(user, member, loop); });
    });
}

/// Whether LLVM itself knows that no address of the group wraps.
bool isKnownNotToWrap(const AddressGroup &group, ScalarEvolution &evolution) {
    return all_of(group.members, [&](const Member &member) {
        return isa<SCEVAddRecExpr>(evolution.getSCEV(&member.extension()));
    });
}

/// Least and greatest distance of some accesses of a group, and how many there are.
struct AccessRange {
    unsigned count = 0;
    int64_t lowest = std::numeric_limits<int64_t>::max();
    int64_t highest = std::numeric_limits<int64_t>::min();
};

/// Adds the accesses, of the kind that has `opcode`, at constant distances from `address`.
void addAccesses(Value *address, unsigned opcode, int64_t distance, AccessRange &range) {
    for (User *user : address->users()) {
        auto *instruction = cast<Instruction>(user);
        if (instruction->getOpcode() == opcode && getLoadStorePointerOperand(instruction) == address) {
            range = {range.count + 1, std::min(range.lowest, distance), std::max(range.highest, distance)};
            continue;
        }
        auto *further = dyn_cast<GetElementPtrInst>(user);
        APInt constant(64, 0);
        if (further && further->accumulateConstantOffset(further->getDataLayout(), constant))
            addAccesses(further, opcode, distance + constant.getSExtValue(), range);
    }
}

bool hasStores(const Loop &loop) {
    return any_of(loop.blocks(), [](BasicBlock *block) {
        return any_of(*block, [](Instruction &instruction) { return isa<StoreInst>(instruction); });
    });
}

/// Whether the guest's compiler unrolled the loop: within one step it stores to several places, or reads
/// from several if it does not store.
bool looksUnrolled(const Candidate &candidate) {
    unsigned opcode = hasStores(candidate.loop) ? Instruction::Store : Instruction::Load;
    return any_of(candidate.groups, [&](const AddressGroup &group) {
        AccessRange range;
        for (const Member &member : group.members) {
            for (User *user : member.extension().users()) {
                if (GetElementPtrInst *address = addressOf(user, member, candidate.loop))
                    addAccesses(address, opcode, member.distance, range);
            }
        }
        return range.count >= 2 && range.highest > range.lowest &&
               range.highest - range.lowest < std::abs(group.step);
    });
}

bool isCheapAndSafe(const SCEV *value, const Candidate &candidate, SCEVExpander &expander,
                    Analyses &analyses) {
    Instruction *position = candidate.loop.getLoopPreheader()->getTerminator();
    return expander.isSafeToExpandAt(value, position) &&
           !expander.isHighCostExpansion(value, &candidate.loop, kExpansionBudget, &analyses.target,
                                         position);
}

/// Whether the fast loop would be better than the loop is, as far as one can tell.
bool isUseful(const Candidate &candidate, ScalarEvolution &evolution) {
    if (!candidate.checks.empty())
        return true;
    return !candidate.groups.empty() && (candidate.isUnrolled || !candidate.assumptions.empty() ||
                                         !all_of(candidate.groups, [&](const AddressGroup &group) {
                                             return isKnownNotToWrap(group, evolution);
                                         }));
}

bool isAffordable(const Candidate &candidate, SCEVExpander &expander, Analyses &analyses) {
    auto isCheap = [&](const SCEV *value) { return isCheapAndSafe(value, candidate, expander, analyses); };
    unsigned otherChecks =
        count_if(candidate.checks, [](const RemovableCheck &check) { return check.start; });
    return candidate.groups.size() <= kMaxGroups && otherChecks <= kMaxGroups &&
           isCheap(candidate.lastIteration) &&
           all_of(candidate.groups, [&](const AddressGroup &group) { return isCheap(group.start); }) &&
           all_of(candidate.checks,
                  [&](const RemovableCheck &check) { return !check.start || isCheap(check.start); });
}

std::optional<Candidate> findCandidate(Loop &loop, SCEVExpander &expander, Analyses &analyses) {
    // But for bounds checks, the only way out must be the end of an iteration, where the fast loop counts.
    bool isCounted = loop.isLoopSimplifyForm() && loop.isLoopExiting(loop.getLoopLatch()) &&
                     isa<BranchInst>(loop.getLoopLatch()->getTerminator());
    auto instructions = isCounted ? copyableInstructions(loop) : std::nullopt;
    if (!instructions)
        return std::nullopt;
    auto groups = groupAddresses(loop, analyses.evolution);
    auto checks = findRemovableChecks(loop, groups, analyses.evolution);
    if (!checks)
        return std::nullopt;
    SmallVector<const SCEVPredicate *, 4> assumptions;
    const SCEV *lastIteration =
        analyses.evolution.getPredicatedExitCount(&loop, loop.getLoopLatch(), &assumptions);
    if (isa<SCEVCouldNotCompute>(lastIteration) || assumptions.size() > kMaxAssumptions ||
        analyses.evolution.getTypeSizeInBits(lastIteration->getType()) > 64)
        return std::nullopt;
    Candidate candidate{
        loop, lastIteration, std::move(assumptions), std::move(groups), std::move(*checks), *instructions};
    erase_if(candidate.groups,
             [&](const AddressGroup &group) { return group.ends.empty() && !hasAddress(group, loop); });
    candidate.isUnrolled = looksUnrolled(candidate);
    return isUseful(candidate, analyses.evolution) && isAffordable(candidate, expander, analyses)
               ? std::optional(std::move(candidate))
               : std::nullopt;
}

/// The check in front of a loop.
struct Check {
    /// i1: whether no address of any group wraps, and every bounds check passes, in `iterations` iterations.
    Value *noWrap;
    /// How many iterations there are; correct only where `noWrap` holds.
    Value *iterations;
    /// `emitLowestStart` of each group.
    SmallVector<Value *, 8> lowestStarts;
};

Check emitCheck(const Candidate &candidate, SCEVExpander &expander, ScalarEvolution &evolution) {
    Instruction *position = candidate.loop.getLoopPreheader()->getTerminator();
    IRBuilder<> builder(position);
    Type *i64 = builder.getInt64Ty();
    const SCEV *wide = evolution.getTruncateOrZeroExtend(candidate.lastIteration, i64);
    Value *lastIteration = frozen(expander.expandCodeFor(wide, i64, position->getIterator()), builder);
    Check check{builder.getTrue(), builder.CreateAdd(lastIteration, builder.getInt64(1), "iterations"), {}};
    auto require = [&](Value *condition) {
        check.noWrap = builder.CreateAnd(check.noWrap, frozen(condition, builder), "no_wrap");
    };
    for (const SCEVPredicate *assumption : candidate.assumptions)
        require(builder.CreateNot(expander.expandCodeForPredicate(assumption, position), "as_assumed"));
    for (const AddressGroup &group : candidate.groups) {
        Value *lowestStart = emitLowestStart(group, expander, position);
        require(emitNoWrapCheck(group, lowestStart, lastIteration, builder));
        for (const End &end : group.ends)
            require(emitEndCheck(group, end, lowestStart, lastIteration, builder));
        check.lowestStarts.push_back(lowestStart);
    }
    for (const RemovableCheck &other : candidate.checks) {
        if (!other.start)
            continue;
        const SCEV *wideStart = evolution.getNoopOrZeroExtend(other.start, i64);
        Value *start = frozen(expander.expandCodeFor(wideStart, i64, position->getIterator()), builder);
        End end{other.bound.limit, other.bound.reach};
        require(emitWideEndCheck(start, other.step, end, lastIteration, builder));
    }
    return check;
}

/// Puts a copy of `loop` beside it, to which control goes where `condition` is false; answers the copy.
Loop *addSlowLoop(Loop &loop, Value *condition, Analyses &analyses) {
    BasicBlock *checkBlock = loop.getLoopPreheader();
    SmallVector<BasicBlock *, 8> exits;
    loop.getUniqueExitBlocks(exits);
    BasicBlock *fastEntry = SplitBlock(checkBlock, checkBlock->getTerminator(), &analyses.dominators,
                                       &analyses.loops, nullptr, "no_wrap.entry");
    ValueToValueMapTy copies;
    SmallVector<BasicBlock *, 8> blocks;
    Loop *slow = cloneLoopWithPreheader(fastEntry, checkBlock, &loop, copies, ".may_wrap", &analyses.loops,
                                        &analyses.dominators, blocks);
    remapInstructionsInBlocks(blocks, copies);

    Instruction *terminator = checkBlock->getTerminator();
    IRBuilder<> builder(terminator);
    builder.CreateCondBr(condition, fastEntry, slow->getLoopPreheader(),
                         MDBuilder(checkBlock->getContext()).createLikelyBranchWeights());
    terminator->eraseFromParent();

    // Both loops leave to the same blocks, whose phis now have to name what comes from the copy.
    for (BasicBlock *exit : exits) {
        for (PHINode &phi : exit->phis()) {
            analyses.evolution.forgetLcssaPhiWithNewPredecessor(&loop, &phi);
            for (unsigned edge = 0, edges = phi.getNumIncomingValues(); edge < edges; ++edge) {
                Value *value = phi.getIncomingValue(edge);
                Value *copy = copies.lookup(value);
                phi.addIncoming(copy ? copy : value,
                                cast<BasicBlock>(copies.lookup(phi.getIncomingBlock(edge))));
            }
        }
        analyses.dominators.changeImmediateDominator(exit, checkBlock);
    }
    for (Loop *version : {&loop, slow})
        formDedicatedExitBlocks(version, &analyses.dominators, &analyses.loops, nullptr, true);
    return slow;
}

/// Makes the fast loop, which is only entered if no address wraps, count its iterations in 64 bits; answers
/// the counter, which starts at 0. What the guest counted with may be an address as well, and stays.
PHINode *countIterations(Loop &loop, Value *iterations) {
    BasicBlock *latch = loop.getLoopLatch();
    auto *branch = cast<BranchInst>(latch->getTerminator());
    IRBuilder<> builder(&*loop.getHeader()->begin());
    PHINode *iteration = builder.CreatePHI(builder.getInt64Ty(), 2, "iteration");
    builder.SetInsertPoint(branch);
    // `iterations` is at most 2^32, see the proof.
    Value *next = builder.CreateAdd(iteration, builder.getInt64(1), "next_iteration", true, true);
    iteration->addIncoming(builder.getInt64(0), loop.getLoopPreheader());
    iteration->addIncoming(next, latch);
    bool leavesOnTrue = !loop.contains(branch->getSuccessor(0));
    branch->setCondition(leavesOnTrue ? builder.CreateICmpEQ(next, iterations, "is_last")
                                      : builder.CreateICmpNE(next, iterations, "goes_on"));
    return iteration;
}

/// Bytes that an address of the group advances in the whole loop, if that is a constant.
std::optional<uint64_t> reach(const Candidate &candidate, const AddressGroup &group) {
    auto *last = dyn_cast<SCEVConstant>(candidate.lastIteration);
    // The check bounds the product by 2^32 before it matters.
    return last ? std::optional(last->getAPInt().getLimitedValue(UINT32_MAX) * uint64_t(std::abs(group.step)))
                : std::nullopt;
}

/// Turns `loop` into the fast loop.
void makeFast(Loop &loop, const Candidate &candidate, const Check &check, Analyses &analyses) {
    DomTreeUpdater updater(analyses.dominators, DomTreeUpdater::UpdateStrategy::Eager);
    SmallVector<WeakTrackingVH, 8> unused;
    removeChecks(loop, candidate.checks, updater, analyses.loops, unused);
    unused.push_back(cast<BranchInst>(loop.getLoopLatch()->getTerminator())->getCondition());
    PHINode *iteration = countIterations(loop, check.iterations);
    for (auto [group, lowestStart] : zip(candidate.groups, check.lowestStarts))
        AddressRewriter(loop, group, lowestStart, iteration, reach(candidate, group)).rewrite(unused);
    // Only here, where no group is looked at any more.
    RecursivelyDeleteTriviallyDeadInstructionsPermissive(unused);
    // The guest's own counters often have no other use.
    DeleteDeadPHIs(loop.getHeader());
}

void setMetadata(Loop &fast, Loop *slow, bool isUnrolled) {
    if (isUnrolled)
        addStringMetadataToLoop(&fast, kUnrolledByGuest, 1);
    if (slow) {
        // Nothing is gained by working on the copy, and code size is lost.
        slow->setLoopAlreadyUnrolled();
        addStringMetadataToLoop(slow, "llvm.loop.isvectorized", 1);
    }
}

bool versionLoop(Loop &loop, Analyses &analyses) {
    SCEVExpander expander(analyses.evolution, kWrapVersioningName);
    auto candidate = findCandidate(loop, expander, analyses);
    if (!candidate)
        return false;
    Check check = emitCheck(*candidate, expander, analyses.evolution);
    auto *known = dyn_cast<ConstantInt>(check.noWrap);
    if (known && known->isZero())
        return true;
    Loop *slow = known ? nullptr : addSlowLoop(loop, check.noWrap, analyses);
    makeFast(loop, *candidate, check, analyses);
    setMetadata(loop, slow, candidate->isUnrolled);
    analyses.evolution.forgetTopmostLoop(&loop);
    analyses.evolution.forgetBlockAndLoopDispositions();
    analyses.remarks.emit([&] {
        return OptimizationRemark(kWrapVersioningName, "Versioned", loop.getStartLoc(), loop.getHeader())
               << "loop without address wrap: " << ore::NV("Groups", unsigned(candidate->groups.size()))
               << " groups of addresses, " << ore::NV("Checks", unsigned(candidate->checks.size()))
               << " bounds checks taken out, " << ore::NV("Copied", slow ? candidate->instructions : 0)
               << " instructions copied";
    });
    return true;
}

} // namespace

PreservedAnalyses WrapVersioning::run(Function &function, FunctionAnalysisManager &manager) {
    Analyses analyses{
        manager.getResult<LoopAnalysis>(function), manager.getResult<DominatorTreeAnalysis>(function),
        manager.getResult<ScalarEvolutionAnalysis>(function), manager.getResult<TargetIRAnalysis>(function),
        manager.getResult<OptimizationRemarkEmitterAnalysis>(function)};
    SmallVector<Loop *, 16> innermost;
    for (Loop *loop : analyses.loops.getLoopsInPreorder()) {
        if (loop->isInnermost() && !getBooleanLoopAttribute(loop, "llvm.loop.isvectorized"))
            innermost.push_back(loop);
    }
    bool isChanged = false;
    for (Loop *loop : innermost) {
        isChanged |= simplifyLoop(loop, &analyses.dominators, &analyses.loops, &analyses.evolution, nullptr,
                                  nullptr, false);
        isChanged |= formLCSSARecursively(*loop, analyses.dominators, &analyses.loops, &analyses.evolution);
        isChanged |= spellOutDifferences(*loop, analyses.evolution);
        isChanged |= versionLoop(*loop, analyses);
    }
    if (!isChanged)
        return PreservedAnalyses::all();
    PreservedAnalyses preserved;
    preserved.preserve<DominatorTreeAnalysis>();
    preserved.preserve<LoopAnalysis>();
    return preserved;
}

} // namespace w2n
