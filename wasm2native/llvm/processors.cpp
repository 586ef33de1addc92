//! Answers what LLVM's subtarget tables say of processors.
//!
//! The rule: no list of processors of ours; a newer LLVM brings newer ones. What depends on the architecture
//! stands here, and in `src/arch/`.

#include "processors.h"

#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/TargetParser/Triple.h"

using namespace llvm;

extern "C" void w2n_visit_cpus(const char *triple, const char *features, void (*visit)(void *, const char *),
                               void *state) {
    Triple parsed(triple);
    std::string error;
    const Target *target = TargetRegistry::lookupTarget(parsed, error);
    if (!target)
        return;
    std::unique_ptr<MCSubtargetInfo> any(target->createMCSubtargetInfo(parsed, "", ""));
    for (const SubtargetSubTypeKV &cpu : any->getAllProcessorDescriptions()) {
        std::unique_ptr<MCSubtargetInfo> one(target->createMCSubtargetInfo(parsed, cpu.Key, ""));
        if (one->checkFeatures(features))
            visit(state, StringRef(cpu.Key).str().c_str());
    }
}

extern "C" bool w2n_has_features(LLVMTargetMachineRef machine, const char *features) {
    return reinterpret_cast<TargetMachine *>(machine)->getMCSubtargetInfo()->checkFeatures(features);
}

const char *w2n::vectorRegister(const Triple &triple) {
    if (triple.getArch() == Triple::x86_64)
        return "x";
    report_fatal_error("no register constraint is known for this architecture");
}
