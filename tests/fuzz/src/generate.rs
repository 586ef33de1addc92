//! Modules made at random from a seed, of the features that the compiler supports.
//!
//! The rule: every module ends. wasm-smith counts fuel in a global that it does not export, so that after a
//! few calls all would trap; we export it as [`FUEL`], and it is filled before every call.

use arbitrary::Unstructured;
use fastrand::Rng;
use wasm_smith::Config;
use wasm2native::wasm::SUPPORTED_FEATURES;
use wasmparser::{ExternalKind, WasmFeatures};

use crate::rewrite;

/// Export name of the global that counts fuel.
pub const FUEL: &str = "w2n fuel";

/// Loop iterations and calls that one call may take. Below the depth at which any engine's stack ends.
pub const FUEL_PER_CALL: u32 = 400;

/// Bytes of chance that a module is made of; the more, the bigger it gets.
const CHANCE_BYTES: std::ops::Range<usize> = 4 * 1024..32 * 1024;

/// Memories are compared whole after every call, so they are small.
const MAX_MEMORY_BYTES: u64 = 4 * w2n_abi::PAGE_SIZE_BYTES;

/// The module of a seed. Errors: the generator's words.
pub fn module(seed: u64) -> Result<Vec<u8>, String> {
    let mut rng = Rng::with_seed(seed);
    let config = config(&mut rng);
    let mut chance = vec![0; rng.usize(CHANCE_BYTES)];
    rng.fill(&mut chance);
    let mut unstructured = Unstructured::new(&chance);
    let mut module = wasm_smith::Module::new(config, &mut unstructured).map_err(|error| error.to_string())?;
    let fuel = module.ensure_termination(FUEL_PER_CALL).map_err(|error| error.to_string())?;
    let bytes = module.to_bytes();
    let mut exports = rewrite::exports(&bytes);
    exports.push((FUEL.to_owned(), ExternalKind::Global, fuel));
    Ok(rewrite::with_exports(&bytes, &exports))
}

/// What naive settings miss: functions that can be called, memories that fit, calls that end well.
fn config(rng: &mut Rng) -> Config {
    let has = |feature| SUPPORTED_FEATURES.contains(feature);
    Config {
        min_types: 1,
        min_funcs: 8,
        max_funcs: 16,
        max_instructions: 200,
        max_imports: 0,
        export_everything: true,
        // Most modules never trap, so that their calls get far.
        disallow_traps: rng.u8(..4) != 0,
        // Else engines may answer different NaNs, which then are in memory.
        canonicalize_nans: true,
        memory_max_size_required: true,
        table_max_size_required: true,
        max_memory32_bytes: MAX_MEMORY_BYTES,
        max_memory64_bytes: MAX_MEMORY_BYTES.into(),
        max_table_elements: 50,
        max_tables: 3,
        min_memories: u32::from(rng.u8(..8) != 0),
        max_memories: if has(WasmFeatures::MULTI_MEMORY) { 3 } else { 1 },
        max_values: 6,
        bulk_memory_enabled: has(WasmFeatures::BULK_MEMORY),
        reference_types_enabled: has(WasmFeatures::REFERENCE_TYPES),
        multi_value_enabled: has(WasmFeatures::MULTI_VALUE),
        sign_extension_ops_enabled: has(WasmFeatures::SIGN_EXTENSION),
        saturating_float_to_int_enabled: has(WasmFeatures::SATURATING_FLOAT_TO_INT),
        simd_enabled: has(WasmFeatures::SIMD) && rng.bool(),
        tail_call_enabled: has(WasmFeatures::TAIL_CALL),
        memory64_enabled: has(WasmFeatures::MEMORY64),
        extended_const_enabled: has(WasmFeatures::EXTENDED_CONST),
        wide_arithmetic_enabled: has(WasmFeatures::WIDE_ARITHMETIC),
        custom_page_sizes_enabled: has(WasmFeatures::CUSTOM_PAGE_SIZES),
        // Engines may differ in relaxed operators, and the reference lacks the rest.
        relaxed_simd_enabled: false,
        exceptions_enabled: false,
        gc_enabled: false,
        threads_enabled: false,
        compact_imports_enabled: false,
        ..Config::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_makes_one_module() {
        for seed in 0..20 {
            assert_eq!(module(seed), module(seed));
            assert_ne!(module(seed), module(seed + 1));
        }
    }

    #[test]
    fn modules_are_of_the_supported_features_and_export_their_fuel() {
        let mut validator = wasmparser::Validator::new_with_features(SUPPORTED_FEATURES);
        for seed in 0..100 {
            let module = module(seed).unwrap();
            validator.validate_all(&module).unwrap();
            assert!(rewrite::exports(&module).iter().any(|(name, ..)| name == FUEL));
            validator.reset();
        }
    }
}
