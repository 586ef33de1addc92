//! What LLVM reports in one context, and remarks of passes taken apart, for `backend/diagnostics.rs`, which
//! repeats these declarations.
#pragma once

#include "llvm-c/Types.h"

namespace llvm {
class DebugLoc;
class Function;
} // namespace llvm

namespace w2n {

/// Where `function` begins in the Wasm module, for a remark about all of it.
llvm::DebugLoc startOf(llvm::Function &function);

} // namespace w2n

extern "C" {

/// What a pass reports about a piece of code. The strings are to be freed with `LLVMDisposeMessage`.
struct W2nRemark {
    /// Name of the pass.
    char *pass;
    /// Symbol of the LLVM function it is about.
    char *function;
    /// What it says.
    char *message;
    /// Byte offset in the Wasm module (the line of our debug information), 0 if unknown.
    unsigned offset;
};

/// Calls `report(info, state)` with all that LLVM has to say in `context`; with what passes did only if they
/// are to say it.
void w2n_listen(LLVMContextRef context, void (*report)(LLVMDiagnosticInfoRef, void *), void *state,
                bool wantsRemarks);

/// Fills in `remark` if `info` is a remark; answers whether it is.
bool w2n_read_remark(LLVMDiagnosticInfoRef info, W2nRemark *remark);
}
