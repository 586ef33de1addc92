//! Functions too large for the whole pipeline.
//!
//! The rule to know: many passes take more than linear time, so a function beyond a size, or of a shape that
//! they are slow with, gets a few cheap passes instead of all; it is correct either way. Which functions
//! these are is written on them: passes delete functions and replace them by others meanwhile.
#pragma once

#include "llvm/IR/PassManager.h"

namespace w2n {

/// Keeps all passes away from a function, and has its code made the fast way.
void leaveAlone(llvm::Function &function);

/// Has the code of functions with a long block made the fast way: instruction selection and scheduling look
/// at whole blocks, for each instruction.
void leaveLongBlocksAlone(llvm::Module &module);

/// Optimises the huge functions of a module cheaply, and keeps all later passes away from them while it
/// lives.
class HugeFunctions {
public:
    HugeFunctions(llvm::Module &module, llvm::FunctionAnalysisManager &analyses);
    ~HugeFunctions();

private:
    void setAside(llvm::Function &function, llvm::FunctionPassManager cheap,
                  llvm::FunctionAnalysisManager &analyses);

    llvm::Module &module;
};

} // namespace w2n
