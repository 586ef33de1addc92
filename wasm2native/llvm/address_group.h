//! Guest addresses of one loop in groups, and the checks that they never wrap and end where they must.
//!
//! The rule to know: everything that decides which addresses the fast loop may form is in this pair of
//! files, and nothing of it depends on what the guest does with the loop.
#pragma once

#include "llvm/ADT/SmallVector.h"
#include "llvm/Analysis/ScalarEvolutionExpressions.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/Instructions.h"
#include "llvm/IR/ValueHandle.h"
#include "llvm/Transforms/Utils/ScalarEvolutionExpander.h"

namespace w2n {

/// One 32-bit address computation of the loop: `zext i32 index to i64`, where `index` is, in iteration
/// k, `start + distance + k * step` modulo 2^32, with the group's `start` and `step`.
struct Member {
    /// The extension; whoever deletes it while it is a member is found out by `extension`.
    llvm::WeakVH handle;
    int64_t distance;

    llvm::ZExtInst &extension() const;
};

/// What addresses of a group are compared with before each access: with `low` for the group's lowest address,
/// `low + reach <= limit` as numbers without a limit.
struct End {
    /// Of up to 64 bits.
    llvm::Value *limit;
    /// Below 2^63; the greatest of all comparisons of members with this limit.
    uint64_t reach;
};

/// Addresses of one loop that advance together, at constant distances from each other.
struct AddressGroup {
    /// 32-bit address of the first member, in iteration 0.
    const llvm::SCEV *start;
    /// Bytes per iteration, as a signed 32-bit number; never 0.
    int64_t step;
    /// Least and greatest distance of a member or of an address that is only compared. `highest - lowest` is
    /// at most `kMaxSpan`.
    int64_t lowest = 0;
    int64_t highest = 0;
    llvm::SmallVector<Member, 8> members = {};
    llvm::SmallVector<End, 2> ends = {};

    /// Bytes between the lowest and the highest member in one iteration.
    uint64_t span() const { return uint64_t(highest - lowest); }
};

/// Members further apart than this go into groups of their own.
inline constexpr int64_t kMaxSpan = int64_t(1) << 26;

/// Where a 32-bit value of a loop is among the groups.
struct PlaceInGroup {
    /// Number of the group.
    unsigned group;
    int64_t distance;
};

/// Finds `index`, an i32, a place, in a new group if none is near; or none, if it is not affine in 32 bits
/// with a constant step.
std::optional<PlaceInGroup> placeInGroup(llvm::Value *index, llvm::SmallVectorImpl<AddressGroup> &groups,
                                         llvm::Loop &loop, llvm::ScalarEvolution &evolution);

/// Puts the address computations of `loop` into groups. Computations that are not affine in 32 bits
/// with a constant step are left out.
llvm::SmallVector<AddressGroup, 8> groupAddresses(llvm::Loop &loop, llvm::ScalarEvolution &evolution);

/// `value`, the same number wherever it is used, even if LLVM's analysis started from poison: the check
/// and the addresses must see one and the same.
llvm::Value *frozen(llvm::Value *value, llvm::IRBuilderBase &builder);

/// Emits, before `position`, the 32-bit address of the group's lowest member in iteration 0, extended
/// to 64 bits. What the check says of it holds for this very value, whatever it was made from.
llvm::Value *emitLowestStart(const AddressGroup &group, llvm::SCEVExpander &expander,
                             llvm::Instruction *position);

/// Emits the check: an i1 that is true only if no address of `group` wraps in any of the iterations
/// 0 .. `lastIteration` (64 bits, unsigned), given its `lowestStart`.
llvm::Value *emitNoWrapCheck(const AddressGroup &group, llvm::Value *lowestStart, llvm::Value *lastIteration,
                             llvm::IRBuilderBase &builder);

/// Emits the check that all comparisons of the group with `end` hold in the iterations 0 .. `lastIteration`:
/// an i1 that means it only where `emitNoWrapCheck` holds too.
llvm::Value *emitEndCheck(const AddressGroup &group, const End &end, llvm::Value *lowestStart,
                          llvm::Value *lastIteration, llvm::IRBuilderBase &builder);

/// Emits the check that an address of 64 bits which starts at `start` and advances by `step`, below 2^31 in
/// absolute value, does not wrap and that `address + reach <= limit` in the iterations 0 .. `lastIteration`.
llvm::Value *emitWideEndCheck(llvm::Value *start, int64_t step, const End &end, llvm::Value *lastIteration,
                              llvm::IRBuilderBase &builder);

} // namespace w2n
