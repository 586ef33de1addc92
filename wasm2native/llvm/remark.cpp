//! Remarks of passes, wanted for one context, not for the process, and taken apart: the C API gives them as
//! one text only, and turns them on for everybody.

#include "remark.h"

#include "llvm-c/Core.h"
#include "llvm/IR/DebugInfoMetadata.h"
#include "llvm/IR/DiagnosticHandler.h"
#include "llvm/IR/DiagnosticInfo.h"
#include "llvm/IR/Function.h"

using namespace llvm;

DebugLoc w2n::startOf(Function &function) {
    DISubprogram *subprogram = function.getSubprogram();
    if (!subprogram)
        return DebugLoc();
    return DILocation::get(function.getContext(), subprogram->getLine(), 0, subprogram);
}

namespace {

class Listener final : public DiagnosticHandler {
public:
    Listener(void (*report)(LLVMDiagnosticInfoRef, void *), void *state, bool wantsRemarks)
        : report(report), state(state), wantsRemarks(wantsRemarks) {}

    bool handleDiagnostics(const DiagnosticInfo &info) override {
        report(wrap(&info), state);
        return true;
    }
    bool isAnalysisRemarkEnabled(StringRef) const override { return false; }
    bool isMissedOptRemarkEnabled(StringRef) const override { return false; }
    bool isPassedOptRemarkEnabled(StringRef) const override { return wantsRemarks; }
    bool isAnyRemarkEnabled() const override { return wantsRemarks; }

private:
    void (*report)(LLVMDiagnosticInfoRef, void *);
    void *state;
    bool wantsRemarks;
};

} // namespace

extern "C" void w2n_listen(LLVMContextRef context, void (*report)(LLVMDiagnosticInfoRef, void *), void *state,
                           bool wantsRemarks) {
    unwrap(context)->setDiagnosticHandler(std::make_unique<Listener>(report, state, wantsRemarks));
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
