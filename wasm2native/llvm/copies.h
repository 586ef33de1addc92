//! The copies that an unrolled loop body is made of, and the values that correspond in them.
#pragma once

#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Analysis/AliasAnalysis.h"
#include "llvm/Analysis/LoopInfo.h"
#include "llvm/Analysis/ScalarEvolutionExpressions.h"
#include "llvm/IR/Instructions.h"

namespace w2n {

/// Tries to read a loop of one block as `factor` copies of a smaller body.
///
/// `successor(v)` is the value that is in the next copy what `v` is in its own. Copy 0 and the successors
/// of its values are all there is.
class Copies {
public:
    Copies(llvm::Loop &loop, llvm::ArrayRef<llvm::StoreInst *> stores, unsigned factor,
           llvm::ScalarEvolution &evolution)
        : loop(loop), stores(stores), factor(factor), evolution(evolution) {}

    /// Whether all stores and everything they and the next iteration need fall into copies.
    bool match();

    /// Whether running the copies one after the other leaves each load on its side of each store, or the
    /// two cannot overlap.
    bool keepsMemoryOrder(llvm::AAResults &aliases) const;

    /// What is left when the loop is rerolled: the instructions of copy 0 in any order, without phis and
    /// without values that advance by a constant.
    llvm::ArrayRef<llvm::Instruction *> kept() const { return keptInstructions; }

    /// Phis of the loop that carry a value computed in an earlier copy.
    llvm::ArrayRef<llvm::PHINode *> carried() const { return carriedPhis; }

    /// The value of the next copy, or null if nothing needed one.
    llvm::Value *successor(llvm::Value *value) const { return next.lookup(value); }

    /// The value `copies` copies later, or null.
    llvm::Value *successor(llvm::Value *value, unsigned copies) const;

    /// The recurrence of `value`, if it is of at most 64 bits and advances by a constant that can be divided
    /// among the copies. Asked again it answers the same, whatever has become of the loop.
    const llvm::SCEVAddRecExpr *advancing(llvm::Value *value);

    /// What such a recurrence advances by from one copy to the next.
    int64_t stepPerCopy(const llvm::SCEVAddRecExpr &recurrence) const;

private:
    unsigned storesPerCopy() const { return stores.size() / factor; }
    const llvm::SCEVAddRecExpr *findRecurrence(llvm::Value *value) const;
    bool isCopiesLater(const llvm::SCEVAddRecExpr &recurrence, llvm::Value *later, unsigned copies) const;
    bool matchValues(llvm::Value *value, llvm::Value *later);
    bool matchInstructions(llvm::Instruction *value, llvm::Instruction *later);
    bool matchOperands(llvm::Instruction *value, llvm::Instruction *later, bool isSwapped);
    bool matchCarried();
    bool matchLast(llvm::PHINode &phi);
    bool matchChain(llvm::PHINode &phi);
    bool isUnmatched(llvm::PHINode &phi);
    bool isUnknownPhi(llvm::Value *value);
    bool collectKept();
    void remember(llvm::Value *value, llvm::Value *later);
    void forgetSince(size_t mark);

    llvm::Loop &loop;
    llvm::ArrayRef<llvm::StoreInst *> stores;
    unsigned factor;
    llvm::ScalarEvolution &evolution;
    llvm::DenseMap<llvm::Value *, llvm::Value *> next;
    /// What `advancing` has answered.
    llvm::DenseMap<llvm::Value *, const llvm::SCEVAddRecExpr *> recurrences;
    /// Pairs of instructions compared so far.
    unsigned comparisons = 0;
    /// Keys of `next` in the order of insertion, to take insertions back.
    llvm::SmallVector<llvm::Value *, 32> trail;
    llvm::SmallVector<llvm::Instruction *, 32> keptInstructions;
    llvm::SmallVector<llvm::PHINode *, 4> carriedPhis;
};

} // namespace w2n
