//! Replaces the 32-bit addresses of a fast loop by 64-bit ones.

#include "address_rewriter.h"

#include "counted_loop.h"

using namespace llvm;

namespace w2n {

namespace {

/// Accesses closer than this, or than so many steps, are taken to be of one array.
constexpr int64_t kNearBytes = 256;
constexpr int64_t kNearSteps = 32;

bool hasStore(Value *pointer) {
    return any_of(pointer->users(), [&](User *user) {
        auto *store = dyn_cast<StoreInst>(user);
        return store && store->getPointerOperand() == pointer;
    });
}

/// Whether anything uses `value` but addresses that have lost their users.
bool isNeeded(const Value &value) {
    return any_of(value.users(),
                  [](const User *user) { return !isa<GetElementPtrInst>(user) || !user->use_empty(); });
}

} // namespace

GetElementPtrInst *addressOf(User *user, const Member &member, const Loop &loop) {
    auto *address = dyn_cast<GetElementPtrInst>(user);
    bool isAddress = address && loop.contains(address) && address->getNumIndices() == 1 &&
                     address->getSourceElementType()->isIntegerTy(8) && address->getType()->isPointerTy() &&
                     address->getOperand(1) == &member.extension() &&
                     loop.isLoopInvariant(address->getPointerOperand());
    return isAddress ? address : nullptr;
}

AddressRewriter::AddressRewriter(Loop &loop, const AddressGroup &group, Value *lowestStart,
                                 PHINode *iteration, std::optional<uint64_t> reach)
    : loop(loop), group(group), lowestStart(lowestStart), iteration(iteration), reach(reach),
      preheader(loop.getLoopPreheader()->getTerminator()) {}

void AddressRewriter::rewrite(SmallVectorImpl<WeakTrackingVH> &unused) {
    for (const Member &member : group.members) {
        for (User *user : member.extension().users()) {
            GetElementPtrInst *pointer = addressOf(user, member, loop);
            if (!pointer)
                continue;
            APInt constant(pointer->getDataLayout().getIndexTypeSizeInBits(pointer->getType()), 0);
            Value *root = pointer->getPointerOperand()->stripAndAccumulateConstantOffsets(
                pointer->getDataLayout(), constant, true);
            collect(pointer, root, member.distance - group.lowest + constant.getSExtValue());
        }
    }
    tellArraysApart();
    // A pointer's constant offsets come after it, so that they need not have it any more when it is replaced.
    for (const Address &address : reverse(addresses)) {
        rewriteAddress(address);
        unused.push_back(address.pointer);
    }
    for (const Member &member : group.members) {
        rewriteNumber(member.extension(), member.distance - group.lowest);
        unused.push_back(&member.extension());
    }
}

/// Adds `pointer`, and what the loop makes of it by adding constants.
void AddressRewriter::collect(GetElementPtrInst *pointer, Value *root, int64_t distance) {
    addresses.push_back({pointer, root, distance, hasStore(pointer)});
    for (User *user : pointer->users()) {
        auto *further = dyn_cast<GetElementPtrInst>(user);
        APInt constant(pointer->getDataLayout().getIndexTypeSizeInBits(pointer->getType()), 0);
        if (further && loop.contains(further) &&
            further->accumulateConstantOffset(pointer->getDataLayout(), constant))
            collect(further, root, distance + constant.getSExtValue());
    }
}

/// Gives each array that is stored to a base of its own. LLVM would otherwise see a dependence at a
/// constant distance, which limits what it may do, where a check at run time finds none. Arrays that are
/// only read stay together, unless one that is stored to lies between them.
void AddressRewriter::tellArraysApart() {
    SmallVector<Address *, 16> sorted;
    for (Address &address : addresses)
        sorted.push_back(&address);
    stable_sort(sorted, [](Address *a, Address *b) { return a->distance < b->distance; });
    unsigned array = 0;
    for (size_t start = 0; start < sorted.size();) {
        size_t end = start + 1;
        while (end < sorted.size() && !isFar(sorted[end]->distance - sorted[end - 1]->distance))
            ++end;
        auto isStored = [](Address *address) { return address->isStored; };
        bool isNew = start > 0 && (any_of(make_range(&sorted[start], &sorted[0] + end), isStored) ||
                                   any_of(sorted, [&](Address *address) {
                                       return address->isStored && address->array == array &&
                                              address->distance < sorted[start]->distance;
                                   }));
        array += isNew;
        for (; start < end; ++start)
            sorted[start]->array = array;
    }
}

/// Whether two accesses `gap` bytes apart are of different arrays. Where the loop is known not to get from
/// one to the other, LLVM needs no check as long as it can see the distance.
bool AddressRewriter::isFar(int64_t gap) const {
    bool neverMeet = reach && uint64_t(gap) >= *reach + kNearBytes;
    return !neverMeet && gap > std::max(kNearBytes, kNearSteps * std::abs(group.step));
}

void AddressRewriter::rewriteAddress(const Address &address) {
    if (!isNeeded(*address.pointer))
        return;
    Value *base = baseFor(address);
    IRBuilder<> builder(address.pointer);
    Value *moving = advance(base, iteration, group.step, builder);
    int64_t rest = address.distance - bases[{address.root, address.array}].second;
    address.pointer->replaceAllUsesWith(builder.CreatePtrAdd(moving, builder.getInt64(rest), "address",
                                                             GEPNoWrapFlags::noUnsignedSignedWrap()));
}

/// Other uses of the extended index: it is `lowestStart + iteration * step + distance`.
void AddressRewriter::rewriteNumber(ZExtInst &extension, int64_t distance) {
    if (!isNeeded(extension))
        return;
    IRBuilder<> builder(&extension);
    // All of these are between -2^32 and 2^33, see the proof.
    Value *offset = builder.CreateMul(iteration, builder.getInt64(group.step), "offset", false, true);
    Value *moving = builder.CreateAdd(lowestStart, offset, "moving_index", false, true);
    extension.replaceAllUsesWith(builder.CreateAdd(moving, builder.getInt64(distance), "index", true, true));
}

/// `root + lowestStart + distance`, through an integer so that it counts as an object of its own.
Value *AddressRewriter::baseFor(const Address &address) {
    auto &[base, lowest] = bases[{address.root, address.array}];
    if (!base) {
        lowest = address.distance;
        for (const Address &other : addresses) {
            if (other.root == address.root && other.array == address.array)
                lowest = std::min(lowest, other.distance);
        }
        IRBuilder<> builder(preheader);
        Value *number = builder.CreatePtrToInt(address.root, builder.getInt64Ty());
        // Sums of a user-space address and distances below 2^34: they do not wrap.
        Value *start = builder.CreateAdd(number, lowestStart, "", true, true);
        base =
            builder.CreateIntToPtr(builder.CreateAdd(start, builder.getInt64(lowest), "", lowest >= 0, true),
                                   address.root->getType(), "array");
    }
    return base;
}

} // namespace w2n
