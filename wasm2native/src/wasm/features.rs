//! Which Wasm proposals we compile, and the name of the one that a refused module needs.

use wasmparser::{Validator, WasmFeatures};

/// Everything the translator handles; the rest is refused by name.
pub const SUPPORTED_FEATURES: WasmFeatures = WasmFeatures::WASM2
    .union(WasmFeatures::RELAXED_SIMD)
    .union(WasmFeatures::MULTI_MEMORY)
    .union(WasmFeatures::MEMORY64)
    .union(WasmFeatures::CUSTOM_PAGE_SIZES)
    .union(WasmFeatures::WIDE_ARITHMETIC)
    .union(WasmFeatures::EXTENDED_CONST)
    .union(WasmFeatures::CALL_INDIRECT_OVERLONG)
    .union(WasmFeatures::TAIL_CALL)
    .union(WasmFeatures::FUNCTION_REFERENCES);

/// What a module outside of its function bodies is validated with: wasmparser counts recursion groups to
/// garbage collection, and we have them without it. What else that allows, our readers refuse.
pub const MODULE_FEATURES: WasmFeatures = SUPPORTED_FEATURES.union(WasmFeatures::GC);

/// Proposals by the name that users know, tried in this order.
const PROPOSALS: &[(WasmFeatures, &str)] = &[
    (WasmFeatures::THREADS, "threads"),
    (WasmFeatures::EXCEPTIONS, "exception-handling"),
    (WasmFeatures::LEGACY_EXCEPTIONS, "legacy exception-handling"),
    (WasmFeatures::GC, "garbage-collection"),
    (WasmFeatures::SHARED_EVERYTHING_THREADS, "shared-everything-threads"),
    (WasmFeatures::STACK_SWITCHING, "stack-switching"),
    (WasmFeatures::MEMORY_CONTROL, "memory-control"),
    (WasmFeatures::CUSTOM_DESCRIPTORS, "custom-descriptors"),
];

/// The names of the proposals that modules are refused for.
pub fn refused_proposals() -> impl Iterator<Item = &'static str> {
    PROPOSALS.iter().map(|(_, name)| *name)
}

/// The names of the proposals without which `bytes` does not validate; empty when it is invalid anyway.
///
/// A module is tried with everything we know of; what can be taken away again is not needed.
pub fn needed_proposals(bytes: &[u8]) -> Vec<&'static str> {
    let is_valid = |features| Validator::new_with_features(features).validate_all(bytes).is_ok();
    let mut features = PROPOSALS
        .iter()
        .fold(SUPPORTED_FEATURES.union(WasmFeatures::GC_TYPES), |all, (proposal, _)| all.union(*proposal));
    if !is_valid(features) {
        return Vec::new();
    }
    let mut needed = Vec::new();
    // Proposals that build on others come later in the list, so they are taken away first.
    for (proposal, name) in PROPOSALS.iter().rev() {
        let without = features.difference(*proposal);
        if is_valid(without) {
            features = without;
        } else {
            needed.push(*name);
        }
    }
    needed.reverse();
    needed
}
