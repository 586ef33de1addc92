//! Makes registers of the locals of functions, where that is to be had for a price in proportion.
#pragma once

namespace llvm {
class Function;
}

namespace w2n {

/// Makes registers of the locals of `function`, or sets it aside.
void promoteLocals(llvm::Function &function);

} // namespace w2n
