//! The copies that an unrolled loop body is made of, and the values that correspond in them.
//!
//! Worked example, unrolled by 2, `p` is a phi of the loop:
//!
//!     s = p + load(a + 16k)             successor(p) = s
//!     store s, b + 16k                  successor(first load) = second load
//!     t = s + load(a + 16k + 8)         successor(s) = t, which must be what p becomes
//!     store t, b + 16k + 8              successor(first store) = second store
//!
//! Stores are the roots: the i-th store of a copy corresponds to the i-th of the next. From there the
//! operands are compared, down to values that are fixed in the loop and so the same, values that advance
//! by a constant and so must be 1/factor of their step apart, and phis, whose successor is learned where
//! they are first met. A phi that no store depends on (a sum over the loop) is a root itself: what it
//! becomes is a chain of equal operations, of which each copy has its part.
//!
//! What a carried phi becomes after the first copy may itself be a value that advances: clang peels the first
//! iteration of a stencil and carries the address of the element before, or its index, in a phi. Nothing but
//! the phi uses that value then, and it has to be there in the rerolled loop as well.

#include "copies.h"

#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/SmallPtrSet.h"
#include "llvm/Analysis/MemoryLocation.h"
#include "llvm/Analysis/ScalarEvolution.h"
#include "llvm/IR/IntrinsicInst.h"
#include "scev_constant.h"

using namespace llvm;

namespace w2n {

namespace {

/// Operands that may be swapped are tried both ways, which adds up where many of them fail.
constexpr unsigned kMaxComparisons = 20'000;

} // namespace

bool Copies::match() {
    for (unsigned i = 0; i + storesPerCopy() < stores.size(); ++i) {
        if (!matchValues(stores[i], stores[i + storesPerCopy()]))
            return false;
    }
    return matchCarried() && collectKept();
}

Value *Copies::successor(Value *value, unsigned copies) const {
    for (; copies > 0 && value; --copies)
        value = next.lookup(value);
    return value;
}

const SCEVAddRecExpr *Copies::advancing(Value *value) {
    auto [known, isNew] = recurrences.try_emplace(value, nullptr);
    if (isNew)
        known->second = findRecurrence(value);
    return known->second;
}

const SCEVAddRecExpr *Copies::findRecurrence(Value *value) const {
    if (!evolution.isSCEVable(value->getType()))
        return nullptr;
    auto *recurrence = dyn_cast<SCEVAddRecExpr>(evolution.getSCEV(value));
    if (!recurrence || recurrence->getLoop() != &loop)
        return nullptr;
    auto step = signedStep(*recurrence, evolution);
    return step && *step % int64_t(factor) == 0 ? recurrence : nullptr;
}

int64_t Copies::stepPerCopy(const SCEVAddRecExpr &recurrence) const {
    return *signedStep(recurrence, evolution) / int64_t(factor);
}

/// Whether `later` is at all times what `recurrence` is some copies later. The distance is smaller than the
/// step, so it is the same number in any width that holds the step.
bool Copies::isCopiesLater(const SCEVAddRecExpr &recurrence, Value *later, unsigned copies) const {
    auto distance = signedConstant(evolution.getMinusSCEV(evolution.getSCEV(later), &recurrence));
    return distance && *distance == stepPerCopy(recurrence) * int64_t(copies);
}

bool Copies::matchValues(Value *value, Value *later) {
    if (Value *known = next.lookup(value))
        return known == later;
    if (value->getType() != later->getType())
        return false;
    auto *instruction = dyn_cast<Instruction>(value);
    if (!instruction || !loop.contains(instruction))
        return value == later;
    if (const SCEVAddRecExpr *recurrence = advancing(value))
        return isCopiesLater(*recurrence, later, 1);
    if (isa<PHINode>(value)) {
        remember(value, later);
        return true;
    }
    auto *laterInstruction = dyn_cast<Instruction>(later);
    return laterInstruction && loop.contains(laterInstruction) && !isa<PHINode>(laterInstruction) &&
           matchInstructions(instruction, laterInstruction);
}

bool Copies::matchInstructions(Instruction *value, Instruction *later) {
    if (auto *load = dyn_cast<LoadInst>(value); load && !load->isSimple())
        return false;
    if (auto *call = dyn_cast<CallBase>(value);
        call && !(isa<IntrinsicInst>(call) && call->doesNotAccessMemory()))
        return false;
    if (!value->isSameOperationAs(later) || ++comparisons > kMaxComparisons)
        return false;
    size_t mark = trail.size();
    remember(value, later);
    if (matchOperands(value, later, false))
        return true;
    forgetSince(mark);
    if (!value->isCommutative() || value->getNumOperands() < 2)
        return false;
    remember(value, later);
    if (matchOperands(value, later, true))
        return true;
    forgetSince(mark);
    return false;
}

bool Copies::matchOperands(Instruction *value, Instruction *later, bool isSwapped) {
    for (unsigned i = 0; i < value->getNumOperands(); ++i) {
        unsigned position = isSwapped && i < 2 ? 1 - i : i;
        if (!matchValues(value->getOperand(i), later->getOperand(position)))
            return false;
    }
    return true;
}

/// A phi becomes, after the last copy, what the chain of its successors ends in.
bool Copies::matchCarried() {
    BasicBlock *body = loop.getHeader();
    for (PHINode &phi : body->phis()) {
        if (isUnmatched(phi) && !matchChain(phi))
            return false;
    }
    SmallPtrSet<PHINode *, 4> seen;
    // Matching one phi may meet another, so it is repeated until nothing is new.
    for (bool isNew = true; isNew;) {
        isNew = false;
        for (PHINode &phi : body->phis()) {
            if (!next.count(&phi) || !seen.insert(&phi).second)
                continue;
            isNew = true;
            carriedPhis.push_back(&phi);
            if (!matchLast(phi))
                return false;
        }
    }
    return true;
}

/// Whether `phi` becomes what follows from its value in the last copy.
bool Copies::matchLast(PHINode &phi) {
    // The counter is made anew.
    if (&phi == loop.getCanonicalInductionVariable())
        return false;
    Value *last = phi.getIncomingValueForBlock(loop.getHeader());
    // A value that advances has no successor of its own: each copy's was compared with the one before.
    if (const SCEVAddRecExpr *recurrence = advancing(successor(&phi)))
        return isCopiesLater(*recurrence, last, factor - 1);
    Value *beforeLast = successor(&phi, factor - 1);
    return beforeLast && matchValues(beforeLast, last);
}

bool Copies::isUnmatched(PHINode &phi) {
    return !next.count(&phi) && !advancing(&phi) && &phi != loop.getCanonicalInductionVariable();
}

/// Whether `value` is a phi of the loop with which nothing was compared: it would go on with an unknown
/// value.
bool Copies::isUnknownPhi(Value *value) {
    auto *phi = dyn_cast<PHINode>(value);
    return phi && loop.contains(phi) && !advancing(phi) && !is_contained(carriedPhis, phi);
}

/// The operand of `link` that goes on towards `phi`: itself, or the same operation.
static Instruction *towards(PHINode &phi, Instruction *link) {
    for (Value *operand : link->operands()) {
        auto *instruction = dyn_cast<Instruction>(operand);
        if (instruction == &phi || (instruction && instruction->getOpcode() == link->getOpcode() &&
                                    instruction->getParent() == phi.getParent()))
            return instruction;
    }
    return nullptr;
}

bool Copies::matchChain(PHINode &phi) {
    SmallVector<Value *, 16> chain;
    auto *link = dyn_cast<Instruction>(phi.getIncomingValueForBlock(loop.getHeader()));
    for (; link && link != &phi; link = isa<PHINode>(link) ? nullptr : towards(phi, link))
        chain.push_back(link);
    if (!link || chain.empty() || chain.size() % factor != 0)
        return false;
    std::reverse(chain.begin(), chain.end());
    // The last link of each copy's part corresponds to that of the next, and the phi to the first of them.
    size_t part = chain.size() / factor;
    remember(&phi, chain[part - 1]);
    for (size_t end = part - 1; end + part < chain.size(); end += part) {
        if (!matchValues(chain[end], chain[end + part]))
            return false;
    }
    return true;
}

bool Copies::collectKept() {
    SetVector<Instruction *> kept;
    auto keep = [&](Value *value) {
        auto *instruction = dyn_cast<Instruction>(value);
        if (instruction && loop.contains(instruction) && !isa<PHINode>(instruction) &&
            !advancing(instruction))
            kept.insert(instruction);
    };
    for (StoreInst *store : stores.take_front(storesPerCopy()))
        keep(store);
    for (PHINode *phi : carriedPhis) {
        if (isUnknownPhi(next.lookup(phi)))
            return false;
        keep(next.lookup(phi));
    }
    for (unsigned i = 0; i < kept.size(); ++i) {
        // Every copy must have its own: else the loop does more than the copies say.
        if (!successor(kept[i], factor - 1))
            return false;
        for (Value *operand : kept[i]->operands()) {
            if (isUnknownPhi(operand))
                return false;
            keep(operand);
        }
    }
    keptInstructions.assign(kept.begin(), kept.end());
    return true;
}

bool Copies::keepsMemoryOrder(AAResults &aliases) const {
    for (Instruction *instruction : kept()) {
        auto *load = dyn_cast<LoadInst>(instruction);
        for (unsigned copy = 0; load && copy < factor; ++copy) {
            auto *original = cast<LoadInst>(successor(load, copy));
            for (unsigned i = 0; i < stores.size(); ++i) {
                unsigned storeCopy = i / storesPerCopy();
                bool isBefore = original->comesBefore(stores[i]);
                bool willBeBefore =
                    copy < storeCopy || (copy == storeCopy && load->comesBefore(stores[i % storesPerCopy()]));
                if (isBefore != willBeBefore &&
                    !aliases.isNoAlias(MemoryLocation::get(original), MemoryLocation::get(stores[i])))
                    return false;
            }
        }
    }
    return true;
}

void Copies::remember(Value *value, Value *later) {
    next[value] = later;
    trail.push_back(value);
}

void Copies::forgetSince(size_t mark) {
    while (trail.size() > mark)
        next.erase(trail.pop_back_val());
}

} // namespace w2n
