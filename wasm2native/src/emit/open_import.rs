//! Functions that an object leaves open. Its descriptor is made before it is known whether C code will
//! provide them, so it refers to the callback of each by a symbol that is weak, and null unless a later link
//! defines it.
//!
//! The rule: what is defined is hidden, and no name of C has a dot, so nobody defines them by accident. The
//! reference is not hidden: gold makes the address of the plugin of a hidden symbol that is not there,
//! instead of null.

use inkwell::context::Context;
use inkwell::module::{Linkage, Module as LlvmModule};
use inkwell::targets::TargetMachine;
use inkwell::values::PointerValue;

use super::c_import::{AdaptorSymbol, emit_adaptor};
use super::{Binding, ProgramModule};
use crate::env::ModuleEnv;
use crate::env::module_env::{EnvSettings, Part};
use crate::env::symbol::Symbols;
use crate::error::Result;
use crate::options::{CodeOptions, DebugInfo};
use crate::wasm::{ExternType, Module};

/// Whether a later link may provide what a module imports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenImports {
    /// What is not bound comes from a host.
    OfHost,
    /// It may also be bound when the object is linked.
    OfLink,
}

/// The callback of the import at `position` of the module with these symbols.
fn callback_symbol(symbols: &Symbols, position: usize) -> String {
    symbols.internal(&format!("import.{position}"))
}

/// The callback as the descriptor in an object refers to it.
pub fn open_callback<'c>(env: &ModuleEnv<'c, '_>, position: usize) -> PointerValue<'c> {
    let callback = env.llvm.add_global(env.types.i8, None, &callback_symbol(&env.symbols, position));
    callback.set_linkage(Linkage::ExternalWeak);
    callback.as_pointer_value()
}

/// An LLVM module with the callbacks that `modules`, which are compiled already, are bound to in this link.
pub fn emit_callbacks_unit<'c>(
    context: &'c Context,
    modules: &[ProgramModule<'_>],
    code: &CodeOptions,
    machine: &TargetMachine,
) -> Result<LlvmModule<'c>> {
    // There is no Wasm code in it.
    let (empty, options) = (Module::default(), CodeOptions { debug_info: DebugInfo::None, ..code.clone() });
    let settings = EnvSettings { module: &empty, options: &options, prefix: "callbacks", part: Part::Whole };
    let env = ModuleEnv::new(context, "callbacks", settings, machine);
    for ProgramModule { prefix, bindings, module, .. } in modules.iter().filter(|module| module.is_compiled) {
        for (position, (import, binding)) in module.imports.iter().zip(*bindings).enumerate() {
            let (Binding::C(symbol), ExternType::Func(ty)) = (binding, import.ty) else { continue };
            let name = callback_symbol(&Symbols::new(prefix), position);
            emit_adaptor(&env, AdaptorSymbol::Hidden(&name), symbol, &module.types[ty.index()])?;
        }
    }
    Ok(env.llvm)
}
