//! Keeps one form of a guest address from block to block: the extended one.
//!
//! A guest address is an i32 to the guest's arithmetic and a zero-extended i64 to our loads and stores.
//! LLVM keeps both from block to block, in two registers or, in a large function, two places on the stack:
//!
//!   head:                                     head:
//!     %x = phi i32 [%y, next]                   %extended = phi i64 [%y.extended, next]
//!     %z = zext i32 %x to i64
//!   next:                                     next:
//!     load %base + %z               becomes     load %base + %extended
//!     %y = add i32 %x, 8                        %low = trunc i64 %extended to i32
//!                                               %y = add i32 %low, 8
//!                                               %y.extended = zext i32 %y to i64
//!
//! The lower half of a register costs nothing, nor does the extension of what a 32-bit instruction has just
//! computed. Arithmetic stays in 32 bits, so that it wraps where the guest's does. LLVM's own passes would
//! undo this, so it comes last.
//!
//! Who used what goes: other extensions of the same value, and phis that are kept extended. Users of an
//! extension get the extended value; users of such a phi get its lower half, but for the other phis, which go
//! with it. All other values stay, and users in other blocks get the lower half instead.

#include "extended_indices.h"

#include "erase.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/Analysis/ScalarEvolution.h"
#include "llvm/IR/IRBuilder.h"

using namespace llvm;

namespace w2n {

namespace {

constexpr const char *kExtendedIndicesName = "extended-indices";

bool isExtension(const User *user) {
    return isa<ZExtInst>(user) && user->getType()->isIntegerTy(64);
}

/// The block at whose end, or in which, `use` needs its value.
BasicBlock *blockOf(const Use &use) {
    auto *user = cast<Instruction>(use.getUser());
    auto *phi = dyn_cast<PHINode>(user);
    return phi ? phi->getIncomingBlock(use) : user->getParent();
}

BasicBlock *homeOf(Value &value) {
    auto *instruction = dyn_cast<Instruction>(&value);
    return instruction ? instruction->getParent() : &cast<Argument>(value).getParent()->getEntryBlock();
}

BasicBlock::iterator afterDefinition(Value &value) {
    auto *instruction = dyn_cast<Instruction>(&value);
    bool isAmongOthers = instruction && !isa<PHINode>(instruction);
    return isAmongOthers ? std::next(instruction->getIterator()) : homeOf(value)->getFirstInsertionPt();
}

/// Whether LLVM would keep both forms of `value`. A phi is worth it in any case: what flows into it is
/// mostly just computed.
bool isKeptTwice(Value &value) {
    if (!value.getType()->isIntegerTy(32) || isa<TruncInst>(value) || none_of(value.users(), isExtension))
        return false;
    return isa<PHINode>(value) || any_of(value.uses(), [&](const Use &use) {
               return !isExtension(use.getUser()) && blockOf(use) != homeOf(value);
           });
}

/// Whether a value that flows into a phi can be extended: constants other than numbers never were indices.
bool isExtensible(const Use &value) {
    return isa<ConstantInt>(value) || !isa<Constant>(value);
}

class IndexExtender {
public:
    explicit IndexExtender(ScalarEvolution &evolution) : evolution(evolution) {}

    bool run(Function &function) {
        collect(function);
        for (PHINode *phi : phis) {
            IRBuilder<> builder(phi);
            extensions[phi] =
                builder.CreatePHI(builder.getInt64Ty(), phi->getNumIncomingValues(), "extended");
        }
        for (Value *value : values) {
            if (isPhi(value))
                continue;
            IRBuilder<> builder(homeOf(*value), afterDefinition(*value));
            extensions[value] = builder.CreateZExt(value, builder.getInt64Ty(), "extended");
        }
        for (PHINode *phi : phis)
            fillIn(*phi);
        for (Value *value : values)
            replaceUses(*value, *extensions[value]);
        // Each of their users has got the lower half, but for other phis of the kind.
        eraseTogether(SmallVector<Instruction *, 16>(phis.begin(), phis.end()), kExtendedIndicesName);
        return !values.empty();
    }

private:
    /// Finds `values` and `phis`. What flows into a phi that is kept extended is extended as well.
    void collect(Function &function) {
        auto add = [&](Value &value) {
            if (isKeptTwice(value))
                values.insert(&value);
        };
        for_each(function.args(), add);
        for (BasicBlock &block : function)
            for_each(block, add);
        for (unsigned index = 0; index < values.size(); ++index) {
            auto *phi = dyn_cast<PHINode>(values[index]);
            if (!phi || isInduction(*phi) || !all_of(phi->incoming_values(), isExtensible))
                continue;
            phis.insert(phi);
            for (Value *incoming : phi->incoming_values()) {
                if (!isa<Constant>(incoming))
                    values.insert(incoming);
            }
        }
    }

    /// Loop strength reduction understands a counter in its own width only.
    bool isInduction(PHINode &phi) {
        auto *recurrence = dyn_cast<SCEVAddRecExpr>(evolution.getSCEV(&phi));
        return recurrence && recurrence->isAffine();
    }

    bool isPhi(Value *value) const {
        auto *phi = dyn_cast<PHINode>(value);
        return phi && phis.contains(phi);
    }

    void fillIn(PHINode &phi) {
        auto *extended = cast<PHINode>(extensions[&phi]);
        for (auto [incoming, block] : zip(phi.incoming_values(), phi.blocks())) {
            auto *number = dyn_cast<ConstantInt>(incoming);
            Value *wide = number ? ConstantInt::get(extended->getType(), number->getZExtValue())
                                 : extensions[incoming.get()];
            extended->addIncoming(wide, block);
        }
    }

    void replaceUses(Value &value, Value &extended) {
        SmallVector<Use *, 16> uses(make_pointer_range(value.uses()));
        DenseMap<BasicBlock *, Value *> lows;
        for (Use *use : uses) {
            User *user = use->getUser();
            if (user == &extended || isPhi(user))
                continue;
            if (isExtension(user)) {
                user->replaceAllUsesWith(&extended);
                eraseUnused(*cast<Instruction>(user), kExtendedIndicesName);
                continue;
            }
            BasicBlock *block = blockOf(*use);
            bool isAtHome = block == homeOf(value) && !isPhi(&value);
            // There the value is in a register anyhow.
            if (isAtHome && !isa<PHINode>(user))
                continue;
            Value *&low = lows[block];
            if (!low) {
                IRBuilder<> builder(block, isAtHome ? block->getTerminator()->getIterator()
                                                    : block->getFirstInsertionPt());
                low = builder.CreateTrunc(&extended, builder.getInt32Ty(), "low");
            }
            use->set(low);
        }
    }

    ScalarEvolution &evolution;
    /// Values to extend.
    SetVector<Value *> values;
    /// Those of them that are replaced by phis of 64 bits.
    SetVector<PHINode *> phis;
    DenseMap<Value *, Value *> extensions;
};

} // namespace

PreservedAnalyses ExtendedIndices::run(Function &function, FunctionAnalysisManager &analyses) {
    if (!IndexExtender(analyses.getResult<ScalarEvolutionAnalysis>(function)).run(function))
        return PreservedAnalyses::all();
    PreservedAnalyses preserved;
    preserved.preserveSet<CFGAnalyses>();
    return preserved;
}

} // namespace w2n
