//! Bounds checks of a loop that one check before the loop can stand for.
//!
//! The rule to know: a check may only be taken out of the fast loop. There the condition in the preheader
//! holds, which says of every iteration what the check would say.
#pragma once

#include "address_group.h"
#include "bound.h"
#include "llvm/Analysis/DomTreeUpdater.h"
#include "llvm/Analysis/LoopInfo.h"

namespace w2n {

/// Whether control that leaves a loop to `block` traps.
bool trapsAt(const llvm::BasicBlock *block);

/// A way out of a loop, not at its end, that is taken where an address reaches past an end.
struct RemovableCheck {
    llvm::BranchInst *branch;
    /// The edge that leaves.
    unsigned exit;
    /// What holds on the other edge.
    Bound bound;
    /// Where the address is among the groups of 32-bit addresses; or, if it has no place there:
    std::optional<PlaceInGroup> place = std::nullopt;
    /// where it starts and what it advances in each iteration, with less than 31 bits.
    const llvm::SCEV *start = nullptr;
    int64_t step = 0;
};

using RemovableChecks = llvm::SmallVector<RemovableCheck, 8>;

/// The checks of `loop`, if nothing else leaves it but its latch; their addresses are added to `groups`.
std::optional<RemovableChecks> findRemovableChecks(llvm::Loop &loop,
                                                   llvm::SmallVectorImpl<AddressGroup> &groups,
                                                   llvm::ScalarEvolution &evolution);

/// Takes the checks out of the fast loop, and makes one block of what they divided. What only they needed
/// is left in `unused`, to be deleted once nothing looks at it any more.
void removeChecks(llvm::Loop &loop, llvm::ArrayRef<RemovableCheck> checks, llvm::DomTreeUpdater &updater,
                  llvm::LoopInfo &loops, llvm::SmallVectorImpl<llvm::WeakTrackingVH> &unused);

} // namespace w2n
