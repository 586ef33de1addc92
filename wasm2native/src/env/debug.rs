//! Debug locations: the line is the operator's byte offset in the module, the column the bytes it accesses.
//!
//! The back end turns the line table into the map that backtraces use.

use inkwell::context::Context;
use inkwell::debug_info::{
    AsDIScope, DICompileUnit, DIFlags, DIFlagsConstants, DISubprogram, DISubroutineType, DWARFEmissionKind,
    DWARFSourceLanguage, DebugInfoBuilder,
};
use inkwell::module::{FlagBehavior, Module as LlvmModule};
use inkwell::values::FunctionValue;

use crate::options::DebugInfo;

/// Makes debug information for the functions of one LLVM module.
pub struct DebugContext<'c> {
    builder: DebugInfoBuilder<'c>,
    unit: DICompileUnit<'c>,
    subroutine: DISubroutineType<'c>,
    context: &'c Context,
}

impl<'c> DebugContext<'c> {
    /// Starts a compile unit for the Wasm module `name`.
    pub fn new(context: &'c Context, llvm: &LlvmModule<'c>, name: &str, debug_info: DebugInfo) -> Self {
        let emission_kind = match debug_info {
            // Line tables alone have no names: LLVM then describes only functions with something inlined.
            DebugInfo::Full => DWARFEmissionKind::Full,
            DebugInfo::PcMap | DebugInfo::None => DWARFEmissionKind::LineTablesOnly,
        };
        let number = |value| context.i32_type().const_int(value, false);
        llvm.add_basic_value_flag("Debug Info Version", FlagBehavior::Warning, number(3));
        // With version 5 LLVM adds an index of names. It covers our units and not the runtime's, and gdb,
        // which takes it for complete, finds neither.
        llvm.add_basic_value_flag("Dwarf Version", FlagBehavior::Warning, number(4));
        let (builder, unit) = llvm.create_debug_info_builder(
            true,
            DWARFSourceLanguage::C,
            name,
            ".",
            "wasm2native",
            true,
            "",
            0,
            "",
            emission_kind,
            0,
            false,
            false,
            "",
            "",
        );
        let subroutine = builder.create_subroutine_type(unit.get_file(), None, &[], DIFlags::PUBLIC);
        Self { builder, unit, subroutine, context }
    }

    /// Describes a function whose body starts at byte `offset` of the module.
    pub fn describe(&self, func: FunctionValue<'c>, name: &str, offset: u32) -> DISubprogram<'c> {
        let scope = self.unit.as_debug_info_scope();
        let file = self.unit.get_file();
        let is_local = true;
        // No linkage name: debuggers would show `app.f12` instead of the name in the module.
        let subprogram = self.builder.create_function(
            scope,
            name,
            None,
            file,
            offset,
            self.subroutine,
            is_local,
            true,
            offset,
            DIFlags::PUBLIC,
            true,
        );
        func.set_subprogram(subprogram);
        subprogram
    }

    /// The location of an operator at byte `offset` that accesses `width` bytes of memory (0: none).
    pub fn location(
        &self,
        subprogram: DISubprogram<'c>,
        offset: u32,
        width: u32,
    ) -> inkwell::debug_info::DILocation<'c> {
        let scope = subprogram.as_debug_info_scope();
        self.builder.create_debug_location(self.context, offset, width, scope, None)
    }

    /// Must be called once after the last function.
    pub fn finish(&self) {
        self.builder.finalize();
    }
}
