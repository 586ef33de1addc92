//! Compares how values were computed, with loads as unknowns.

#include "equal_values.h"

#include "linear_memory.h"
#include "llvm/ADT/SmallPtrSet.h"
#include "llvm/ADT/SmallVector.h"

using namespace llvm;

namespace w2n {

namespace {

/// Operations from a value to what it was computed from; with more of them two values may be equal.
constexpr unsigned kMaxDepth = 6;

/// Users of a pointer that are looked at.
constexpr unsigned kMaxUsers = 64;

/// Values that one was computed from that are looked at.
constexpr unsigned kMaxSources = 24;

/// Whether `value` is a load that LLVM may replace by anything.
bool isUnknown(const Value &value) {
    auto *load = dyn_cast<LoadInst>(&value);
    return load && isLinearMemory(*load) && mayBeForwarded(*load);
}

bool mayBeEqualAt(const Value &one, const Value &other, unsigned depth) {
    if (&one == &other || isUnknown(one) || isUnknown(other))
        return true;
    auto *instruction = dyn_cast<Instruction>(&one);
    auto *otherInstruction = dyn_cast<Instruction>(&other);
    if (!instruction || !otherInstruction || instruction->getOpcode() != otherInstruction->getOpcode() ||
        instruction->getNumOperands() != otherInstruction->getNumOperands())
        return false;
    // Where they meet all of their values would have to be equal; the ways around a loop are not followed.
    if (isa<PHINode>(instruction))
        return instruction->getParent() == otherInstruction->getParent() && dependsOnLoad(one) &&
               dependsOnLoad(other);
    if (depth == 0)
        return true;
    for (unsigned index = 0; index < instruction->getNumOperands(); ++index) {
        if (!mayBeEqualAt(*instruction->getOperand(index), *otherInstruction->getOperand(index), depth - 1))
            return false;
    }
    return true;
}

} // namespace

bool mayBeForwarded(const LoadInst &load) {
    unsigned steps = 0;
    for (const User *user : load.getPointerOperand()->users()) {
        if (++steps > kMaxUsers)
            return true;
        auto *store = dyn_cast<StoreInst>(user);
        bool isLater = store && store->getParent() == load.getParent() && load.comesBefore(store);
        if (store && !isLater)
            return true;
    }
    return false;
}

bool mayBeEqual(const Value &one, const Value &other) {
    return mayBeEqualAt(one, other, kMaxDepth);
}

bool dependsOnLoad(const Value &value) {
    SmallVector<const Value *, 8> pending{&value};
    SmallPtrSet<const Value *, 16> visited;
    while (!pending.empty()) {
        auto *instruction = dyn_cast<Instruction>(pending.pop_back_val());
        if (!instruction || !visited.insert(instruction).second)
            continue;
        if (visited.size() > kMaxSources)
            return true;
        if (!isa<LoadInst>(instruction))
            append_range(pending, instruction->operand_values());
        else if (isLinearMemory(*instruction))
            return true;
    }
    return false;
}

} // namespace w2n
