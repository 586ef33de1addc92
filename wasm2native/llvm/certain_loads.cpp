//! Follows loaded values to what keeps them.

#include "certain_loads.h"

#include "equal_values.h"
#include "linear_memory.h"
#include "llvm/IR/Constants.h"
#include "llvm/IR/IntrinsicInst.h"
#include "llvm/IR/PatternMatch.h"

using namespace llvm;

namespace w2n {

namespace {

/// Uses that are looked at for one load; with more of them it is not certain.
constexpr unsigned kMaxUses = 64;

/// Values that are looked at to see that one does not depend on another.
constexpr unsigned kMaxOperands = 24;

/// Instructions that are looked at to find what a block does, or what follows a store.
constexpr unsigned kMaxBlockSteps = 64;

/// Whether a later store in its block writes the same place, so that LLVM deletes this one.
bool isOverwritten(StoreInst &store) {
    unsigned steps = 0;
    for (Instruction *next = store.getNextNode(); next; next = next->getNextNode()) {
        if (++steps > kMaxBlockSteps)
            return true;
        auto *later = dyn_cast<StoreInst>(next);
        if (later && mayBeEqual(*later->getPointerOperand(), *store.getPointerOperand()))
            return true;
    }
    return false;
}

/// Bytes of what is loaded.
unsigned bytesOf(const LoadInst &load) {
    return load.getDataLayout().getTypeStoreSize(load.getType());
}

/// Whether `mask` keeps something of each of the lowest `bytes` bytes.
bool keepsEachByte(const APInt &mask, unsigned bytes) {
    for (unsigned byte = 0; byte < bytes && byte * 8 < mask.getBitWidth(); ++byte) {
        if (mask.extractBits(8, byte * 8).isZero())
            return false;
    }
    return true;
}

/// The constant that all lanes of `value` are, or null.
const APInt *numberOf(Value &value) {
    const APInt *number = nullptr;
    return PatternMatch::match(&value, PatternMatch::m_APInt(number)) ? number : nullptr;
}

/// Whether each lane of operand `operand` of a shuffle is in its result.
bool keepsEachLane(ShuffleVectorInst &shuffle, unsigned operand) {
    auto *type = dyn_cast<FixedVectorType>(shuffle.getOperand(operand)->getType());
    if (!type)
        return false;
    unsigned count = type->getNumElements();
    // A splat of what was inserted as the first lane.
    if (operand == 0 && isa<InsertElementInst>(shuffle.getOperand(0)) && shuffle.isZeroEltSplat())
        return true;
    for (unsigned lane = 0; lane < count; ++lane) {
        if (!is_contained(shuffle.getShuffleMask(), int(operand * count + lane)))
            return false;
    }
    return true;
}

bool isDefinedIn(Value &value, Loop *loop) {
    auto *instruction = dyn_cast<Instruction>(&value);
    return instruction && loop && loop->contains(instruction);
}

/// Whether two operands are surely different. Equal instructions are not yet one: accesses were volatile.
bool areDifferent(const Value &one, const Value &other) {
    auto *instruction = dyn_cast<Instruction>(&one);
    auto *otherInstruction = dyn_cast<Instruction>(&other);
    if (!instruction || !otherInstruction)
        return &one != &other && !dependsOnLoad(one) && !dependsOnLoad(other);
    return instruction->getOpcode() != otherInstruction->getOpcode();
}

/// Whether two effects cannot become one.
bool areDifferentEffects(const Instruction &one, const Instruction &other) {
    if (one.getOpcode() != other.getOpcode() || one.getNumOperands() != other.getNumOperands())
        return true;
    for (unsigned index = 0; index < one.getNumOperands(); ++index) {
        if (areDifferent(*one.getOperand(index), *other.getOperand(index)))
            return true;
    }
    return false;
}

} // namespace

bool CertainLoads::decide(LoadInst &load) {
    seen.clear();
    remainingSteps = kMaxUses;
    bool isCertain = reaches({&load, &load, /*isLossy=*/false});
    verdicts[&load] = isCertain;
    return isCertain;
}

bool CertainLoads::reaches(Trail trail) {
    if (!seen.insert(trail.value).second)
        return false;
    for (const Use &use : trail.value->uses()) {
        if (remainingSteps == 0)
            return false;
        --remainingSteps;
        if (reachesThrough(use, trail))
            return true;
    }
    return false;
}

bool CertainLoads::reachesThrough(const Use &use, Trail trail) {
    auto &user = *cast<Instruction>(use.getUser());
    if (auto *phi = dyn_cast<PHINode>(&user))
        return reachesThroughPhi(*phi, use, trail);
    if (!isSureToFollow(user, *trail.value))
        return false;
    if (isKeptBy(user, use, trail))
        return true;
    if (isUnchanged(user, use, trail))
        return reaches({trail.load, &user, trail.isLossy});
    if (!trail.isLossy && isPassed(user, use, trail))
        return reaches({trail.load, &user, /*isLossy=*/true});
    return false;
}

/// Whether `user` runs whenever the instruction that makes `value` does, and the latter stays before it.
bool CertainLoads::isSureToFollow(Instruction &user, Value &value) {
    BasicBlock *home = cast<Instruction>(value).getParent();
    BasicBlock *block = user.getParent();
    if (block == home)
        return true;
    // A phi is made where blocks meet; what it came from does not move.
    bool mayBeElsewhere = stage == Stage::Optimisation || isa<PHINode>(value);
    return mayBeElsewhere && loops.getLoopFor(block) == loops.getLoopFor(home) &&
           followers.dominates(block, home);
}

bool CertainLoads::reachesThroughPhi(PHINode &phi, const Use &use, Trail trail) {
    BasicBlock *from = phi.getIncomingBlock(use);
    BasicBlock *home = cast<Instruction>(trail.value)->getParent();
    if (from != home)
        return false;
    Loop *loop = loops.getLoopFor(home);
    if (loop && phi.getParent() == loop->getHeader())
        return false;
    Loop *target = loops.getLoopFor(phi.getParent());
    if (from->getSingleSuccessor() && target == loop)
        return reaches({trail.load, &phi, trail.isLossy});
    // What a loop carries from one iteration to the next and hands on at its end.
    if (!loop || loop->getLoopLatch() != from || loop->getExitingBlock() != from || loop->contains(&phi))
        return false;
    return isCarried(*trail.value, *loop) && reaches({trail.load, &phi, trail.isLossy});
}

/// Whether the next iteration of a loop gets `value` from this one.
bool CertainLoads::isCarried(Value &value, Loop &loop) {
    BasicBlock *latch = loop.getLoopLatch();
    return latch && any_of(loop.getHeader()->phis(), [&](PHINode &carried) {
               return carried.getIncomingValueForBlock(latch) == &value && !carried.use_empty();
           });
}

/// Whether `user` stays, and needs its operand whole.
bool CertainLoads::isKeptBy(Instruction &user, const Use &use, Trail trail) {
    if (auto *store = dyn_cast<StoreInst>(&user)) {
        // Whatever becomes of the store, its place is accessed by what makes it superfluous.
        if (use.getOperandNo() == StoreInst::getPointerOperandIndex())
            return true;
        // LLVM deletes a store of what was loaded from there.
        bool isStoredBack = trail.value == trail.load &&
                            mayBeEqual(*store->getPointerOperand(), *trail.load->getPointerOperand());
        if (isDoneBehindLoop(*store) && !isCarried(*trail.value, *loops.getLoopFor(store->getParent())))
            return false;
        return !isStoredBack && !isOverwritten(*store);
    }
    if (auto *load = dyn_cast<LoadInst>(&user))
        return !isLinearMemory(*load) ? load->isVolatile() : verdicts.contains(load);
    if (isa<ReturnInst>(user))
        return true;
    if (isa<BranchInst, SwitchInst>(user))
        return dividesEffects(user);
    auto *call = dyn_cast<CallBase>(&user);
    return call && !isa<IntrinsicInst>(call) && call->isArgOperand(&use);
}

/// Whether what `user` makes of its operand tells all of it.
bool CertainLoads::isUnchanged(Instruction &user, const Use &use, Trail trail) {
    switch (user.getOpcode()) {
    case Instruction::ZExt:
    case Instruction::SExt:
    case Instruction::BitCast:
    case Instruction::Freeze:
    case Instruction::GetElementPtr:
    case Instruction::IntToPtr:
    case Instruction::PtrToInt:
    case Instruction::FNeg:
    case Instruction::FPExt:
    case Instruction::FPTrunc:
    case Instruction::SIToFP:
    case Instruction::UIToFP:
    case Instruction::FPToSI:
    case Instruction::FPToUI:
        return true;
    // No algebra of floats without flags that we never set.
    case Instruction::FAdd:
    case Instruction::FSub:
    case Instruction::FMul:
    case Instruction::FDiv:
        return true;
    case Instruction::Add:
    case Instruction::Sub:
    case Instruction::Xor:
        return isIndependent(*user.getOperand(1 - use.getOperandNo()), trail);
    case Instruction::Or:
        return cast<PossiblyDisjointInst>(user).isDisjoint() &&
               isIndependent(*user.getOperand(1 - use.getOperandNo()), trail);
    case Instruction::Select:
        // A choice between two numbers.
        return use.getOperandNo() == 0 && numberOf(*user.getOperand(1)) && numberOf(*user.getOperand(2)) &&
               user.getOperand(1) != user.getOperand(2);
    case Instruction::InsertElement:
        return use.getOperandNo() == 1;
    case Instruction::ShuffleVector:
        return keepsEachLane(cast<ShuffleVectorInst>(user), use.getOperandNo());
    default:
        break;
    }
    auto *intrinsic = dyn_cast<IntrinsicInst>(&user);
    if (!intrinsic)
        return false;
    switch (intrinsic->getIntrinsicID()) {
    case Intrinsic::bswap:
    case Intrinsic::bitreverse:
    case Intrinsic::fabs:
    case Intrinsic::sqrt:
    case Intrinsic::floor:
    case Intrinsic::ceil:
    case Intrinsic::trunc:
    case Intrinsic::nearbyint:
    case Intrinsic::rint:
    case Intrinsic::roundeven:
    case Intrinsic::fma:
    case Intrinsic::copysign:
        return intrinsic->getIntrinsicID() != Intrinsic::copysign || use.getOperandNo() == 0;
    default:
        return false;
    }
}

/// Whether what `user` makes of its operand depends on each byte of it.
bool CertainLoads::isPassed(Instruction &user, const Use &use, Trail trail) {
    if (auto *binary = dyn_cast<BinaryOperator>(&user))
        return use.getOperandNo() == 0
                   ? isPassedByBinary(*binary, *binary->getOperand(1), trail)
                   : binary->isCommutative() && isPassedByBinary(*binary, *binary->getOperand(0), trail);
    if (auto *compare = dyn_cast<CmpInst>(&user))
        return isPassedByCompare(*compare, use, trail);
    if (auto *select = dyn_cast<SelectInst>(&user))
        return isPassedBySelect(*select, use, trail);
    auto *intrinsic = dyn_cast<IntrinsicInst>(&user);
    if (!intrinsic)
        return false;
    switch (intrinsic->getIntrinsicID()) {
    case Intrinsic::ctpop:
        return true;
    case Intrinsic::smin:
    case Intrinsic::smax:
    case Intrinsic::umin:
    case Intrinsic::umax:
    case Intrinsic::minnum:
    case Intrinsic::maxnum:
    case Intrinsic::minimum:
    case Intrinsic::maximum: {
        Value &other = *intrinsic->getArgOperand(1 - use.getOperandNo());
        return isIndependent(other, trail) && !isa<Constant>(other);
    }
    default:
        return false;
    }
}

bool CertainLoads::isPassedByBinary(BinaryOperator &user, Value &other, Trail trail) {
    unsigned bytes = bytesOf(*trail.load);
    const APInt *number = numberOf(other);
    bool isVector = trail.load->getType()->isVectorTy();
    if (isVector)
        bytes = trail.load->getType()->getScalarSizeInBits() / 8;
    switch (user.getOpcode()) {
    case Instruction::And:
        return number && keepsEachByte(*number, bytes);
    case Instruction::Or:
        return number && keepsEachByte(~*number, bytes);
    case Instruction::Shl:
        return number && (number->ult(8) || number->getZExtValue() + bytes * 8 <= number->getBitWidth());
    case Instruction::LShr:
    case Instruction::AShr:
        return number && number->ult(8);
    case Instruction::Mul: {
        if (number)
            return (*number)[0];
        // Products of array elements: what is loaded from elsewhere is not known.
        Value *root = &other;
        while (isa<ZExtInst, SExtInst>(root))
            root = cast<Instruction>(root)->getOperand(0);
        if (&other == trail.value)
            return true;
        auto *load = dyn_cast<LoadInst>(root);
        return load && !mayBeForwarded(*load) && isIndependent(other, trail);
    }
    case Instruction::UDiv:
    case Instruction::SDiv:
    case Instruction::URem:
    case Instruction::SRem:
        return number && (*number)[0] && !number->isOne() && !number->isAllOnes();
    default:
        return false;
    }
}

bool CertainLoads::isPassedByCompare(CmpInst &user, const Use &use, Trail trail) {
    Value &other = *user.getOperand(1 - use.getOperandNo());
    if (!isIndependent(other, trail))
        return false;
    if (isa<FCmpInst>(user))
        return true;
    if (user.isEquality())
        return true;
    const APInt *number = numberOf(other);
    if (!number)
        return !isDefinedIn(other, loops.getLoopFor(user.getParent())) || isa<LoadInst>(other);
    if (bytesOf(*trail.load) == 1)
        return true;
    // As `value < bound`: below 256 the lowest byte does not matter.
    APInt bound = *number;
    CmpInst::Predicate predicate = use.getOperandNo() == 0 ? user.getPredicate() : user.getSwappedPredicate();
    bool isBeyond = predicate == CmpInst::ICMP_UGT || predicate == CmpInst::ICMP_SGT ||
                    predicate == CmpInst::ICMP_ULE || predicate == CmpInst::ICMP_SLE;
    if (isBeyond)
        bound += 1;
    return bound.getBitWidth() < 8 || !bound.extractBits(8, 0).isZero();
}

/// A choice of the value by a comparison of it: the smaller or larger of two.
bool CertainLoads::isPassedBySelect(SelectInst &user, const Use &use, Trail trail) {
    auto *compare = dyn_cast<CmpInst>(user.getCondition());
    if (use.getOperandNo() == 0 || !compare || !is_contained(compare->operand_values(), trail.value))
        return false;
    Value &other = *user.getOperand(3 - use.getOperandNo());
    Value &compared = *compare->getOperand(compare->getOperand(0) == trail.value ? 1 : 0);
    return isIndependent(other, trail) && isIndependent(compared, trail);
}

/// Whether `other` has nothing to do with what was loaded: else `x ^ x` is 0.
bool CertainLoads::isIndependent(Value &other, Trail trail) {
    SmallVector<Value *, 8> pending{&other};
    SmallPtrSet<Value *, 16> visited;
    while (!pending.empty()) {
        Value *value = pending.pop_back_val();
        auto *instruction = dyn_cast<Instruction>(value);
        if (!instruction || !visited.insert(value).second)
            continue;
        if (value == trail.load || value == trail.value || visited.size() > kMaxOperands)
            return false;
        if (auto *load = dyn_cast<LoadInst>(instruction)) {
            if (mayBeForwarded(*load) ||
                mayBeEqual(*load->getPointerOperand(), *trail.load->getPointerOperand()))
                return false;
            continue;
        }
        if (auto *phi = dyn_cast<PHINode>(instruction)) {
            // What came from an earlier iteration is another value.
            if (loops.isLoopHeader(phi->getParent()))
                continue;
        }
        append_range(pending, instruction->operand_values());
    }
    return true;
}

/// Whether LLVM may do a store behind its loop, where only the last of the values counts.
bool CertainLoads::isDoneBehindLoop(StoreInst &store) {
    Loop *loop = loops.getLoopFor(store.getParent());
    return stage == Stage::Optimisation && loop && !store.isVolatile() &&
           loop->isLoopInvariant(store.getPointerOperand());
}

/// Whether an instruction stays, whatever is known about values. Loads are left out: they may be merged.
bool CertainLoads::isEffect(Instruction &instruction) {
    if (auto *store = dyn_cast<StoreInst>(&instruction))
        return !isa<LoadInst>(store->getValueOperand()) && !isOverwritten(*store) &&
               !isDoneBehindLoop(*store);
    auto *call = dyn_cast<CallBase>(&instruction);
    return call && call->mayHaveSideEffects();
}

Instruction *CertainLoads::firstEffect(BasicBlock &block) {
    unsigned steps = 0;
    for (Instruction &instruction : block) {
        if (++steps > kMaxBlockSteps)
            return nullptr;
        if (isEffect(instruction))
            return &instruction;
    }
    return nullptr;
}

/// Whether two ways on cannot become one.
bool CertainLoads::haveDifferentEffects(BasicBlock &one, BasicBlock &other) {
    if (&one == &other)
        return false;
    auto effectOf = [&](BasicBlock &block) {
        return block.getSinglePredecessor() ? firstEffect(block) : nullptr;
    };
    Instruction *effect = effectOf(one);
    Instruction *otherEffect = effectOf(other);
    if (effect && otherEffect)
        return areDifferentEffects(*effect, *otherEffect);
    if (effect || otherEffect)
        return true;
    auto *end = dyn_cast<ReturnInst>(one.getTerminator());
    auto *otherEnd = dyn_cast<ReturnInst>(other.getTerminator());
    return end && otherEnd && end->getNumOperands() == 1 && otherEnd->getNumOperands() == 1 &&
           end->getReturnValue() != otherEnd->getReturnValue() && isa<Constant>(end->getReturnValue()) &&
           isa<Constant>(otherEnd->getReturnValue());
}

/// Whether a branch or switch cannot become a jump.
bool CertainLoads::dividesEffects(Instruction &terminator) {
    Loop *loop = loops.getLoopFor(terminator.getParent());
    if (loop && loop->isLoopExiting(terminator.getParent()))
        return dividesLoop(*loop);
    BasicBlock *first = terminator.getSuccessor(0);
    for (unsigned index = 1; index < terminator.getNumSuccessors() && index < kMaxBlockSteps; ++index) {
        if (haveDifferentEffects(*first, *terminator.getSuccessor(index)))
            return true;
    }
    return false;
}

/// A way out of a loop stays if the loop does; LLVM deletes one that ends and does nothing.
bool CertainLoads::dividesLoop(Loop &loop) {
    unsigned steps = 0;
    for (BasicBlock *block : loop.blocks()) {
        if (++steps > kMaxBlockSteps)
            break;
        if (firstEffect(*block))
            return true;
    }
    // What it hands to a loop around it may matter to that loop alone, which then goes with it.
    if (loop.getParentLoop())
        return false;
    BasicBlock *exit = loop.getUniqueExitBlock();
    if (!exit)
        return true;
    return any_of(exit->phis(), [&](PHINode &phi) {
        return any_of(phi.blocks(), [&](BasicBlock *block) {
            return loop.contains(block) && isDefinedIn(*phi.getIncomingValueForBlock(block), &loop);
        });
    });
}

} // namespace w2n
