//! The initial values of many globals, as data that is copied into the instance.
//!
//! The rule: only values that are plain constants are in the image; the others are zero there, and
//! `initialize` stores them after it has copied the image.

use super::constant::private_constant;
use crate::env::ModuleEnv;
use crate::error::{CompileError, Result};
use crate::translate::FuncTranslator;
use crate::wasm::{Global, GlobalIndex};
use w2n_abi::GLOBAL_SIZE_BYTES;

/// Fewer constants stay stores, which are as short.
const MIN_IMAGE_GLOBALS: usize = 16;

/// Copies the image into the instance, if there are constants enough; answers whether it did.
pub fn emit_global_image<'c>(env: &ModuleEnv<'c, '_>, translator: &FuncTranslator<'c, '_>) -> Result<bool> {
    let defined = &env.module.globals[env.module.imported_global_count as usize..];
    let bits = |global: &Global| global.init.as_ref().and_then(|init| init.plain_bits());
    if defined.iter().filter(|global| bits(global).is_some()).count() < MIN_IMAGE_GLOBALS {
        return Ok(false);
    }
    const _: () = assert!(GLOBAL_SIZE_BYTES as usize == size_of::<u128>());
    let image: Vec<u8> = defined.iter().flat_map(|global| bits(global).unwrap_or(0).to_le_bytes()).collect();
    let data = private_constant(env, "global_image", env.context.const_string(&image, false).into(), 16);
    let first = env.layout.global(GlobalIndex(env.module.imported_global_count));
    let builder = &translator.builder;
    let globals = env.offset_pointer(builder, translator.instance, first)?;
    let length = env.types.i64.const_int(image.len() as u64, false);
    builder
        .build_memcpy(globals, GLOBAL_SIZE_BYTES, data.as_pointer_value(), GLOBAL_SIZE_BYTES, length)
        .map_err(|error| CompileError::internal(error.to_string()))?;
    Ok(true)
}
