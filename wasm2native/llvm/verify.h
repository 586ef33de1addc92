//! What our passes leave is verified, where it is asked for (`-C verify-passes=1`, for tests and fuzzing).
//!
//! The rule to know: a pass of ours goes into the pipeline as `Verified<Pass>`. A failure is a bug of ours
//! and ends the compiler as one, with the name of the pass.
#pragma once

#include "llvm/IR/PassManager.h"

namespace w2n {

/// Whether passes are verified.
enum class Verification : bool { Off, On };

/// Ends the compiler unless `function` is well-formed, and its dominator tree and loops, as far as
/// `preserved` says that they still hold, are those of the function. Scalar evolution is preserved by none of
/// our passes.
void verifyAfter(llvm::StringRef pass, llvm::Function &function, llvm::FunctionAnalysisManager &analyses,
                 const llvm::PreservedAnalyses &preserved);

/// `Pass`, perhaps with a verification behind it.
template <typename Pass> class Verified : public llvm::PassInfoMixin<Verified<Pass>> {
public:
    Verified(Pass pass, Verification verification) : pass(std::move(pass)), verification(verification) {}

    llvm::PreservedAnalyses run(llvm::Function &function, llvm::FunctionAnalysisManager &analyses) {
        llvm::PreservedAnalyses preserved = pass.run(function, analyses);
        if (verification == Verification::On)
            verifyAfter(Pass::name(), function, analyses, preserved);
        return preserved;
    }

    /// Whether it runs on functions that LLVM's passes leave alone, too: as `Pass` says.
    static bool isRequired() {
        if constexpr (llvm::is_detected<RequiredType, Pass>::value)
            return Pass::isRequired();
        else
            return false;
    }

private:
    template <typename T> using RequiredType = decltype(T::isRequired());

    Pass pass;
    Verification verification;
};

} // namespace w2n
