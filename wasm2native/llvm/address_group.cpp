//! Guest addresses of one loop in groups, and the check that a group's addresses never wrap.

#include "address_group.h"

#include "llvm/Analysis/LoopInfo.h"

using namespace llvm;

namespace w2n {

namespace {

/// One more than the largest 32-bit address.
constexpr uint64_t kAddressSpace = uint64_t(1) << 32;

/// The distance of `start` from the group's, if it is a constant that keeps the group's span small.
std::optional<int64_t> distanceInGroup(const AddressGroup &group, const SCEV *start,
                                       ScalarEvolution &evolution) {
    auto *difference = dyn_cast<SCEVConstant>(evolution.getMinusSCEV(start, group.start));
    if (!difference)
        return std::nullopt;
    int64_t distance = difference->getAPInt().getSExtValue();
    int64_t span = std::max(group.highest, distance) - std::min(group.lowest, distance);
    return span <= kMaxSpan ? std::optional(distance) : std::nullopt;
}

void addMember(SmallVectorImpl<AddressGroup> &groups, ZExtInst *extension, const SCEV *start, int64_t step,
               ScalarEvolution &evolution) {
    for (AddressGroup &group : groups) {
        if (group.step != step)
            continue;
        if (auto distance = distanceInGroup(group, start, evolution)) {
            group.members.push_back({extension, *distance});
            group.lowest = std::min(group.lowest, *distance);
            group.highest = std::max(group.highest, *distance);
            return;
        }
    }
    AddressGroup group{start, step};
    group.members.push_back({extension, 0});
    groups.push_back(std::move(group));
}

} // namespace

SmallVector<AddressGroup, 8> groupAddresses(Loop &loop, ScalarEvolution &evolution) {
    SmallVector<AddressGroup, 8> groups;
    for (BasicBlock *block : loop.blocks()) {
        for (Instruction &instruction : *block) {
            auto *extension = dyn_cast<ZExtInst>(&instruction);
            if (!extension || !extension->getType()->isIntegerTy(64) ||
                !extension->getSrcTy()->isIntegerTy(32))
                continue;
            auto *index = dyn_cast<SCEVAddRecExpr>(evolution.getSCEV(extension->getOperand(0)));
            if (!index || index->getLoop() != &loop || !index->isAffine())
                continue;
            auto *step = dyn_cast<SCEVConstant>(index->getStepRecurrence(evolution));
            // A step of -2^31 is its own negation; no real loop has it.
            if (!step || step->getAPInt().isMinSignedValue())
                continue;
            addMember(groups, extension, index->getStart(), step->getAPInt().getSExtValue(), evolution);
        }
    }
    return groups;
}

Value *frozen(Value *value, IRBuilderBase &builder) {
    return isa<ConstantInt>(value) ? value : builder.CreateFreeze(value, value->getName() + ".frozen");
}

Value *emitLowestStart(const AddressGroup &group, SCEVExpander &expander, Instruction *position) {
    IRBuilder<> builder(position);
    Value *start = expander.expandCodeFor(group.start, builder.getInt32Ty(), position->getIterator());
    Value *lowest = builder.CreateAdd(start, builder.getInt32(uint32_t(group.lowest)), "lowest");
    return builder.CreateZExt(frozen(lowest, builder), builder.getInt64Ty(), "lowest_start");
}

// Proof that the check is sufficient.
//
// Let A = 2^32, and z = lowestStart, an integer in [0, A). Let t = lastIteration, s = step with
// |s| < 2^31, D = span() with 0 <= D <= kMaxSpan < A. In iteration k the 32-bit address of the member at
// distance c is, by the definition of a member, congruent modulo A to the integer
//
//     a(k, d) = z + d + k*s         with d = c - lowest, 0 <= d <= D, and 0 <= k <= t.
//
// If 0 <= a(k, d) < A for all these k and d, then a(k, d) *is* the zero-extended address, and the fast
// loop, which computes a(k, d) in 64 bits, accesses what the original loop accesses. As a function of k
// it is monotone, so it is enough to look at k = 0 and k = t, and at d = 0 and d = D:
//
//   s > 0:  least    a(0, 0) = z            >= 0 by definition
//           greatest a(t, D) = z + D + t*s  <  A  <=>  z + t*s <= A - 1 - D           (rises)
//   s < 0:  least    a(t, 0) = z - t*|s|    >= 0  <=>  t*|s| <= z                      (falls)
//           greatest a(0, D) = z + D        <  A  <=>  z <= A - 1 - D                  (fits)
//
// The machine computes in 64 bits without any no-wrap flag. With t < A (short) the product is below
// 2^32 * 2^31 = 2^63 and the sum below 2^63 + 2^32, so nothing wraps and the inequalities mean
// what they say; with t >= A (short) is false and so is the conjunction, whatever the others are.
// All operands are frozen or made of frozen values, so the check is never poison.
Value *emitNoWrapCheck(const AddressGroup &group, Value *lowestStart, Value *lastIteration,
                       IRBuilderBase &builder) {
    auto constant = [&](uint64_t value) { return builder.getInt64(value); };
    uint64_t stride = uint64_t(group.step < 0 ? -group.step : group.step);
    uint64_t limit = kAddressSpace - 1 - group.span();

    Value *isShort = builder.CreateICmpULT(lastIteration, constant(kAddressSpace), "is_short");
    Value *way = builder.CreateMul(lastIteration, constant(stride), "way");
    if (group.step > 0) {
        Value *end = builder.CreateAdd(lowestStart, way, "last_address");
        Value *rises = builder.CreateICmpULE(end, constant(limit), "rises");
        return builder.CreateAnd(isShort, rises, "no_wrap");
    }
    Value *falls = builder.CreateICmpULE(way, lowestStart, "falls");
    Value *fits = builder.CreateICmpULE(lowestStart, constant(limit), "fits");
    return builder.CreateAnd(isShort, builder.CreateAnd(falls, fits), "no_wrap");
}

} // namespace w2n
