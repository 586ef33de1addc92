//! A whole LLVM module: function bodies, and with the first unit all that belongs to the module once.
//!
//! A Wasm module is compiled in units, each an LLVM module of its own. How it is divided depends on the
//! input and the optimisation level alone (INV-8), never on the number of threads.

mod active_data;
mod c_import;
mod constant;
mod descriptor;
mod entry;
mod global_image;
mod init;
mod open_import;
mod program;
mod start;
mod undefined;

use std::ops::Range;

use inkwell::context::Context;
use inkwell::module::Module as LlvmModule;
use inkwell::targets::TargetMachine;

use crate::env::ModuleEnv;
use crate::env::constant_table::Column;
use crate::env::module_env::{EnvSettings, Part};
pub use crate::env::symbol::{Symbols, mangled, typed_symbol};
use crate::error::{CompileError, Result};
use crate::options::{CodeOptions, OptLevel};
use crate::translate::translate_function;
use crate::wasm::{DefinedFuncIndex, Module};
pub use c_import::c_prototype;
pub use open_import::{OpenImports, emit_callbacks_unit};
pub use program::{Binding, MainSymbol, Program, ProgramModule, Role};
pub use start::emit_start_unit;

/// Part of a Wasm module that becomes one LLVM module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    /// Number of the unit. Unit 0 also holds the descriptor and all entries.
    pub index: usize,
    /// Functions in it, by [`DefinedFuncIndex`].
    pub funcs: Range<u32>,
}

/// What all units of a module are made with.
#[derive(Clone, Copy, Debug)]
pub struct EmitSettings<'a> {
    /// What the command line says about code: optimisation, bounds checks, precision of traps.
    pub code: &'a CodeOptions,
    /// What the module becomes.
    pub role: Role<'a>,
    /// What each of its imports is bound to.
    pub bindings: &'a [Binding],
    /// What becomes of imports that are bound to nothing here.
    pub open_imports: OpenImports,
    /// Prefix of all symbols, a C identifier.
    pub prefix: &'a str,
    /// Whether there is only one unit, so that its functions can be internal.
    pub single_unit: bool,
    /// For plugins: whether the descriptor is also exported as `w2n_module`.
    pub is_only_module: bool,
}

/// Bytes of Wasm code in a unit: small for -O0 and -O1, which gain nothing from seeing more functions
/// at once; otherwise large, because inlining ends at the border of a unit.
fn unit_size_bytes(opt_level: OptLevel) -> usize {
    match opt_level {
        OptLevel::O0 | OptLevel::O1 => 512 << 10,
        OptLevel::O2 | OptLevel::O3 | OptLevel::Os | OptLevel::Oz => 2 << 20,
    }
}

/// Divides a module into units.
pub fn partition(module: &Module<'_>, opt_level: OptLevel) -> Vec<Unit> {
    let limit = unit_size_bytes(opt_level);
    let mut units = Vec::new();
    let mut start = 0;
    let mut size = 0;
    for (position, body) in module.bodies.iter().enumerate() {
        let body_size = (body.range().end - body.range().start) as usize;
        if size > 0 && size + body_size > limit {
            units.push(Unit { index: units.len(), funcs: start..position as u32 });
            start = position as u32;
            size = 0;
        }
        size += body_size;
    }
    units.push(Unit { index: units.len(), funcs: start..module.bodies.len() as u32 });
    units
}

/// Translates one unit. Nothing is optimised yet, and locals are in memory.
pub fn emit_unit<'c>(
    context: &'c Context,
    module: &Module<'_>,
    settings: &EmitSettings<'_>,
    unit: &Unit,
    machine: &TargetMachine,
) -> Result<LlvmModule<'c>> {
    let part = match unit.index {
        0 if settings.single_unit => Part::Whole,
        0 => Part::First,
        _ => Part::Further,
    };
    let env_settings = EnvSettings { module, options: settings.code, prefix: settings.prefix, part };
    let name = format!("{}.{}", settings.prefix, unit.index);
    let env = ModuleEnv::new(context, &name, env_settings, machine);
    for defined in unit.funcs.clone() {
        translate_function(&env, DefinedFuncIndex(defined))?;
    }
    if unit.index == 0 {
        emit_module_parts(&env, settings)?;
    }
    name_compiler(&env)?;
    if let Some(debug) = &env.debug {
        debug.finish();
    }
    if cfg!(debug_assertions) || settings.code.keep_ir_names {
        env.llvm
            .verify()
            .map_err(|error| CompileError::internal(format!("LLVM rejects the module we made: {error}")))?;
    }
    Ok(env.llvm)
}

/// Leaves our name and version in what is made: LLVM puts them into the section `.comment`.
fn name_compiler(env: &ModuleEnv<'_, '_>) -> Result<()> {
    let name = env.context.metadata_string(concat!("wasm2native ", env!("CARGO_PKG_VERSION")));
    let ident = env.context.metadata_node(&[name.into()]);
    let added = env.llvm.add_global_metadata("llvm.ident", &ident);
    added.map_err(|error| CompileError::internal(format!("LLVM refused our name: {error}")))
}

/// What a module has once.
fn emit_module_parts(env: &ModuleEnv<'_, '_>, settings: &EmitSettings<'_>) -> Result<()> {
    if env.part == Part::First {
        // The other units may use them.
        for table in env.module.constant_tables.keys() {
            for column in Column::ALL {
                env.constant_table(*table, column);
            }
        }
    }
    let initialize = init::emit_initialize(env)?;
    let descriptor = descriptor::emit_descriptor(env, settings, initialize)?;
    match settings.role {
        Role::Plugin => entry::emit_typed_exports(env),
        Role::Main(program) => start::emit_main(env, program, Some(descriptor)),
        Role::Library => Ok(()),
    }
}
