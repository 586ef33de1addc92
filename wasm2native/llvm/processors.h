//! What LLVM knows of processors, which its C interface does not tell (`backend/target.rs` and
//! `env/vector_unit.rs` repeat these declarations), and what our passes have to know of architectures.
#pragma once

#include "llvm-c/TargetMachine.h"

extern "C" {

/// Calls `visit(state, name)` for each processor of the target `triple` that has all of `features` (such as
/// `+64bit`); names are valid during the call. Nothing is visited for a target that is not in this build.
void w2n_visit_cpus(const char *triple, const char *features, void (*visit)(void *, const char *),
                    void *state);

/// Whether the processor that `machine` makes code for has all of `features`, such as `+ssse3,+fma`.
bool w2n_has_features(LLVMTargetMachineRef machine, const char *features);
}

namespace llvm {
class Triple;
}

namespace w2n {

/// How an asm statement asks for a register that holds vectors of 128 bits, and floats.
const char *vectorRegister(const llvm::Triple &triple);

} // namespace w2n
