//! Branch hints as LLVM knows them: `!prof` metadata, which moves the unlikely side out of the way.

use inkwell::values::InstructionValue;

use super::module_env::ModuleEnv;
use crate::wasm::BranchHint;

/// Weights of the likely and the unlikely side: those that clang gives `__builtin_expect`.
const LIKELY: u64 = 2000;
const UNLIKELY: u64 = 1;

/// Marks a conditional branch whose first target is where it goes when the condition holds.
pub fn mark<'c>(env: &ModuleEnv<'c, '_>, branch: InstructionValue<'c>, hint: BranchHint) {
    let (holds, fails) = match hint {
        BranchHint::Likely => (LIKELY, UNLIKELY),
        BranchHint::Unlikely => (UNLIKELY, LIKELY),
    };
    let weight = |weight| env.types.i32.const_int(weight, false).into();
    let name = env.context.metadata_string("branch_weights").into();
    let node = env.context.metadata_node(&[name, weight(holds), weight(fails)]);
    // inkwell refuses metadata values that are not nodes only.
    let is_set = branch.set_metadata(node, env.context.get_kind_id("prof"));
    debug_assert!(is_set.is_ok());
}
