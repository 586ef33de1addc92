//! Stubs for imports that nothing provides (`--undefined=trap`): a host function that traps, and says which
//! import was called.

use inkwell::module::Linkage;
use inkwell::values::{BasicMetadataValueEnum, PointerValue};

use super::constant::byte_slice;
use crate::env::ModuleEnv;
use crate::error::Result;
use crate::wasm::Import;
use w2n_abi::symbol;

/// Emits the stub for `import`: `u32 stub(env, caller, slots)`, as [`w2n_abi::HostCallback`].
pub fn emit_undefined_stub<'c>(env: &ModuleEnv<'c, '_>, import: &Import<'_>) -> Result<PointerValue<'c>> {
    let types = &env.types;
    let report_type = types.i32.fn_type(&[types.ptr.into(), types.i64.into()], false);
    let report = env
        .llvm
        .get_function(symbol::UNDEFINED_IMPORT)
        .unwrap_or_else(|| env.llvm.add_function(symbol::UNDEFINED_IMPORT, report_type, None));
    let name = format!("{}.{}", import.module, import.name);
    let stub_type = types.i32.fn_type(&[types.ptr.into(); 3], false);
    // LLVM tells several of one name apart by numbers.
    let stub = env.llvm.add_function(&env.symbols.internal("undefined"), stub_type, Some(Linkage::Internal));
    let builder = env.context.create_builder();
    builder.position_at_end(env.context.append_basic_block(stub, "entry"));
    let (text, len) = byte_slice(env, "undefined_name", name.as_bytes());
    let arguments: [BasicMetadataValueEnum; 2] = [text.into(), types.i64.const_int(len, false).into()];
    let code = builder.build_call(report, &arguments, "trap_code")?.try_as_basic_value().unwrap_basic();
    builder.build_return(Some(&code))?;
    Ok(stub.as_global_value().as_pointer_value())
}
