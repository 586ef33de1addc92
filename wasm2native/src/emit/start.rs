//! `main` of an executable, and what it tells the runtime. See `rt/abi/src/start.rs`.

use inkwell::GlobalVisibility;
use inkwell::values::{BasicMetadataValueEnum, GlobalValue, PointerValue};
use std::mem::{offset_of, size_of};

use super::constant::{ConstStruct, byte_slice, private_constant, struct_slice};
use super::{Binding, Program};
use crate::env::ModuleEnv;
use crate::env::layout::Word;
use crate::env::symbol::Symbols;
use crate::error::{CompileError, Result};
use crate::options::Policy;
use w2n_abi::{DirGrant, EnvGrant, ImportSource, LinkedModule, NONE, StartInfo, symbol};

/// Emits `int main(int argc, char **argv)`, which hands over to the runtime.
pub fn emit_main<'c>(
    env: &ModuleEnv<'c, '_>,
    program: &Program<'_>,
    descriptor: GlobalValue<'c>,
) -> Result<()> {
    let info = emit_start_info(env, program, descriptor)?;
    let types = &env.types;
    let start_type = types.i32.fn_type(&[types.i32.into(), types.ptr.into(), types.ptr.into()], false);
    let start = env.llvm.add_function(symbol::START, start_type, None);
    let main =
        env.llvm.add_function("main", types.i32.fn_type(&[types.i32.into(), types.ptr.into()], false), None);
    let builder = env.context.create_builder();
    builder.position_at_end(env.context.append_basic_block(main, "entry"));
    let params = main.get_params();
    let arguments: [BasicMetadataValueEnum; 3] = [params[0].into(), params[1].into(), info.into()];
    let status = builder.build_call(start, &arguments, "status")?.try_as_basic_value().unwrap_basic();
    builder.build_return(Some(&status))?;
    Ok(())
}

fn emit_start_info<'c>(
    env: &ModuleEnv<'c, '_>,
    program: &Program<'_>,
    descriptor: GlobalValue<'c>,
) -> Result<PointerValue<'c>> {
    type Info = StartInfo<Word>;
    let entry = env
        .module
        .entry_point()
        .ok_or_else(|| CompileError::internal("an executable without an entry point got this far"))?;
    let value = ConstStruct::new(env, size_of::<Info>())
        .slice(offset_of!(Info, modules), modules(env, program, descriptor))
        .pointer(offset_of!(Info, wasi_init), wasi_init(env, program))
        .slice(offset_of!(Info, entry), byte_slice(env, "entry", entry.name.as_bytes()))
        .slice(offset_of!(Info, dirs), dir_grants(env, program.policy))
        .slice(offset_of!(Info, env), env_grants(env, program.policy))
        .u32(offset_of!(Info, sealed), program.policy.sealed.into())
        .u32(offset_of!(Info, main), program.main.0)
        .finish();
    Ok(private_constant(env, "start_info", value.into(), align_of::<Info>() as u32).as_pointer_value())
}

/// All modules; that of `env` is the main module, whose `descriptor` was just made.
fn modules<'c>(
    env: &ModuleEnv<'c, '_>,
    program: &Program<'_>,
    descriptor: GlobalValue<'c>,
) -> (PointerValue<'c>, u64) {
    type Linked = LinkedModule<Word>;
    let elements: Vec<_> = program
        .modules
        .iter()
        .enumerate()
        .map(|(position, module)| {
            let is_main = position == program.main.index();
            let descriptor = if is_main { descriptor } else { foreign_descriptor(env, module.prefix) };
            ConstStruct::new(env, size_of::<Linked>())
                .pointer(offset_of!(Linked, module), descriptor.as_pointer_value())
                .slice(offset_of!(Linked, sources), import_sources(env, module.bindings))
                .finish()
        })
        .collect();
    struct_slice(env, "modules", &elements)
}

/// The descriptor of another module of the executable, by its name.
fn foreign_descriptor<'c>(env: &ModuleEnv<'c, '_>, prefix: &str) -> GlobalValue<'c> {
    let descriptor = env.llvm.add_global(env.types.i8, None, &Symbols::new(prefix).descriptor());
    descriptor.set_visibility(GlobalVisibility::Hidden);
    descriptor
}

fn import_sources<'c>(env: &ModuleEnv<'c, '_>, bindings: &[Binding]) -> (PointerValue<'c>, u64) {
    let elements: Vec<_> = bindings
        .iter()
        .map(|binding| {
            let (module, export) = match binding {
                Binding::Export { module, export } => (module.0, export.0),
                Binding::Host | Binding::Wasi | Binding::C(_) => (NONE, NONE),
            };
            ConstStruct::new(env, size_of::<ImportSource>())
                .u32(offset_of!(ImportSource, module), module)
                .u32(offset_of!(ImportSource, export), export)
                .finish()
        })
        .collect();
    struct_slice(env, "import_sources", &elements)
}

/// Only a program that imports from WASI pulls it in.
fn wasi_init<'c>(env: &ModuleEnv<'c, '_>, program: &Program<'_>) -> PointerValue<'c> {
    if !program.uses_wasi() {
        return env.types.ptr.const_null();
    }
    let init = env.llvm.add_global(env.types.i8, None, symbol::WASI_INIT);
    init.set_visibility(GlobalVisibility::Hidden);
    init.as_pointer_value()
}

fn dir_grants<'c>(env: &ModuleEnv<'c, '_>, policy: &Policy) -> (PointerValue<'c>, u64) {
    type Grant = DirGrant<Word>;
    let grants: Vec<_> = policy
        .dirs
        .iter()
        .map(|dir| {
            ConstStruct::new(env, size_of::<Grant>())
                .slice(offset_of!(Grant, host), byte_slice(env, "dir", dir.host.as_bytes()))
                .slice(offset_of!(Grant, guest), byte_slice(env, "dir", dir.guest.as_bytes()))
                .u32(offset_of!(Grant, read_only), dir.read_only.into())
                .finish()
        })
        .collect();
    struct_slice(env, "dirs", &grants)
}

fn env_grants<'c>(env: &ModuleEnv<'c, '_>, policy: &Policy) -> (PointerValue<'c>, u64) {
    type Grant = EnvGrant<Word>;
    let grants: Vec<_> = policy
        .env
        .iter()
        .map(|grant| {
            let value = grant.value.as_deref().unwrap_or("");
            ConstStruct::new(env, size_of::<Grant>())
                .slice(offset_of!(Grant, key), byte_slice(env, "env", grant.key.as_bytes()))
                .slice(offset_of!(Grant, value), byte_slice(env, "env", value.as_bytes()))
                .u32(offset_of!(Grant, inherit), grant.value.is_none().into())
                .finish()
        })
        .collect();
    struct_slice(env, "env", &grants)
}
