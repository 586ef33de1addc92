//! Gives back the control flow that Wasm cannot say and its producers dispatch on a number.
//!
//! Wasm has no loops with two entries. Where a program has one (a state machine with gotos, every Go
//! function that can block), its compiler makes a loop around a br_table and numbers the entries:
//!
//!     before:  store 2, %label             dispatch:  %number = load %label
//!              br dispatch                            switch %number, [1: one, 2: two, ...]
//!
//! The machine has no such limit, so `before` goes to `two`. Otherwise all that the function keeps in
//! registers has to meet at the dispatch, each time. LLVM's own jump threading stops at loop headers.
//!
//! It comes first, while locals are still in memory, so that no value has to be merged anew. What makes
//! the move sound: a block that is passed by defines nothing that others use and stores nothing, and each
//! way through the new graph is a way through the old one without such blocks. So whatever else dominated
//! a block still does. Nothing is erased: a dispatch that is not reached any more is left to LLVM.

#include "dispatch_threading.h"

#include "llvm/Analysis/ConstantFolding.h"
#include "llvm/Analysis/OptimizationRemarkEmitter.h"
#include "llvm/IR/Constants.h"
#include "llvm/IR/Instructions.h"
#include "llvm/IR/Module.h"
#include "remark.h"

using namespace llvm;

namespace w2n {

namespace {

constexpr const char *kDispatchThreadingName = "dispatch-threading";

/// Longer blocks compute something, they do not just dispatch.
constexpr unsigned kMaxDispatchInstructions = 8;

/// Blocks that one edge is led past, at most: an end for dispatches that go round in circles.
constexpr unsigned kMaxPassedBlocks = 8;

/// Blocks that are searched, at most, for the last store to a local before a branch.
constexpr unsigned kMaxSearchedBlocks = 8;

/// Instructions that are looked at, at most, for that store.
constexpr unsigned kMaxSearchedInstructions = 256;

/// What is asked once per edge and found out once per function: how long it takes depends on how often a
/// local is used and how many cases a dispatch has, of which there may be as many as edges.
class Facts {
public:
    /// Whether `address` is a local: nothing but loads and stores of this function can reach it.
    bool isLocal(const Value *address) {
        auto *slot = dyn_cast<AllocaInst>(address);
        if (!slot)
            return false;
        auto [known, isNew] = locals.try_emplace(slot, false);
        if (isNew)
            known->second = all_of(slot->users(), [&](const User *user) {
                auto *store = dyn_cast<StoreInst>(user);
                return isa<LoadInst>(user) || (store && store->getPointerOperand() == slot);
            });
        return known->second;
    }

    /// Where `choice` goes for `number`. Numbers and their places stay; targets may have been moved since.
    BasicBlock *targetOf(SwitchInst &choice, ConstantInt *number) {
        auto [known, isNew] = cases.try_emplace(&choice);
        if (isNew) {
            for (auto entry : choice.cases())
                known->second[entry.getCaseValue()] = entry.getSuccessorIndex();
        }
        return choice.getSuccessor(known->second.lookup_or(number, 0));
    }

private:
    DenseMap<const AllocaInst *, bool> locals;
    DenseMap<SwitchInst *, DenseMap<ConstantInt *, unsigned>> cases;
};

/// The constant in `local` at the end of `block`, if it is known to be one.
Constant *constantAtEnd(const Value *local, BasicBlock *block) {
    unsigned instructions = 0;
    for (unsigned searched = 0; block && searched < kMaxSearchedBlocks; ++searched) {
        for (Instruction &instruction : reverse(*block)) {
            if (++instructions > kMaxSearchedInstructions)
                return nullptr;
            auto *store = dyn_cast<StoreInst>(&instruction);
            if (store && store->getPointerOperand() == local)
                return dyn_cast<ConstantInt>(store->getValueOperand());
        }
        block = block->getSinglePredecessor();
    }
    return nullptr;
}

/// What an edge from `from` to a block finds there.
class Evaluation {
public:
    Evaluation(BasicBlock &from, const DataLayout &layout, Facts &facts)
        : from(from), layout(layout), facts(facts) {}

    /// Where `block` leads if it does nothing but find that out, and null otherwise.
    BasicBlock *targetOf(BasicBlock &block) {
        if (isa<PHINode>(block.front()) || hasNItemsOrMore(block, kMaxDispatchInstructions + 1))
            return nullptr;
        for (Instruction &instruction : block) {
            if (instruction.isTerminator())
                break;
            Constant *value = evaluate(instruction);
            if (!value || instruction.isUsedOutsideOfBlock(&block))
                return nullptr;
            values[&instruction] = value;
        }
        return successor(*block.getTerminator());
    }

    /// Whether a choice was made on the way, rather than only branches followed.
    bool hasChosen = false;

private:
    Constant *evaluate(Instruction &instruction) {
        if (auto *load = dyn_cast<LoadInst>(&instruction)) {
            bool isPlain = !load->isVolatile() && load->getType()->isIntegerTy() &&
                           facts.isLocal(load->getPointerOperand());
            Constant *value = isPlain ? constantAtEnd(load->getPointerOperand(), &from) : nullptr;
            return value && value->getType() == load->getType() ? value : nullptr;
        }
        if (!isa<BinaryOperator, CmpInst, CastInst, SelectInst>(instruction))
            return nullptr;
        SmallVector<Constant *, 3> operands;
        for (Value *operand : instruction.operands()) {
            operands.push_back(constant(operand));
            if (!operands.back())
                return nullptr;
        }
        // Poison would be a constant as well.
        return dyn_cast_or_null<ConstantInt>(ConstantFoldInstOperands(&instruction, operands, layout));
    }

    Constant *constant(Value *value) {
        auto *known = dyn_cast<ConstantInt>(value);
        return known ? known : values.lookup(value);
    }

    BasicBlock *successor(Instruction &terminator) {
        if (auto *choice = dyn_cast<SwitchInst>(&terminator)) {
            auto *number = dyn_cast_or_null<ConstantInt>(constant(choice->getCondition()));
            hasChosen |= number != nullptr;
            return number ? facts.targetOf(*choice, number) : nullptr;
        }
        auto *branch = dyn_cast<BranchInst>(&terminator);
        if (!branch || branch->isUnconditional())
            return branch ? branch->getSuccessor(0) : nullptr;
        auto *condition = dyn_cast_or_null<ConstantInt>(constant(branch->getCondition()));
        hasChosen |= condition != nullptr;
        return condition ? branch->getSuccessor(condition->isZero() ? 1 : 0) : nullptr;
    }

    BasicBlock &from;
    const DataLayout &layout;
    Facts &facts;
    DenseMap<Value *, Constant *> values;
};

/// Where the edge from `from` to `first` ends up, past all dispatches; `first` itself if there is none.
BasicBlock *destination(BasicBlock &from, BasicBlock &first, Facts &facts) {
    Evaluation evaluation(from, from.getDataLayout(), facts);
    BasicBlock *reached = &first;
    BasicBlock *chosen = &first;
    for (unsigned passed = 0; passed < kMaxPassedBlocks; ++passed) {
        reached = evaluation.targetOf(*reached);
        // A block with phis would need values for them.
        if (!reached || isa<PHINode>(reached->front()))
            break;
        if (evaluation.hasChosen)
            chosen = reached;
    }
    return chosen;
}

void threadDispatches(Function &function) {
    unsigned moved = 0;
    Facts facts;
    for (BasicBlock &block : function) {
        Instruction &terminator = *block.getTerminator();
        for (unsigned edge = 0, edges = terminator.getNumSuccessors(); edge < edges; ++edge) {
            BasicBlock *first = terminator.getSuccessor(edge);
            BasicBlock *last = destination(block, *first, facts);
            if (last == first)
                continue;
            terminator.setSuccessor(edge, last);
            ++moved;
        }
    }
    if (moved == 0)
        return;
    OptimizationRemarkEmitter remarks(&function);
    remarks.emit([&] {
        return OptimizationRemark(kDispatchThreadingName, "Threaded", startOf(function),
                                  &function.getEntryBlock())
               << ore::NV("Branches", moved) << " branches led past a dispatch";
    });
}

} // namespace

void threadDispatchesOf(Function &function) {
    threadDispatches(function);
}

} // namespace w2n
