//! Functions of the output get the names that the name section has for them, for profilers and debuggers.
//!
//! The rule: what the name section says is shown, never relied on.

use std::collections::HashMap;
use std::path::Path;

use super::compile::ModuleJob;
use crate::backend::pc_map::func_symbol;
use crate::backend::symbol_names::rename;
use crate::error::{CompileError, Result};
use crate::wasm::FuncIndex;

/// Renames the functions of `modules` in the symbol table of the executable or plugin at `path`.
pub fn name_functions(path: &Path, modules: &[ModuleJob<'_>]) -> Result<()> {
    let is_nameless = |job: &ModuleJob<'_>| {
        (0..job.module.funcs.len() as u32).all(|func| job.module.func_name(FuncIndex(func)).is_none())
    };
    if modules.iter().all(is_nameless) {
        return Ok(());
    }
    let modules: HashMap<&str, &ModuleJob<'_>> =
        modules.iter().map(|job| (job.settings.prefix, job)).collect();
    let name_of = |symbol: &str| {
        let (prefix, _) = symbol.split_once(w2n_abi::symbol::INTERNAL_SEPARATOR)?;
        let (func, copy) = func_symbol(symbol, prefix)?;
        let name = modules.get(prefix)?.module.func_name(FuncIndex(func))?;
        Some(format!("{name}{copy}"))
    };
    let mut bytes =
        std::fs::read(path).map_err(|error| CompileError::cannot_temporarily("read", path, &error))?;
    rename(&mut bytes, name_of)?;
    // Over what is there, so that the mode stays.
    std::fs::write(path, bytes).map_err(|error| CompileError::cannot_temporarily("write", path, &error))
}
