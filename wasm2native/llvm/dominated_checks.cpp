//! Bounds checks of which an earlier check has said enough.
//!
//!     check:  old = load length             f may grow the memory, so LLVM loads the length again and
//!             br p + 12 > old, trap, next   compares again. But the length is at least `old`:
//!     next:   call f
//!             new = load length             p + 8 <= p + 12 <= old <= new
//!             br p + 8 > new, trap, ...     so this branch never traps.
//!
//! Why this is sound. A load with the tag `kMemoryLength` reads the length of a memory, which only ever
//! grows: nobody but the runtime writes it, and only to grow the memory (rt/src/memory.rs), which has no
//! other operation; who grows it, this instance or another that shares the memory, makes no difference.
//! So of two loads from the same place the one executed later reads no less.
//!
//! "Later" is what dominance gives. Let a value A dominate a value B and B dominate a place C. Then each time
//! control comes to C, B was executed after the last execution of A: a path from that execution to C without
//! B, put behind a path from the entry to the first A, which has no B either, would lead to C without B.
//! With A the old length and B the new one, or B the edge on which the old check passed, it follows that
//! the check passed for the very values of index and old length that are current at C, and that the new
//! length was read after the old one. Both must be asked for: a guest can keep a length in a local, grow
//! the memory, have an access checked with the new length and compare with the old one.
//!
//! Which access traps, and what was stored before, stays as it was: only branches that never trap go. A
//! comparison is taken from its branch alone, which gets the constant that it always was; it is deleted, at
//! the end, if nothing else uses it.

#include "dominated_checks.h"

#include "bound.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/DepthFirstIterator.h"
#include "llvm/ADT/SmallPtrSet.h"
#include "llvm/IR/Dominators.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/Transforms/Utils/Local.h"

using namespace llvm;

namespace w2n {

namespace {

/// Name of the alias class of lengths (`env/alias.rs`).
constexpr const char *kMemoryLength = "memory length";

/// Facts about the same index and memory that are looked at.
constexpr unsigned kMaxFacts = 16;

/// Phis of lengths with more edges than this are not looked through.
constexpr unsigned kMaxEdges = 8;

bool isLengthLoad(const LoadInst &load) {
    MDNode *tag = load.getMetadata(LLVMContext::MD_tbaa);
    auto *type = tag && tag->getNumOperands() >= 2 ? dyn_cast<MDNode>(tag->getOperand(1)) : nullptr;
    auto *name = type && type->getNumOperands() > 0 ? dyn_cast<MDString>(type->getOperand(0)) : nullptr;
    return name && name->getString() == kMemoryLength;
}

/// What is known in the blocks that `block` dominates: `value + reach` is at most `length`.
struct Fact {
    uint64_t reach;
    Value *length;
    BasicBlock *block;
};

/// Finds the checks of one function in the order of the dominator tree.
class CheckEliminator {
public:
    CheckEliminator(Function &function, DominatorTree &dominators)
        : function(function), dominators(dominators) {}

    bool run() {
        bool isChanged = false;
        dominators.updateDFSNumbers();
        for (DomTreeNode *node : depth_first(dominators.getRootNode())) {
            BasicBlock *block = node->getBlock();
            learn(*block);
            isChanged |= decide(*block);
        }
        RecursivelyDeleteTriviallyDeadInstructionsPermissive(decided);
        return isChanged;
    }

private:
    /// An index (null for 0), and where the length of its memory is.
    using Key = std::pair<Value *, Value *>;

    /// Remembers what the branch to `block` says.
    void learn(BasicBlock &block) {
        BasicBlock *before = block.getSinglePredecessor();
        auto *branch = before ? dyn_cast<BranchInst>(before->getTerminator()) : nullptr;
        if (!branch || !branch->isConditional() || branch->getSuccessor(0) == branch->getSuccessor(1))
            return;
        auto bound = lengthBound(*branch, branch->getSuccessor(0) == &block ? 0 : 1);
        if (!bound)
            return;
        SmallVector<Fact, 2> &known = facts[keyOf(*bound)];
        forgetOutside(known, block);
        known.push_back({bound->reach, bound->limit, &block});
    }

    /// Leaves only what holds in `block`. Blocks come in preorder, so what does not dominate this one
    /// dominates none that is still to come, and what is left is a chain of blocks, each dominated by the one
    /// before.
    void forgetOutside(SmallVector<Fact, 2> &known, BasicBlock &block) const {
        while (!known.empty() && !dominators.dominates(known.back().block, &block))
            known.pop_back();
    }

    /// Makes a comparison whose outcome is known a constant.
    bool decide(BasicBlock &block) {
        auto *branch = dyn_cast<BranchInst>(block.getTerminator());
        for (unsigned edge = 0; branch && branch->isConditional() && edge < 2; ++edge) {
            auto bound = lengthBound(*branch, edge);
            if (!bound || !isKnown(*bound, block))
                continue;
            decided.push_back(branch->getCondition());
            branch->setCondition(ConstantInt::getBool(function.getContext(), edge == 0));
            return true;
        }
        return false;
    }

    bool isKnown(const Bound &bound, BasicBlock &block) {
        auto found = facts.find(keyOf(bound));
        if (found == facts.end())
            return false;
        SmallVector<Fact, 2> &known = found->second;
        forgetOutside(known, block);
        auto latest = make_range(known.rbegin(), known.rbegin() + std::min<size_t>(known.size(), kMaxFacts));
        return any_of(latest, [&](const Fact &fact) {
            return bound.reach <= fact.reach && isNoEarlier(bound.limit, fact.length);
        });
    }

    /// The bound on an edge, if its limit is the length of a memory.
    static std::optional<Bound> lengthBound(const BranchInst &branch, unsigned edge) {
        auto bound = boundOn(branch, edge);
        return bound && placeOf(bound->limit) ? bound : std::nullopt;
    }

    static Key keyOf(const Bound &bound) { return {bound.value, placeOf(bound.limit)}; }

    /// Where a length was loaded, on each of the ways on which it comes; null if it is no length.
    static Value *placeOf(Value *length) {
        if (auto *load = dyn_cast<LoadInst>(length))
            return isLengthLoad(*load) ? load->getPointerOperand() : nullptr;
        auto *phi = dyn_cast<PHINode>(length);
        if (!phi || phi->getNumIncomingValues() > kMaxEdges)
            return nullptr;
        Value *place = nullptr;
        for (Value *incoming : phi->incoming_values()) {
            auto *load = dyn_cast<LoadInst>(incoming);
            if (!load || !isLengthLoad(*load) || (place && place != load->getPointerOperand()))
                return nullptr;
            place = load->getPointerOperand();
        }
        return place;
    }

    /// Whether `length` was read after `old`, or at the same time.
    bool isNoEarlier(Value *length, Value *old) const {
        if (length == old)
            return true;
        if (auto *phi = dyn_cast<PHINode>(length))
            return all_of(phi->incoming_values(), [&](Value *incoming) {
                return incoming == old ||
                       dominators.dominates(cast<Instruction>(old), cast<Instruction>(incoming));
            });
        return dominators.dominates(cast<Instruction>(old), cast<Instruction>(length));
    }

    Function &function;
    DominatorTree &dominators;
    DenseMap<Key, SmallVector<Fact, 2>> facts;
    SmallVector<WeakTrackingVH, 8> decided;
};

} // namespace

PreservedAnalyses DominatedChecks::run(Function &function, FunctionAnalysisManager &manager) {
    if (!CheckEliminator(function, manager.getResult<DominatorTreeAnalysis>(function)).run())
        return PreservedAnalyses::all();
    PreservedAnalyses preserved;
    preserved.preserveSet<CFGAnalyses>();
    return preserved;
}

} // namespace w2n
