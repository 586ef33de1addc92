//! Constants of LLVM's scalar evolution as numbers.
//!
//! The rule to know: our passes count in 64 bits, so they have nothing to do with numbers of more. Every step
//! and every distance is asked for here, and a wide one is no answer rather than its lower half.
#pragma once

#include "llvm/Analysis/ScalarEvolution.h"
#include "llvm/Analysis/ScalarEvolutionExpressions.h"

namespace w2n {

/// `value` as a signed number, if it is a constant of at most 64 bits.
inline std::optional<int64_t> signedConstant(const llvm::SCEV *value) {
    auto *constant = llvm::dyn_cast<llvm::SCEVConstant>(value);
    bool isNarrow = constant && constant->getAPInt().getBitWidth() <= 64;
    return isNarrow ? std::optional(constant->getAPInt().getSExtValue()) : std::nullopt;
}

/// What `recurrence` advances by in each iteration of its loop, likewise.
inline std::optional<int64_t> signedStep(const llvm::SCEVAddRecExpr &recurrence,
                                         llvm::ScalarEvolution &evolution) {
    return recurrence.isAffine() ? signedConstant(recurrence.getStepRecurrence(evolution)) : std::nullopt;
}

} // namespace w2n
