//! LLVM intrinsics by name, declared once per LLVM module.

use inkwell::builder::Builder;
use inkwell::intrinsics::Intrinsic;
use inkwell::types::BasicTypeEnum;
use inkwell::values::{BasicMetadataValueEnum, BasicValueEnum, CallSiteValue};

use super::module_env::ModuleEnv;
use crate::error::{CompileError, Result};

/// Calls the intrinsic `name`, overloaded on `overloads`.
pub fn call_intrinsic<'c>(
    env: &ModuleEnv<'c, '_>,
    builder: &Builder<'c>,
    name: &'static str,
    overloads: &[BasicTypeEnum<'c>],
    arguments: &[BasicMetadataValueEnum<'c>],
) -> Result<CallSiteValue<'c>> {
    let declaration = Intrinsic::find(name)
        .and_then(|intrinsic| intrinsic.get_declaration(&env.llvm, overloads))
        .ok_or_else(|| CompileError::internal(format!("LLVM has no intrinsic {name}")))?;
    let short_name = name.rsplit('.').next().unwrap_or(name);
    Ok(builder.build_call(declaration, arguments, short_name)?)
}

/// Calls an intrinsic that is overloaded on the type of its first argument, and takes its result.
pub fn call_overloaded<'c>(
    env: &ModuleEnv<'c, '_>,
    builder: &Builder<'c>,
    name: &'static str,
    arguments: &[BasicValueEnum<'c>],
) -> Result<BasicValueEnum<'c>> {
    let values: Vec<BasicMetadataValueEnum> = arguments.iter().map(|value| (*value).into()).collect();
    Ok(call_intrinsic(env, builder, name, &[arguments[0].get_type()], &values)?
        .try_as_basic_value()
        .unwrap_basic())
}
