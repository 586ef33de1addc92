//! C functions as imports: an adaptor has the signature of a host function and calls the C function, which
//! has that of a typed export: `result symbol(caller, parameters…, pointers to further results)`.

use inkwell::GlobalVisibility;
use inkwell::module::Linkage;
use inkwell::types::BasicTypeEnum;
use inkwell::values::{BasicMetadataValueEnum, BasicValueEnum, FunctionValue};

use super::entry::{entry_builder, load_slots, pointer_params, store_slots, typed_function};
use crate::env::ModuleEnv;
use crate::error::Result;
use crate::wasm::FuncType;
use w2n_abi::ValueType;

/// Its C declaration, for messages: `int32_t m_f(w2n_instance_t *caller, int64_t a)`.
pub fn c_prototype(symbol: &str, ty: &FuncType) -> String {
    let result = ty.results.first().map_or("void ", |ty| c_type(*ty));
    let mut params = vec!["w2n_instance_t *caller".to_owned()];
    params.extend(ty.params.iter().enumerate().map(|(position, ty)| format!("{}p{position}", c_type(*ty))));
    let further = ty.results.iter().enumerate().skip(1);
    params.extend(further.map(|(position, ty)| format!("{}*r{position}", c_type(*ty))));
    format!("{result}{symbol}({})", params.join(", "))
}

/// With what separates it from a name.
fn c_type(ty: ValueType) -> &'static str {
    match ty {
        ValueType::I32 => "int32_t ",
        ValueType::I64 => "int64_t ",
        ValueType::F32 => "float ",
        ValueType::F64 => "double ",
        ValueType::V128 => "__m128i ",
        ValueType::FuncRef => "w2n_func_t *",
        ValueType::ExternRef => "void *",
    }
}

/// `uint32_t (env, caller, slots)` that calls the C function `symbol`. It never fails: C functions have no
/// way to say so.
pub fn emit_c_import<'c>(env: &ModuleEnv<'c, '_>, symbol: &str, ty: &FuncType) -> Result<FunctionValue<'c>> {
    let name = env.symbols.internal(&format!("c_import.{symbol}"));
    match env.llvm.get_function(&name) {
        Some(adaptor) => Ok(adaptor),
        None => emit_adaptor(env, AdaptorSymbol::Internal(&name), symbol, ty),
    }
}

/// What an adaptor is called, and who sees it.
#[derive(Clone, Copy, Debug)]
pub(super) enum AdaptorSymbol<'a> {
    /// The LLVM module that it is in.
    Internal(&'a str),
    /// All of what is linked together.
    Hidden(&'a str),
}

/// An adaptor of that name.
pub(super) fn emit_adaptor<'c>(
    env: &ModuleEnv<'c, '_>,
    adaptor_symbol: AdaptorSymbol<'_>,
    symbol: &str,
    ty: &FuncType,
) -> Result<FunctionValue<'c>> {
    let types = &env.types;
    let adaptor_type = types.i32.fn_type(&[types.ptr.into(), types.ptr.into(), types.ptr.into()], false);
    let adaptor = match adaptor_symbol {
        AdaptorSymbol::Internal(name) => env.llvm.add_function(name, adaptor_type, Some(Linkage::Internal)),
        AdaptorSymbol::Hidden(name) => {
            let adaptor = env.llvm.add_function(name, adaptor_type, None);
            adaptor.as_global_value().set_visibility(GlobalVisibility::Hidden);
            adaptor
        }
    };
    env.add_wasm_attributes(adaptor);
    let builder = entry_builder(env, adaptor);
    let [_, caller, slots] = pointer_params(adaptor);
    let mut arguments: Vec<BasicMetadataValueEnum> = vec![caller.into()];
    arguments
        .extend(load_slots(env, &builder, slots, &ty.params)?.into_iter().map(BasicMetadataValueEnum::from));
    let mut further = Vec::new();
    for result in ty.results.iter().skip(1) {
        let ty: BasicTypeEnum = types.value(*result);
        let room = builder.build_alloca(ty, "further_result")?;
        arguments.push(room.into());
        further.push((ty, room));
    }
    // Several modules may import it.
    let declare = || env.llvm.add_function(symbol, typed_function(env, ty), None);
    let func = env.llvm.get_function(symbol).unwrap_or_else(declare);
    let call = builder.build_call(func, &arguments, if ty.results.is_empty() { "" } else { "result" })?;
    let mut results: Vec<BasicValueEnum> = call.try_as_basic_value().basic().into_iter().collect();
    for (ty, room) in further {
        results.push(builder.build_load(ty, room, "further_result")?);
    }
    store_slots(env, &builder, slots, &results)?;
    builder.build_return(Some(&types.i32.const_zero()))?;
    Ok(adaptor)
}
