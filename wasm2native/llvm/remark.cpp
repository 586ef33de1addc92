//! Remarks of passes, taken apart: the C API gives them as one text only.

#include "remark.h"

#include "llvm-c/Core.h"
#include "llvm/IR/DebugInfoMetadata.h"
#include "llvm/IR/DiagnosticInfo.h"
#include "llvm/IR/Function.h"

using namespace llvm;

DebugLoc w2n::startOf(Function &function) {
    DISubprogram *subprogram = function.getSubprogram();
    if (!subprogram)
        return DebugLoc();
    return DILocation::get(function.getContext(), subprogram->getLine(), 0, subprogram);
}

extern "C" bool w2n_read_remark(LLVMDiagnosticInfoRef info, W2nRemark *remark) {
    auto *report = dyn_cast<DiagnosticInfoOptimizationBase>(unwrap(info));
    // LLVM hands over all remarks once any are wanted.
    if (!report || !report->isEnabled())
        return false;
    remark->pass = LLVMCreateMessage(report->getPassName().str().c_str());
    remark->function = LLVMCreateMessage(report->getFunction().getName().str().c_str());
    remark->message = LLVMCreateMessage(report->getMsg().c_str());
    remark->offset = report->isLocationAvailable() ? report->getLocation().getLine() : 0;
    return true;
}
