//! Makes registers of the locals of functions, where that is to be had for a price in proportion.
#pragma once

#include "llvm-c/Types.h"

extern "C" {

/// Makes registers of the locals of all functions, if wanted after threading the dispatches on them.
/// `backend/promote.rs` repeats this declaration.
void w2n_promote_locals(LLVMModuleRef module, bool threadsDispatches);
}
