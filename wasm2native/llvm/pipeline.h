//! The optimiser as Rust sees it (`backend/optimise.rs` repeats these declarations), and the places of
//! our passes in any pipeline.
#pragma once

#include "llvm-c/TargetMachine.h"
#include "llvm-c/Types.h"

#include "loop_checks.h"

namespace llvm {
class PassBuilder;
}

extern "C" {

/// What our passes are asked for beside their work.
struct W2nPassOptions {
    /// What each of them leaves is verified.
    bool verifiesPasses = false;
    /// Loops are run twice and compared.
    bool checksLoops = false;
    W2nLoopCheckAbi loopChecks = {};
};
}

namespace w2n {

/// Puts our passes into the pipelines that `builder` makes.
void addPasses(llvm::PassBuilder &builder, const W2nPassOptions &options = {});

} // namespace w2n

extern "C" {

/// Optimisation levels.
enum W2nOptLevel : unsigned { W2N_O0, W2N_O1, W2N_O2, W2N_O3, W2N_OS, W2N_OZ };

/// Does with `module` all that is done between translation and code generation, in place, for `machine`.
void w2n_optimise(LLVMModuleRef module, LLVMTargetMachineRef machine, W2nOptLevel level,
                  const W2nPassOptions *options);
}
