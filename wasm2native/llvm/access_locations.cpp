//! Says of each machine instruction that accesses memory which operator it is.
//!
//! Instruction selection folds a load into what uses it, and the instruction gets the location of that: a
//! backtrace would name an addition that cannot trap. A value that is gathered from several loads has no
//! location at all. But a machine instruction knows the pointer that it accesses memory through, and the IR,
//! which is still there, has the access with its location. The rule: an access that could be several has
//! none, and says so.

#include "access_locations.h"

#include "llvm/CodeGen/MachineFunctionPass.h"
#include "llvm/CodeGen/MachineInstr.h"
#include "llvm/CodeGen/Passes.h"
#include "llvm/CodeGen/TargetPassConfig.h"
#include "llvm/IR/DebugInfoMetadata.h"
#include "llvm/IR/Instructions.h"
#include "llvm/Target/RegisterTargetPassConfigCallback.h"

using namespace llvm;

namespace w2n {

namespace {

/// The column of a location is the number of bytes that are accessed.
bool isAccess(const DebugLoc &location) {
    return location && location.getCol() != 0;
}

class AccessLocations : public MachineFunctionPass {
public:
    static char ID;

    AccessLocations() : MachineFunctionPass(ID) {}

    StringRef getPassName() const override { return "locations of memory accesses"; }

    void getAnalysisUsage(AnalysisUsage &usage) const override {
        usage.setPreservesAll();
        MachineFunctionPass::getAnalysisUsage(usage);
    }

    bool runOnMachineFunction(MachineFunction &function) override {
        const Function &ir = function.getFunction();
        if (!ir.getSubprogram())
            return false;
        collect(ir);
        for (MachineBasicBlock &block : function) {
            for (MachineInstr &instruction : block) {
                if (instruction.mayLoadOrStore() && !instruction.isCall())
                    locate(instruction, block.getBasicBlock(), *ir.getSubprogram());
            }
        }
        accesses.clear();
        return false;
    }

private:
    struct Access {
        const BasicBlock *block;
        bool isStore;
        DebugLoc location;
    };

    void collect(const Function &function) {
        for (const BasicBlock &block : function) {
            for (const Instruction &instruction : block) {
                const Value *pointer = getLoadStorePointerOperand(&instruction);
                if (pointer && isAccess(instruction.getDebugLoc()))
                    accesses[pointer].push_back(
                        {&block, isa<StoreInst>(instruction), instruction.getDebugLoc()});
            }
        }
    }

    void locate(MachineInstr &instruction, const BasicBlock *block, DISubprogram &subprogram) {
        for (MachineMemOperand *operand : instruction.memoperands()) {
            auto known = accesses.find(operand->getValue());
            if (!operand->getValue() || known == accesses.end())
                continue;
            DebugLoc present = instruction.getDebugLoc();
            if (is_contained(map_range(known->second, [](const Access &access) { return access.location; }),
                             present))
                return;
            DebugLoc location = choose(known->second, block, operand->isStore());
            if (!location)
                location = DILocation::get(subprogram.getContext(), 0, 0, &subprogram);
            instruction.setDebugLoc(location);
            return;
        }
    }

    /// The first access in the block: where that did not trap, later ones through the same pointer do not
    /// either.
    static DebugLoc choose(ArrayRef<Access> candidates, const BasicBlock *block, bool isStore) {
        const Access *best = nullptr;
        for (const Access &access : candidates) {
            if (access.block != block)
                continue;
            if (access.isStore == isStore)
                return access.location;
            best = best ? best : &access;
        }
        if (best)
            return best->location;
        bool areEqual = all_of(
            candidates, [&](const Access &access) { return access.location == candidates.front().location; });
        return areEqual ? candidates.front().location : DebugLoc();
    }

    DenseMap<const Value *, SmallVector<Access, 1>> accesses;
};

char AccessLocations::ID = 0;

} // namespace

} // namespace w2n

extern "C" void w2n_keep_access_locations() {
    static RegisterTargetPassConfigCallback registered(
        [](TargetMachine &, legacy::PassManagerBase &, TargetPassConfig *config) {
            // After everything that makes or merges instructions.
            config->insertPass(&StackMapLivenessID, new w2n::AccessLocations());
        });
}
