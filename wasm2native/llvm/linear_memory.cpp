//! Tells accesses to linear memory from all others.

#include "linear_memory.h"

#include "llvm/Analysis/ValueTracking.h"
#include "llvm/IR/Instructions.h"
#include "llvm/IR/Module.h"

using namespace llvm;

namespace w2n {

namespace {

/// Names of alias classes (`env/alias.rs`).
constexpr const char *kLinearMemory = "linear memory";

/// Named metadata of modules with `--strict-traps` (`env/alias.rs`).
constexpr const char *kStrictTraps = "w2n.strict_traps";

/// The name of the alias class of an access; empty if it has none.
StringRef aliasClassOf(const Instruction &access) {
    MDNode *tag = access.getMetadata(LLVMContext::MD_tbaa);
    auto *type = tag && tag->getNumOperands() >= 2 ? dyn_cast<MDNode>(tag->getOperand(1)) : nullptr;
    auto *name = type && type->getNumOperands() > 0 ? dyn_cast<MDString>(type->getOperand(0)) : nullptr;
    return name ? name->getString() : StringRef();
}

} // namespace

bool isLinearMemory(const Instruction &access) {
    const Value *pointer = getLoadStorePointerOperand(&access);
    if (!pointer)
        return false;
    StringRef name = aliasClassOf(access);
    if (!name.empty())
        return name == kLinearMemory;
    // Passes of LLVM that merge accesses may drop the class.
    return !access.hasMetadata(LLVMContext::MD_invariant_load) &&
           !isa<AllocaInst, GlobalVariable>(getUnderlyingObject(pointer));
}

bool hasStrictTraps(const Module &module) {
    return module.getNamedMetadata(kStrictTraps) != nullptr;
}

} // namespace w2n
