//! Guest addresses of one loop in groups, and the checks that they never wrap and end where they must.

#include "address_group.h"

#include "erase.h"
#include "llvm/Analysis/LoopInfo.h"
#include "scev_constant.h"

using namespace llvm;

namespace w2n {

namespace {

/// One more than the largest 32-bit address.
constexpr uint64_t kAddressSpace = uint64_t(1) << 32;

/// The distance of `start` from the group's, if it is a constant that keeps the group's span small.
std::optional<int64_t> distanceInGroup(const AddressGroup &group, const SCEV *start,
                                       ScalarEvolution &evolution) {
    // Of 32 bits, so nothing overflows here.
    auto distance = signedConstant(evolution.getMinusSCEV(start, group.start));
    if (!distance)
        return std::nullopt;
    int64_t span = std::max(group.highest, *distance) - std::min(group.lowest, *distance);
    return span <= kMaxSpan ? distance : std::nullopt;
}

} // namespace

ZExtInst &Member::extension() const {
    return alive<ZExtInst>(handle, "wrap-versioning");
}

std::optional<PlaceInGroup> placeInGroup(Value *index, SmallVectorImpl<AddressGroup> &groups, Loop &loop,
                                         ScalarEvolution &evolution) {
    auto *recurrence = dyn_cast<SCEVAddRecExpr>(evolution.getSCEV(index));
    if (!recurrence || recurrence->getLoop() != &loop || !recurrence->getType()->isIntegerTy(32))
        return std::nullopt;
    auto step = signedStep(*recurrence, evolution);
    // A step of -2^31 is its own negation; no real loop has it.
    if (!step || *step == std::numeric_limits<int32_t>::min())
        return std::nullopt;
    for (unsigned number = 0; number < groups.size(); ++number) {
        AddressGroup &group = groups[number];
        if (group.step != *step)
            continue;
        if (auto distance = distanceInGroup(group, recurrence->getStart(), evolution)) {
            group.lowest = std::min(group.lowest, *distance);
            group.highest = std::max(group.highest, *distance);
            return PlaceInGroup{number, *distance};
        }
    }
    groups.push_back(AddressGroup{recurrence->getStart(), *step});
    return PlaceInGroup{unsigned(groups.size() - 1), 0};
}

SmallVector<AddressGroup, 8> groupAddresses(Loop &loop, ScalarEvolution &evolution) {
    SmallVector<AddressGroup, 8> groups;
    for (BasicBlock *block : loop.blocks()) {
        for (Instruction &instruction : *block) {
            auto *extension = dyn_cast<ZExtInst>(&instruction);
            if (!extension || !extension->getType()->isIntegerTy(64) ||
                !extension->getSrcTy()->isIntegerTy(32))
                continue;
            if (auto place = placeInGroup(extension->getOperand(0), groups, loop, evolution))
                groups[place->group].members.push_back({extension, place->distance});
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

static Value *wideLimit(const End &end, IRBuilderBase &builder) {
    return builder.CreateZExt(frozen(end.limit, builder), builder.getInt64Ty(), "limit");
}

// Proof that the checks of ends are sufficient.
//
// Let M = limit and R = reach < 2^63. Where no address wraps, the lowest member has the address z + k*s in
// iteration k, and each comparison of a member with M is `z + k*s + r <= M` with r <= R: so it is enough that
// z + k*s + R <= M for the greatest z + k*s, which is that of k = t if s > 0 and that of k = 0 if s < 0:
//
//   s > 0:  z + t*s + R <= M      s < 0:  z + R <= M                                   (ends)
//
// Where (rises) and (short) hold, z + t*s < A, and z < A always: the sums are below 2^32 + 2^63. Where
// they do not hold, the whole check is false whatever this part of it is. M is loaded before the loop; in the
// loop it is the same, or larger if another instance has grown the memory since.
Value *emitEndCheck(const AddressGroup &group, const End &end, Value *lowestStart, Value *lastIteration,
                    IRBuilderBase &builder) {
    Value *way = builder.CreateMul(lastIteration, builder.getInt64(group.step));
    Value *inLastIteration = builder.CreateAdd(lowestStart, way);
    bool isRising = group.step > 0;
    Value *greatest = isRising ? inLastIteration : lowestStart;
    Value *last = builder.CreateAdd(greatest, builder.getInt64(end.reach), "last_end");
    return builder.CreateICmpULE(last, wideLimit(end, builder), "ends");
}

// The same for an address x(k) = z + k*s of 64 bits, which may wrap at 2^64. With t < A (short) the product
// w = t*|s| is below 2^63, and w + R below 2^64.
//
//   s >= 0: no wrap, and z + w + R <= M   <=>  w + R <= M  and  z <= M - (w + R)       (fits, ends)
//   s < 0:  no wrap                       <=>  w <= z                                  (falls)
//           and z + R <= M                <=>  R <= M  and  z <= M - R                 (fits, ends)
//
// For s >= 0 the first says that z + w is at most M, which is below 2^64, so no x(k) wraps. Where (fits) does
// not hold, the difference wraps, and the check is false whatever (ends) is.
Value *emitWideEndCheck(Value *start, int64_t step, const End &end, Value *lastIteration,
                        IRBuilderBase &builder) {
    Value *limit = wideLimit(end, builder);
    Value *isShort = builder.CreateICmpULT(lastIteration, builder.getInt64(kAddressSpace), "is_short");
    Value *way = builder.CreateMul(lastIteration, builder.getInt64(step < 0 ? -step : step), "way");
    Value *need = builder.getInt64(end.reach);
    Value *falls = builder.getTrue();
    if (step < 0)
        falls = builder.CreateICmpULE(way, start, "falls");
    else
        need = builder.CreateAdd(way, need, "need");
    Value *fits = builder.CreateICmpULE(need, limit, "fits");
    Value *ends = builder.CreateICmpULE(start, builder.CreateSub(limit, need, "room"), "ends");
    return builder.CreateAnd(builder.CreateAnd(isShort, falls), builder.CreateAnd(fits, ends),
                             "stays_inside");
}

} // namespace w2n
