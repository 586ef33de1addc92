//! Code generation of one LLVM module in several threads, each with a part of its functions.
//!
//! The rule to know: which function goes where depends on the module alone. Part 0 also has all variables
//! and aliases; the other parts only declare them.

#include "shards.h"

#include "llvm-c/Core.h"
#include "llvm/Bitcode/BitcodeReader.h"
#include "llvm/Bitcode/BitcodeWriter.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/SmallVectorMemoryBuffer.h"

using namespace llvm;

namespace {

/// Attribute of a function: the number of its part.
constexpr const char *kShard = "w2n-shard";

/// Gives a symbol that only this module knew a name that no other object of the output has.
void makeVisible(GlobalValue &value, unsigned number) {
    if (!value.hasLocalLinkage())
        return;
    // Symbols of our own functions have the prefix of their Wasm module already.
    StringRef prefix = StringRef(value.getParent()->getModuleIdentifier()).rsplit('.').first;
    if (!value.getName().starts_with((prefix + ".").str()))
        value.setName(value.getParent()->getModuleIdentifier() + ".s" + Twine(number));
    value.setLinkage(GlobalValue::ExternalLinkage);
    value.setVisibility(GlobalValue::HiddenVisibility);
}

void assignShards(Module &module, unsigned shards) {
    uint64_t total = module.getInstructionCount();
    uint64_t before = 0;
    for (Function &function : module) {
        if (function.isDeclaration())
            continue;
        function.addFnAttr(kShard, std::to_string(before * shards / std::max<uint64_t>(total, 1)));
        before += function.getInstructionCount();
    }
}

/// Turns everything that is not of `shard` into declarations.
void dropOthers(Module &module, unsigned shard) {
    std::string own = std::to_string(shard);
    for (Function &function : module) {
        if (!function.isDeclaration() && function.getFnAttribute(kShard).getValueAsString() != own)
            function.deleteBody();
    }
    if (shard == 0)
        return;
    SmallVector<GlobalVariable *, 8> used;
    for (GlobalVariable &variable : module.globals()) {
        if (variable.hasAppendingLinkage())
            used.push_back(&variable);
        else if (variable.hasInitializer())
            variable.setInitializer(nullptr);
    }
    for (GlobalVariable *variable : used)
        variable->eraseFromParent();
    for (GlobalAlias &alias : make_early_inc_range(module.aliases())) {
        alias.replaceAllUsesWith(alias.getAliasee());
        alias.eraseFromParent();
    }
}

} // namespace

extern "C" LLVMMemoryBufferRef w2n_split(LLVMModuleRef reference, unsigned shards) {
    Module &module = *unwrap(reference);
    unsigned number = 0;
    for (GlobalValue &value : module.global_values())
        makeVisible(value, number++);
    assignShards(module, shards);
    SmallVector<char, 0> bitcode;
    raw_svector_ostream stream(bitcode);
    WriteBitcodeToFile(module, stream);
    return wrap(new SmallVectorMemoryBuffer(std::move(bitcode), "shards", false));
}

extern "C" LLVMModuleRef w2n_load_shard(LLVMContextRef context, const char *bitcode, size_t size,
                                        unsigned shard) {
    MemoryBufferRef buffer(StringRef(bitcode, size), "shard");
    // Bodies that are dropped are never read.
    auto module = getLazyBitcodeModule(buffer, *unwrap(context));
    if (!module) {
        consumeError(module.takeError());
        return nullptr;
    }
    dropOthers(**module, shard);
    if (Error error = (*module)->materializeAll()) {
        consumeError(std::move(error));
        return nullptr;
    }
    return wrap(module->release());
}
