//! What LLVM's passes must know of linear memory: an access out of bounds traps, whatever becomes of its
//! value.
//!
//! The rule to know: with guard pages every access comes volatile from the translator. `RelaxedAccesses`
//! makes those plain that LLVM cannot lose, `KeptAccesses` looks again before code is generated.
#pragma once

namespace llvm {
class Instruction;
class Module;
} // namespace llvm

namespace w2n {

/// Whether a load or store is one of linear memory: it has the alias class, or none that says otherwise.
bool isLinearMemory(const llvm::Instruction &access);

/// Whether all accesses of `module` stay volatile (`--strict-traps`).
bool hasStrictTraps(const llvm::Module &module);

} // namespace w2n
