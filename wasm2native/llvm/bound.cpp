//! Comparisons of an address with an end, taken apart: what bounds checks look like to our passes.

#include "bound.h"

#include "llvm/Analysis/ValueTracking.h"
#include "llvm/IR/ConstantRange.h"
#include "llvm/IR/Constants.h"
#include "llvm/IR/InstrTypes.h"
#include "llvm/IR/IntrinsicInst.h"

using namespace llvm;

namespace w2n {

namespace {

/// Constants are below this, so that a few of them can be added.
constexpr uint64_t kMaxConstant = uint64_t(1) << 61;

/// The second operand, if it is a constant that is small enough; as an unsigned number.
std::optional<uint64_t> smallConstant(const User &operation) {
    auto *constant = dyn_cast<ConstantInt>(operation.getOperand(1));
    bool isSmall = constant && constant->getValue().ult(kMaxConstant);
    return isSmall ? std::optional(constant->getZExtValue()) : std::nullopt;
}

/// Takes `value` for `sum + constant`, if it does not wrap, or for an extension.
bool takeOutConstant(Value *&value, uint64_t &reach) {
    if (auto *extension = dyn_cast<ZExtInst>(value)) {
        value = extension->getOperand(0);
        return true;
    }
    auto *sum = dyn_cast<BinaryOperator>(value);
    auto constant = sum && reach < kMaxConstant ? smallConstant(*sum) : std::nullopt;
    if (!constant)
        return false;
    bool isAdd = sum->getOpcode() == Instruction::Add;
    // An extension of 32 bits and a small constant need no flag, which LLVM drops now and then.
    auto *extension = dyn_cast<ZExtInst>(sum->getOperand(0));
    bool fits =
        extension && extension->getSrcTy()->getScalarSizeInBits() <= 32 && sum->getType()->isIntegerTy(64);
    auto *disjoint = dyn_cast<PossiblyDisjointInst>(sum);
    if (!(isAdd && (sum->hasNoUnsignedWrap() || fits)) && !(disjoint && disjoint->isDisjoint()))
        return false;
    value = sum->getOperand(0);
    reach += *constant;
    return true;
}

bool isAtLeast(Value *value, const APInt &number) {
    return computeConstantRange(value, /*ForSigned=*/false).getUnsignedMin().uge(number);
}

/// The constant that `difference` takes from its first operand, if it is one and does not wrap.
std::optional<uint64_t> subtracted(const BinaryOperator &difference) {
    auto *number = dyn_cast<ConstantInt>(difference.getOperand(1));
    bool isAdd = difference.getOpcode() == Instruction::Add;
    if (!number || (!isAdd && difference.getOpcode() != Instruction::Sub))
        return std::nullopt;
    APInt constant = isAdd ? -number->getValue() : number->getValue();
    bool isKnown =
        (!isAdd && difference.hasNoUnsignedWrap()) || isAtLeast(difference.getOperand(0), constant);
    return isKnown && constant.ult(kMaxConstant) ? std::optional(constant.getZExtValue()) : std::nullopt;
}

/// Takes `limit` for `end - constant`, as `x <= end - constant`, or `<` if it is strict, holds exactly if
/// `x + constant <= end` does, or `<`; and for an `end` of another width.
bool moveToLesser(Value *&limit, uint64_t &reach, bool isStrict) {
    if (reach >= kMaxConstant)
        return false;
    Value *end = nullptr;
    std::optional<uint64_t> constant = 0;
    if (isa<ZExtInst>(limit)) {
        end = cast<ZExtInst>(limit)->getOperand(0);
    } else if (auto *narrow = dyn_cast<TruncInst>(limit)) {
        unsigned bits = narrow->getType()->getScalarSizeInBits();
        if (narrow->hasNoUnsignedWrap() ||
            computeConstantRange(narrow->getOperand(0), /*ForSigned=*/false).getUnsignedMax().isIntN(bits))
            end = narrow->getOperand(0);
    } else if (auto *difference = dyn_cast<SaturatingInst>(limit)) {
        // Where the difference stops at 0, both `x < 0` and `x + constant < end` are false.
        end = difference->getLHS();
        bool isDifference = isStrict && difference->getIntrinsicID() == Intrinsic::usub_sat;
        constant = isDifference ? smallConstant(*difference) : std::nullopt;
    } else if (auto *difference = dyn_cast<BinaryOperator>(limit)) {
        end = difference->getOperand(0);
        constant = subtracted(*difference);
    }
    if (!end || !constant)
        return false;
    limit = end;
    reach += *constant;
    return true;
}

} // namespace

std::optional<Bound> boundOn(const BranchInst &branch, unsigned edge) {
    auto *comparison = branch.isConditional() ? dyn_cast<ICmpInst>(branch.getCondition()) : nullptr;
    auto *type = comparison ? dyn_cast<IntegerType>(comparison->getOperand(0)->getType()) : nullptr;
    if (!type || type->getBitWidth() > 64)
        return std::nullopt;
    Value *lesser = comparison->getOperand(0);
    Value *greater = comparison->getOperand(1);
    auto predicate = edge == 0 ? comparison->getPredicate() : comparison->getInversePredicate();
    if (predicate == ICmpInst::ICMP_UGT || predicate == ICmpInst::ICMP_UGE) {
        std::swap(lesser, greater);
        predicate = ICmpInst::getSwappedPredicate(predicate);
    }
    if (predicate != ICmpInst::ICMP_ULT && predicate != ICmpInst::ICMP_ULE)
        return std::nullopt;
    bool isStrict = predicate == ICmpInst::ICMP_ULT;
    Bound bound{lesser, isStrict ? uint64_t(1) : 0, greater};
    while (moveToLesser(bound.limit, bound.reach, isStrict)) {
    }
    while (takeOutConstant(bound.value, bound.reach)) {
    }
    if (auto *constant = dyn_cast<ConstantInt>(bound.value);
        constant && constant->getValue().ult(kMaxConstant)) {
        bound.value = nullptr;
        bound.reach += constant->getZExtValue();
    }
    return bound;
}

} // namespace w2n
