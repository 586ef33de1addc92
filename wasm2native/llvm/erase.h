//! The only ways in which our passes take instructions out.
//!
//! The rule to know: nothing goes that anything needs which stays. This is checked in every build, since a
//! value that is gone becomes poison in silence, and poison becomes whatever suits the optimiser. A violation
//! is a bug of ours and ends the compiler as one.
#pragma once

#include "llvm/ADT/ArrayRef.h"
#include "llvm/IR/Instructions.h"
#include "llvm/IR/ValueHandle.h"

namespace w2n {

/// Ends the compiler with a report that `pass` is wrong: `problem` is a clause about `value`.
[[noreturn]] void reportWrong(const char *pass, const char *problem, const llvm::Value &value);

/// Erases `instruction`, which must have no user.
void eraseUnused(llvm::Instruction &instruction, const char *pass);

/// Erases `leaving`, of which each may be used by others of them and by nothing else.
void eraseTogether(llvm::ArrayRef<llvm::Instruction *> leaving, const char *pass);

/// What `handle` refers to, which must not have been deleted.
template <typename T> T &alive(const llvm::WeakVH &handle, const char *pass) {
    auto *value = llvm::dyn_cast_or_null<T>(static_cast<llvm::Value *>(handle));
    if (!value)
        llvm::report_fatal_error(llvm::StringRef(std::string(pass) + ": a value was deleted that is needed"));
    return *value;
}

} // namespace w2n
