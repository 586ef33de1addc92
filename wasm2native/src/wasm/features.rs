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

/// A proposal that we do not compile.
pub struct Proposal {
    features: WasmFeatures,
    /// The name that users know.
    pub name: &'static str,
    /// How modules are built that do without.
    pub rebuild: &'static str,
}

const fn proposal(features: WasmFeatures, name: &'static str, rebuild: &'static str) -> Proposal {
    Proposal { features, name, rebuild }
}

const WITHOUT_THREADS: &str = "rebuild without threads: clang and emcc without `-pthread` and `-matomics`, Rust \
                               for wasm32-wasip1 and without `-C target-feature=+atomics`";

const WITHOUT_EXCEPTIONS: &str = "rebuild without exceptions of Wasm: `clang++ -fno-exceptions`, emcc without \
                                  `-fwasm-exceptions`, Rust with `-C panic=abort`, C without setjmp \
                                  (`-mllvm -wasm-enable-sjlj`)";

const WITHOUT_GC: &str = "rebuild with a toolchain that brings its own garbage collector; binaryen's wasm-opt adds such \
                          types only with `--enable-gc` or `-all`";

const WITHOUT_EXPERIMENTS: &str = "rebuild without this experimental proposal, which some option of the toolchain \
                                   has asked for (binaryen: `-all`, `--enable-…`)";

/// What is refused by name. A proposal that others build on stands before them.
const PROPOSALS: &[Proposal] = &[
    proposal(WasmFeatures::THREADS, "threads", WITHOUT_THREADS),
    proposal(WasmFeatures::EXCEPTIONS, "exception-handling", WITHOUT_EXCEPTIONS),
    proposal(WasmFeatures::LEGACY_EXCEPTIONS, "legacy exception-handling", WITHOUT_EXCEPTIONS),
    proposal(WasmFeatures::GC, "garbage-collection", WITHOUT_GC),
    proposal(WasmFeatures::SHARED_EVERYTHING_THREADS, "shared-everything-threads", WITHOUT_EXPERIMENTS),
    proposal(WasmFeatures::STACK_SWITCHING, "stack-switching", WITHOUT_EXPERIMENTS),
    proposal(WasmFeatures::MEMORY_CONTROL, "memory-control", WITHOUT_EXPERIMENTS),
    proposal(WasmFeatures::CUSTOM_DESCRIPTORS, "custom-descriptors", WITHOUT_EXPERIMENTS),
];

/// The names of the proposals that modules are refused for.
pub fn refused_proposals() -> impl Iterator<Item = &'static str> {
    PROPOSALS.iter().map(|proposal| proposal.name)
}

/// The proposals without which `bytes` does not validate; empty when it is invalid anyway.
///
/// A module is tried with everything we know of; what can be taken away again is not needed.
pub fn needed_proposals(bytes: &[u8]) -> Vec<&'static Proposal> {
    let is_valid = |features| Validator::new_with_features(features).validate_all(bytes).is_ok();
    let all = SUPPORTED_FEATURES.union(WasmFeatures::GC_TYPES);
    let mut features = PROPOSALS.iter().fold(all, |all, proposal| all.union(proposal.features));
    if !is_valid(features) {
        return Vec::new();
    }
    let mut needed = Vec::new();
    // Proposals that build on others come later in the list, so they are taken away first.
    for proposal in PROPOSALS.iter().rev() {
        let without = features.difference(proposal.features);
        if is_valid(without) {
            features = without;
        } else {
            needed.push(proposal);
        }
    }
    needed.reverse();
    needed
}
