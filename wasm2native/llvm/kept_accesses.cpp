//! Looks at each load before code is generated for it.

#include "kept_accesses.h"

#include "certain_loads.h"
#include "linear_memory.h"
#include "llvm/ADT/PostOrderIterator.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/InlineAsm.h"
#include "processors.h"

using namespace llvm;

namespace w2n {

namespace {

/// Whether a use surely takes all of a vector; of what others need a part of, code loads no more than that,
/// volatile or not.
bool takesWhole(const User *user) {
    return isa<StoreInst, ReturnInst>(user);
}

/// Uses a vector in an empty asm statement right behind where it is loaded.
void useWhole(LoadInst &load) {
    IRBuilder<> builder(load.getNextNode());
    builder.SetCurrentDebugLocation(load.getDebugLoc());
    Value *whole = &load;
    // An asm statement takes no vectors of 64 bits.
    if (load.getType()->getPrimitiveSizeInBits() == 64)
        whole = builder.CreateBitCast(whole, builder.getDoubleTy(), "kept");
    auto *type = FunctionType::get(builder.getVoidTy(), {whole->getType()}, false);
    const char *anyVector = vectorRegister(load.getModule()->getTargetTriple());
    builder.CreateCall(InlineAsm::get(type, "", anyVector, /*hasSideEffects=*/true), {whole});
}

/// The operands of selects that are `load`, perhaps in another width. Such a select can become a conditional
/// move from memory, and that a branch around the move.
SmallVector<Use *, 4> chosenUses(LoadInst &load) {
    SmallVector<Use *, 4> chosen;
    for (Use &use : load.uses()) {
        if (isa<SelectInst>(use.getUser()) && use.getOperandNo() != 0)
            chosen.push_back(&use);
        if (!isa<CastInst>(use.getUser()))
            continue;
        for (Use &further : use.getUser()->uses()) {
            if (isa<SelectInst>(further.getUser()) && further.getOperandNo() != 0)
                chosen.push_back(&use);
        }
    }
    return chosen;
}

/// Has the selects choose a register.
void chooseFromRegister(LoadInst &load, ArrayRef<Use *> chosen) {
    IRBuilder<> builder(load.getNextNode());
    builder.SetCurrentDebugLocation(load.getDebugLoc());
    auto *type = FunctionType::get(load.getType(), {load.getType()}, false);
    auto *asmStatement = InlineAsm::get(type, "", "=r,0", /*hasSideEffects=*/true);
    Value *inRegister = builder.CreateCall(asmStatement, {&load}, "in_register");
    for (Use *use : chosen)
        use->set(inRegister);
}

/// Keeps what volatile loads would lose all the same.
void keepVolatile(LoadInst &load) {
    if (load.getType()->isVectorTy()) {
        if (load.getType()->getPrimitiveSizeInBits() <= 128 && !all_of(load.users(), takesWhole))
            useWhole(load);
        return;
    }
    if (!load.getType()->isIntegerTy())
        return;
    SmallVector<Use *, 4> chosen = chosenUses(load);
    if (!chosen.empty())
        chooseFromRegister(load, chosen);
}

} // namespace

void keepOpaqueLoads(Function &function) {
    SmallVector<LoadInst *, 16> opaque;
    for (BasicBlock &block : function) {
        for (Instruction &instruction : block) {
            auto *load = dyn_cast<LoadInst>(&instruction);
            if (load && load->isVolatile() && isLinearMemory(*load))
                opaque.push_back(load);
        }
    }
    for_each(opaque, [](LoadInst *load) { keepVolatile(*load); });
}

PreservedAnalyses KeptAccesses::run(Function &function, FunctionAnalysisManager &analyses) {
    SmallVector<LoadInst *, 16> opaque;
    SmallVector<LoadInst *, 16> plain;
    for (BasicBlock *block : post_order(&function)) {
        for (Instruction &instruction : reverse(*block)) {
            auto *load = dyn_cast<LoadInst>(&instruction);
            if (load && isLinearMemory(*load))
                (load->isVolatile() ? opaque : plain).push_back(load);
        }
    }
    if (opaque.empty() && plain.empty())
        return PreservedAnalyses::all();
    CertainLoads certain(Stage::CodeGeneration, analyses.getResult<LoopAnalysis>(function),
                         analyses.getResult<PostDominatorTreeAnalysis>(function));
    for (LoadInst *load : plain) {
        if (!certain.decide(*load)) {
            load->setVolatile(true);
            if (load->getType()->isIntegerTy())
                opaque.push_back(load);
        }
    }
    for_each(opaque, [](LoadInst *load) { keepVolatile(*load); });
    PreservedAnalyses preserved;
    preserved.preserveSet<CFGAnalyses>();
    return preserved;
}

} // namespace w2n
