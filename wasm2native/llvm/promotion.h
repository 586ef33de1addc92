//! Makes registers of the locals of functions, where that is to be had for a price in proportion.
#pragma once

#include "llvm-c/Types.h"

extern "C" {

/// Whether branches are led past dispatches on locals first.
enum W2nDispatches : unsigned { W2N_KEPT, W2N_THREADED };

/// Makes registers of the locals of all functions.
/// `backend/promote.rs` repeats this declaration.
void w2n_promote_locals(LLVMModuleRef module, W2nDispatches dispatches);
}
