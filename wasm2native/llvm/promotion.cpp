//! Locals become registers: `mem2reg` with a limit.
//!
//! Where two ways of a function meet, each local that one of them changed becomes a phi, with one entry for
//! each way in. A few kilobytes of Wasm can ask for millions: so many locals that change in so many nested
//! loops, or in front of a switch of so many cases. The rule: such a function keeps its locals in memory and
//! is not optimised, which takes time and room in proportion to its size. What a function would need is
//! counted beforehand, the way LLVM places phis.

#include "promotion.h"

#include "huge_functions.h"
#include "llvm/Analysis/IteratedDominanceFrontier.h"
#include "llvm/Analysis/OptimizationRemarkEmitter.h"
#include "llvm/IR/CFG.h"
#include "llvm/IR/Dominators.h"
#include "llvm/IR/Instructions.h"
#include "llvm/Transforms/Utils/PromoteMemToReg.h"
#include "remark.h"

using namespace llvm;

namespace w2n {

namespace {

constexpr const char *kPromotionName = "promotion";

/// Phis of one function. Functions that people wrote need some thousands at most; with a hundred thousand the
/// back end takes minutes.
constexpr uint64_t kMaxPhis = 30'000;

/// Phis for each instruction of a function: what people wrote has a fraction of one. There may be any number
/// of small functions, so the limit has to be in proportion to each.
constexpr uint64_t kMaxPhisPerInstruction = 2;

/// So many are nothing to speak of.
constexpr uint64_t kFewPhis = 1'000;

/// Their entries.
constexpr uint64_t kMaxPhiEntries = 2'000'000;

/// Blocks that are looked at for each instruction, which may be all blocks for each local that changes in
/// several: here and once more where locals become registers. What people wrote has a few dozen for each
/// instruction.
constexpr uint64_t kMaxLooksPerInstruction = 100;

/// So many cost nothing.
constexpr uint64_t kFewLooks = 1'000'000;

uint64_t maxPhis(Function &function) {
    return std::clamp(kMaxPhisPerInstruction * function.getInstructionCount(), kFewPhis, kMaxPhis);
}

using Blocks = SmallPtrSet<BasicBlock *, 32>;

/// Counts the phis that locals need.
class PhiCounter {
public:
    PhiCounter(Function &function, DominatorTree &dominators)
        : dominators(dominators), phiLimit(maxPhis(function)),
          looksLimit(std::max(kMaxLooksPerInstruction * function.getInstructionCount(), kFewLooks)) {
        for (BasicBlock &block : function)
            waysIn[&block] = pred_size(&block);
    }

    /// Adds those of `local`.
    void add(AllocaInst &local) {
        Blocks defining, using_;
        DenseMap<BasicBlock *, Instruction *> firstStores;
        for (User *user : local.users()) {
            auto *instruction = cast<Instruction>(user);
            BasicBlock *block = instruction->getParent();
            if (!isa<StoreInst>(instruction))
                continue;
            defining.insert(block);
            Instruction *&first = firstStores[block];
            if (!first || instruction->comesBefore(first))
                first = instruction;
        }
        if (defining.size() < 2)
            return;
        for (User *user : local.users()) {
            auto *load = dyn_cast<LoadInst>(user);
            if (!load)
                continue;
            Instruction *store = firstStores.lookup(load->getParent());
            if (!store || load->comesBefore(store))
                using_.insert(load->getParent());
        }
        addMerges(defining, using_);
    }

    bool isTooMuch() const { return phis > phiLimit || entries > kMaxPhiEntries || looks > looksLimit; }

private:
    void addMerges(Blocks &defining, const Blocks &using_) {
        Blocks live;
        SmallVector<BasicBlock *, 32> pending(using_.begin(), using_.end());
        while (!pending.empty()) {
            BasicBlock *block = pending.pop_back_val();
            if (!live.insert(block).second)
                continue;
            for (BasicBlock *before : predecessors(block)) {
                if (!defining.contains(before))
                    pending.push_back(before);
            }
        }
        looks += live.size() + waysIn.size();
        ForwardIDFCalculator frontier(dominators);
        frontier.setDefiningBlocks(defining);
        frontier.setLiveInBlocks(live);
        SmallVector<BasicBlock *, 32> merges;
        frontier.calculate(merges);
        phis += merges.size();
        for (BasicBlock *block : merges)
            entries += waysIn.lookup(block);
    }

    DominatorTree &dominators;
    uint64_t phiLimit;
    uint64_t looksLimit;
    DenseMap<BasicBlock *, unsigned> waysIn;
    uint64_t phis = 0;
    uint64_t entries = 0;
    uint64_t looks = 0;
};

/// Whether there may be too many phis at all: the most that there can be, counted in one go.
bool mayBeTooMuch(Function &function, size_t locals) {
    uint64_t merges = 0, waysIn = 0;
    for (BasicBlock &block : function) {
        unsigned ways = pred_size(&block);
        merges += ways > 1;
        waysIn += ways > 1 ? ways : 0;
    }
    return locals * merges > maxPhis(function) || locals * waysIn > kMaxPhiEntries ||
           locals * function.size() > kFewLooks;
}

bool needsTooMuch(Function &function, DominatorTree &dominators, ArrayRef<AllocaInst *> locals) {
    if (!mayBeTooMuch(function, locals.size()))
        return false;
    PhiCounter counter(function, dominators);
    for (AllocaInst *local : locals) {
        counter.add(*local);
        if (counter.isTooMuch())
            return true;
    }
    return false;
}

} // namespace

void promoteLocals(Function &function) {
    SmallVector<AllocaInst *, 64> locals;
    for (Instruction &instruction : function.getEntryBlock()) {
        auto *local = dyn_cast<AllocaInst>(&instruction);
        if (local && isAllocaPromotable(local))
            locals.push_back(local);
    }
    if (locals.empty())
        return;
    DominatorTree dominators(function);
    if (!needsTooMuch(function, dominators, locals)) {
        PromoteMemToReg(locals, dominators);
        return;
    }
    OptimizationRemarkEmitter remarks(&function);
    remarks.emit([&] {
        return OptimizationRemark(kPromotionName, "KeptInMemory", startOf(function),
                                  &function.getEntryBlock())
               << ore::NV("Locals", locals.size())
               << " locals, which change in too many places, stay in memory: the function is not optimised";
    });
    leaveAlone(function);
}

} // namespace w2n
