//! Which loads LLVM cannot lose, wholly or in part, because what they load surely matters.
//!
//! The rule to know: what is not understood is not certain. A load is certain if its value reaches
//! something that stays through operations none of which can make it, or a byte of it, irrelevant.
#pragma once

#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/SmallPtrSet.h"
#include "llvm/Analysis/LoopInfo.h"
#include "llvm/Analysis/PostDominators.h"
#include "llvm/IR/Instructions.h"

namespace w2n {

/// What is still to come, and with it what may happen to a load.
enum class Stage {
    /// Passes that delete: what uses the value may be in a block that is sure to follow.
    Optimisation,
    /// Those that sink into a successor as well: it must be in the same block.
    CodeGeneration,
};

class CertainLoads {
public:
    CertainLoads(Stage stage, llvm::LoopInfo &loops, llvm::PostDominatorTree &followers)
        : stage(stage), loops(loops), followers(followers) {}

    /// Decides about `load`. To be asked about users of addresses first: bottom up.
    bool decide(llvm::LoadInst &load);

private:
    /// A value on its way from the load.
    struct Trail {
        llvm::LoadInst *load;
        llvm::Value *value;
        /// An operation has already left something out: a second one could leave out the rest.
        bool isLossy;
    };

    bool reaches(Trail trail);
    bool reachesThrough(const llvm::Use &use, Trail trail);
    bool reachesThroughPhi(llvm::PHINode &phi, const llvm::Use &use, Trail trail);
    bool isKeptBy(llvm::Instruction &user, const llvm::Use &use, Trail trail);
    bool isSureToFollow(llvm::Instruction &user, llvm::Value &value);
    bool isUnchanged(llvm::Instruction &user, const llvm::Use &use, Trail trail);
    bool isPassed(llvm::Instruction &user, const llvm::Use &use, Trail trail);
    bool isPassedByBinary(llvm::BinaryOperator &user, llvm::Value &other, Trail trail);
    bool isPassedByCompare(llvm::CmpInst &user, const llvm::Use &use, Trail trail);
    bool isPassedBySelect(llvm::SelectInst &user, const llvm::Use &use, Trail trail);
    bool isIndependent(llvm::Value &other, Trail trail);
    bool isCarried(llvm::Value &value, llvm::Loop &loop);
    bool isDoneBehindLoop(llvm::StoreInst &store);
    bool isEffect(llvm::Instruction &instruction);
    llvm::Instruction *firstEffect(llvm::BasicBlock &block);
    bool haveDifferentEffects(llvm::BasicBlock &one, llvm::BasicBlock &other);
    bool dividesEffects(llvm::Instruction &terminator);
    bool dividesLoop(llvm::Loop &loop);

    Stage stage;
    llvm::LoopInfo &loops;
    llvm::PostDominatorTree &followers;
    /// What was decided.
    llvm::DenseMap<llvm::LoadInst *, bool> verdicts;
    /// Values that were followed for the load in question.
    llvm::SmallPtrSet<llvm::Value *, 32> seen;
    unsigned remainingSteps = 0;
};

} // namespace w2n
