//! The only ways in which our passes take instructions out.

#include "erase.h"

#include "llvm/ADT/SmallPtrSet.h"
#include "llvm/IR/Function.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;

namespace w2n {

void reportWrong(const char *pass, const char *problem, const Value &value) {
    std::string text;
    raw_string_ostream stream(text);
    stream << pass << ": ";
    value.print(stream);
    if (auto *instruction = dyn_cast<Instruction>(&value))
        stream << " in " << instruction->getFunction()->getName();
    stream << " " << problem;
    report_fatal_error(StringRef(text));
}

void eraseUnused(Instruction &instruction, const char *pass) {
    if (!instruction.use_empty())
        reportWrong(pass, "is erased and still used", instruction);
    instruction.eraseFromParent();
}

void eraseTogether(ArrayRef<Instruction *> leaving, const char *pass) {
    SmallPtrSet<const Instruction *, 32> known(leaving.begin(), leaving.end());
    for (const Instruction *instruction : leaving) {
        for (const User *user : instruction->users()) {
            auto *other = dyn_cast<Instruction>(user);
            if (!other || !known.contains(other))
                reportWrong(pass, "is erased and still used by what stays", *instruction);
        }
    }
    // Only to break circles: all who see it go as well.
    for (Instruction *instruction : leaving)
        instruction->replaceAllUsesWith(PoisonValue::get(instruction->getType()));
    for (Instruction *instruction : leaving)
        instruction->eraseFromParent();
}

} // namespace w2n
