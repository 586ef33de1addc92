//! Bounds checks of a loop that one check before the loop can stand for.
//!
//!     loop:   i = phi i32                       preheader:  ok = ... and the last address is below length
//!             br zext(i) + 8 > length, trap     slow:       the loop as it was, with its check
//!             store base + zext(i)              fast:       store base + zext(start) + k * step
//!             br i < n, loop                                br k + 1 != iterations, fast
//!
//! Where an access would trap in any iteration, the slow loop runs: which access traps, and what was stored
//! before, stays as it was. The length is read where the guest's code reads it, or before: memories only
//! grow, and in a loop without calls none does. Nothing here asks what an end means, though: that a
//! comparison with a fixed number comes out the same in all iterations is true of any number.

#include "removable_checks.h"

#include "llvm/IR/IRBuilder.h"
#include "llvm/Transforms/Utils/BasicBlockUtils.h"
#include "scev_constant.h"

using namespace llvm;

namespace w2n {

namespace {

/// Blocks that loop passes put between a loop and what it leaves to.
constexpr unsigned kMaxBlocksBetween = 3;

/// Steps of 64-bit addresses for which the proof in address_group.cpp holds.
bool isSmallStep(int64_t step) {
    return step > -(int64_t(1) << 31) && step < int64_t(1) << 31;
}

std::optional<RemovableCheck> asRemovableCheck(BranchInst &branch, Loop &loop,
                                               SmallVectorImpl<AddressGroup> &groups,
                                               ScalarEvolution &evolution) {
    unsigned exit = loop.contains(branch.getSuccessor(0)) ? 1 : 0;
    auto bound = trapsAt(branch.getSuccessor(exit)) ? boundOn(branch, 1 - exit) : std::nullopt;
    if (!bound || !loop.isLoopInvariant(bound->limit))
        return std::nullopt;
    RemovableCheck check{&branch, exit, *bound};
    const SCEV *address = bound->value ? evolution.getSCEV(bound->value)
                                       : evolution.getZero(Type::getInt64Ty(branch.getContext()));
    if (evolution.isLoopInvariant(address, &loop)) {
        check.start = address;
        return check;
    }
    if (bound->value->getType()->isIntegerTy(32)) {
        check.place = placeInGroup(bound->value, groups, loop, evolution);
        return check.place ? std::optional(check) : std::nullopt;
    }
    auto *recurrence = dyn_cast<SCEVAddRecExpr>(address);
    if (!recurrence || recurrence->getLoop() != &loop || !recurrence->getType()->isIntegerTy(64))
        return std::nullopt;
    auto step = signedStep(*recurrence, evolution);
    if (!step || !isSmallStep(*step))
        return std::nullopt;
    check.start = recurrence->getStart();
    check.step = *step;
    return check;
}

/// Adds an end to those of the group, of which one per limit is enough: the farthest.
void addEnd(AddressGroup &group, Value *limit, uint64_t reach) {
    auto *known = find_if(group.ends, [&](const End &end) { return end.limit == limit; });
    if (known == group.ends.end())
        group.ends.push_back({limit, reach});
    else
        known->reach = std::max(known->reach, reach);
}

} // namespace

bool trapsAt(const BasicBlock *block) {
    for (unsigned steps = 0; block && steps <= kMaxBlocksBetween; ++steps) {
        if (isa<UnreachableInst>(block->getTerminator()))
            return true;
        block = block->getSingleSuccessor();
    }
    return false;
}

std::optional<RemovableChecks> findRemovableChecks(Loop &loop, SmallVectorImpl<AddressGroup> &groups,
                                                   ScalarEvolution &evolution) {
    SmallVector<BasicBlock *, 8> exiting;
    loop.getExitingBlocks(exiting);
    RemovableChecks checks;
    for (BasicBlock *block : exiting) {
        if (block == loop.getLoopLatch())
            continue;
        auto *branch = dyn_cast<BranchInst>(block->getTerminator());
        auto check = branch ? asRemovableCheck(*branch, loop, groups, evolution) : std::nullopt;
        if (!check)
            return std::nullopt;
        checks.push_back(*check);
    }
    // Only now it is known which address of a group is the lowest.
    for (const RemovableCheck &check : checks) {
        if (!check.place)
            continue;
        AddressGroup &group = groups[check.place->group];
        addEnd(group, check.bound.limit, uint64_t(check.place->distance - group.lowest) + check.bound.reach);
    }
    return checks;
}

void removeChecks(Loop &loop, ArrayRef<RemovableCheck> checks, DomTreeUpdater &updater, LoopInfo &loops,
                  SmallVectorImpl<WeakTrackingVH> &unused) {
    for (const RemovableCheck &check : checks) {
        BasicBlock *block = check.branch->getParent();
        BasicBlock *exit = check.branch->getSuccessor(check.exit);
        exit->removePredecessor(block);
        IRBuilder<>(check.branch).CreateBr(check.branch->getSuccessor(1 - check.exit));
        unused.push_back(check.branch->getCondition());
        check.branch->eraseFromParent();
        updater.applyUpdates({{DominatorTree::Delete, block, exit}});
        if (pred_empty(exit)) {
            loops.removeBlock(exit);
            DeleteDeadBlock(exit, &updater);
        }
    }
    SmallVector<BasicBlock *, 8> blocks(loop.blocks());
    for (BasicBlock *block : blocks)
        MergeBlockIntoPredecessor(block, &updater, &loops);
}

} // namespace w2n
