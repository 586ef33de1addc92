//! Comparisons of an address with an end, taken apart: what bounds checks look like to our passes.
//!
//! The rule to know: a `Bound` says exactly what the comparison says, as a sentence about numbers without
//! a limit, whoever wrote it. Nothing is taken from names, and nothing on trust from the translation.
#pragma once

#include "llvm/IR/Instructions.h"

namespace w2n {

/// `value + reach <= limit`, as numbers without a limit.
struct Bound {
    /// Null for 0.
    llvm::Value *value;
    /// Below 2^63.
    uint64_t reach;
    /// Of any width up to 64 bits, like `value`.
    llvm::Value *limit;
};

/// What is true of two numbers exactly if `branch` goes to its successor `edge`, if it is a bound.
///
/// Worked examples: of `add nuw (zext p), 12 > length` the false edge, and of `p >= length - 11`, where the
/// difference does not wrap, the false edge too, are `p + 12 <= length`. So is that of
/// `trunc nuw (length - 12) < p`, which LLVM makes of them where lengths are known to be small: constants
/// and widths are taken away on both sides as far as nothing can wrap or be lost.
std::optional<Bound> boundOn(const llvm::BranchInst &branch, unsigned edge);

} // namespace w2n
