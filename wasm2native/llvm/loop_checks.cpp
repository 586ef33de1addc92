//! Loops that are run twice and compared.
//!
//!     entry:  ...                     entry:      check = begin()
//!             br loop                 reference:  the loop as it is, which no loop pass touches
//!     loop:   i = phi ...         =>              br i < n, reference, swap
//!             store                   swap:       swap(check): what was stored is taken back
//!             br i < n, loop, exit    loop:       the loop, for all passes that come
//!     exit:   x = phi [last x]        exit:       x = phi [last x]
//!                                                 failed = end(check, x differs from the reference's)
//!                                                 br failed, trap, ...
//!
//! The reference runs first: where it traps the program is as it would be without all this, and where the
//! other loop leaves to a trap, which the reference did not, the check has failed. Both begin with the same
//! memory and the same values, and nothing but the two loops is between `begin` and `end`, so whatever
//! differs is the work of the passes in between. Results that are NaN are equal; in memory they are bytes
//! like others. Loops with calls or atomic accesses are left alone, as they are by our passes.
//!
//! Each store announces itself to the runtime. The calls are put in last, so that no pass sees them.

#include "loop_checks.h"

#include "erase.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SmallPtrSet.h"
#include "llvm/Analysis/LoopInfo.h"
#include "llvm/Analysis/ValueTracking.h"
#include "llvm/IR/Dominators.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/IntrinsicInst.h"
#include "llvm/IR/Module.h"
#include "llvm/Transforms/Utils/BasicBlockUtils.h"
#include "llvm/Transforms/Utils/Cloning.h"
#include "llvm/Transforms/Utils/LCSSA.h"
#include "llvm/Transforms/Utils/LoopSimplify.h"
#include "llvm/Transforms/Utils/LoopUtils.h"
#include "llvm/Transforms/Utils/UnrollLoop.h"
#include "removable_checks.h"

using namespace llvm;

namespace w2n {

namespace {

constexpr const char *kLoopChecksName = "loop-checks";

/// Larger loops are left alone by our passes.
constexpr unsigned kMaxCheckedInstructions = 600;

/// The runtime's functions.
class LoopCheckRuntime {
public:
    LoopCheckRuntime(Module &module, const W2nLoopCheckAbi &abi) : module(module), abi(abi) {
        LLVMContext &context = module.getContext();
        pointer = PointerType::getUnqual(context);
        i32 = Type::getInt32Ty(context);
        i64 = Type::getInt64Ty(context);
        nothing = Type::getVoidTy(context);
    }

    CallInst *begin(IRBuilderBase &builder) { return call(builder, abi.begin, pointer, {}); }

    void store(IRBuilderBase &builder, Value *check, Value *address, Value *length) {
        call(builder, abi.store, nothing, {check, address, builder.CreateZExtOrTrunc(length, i64)});
    }

    void swap(IRBuilderBase &builder, Value *check) { call(builder, abi.swap, nothing, {check}); }

    Value *end(IRBuilderBase &builder, Value *check, Value *differs) {
        return call(builder, abi.end, i32, {check, builder.CreateZExt(differs, i32)});
    }

    void trap(IRBuilderBase &builder, Value *code) {
        Function *function = builder.GetInsertBlock()->getParent();
        call(builder, abi.trap, nothing, {function->getArg(0), code})->setDoesNotReturn();
    }

    unsigned stackOverflow() const { return abi.stackOverflow; }

    bool isBegin(const Instruction &instruction) const { return isCallOf(instruction, abi.begin); }
    bool isSwap(const Instruction &instruction) const { return isCallOf(instruction, abi.swap); }
    bool isEnd(const Instruction &instruction) const { return isCallOf(instruction, abi.end); }

private:
    CallInst *call(IRBuilderBase &builder, const char *symbol, Type *result, ArrayRef<Value *> arguments) {
        SmallVector<Type *, 4> types;
        for (Value *argument : arguments)
            types.push_back(argument->getType());
        auto callee = module.getOrInsertFunction(symbol, FunctionType::get(result, types, false));
        cast<Function>(callee.getCallee())->setDoesNotThrow();
        CallInst *made = builder.CreateCall(callee, arguments);
        // What lies between two calls is found by the calls, so they are neither merged nor copied about.
        made->addFnAttr(Attribute::NoMerge);
        return made;
    }

    static bool isCallOf(const Instruction &instruction, const char *symbol) {
        auto *call = dyn_cast<CallInst>(&instruction);
        return call && call->getCalledFunction() && call->getCalledFunction()->getName() == symbol;
    }

    Module &module;
    const W2nLoopCheckAbi &abi;
    Type *pointer;
    Type *i32;
    Type *i64;
    Type *nothing;
};

bool mayRunTwice(const Instruction &instruction) {
    if (auto *call = dyn_cast<CallBase>(&instruction))
        return isa<IntrinsicInst>(call) && !call->isConvergent() && !call->cannotDuplicate() &&
               (isa<MemIntrinsic>(call) || !call->mayWriteToMemory() ||
                cast<IntrinsicInst>(call)->isAssumeLikeIntrinsic());
    return !instruction.isAtomic() && !isa<FenceInst>(instruction);
}

/// Puts the reference in front of one loop.
class LoopDoubler {
public:
    LoopDoubler(Loop &loop, LoopCheckRuntime &runtime, DominatorTree &dominators, LoopInfo &loops)
        : loop(loop), runtime(runtime), dominators(dominators), loops(loops) {}

    bool isCheckable() const {
        unsigned count = 0;
        bool isPlain = all_of(loop.blocks(), [&](BasicBlock *block) {
            count += block->sizeWithoutDebug();
            return all_of(*block, mayRunTwice);
        });
        SmallVector<BasicBlock *, 8> exiting;
        loop.getExitingBlocks(exiting);
        SmallVector<BasicBlock *, 8> exits;
        loop.getExitBlocks(exits);
        return isPlain && count <= kMaxCheckedInstructions && loop.isLoopSimplifyForm() &&
               all_of(exiting, [](BasicBlock *block) { return isa<BranchInst>(block->getTerminator()); }) &&
               any_of(exits, [](BasicBlock *exit) { return !trapsAt(exit); });
    }

    void run() {
        BasicBlock *entry = loop.getLoopPreheader();
        BasicBlock *fastEntry =
            SplitBlock(entry, entry->getTerminator(), &dominators, &loops, nullptr, "loop_check.entry");
        SmallVector<BasicBlock *, 8> blocks;
        Loop *reference = cloneLoopWithPreheader(fastEntry, entry, &loop, copies, ".reference", &loops,
                                                 &dominators, blocks);
        remapInstructionsInBlocks(blocks, copies);
        reference->setLoopAlreadyUnrolled();
        addStringMetadataToLoop(reference, "llvm.loop.isvectorized", 1);
        addBegin(entry, reference->getLoopPreheader());
        addSwap(fastEntry);
        dominators.recalculate(*entry->getParent());
        for (Loop *version : {&loop, reference})
            formDedicatedExitBlocks(version, &dominators, &loops, nullptr, true);
        addEnds();
        dominators.recalculate(*entry->getParent());
    }

private:
    /// A value that is used after the loop, and what it is after the reference.
    struct Outcome {
        PHINode *value;
        PHINode *expected;
    };

    void addBegin(BasicBlock *entry, BasicBlock *referenceEntry) {
        Instruction *terminator = entry->getTerminator();
        IRBuilder<> builder(terminator);
        builder.SetCurrentDebugLocation(loop.getStartLoc());
        check = runtime.begin(builder);
        auto *noRoom = BasicBlock::Create(entry->getContext(), "loop_check.no_room", entry->getParent());
        builder.CreateCondBr(builder.CreateIsNull(check), noRoom, referenceEntry);
        eraseUnused(*terminator, kLoopChecksName);
        builder.SetInsertPoint(noRoom);
        runtime.trap(builder, builder.getInt32(runtime.stackOverflow()));
        builder.CreateUnreachable();
    }

    Value *inReference(Value *value) {
        Value *copy = copies.lookup(value);
        return copy ? copy : value;
    }

    /// Leads all ways out of the reference but those to a trap to a block of its own, with what each exit
    /// got.
    void addSwap(BasicBlock *fastEntry) {
        auto *swap =
            BasicBlock::Create(fastEntry->getContext(), "loop_check.swap", fastEntry->getParent(), fastEntry);
        if (Loop *parent = loop.getParentLoop())
            parent->addBasicBlockToLoop(swap, loops);
        IRBuilder<> builder(swap);
        builder.SetCurrentDebugLocation(loop.getStartLoc());
        way = builder.CreatePHI(builder.getInt32Ty(), 2, "way");
        SmallVector<std::pair<BasicBlock *, BasicBlock *>, 8> edges;
        loop.getExitEdges(edges);
        for (auto [exiting, exit] : edges) {
            if (trapsAt(exit) || !outcomes.try_emplace(exit).second)
                continue;
            for (PHINode &phi : exit->phis())
                outcomes[exit].push_back({&phi, builder.CreatePHI(phi.getType(), 2, "expected")});
        }
        for (auto [exiting, exit] : edges) {
            auto *from = cast<BasicBlock>(inReference(exiting));
            if (trapsAt(exit)) {
                for (PHINode &phi : exit->phis())
                    phi.addIncoming(inReference(phi.getIncomingValueForBlock(exiting)), from);
                continue;
            }
            from->getTerminator()->replaceSuccessorWith(exit, swap);
            way->addIncoming(builder.getInt32(numberOf(exit)), from);
            for (auto &[other, ofExit] : outcomes) {
                for (Outcome &outcome : ofExit) {
                    Value *value = other == exit
                                       ? inReference(outcome.value->getIncomingValueForBlock(exiting))
                                       : Constant::getNullValue(outcome.value->getType());
                    outcome.expected->addIncoming(value, from);
                }
            }
        }
        runtime.swap(builder, check);
        builder.CreateBr(fastEntry);
    }

    unsigned numberOf(BasicBlock *exit) const { return unsigned(outcomes.find(exit) - outcomes.begin()); }

    void addEnds() {
        SmallVector<BasicBlock *, 8> exits;
        loop.getUniqueExitBlocks(exits);
        for (BasicBlock *exit : exits) {
            Instruction *position = &*exit->getFirstInsertionPt();
            IRBuilder<> builder(position);
            builder.SetCurrentDebugLocation(loop.getStartLoc());
            auto found = outcomes.find(exit);
            if (found == outcomes.end()) {
                // A trap that was not due.
                runtime.trap(builder, runtime.end(builder, check, builder.getTrue()));
                continue;
            }
            Value *differs = builder.CreateICmpNE(way, builder.getInt32(numberOf(exit)), "other_way");
            for (const Outcome &outcome : found->second)
                differs = builder.CreateOr(differs, differ(outcome, builder), "differs");
            Value *code = runtime.end(builder, check, differs);
            Value *isWrong = builder.CreateICmpNE(code, builder.getInt32(0), "failed");
            builder.SetInsertPoint(SplitBlockAndInsertIfThen(isWrong, position, /*Unreachable=*/true, nullptr,
                                                             static_cast<DomTreeUpdater *>(nullptr), &loops));
            builder.SetCurrentDebugLocation(loop.getStartLoc());
            runtime.trap(builder, code);
        }
    }

    static Value *differ(const Outcome &outcome, IRBuilderBase &builder) {
        Value *value = builder.CreateFreeze(outcome.value);
        Value *expected = builder.CreateFreeze(outcome.expected);
        Type *type = value->getType();
        if (type->isPointerTy())
            return builder.CreateICmpNE(value, expected);
        Type *bits = builder.getIntNTy(type->getPrimitiveSizeInBits().getFixedValue());
        Value *differs =
            builder.CreateICmpNE(builder.CreateBitCast(value, bits), builder.CreateBitCast(expected, bits));
        if (!type->isFloatingPointTy())
            return differs;
        Value *isNumber =
            builder.CreateOr(builder.CreateFCmpORD(value, value), builder.CreateFCmpORD(expected, expected));
        return builder.CreateAnd(differs, isNumber);
    }

    Loop &loop;
    LoopCheckRuntime &runtime;
    DominatorTree &dominators;
    LoopInfo &loops;
    ValueToValueMapTy copies;
    CallInst *check = nullptr;
    /// Which exit the reference has taken.
    PHINode *way = nullptr;
    MapVector<BasicBlock *, SmallVector<Outcome, 4>> outcomes;
};

/// Announces the stores that control comes to between a call of `begin` and one of `end`.
class StoreAnnouncer {
public:
    StoreAnnouncer(CallInst &check, LoopCheckRuntime &runtime, const DominatorTree &dominators)
        : check(check), runtime(runtime), dominators(dominators) {}

    void run() {
        SmallVector<Instruction *, 32> writers;
        SmallPtrSet<BasicBlock *, 32> seen;
        SmallVector<Instruction *, 16> starts{check.getNextNode()};
        while (!starts.empty())
            collect(starts.pop_back_val(), writers, seen, starts);
        for (Instruction *writer : writers)
            announce(*writer);
    }

private:
    void collect(Instruction *from, SmallVectorImpl<Instruction *> &writers,
                 SmallPtrSetImpl<BasicBlock *> &seen, SmallVectorImpl<Instruction *> &starts) {
        for (Instruction *instruction = from; instruction; instruction = instruction->getNextNode()) {
            auto *call = dyn_cast<CallBase>(instruction);
            if (runtime.isEnd(*instruction) || (call && call->doesNotReturn()))
                return;
            if (isWriter(*instruction))
                writers.push_back(instruction);
        }
        for (BasicBlock *next : successors(from->getParent())) {
            if (seen.insert(next).second)
                starts.push_back(&next->front());
        }
    }

    bool isWriter(const Instruction &instruction) const {
        auto *intrinsic = dyn_cast<IntrinsicInst>(&instruction);
        if (!instruction.mayWriteToMemory() || runtime.isSwap(instruction) ||
            (intrinsic && intrinsic->isAssumeLikeIntrinsic()))
            return false;
        auto *load = dyn_cast<LoadInst>(&instruction);
        return !load;
    }

    void announce(Instruction &writer) {
        if (!dominators.dominates(&check, &writer))
            reportWrong(kLoopChecksName, "is not behind the check alone", writer);
        IRBuilder<> builder(&writer);
        if (auto *store = dyn_cast<StoreInst>(&writer)) {
            Value *address = store->getPointerOperand();
            if (isa<AllocaInst>(getUnderlyingObject(address)))
                return;
            Type *type = store->getValueOperand()->getType();
            // Where the store would trap this does, in code that may.
            builder.CreateAlignedLoad(type, address, store->getAlign(), /*isVolatile=*/true);
            runtime.store(builder, &check, address,
                          builder.getInt64(writer.getDataLayout().getTypeStoreSize(type).getFixedValue()));
        } else if (auto *range = dyn_cast<MemIntrinsic>(&writer)) {
            runtime.store(builder, &check, range->getRawDest(), range->getLength());
        } else if (auto *intrinsic = dyn_cast<IntrinsicInst>(&writer);
                   intrinsic && (intrinsic->getIntrinsicID() == Intrinsic::masked_store ||
                                 intrinsic->getIntrinsicID() == Intrinsic::masked_scatter)) {
            announceLanes(*intrinsic, builder);
        } else {
            reportWrong(kLoopChecksName, "stores in a way that is not known", writer);
        }
    }

    void announceLanes(IntrinsicInst &store, IRBuilderBase &builder) {
        auto *type = cast<FixedVectorType>(store.getArgOperand(0)->getType());
        Value *addresses = store.getArgOperand(1);
        Value *mask = store.getArgOperand(2);
        uint64_t size = store.getDataLayout().getTypeStoreSize(type->getElementType()).getFixedValue();
        for (unsigned lane = 0; lane < type->getNumElements(); ++lane) {
            Value *address = addresses->getType()->isVectorTy()
                                 ? builder.CreateExtractElement(addresses, lane)
                                 : builder.CreatePtrAdd(addresses, builder.getInt64(lane * size));
            Value *isStored = builder.CreateExtractElement(mask, lane);
            runtime.store(builder, &check, address,
                          builder.CreateSelect(isStored, builder.getInt64(size), builder.getInt64(0)));
        }
    }

    CallInst &check;
    LoopCheckRuntime &runtime;
    const DominatorTree &dominators;
};

} // namespace

PreservedAnalyses LoopChecks::run(Function &function, FunctionAnalysisManager &manager) {
    // Traps need the instance.
    if (function.arg_empty() || !function.getArg(0)->getType()->isPointerTy())
        return PreservedAnalyses::all();
    auto &loops = manager.getResult<LoopAnalysis>(function);
    auto &dominators = manager.getResult<DominatorTreeAnalysis>(function);
    SmallVector<Loop *, 16> innermost;
    for (Loop *loop : loops.getLoopsInPreorder()) {
        if (loop->isInnermost())
            innermost.push_back(loop);
    }
    LoopCheckRuntime runtime(*function.getParent(), abi);
    for (Loop *loop : innermost) {
        simplifyLoop(loop, &dominators, &loops, nullptr, nullptr, nullptr, false);
        formLCSSARecursively(*loop, dominators, &loops, nullptr);
        LoopDoubler doubler(*loop, runtime, dominators, loops);
        if (doubler.isCheckable())
            doubler.run();
    }
    return innermost.empty() ? PreservedAnalyses::all() : PreservedAnalyses::none();
}

PreservedAnalyses LoopCheckStores::run(Function &function, FunctionAnalysisManager &manager) {
    LoopCheckRuntime runtime(*function.getParent(), abi);
    SmallVector<CallInst *, 8> checks;
    for (Instruction &instruction : instructions(function)) {
        if (runtime.isBegin(instruction))
            checks.push_back(cast<CallInst>(&instruction));
    }
    for (CallInst *check : checks)
        StoreAnnouncer(*check, runtime, manager.getResult<DominatorTreeAnalysis>(function)).run();
    if (checks.empty())
        return PreservedAnalyses::all();
    PreservedAnalyses preserved;
    preserved.preserveSet<CFGAnalyses>();
    return preserved;
}

} // namespace w2n
