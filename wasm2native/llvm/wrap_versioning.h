//! Loops over guest addresses that provably do not wrap; the proof is in address_group.h.
//!
//! The rule to know: an access of the fast loop has the same address as in the loop it came from, in
//! every iteration, or the check in the preheader sends control to the untouched loop.
#pragma once

#include "llvm/IR/PassManager.h"

namespace w2n {

/// Metadata on a fast loop whose guest compiler unrolled it; `AliasVersioning` looks for it.
inline constexpr const char *kUnrolledByGuest = "w2n.unrolled_by_guest";

/// Gives each innermost loop with affine 32-bit guest addresses a copy that works with 64-bit ones.
class WrapVersioning : public llvm::PassInfoMixin<WrapVersioning> {
public:
    llvm::PreservedAnalyses run(llvm::Function &function, llvm::FunctionAnalysisManager &analyses);
};

} // namespace w2n
