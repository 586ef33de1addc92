//! Declarations of the runtime functions, expanded from the ABI's list.

use inkwell::attributes::AttributeLoc;
use inkwell::module::Linkage;
use inkwell::types::{BasicMetadataTypeEnum, BasicType};
use inkwell::values::FunctionValue;

use super::module_env::ModuleEnv;
use w2n_abi::{RtAttribute, RtFunc, RtType};

/// The LLVM declaration of a runtime function; made at its first use.
pub fn declaration<'c>(env: &ModuleEnv<'c, '_>, func: RtFunc) -> FunctionValue<'c> {
    if let Some(declared) = env.llvm.get_function(func.symbol()) {
        return declared;
    }
    let types = &env.types;
    let basic = |ty: &RtType| match ty {
        RtType::Ptr => types.ptr.as_basic_type_enum(),
        RtType::I32 => types.i32.into(),
        RtType::I64 => types.i64.into(),
        RtType::Void => unreachable!("validated: the ABI list has no void parameters"),
    };
    let params: Vec<BasicMetadataTypeEnum> = func.parameters().iter().map(|ty| basic(ty).into()).collect();
    let ty = match func.result() {
        RtType::Void => types.void.fn_type(&params, false),
        result => basic(&result).fn_type(&params, false),
    };
    let declared = env.llvm.add_function(func.symbol(), ty, Some(Linkage::External));
    declared.add_attribute(AttributeLoc::Function, env.enum_attribute("nounwind"));
    for attribute in func.attributes() {
        let name = match attribute {
            RtAttribute::NoReturn => "noreturn",
            RtAttribute::Cold => "cold",
        };
        declared.add_attribute(AttributeLoc::Function, env.enum_attribute(name));
    }
    declared
}
