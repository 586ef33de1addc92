//! The surroundings of all functions in one LLVM module: types, layout, declarations.

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;

use inkwell::attributes::{Attribute, AttributeLoc};
use inkwell::builder::Builder;
use inkwell::context::Context;
use inkwell::module::{Linkage, Module as LlvmModule};
use inkwell::types::FunctionType;
use inkwell::values::{FunctionValue, PointerValue};
use inkwell::{GlobalVisibility, targets::TargetMachine};

use super::alias::{AliasMetadata, STRICT_TRAPS};
use super::debug::DebugContext;
use super::layout::{InstanceLayout, Word};
use super::symbol::Symbols;
use super::tail::{TAIL_CALL_CONVENTION, TailSignature};
use super::types::{Types, WASM_CALL_CONVENTION};
use super::vector_unit::VectorUnit;
use super::width::Width;
use crate::error::Result;
use crate::options::{CodeOptions, DebugInfo, OptLevel};
use crate::wasm::{FuncIndex, Module};
use w2n_abi::VmInstance;
use w2n_abi::symbol::INTERNAL_SEPARATOR;

/// What a function body may look up.
pub struct ModuleEnv<'c, 'm> {
    /// Where LLVM keeps types and constants.
    pub context: &'c Context,
    /// The LLVM module being made.
    pub llvm: LlvmModule<'c>,
    /// The Wasm module being compiled.
    pub module: &'m Module<'m>,
    /// Where things are in an instance.
    pub layout: InstanceLayout,
    /// LLVM types.
    pub types: Types<'c>,
    /// The alias class that each load and store is marked with.
    pub alias: AliasMetadata<'c>,
    /// What each part of the module is called in its object.
    pub symbols: Symbols,
    /// What the command line says about code: optimisation, bounds checks, precision of traps.
    pub options: &'m CodeOptions,
    /// Debug information, unless there is to be none.
    pub debug: Option<DebugContext<'c>>,
    /// Which of the LLVM modules of one Wasm module this is.
    pub part: Part,
    /// What has been asked for in few bytes.
    pub width: Width,
    funcs: RefCell<HashMap<FuncIndex, FunctionValue<'c>>>,
    tail_forms: RefCell<HashMap<FuncIndex, FunctionValue<'c>>>,
    /// Attributes of every Wasm function.
    attributes: Vec<Attribute>,
    machine: &'m TargetMachine,
    vector_unit: OnceCell<VectorUnit>,
}

/// What an LLVM module is made from and for.
#[derive(Clone, Copy)]
pub struct EnvSettings<'m> {
    /// The Wasm module.
    pub module: &'m Module<'m>,
    /// What the command line says about code: optimisation, bounds checks, precision of traps.
    pub options: &'m CodeOptions,
    /// Prefix of all symbols.
    pub prefix: &'m str,
    /// Which of its LLVM modules this is.
    pub part: Part,
}

/// What of a Wasm module an LLVM module is. Functions and tables are internal to a whole one, and else
/// hidden symbols.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The only one: its functions are internal.
    Whole,
    /// Some of its functions, and all that is there once.
    First,
    /// Further functions, and nothing else.
    Further,
}

impl<'c, 'm> ModuleEnv<'c, 'm> {
    /// An empty LLVM module named `name` for the target of `machine`.
    pub fn new(
        context: &'c Context,
        name: &str,
        settings: EnvSettings<'m>,
        machine: &'m TargetMachine,
    ) -> Self {
        let EnvSettings { module, options, prefix, part } = settings;
        let llvm = context.create_module(name);
        llvm.set_triple(&machine.get_triple());
        llvm.set_data_layout(&machine.get_target_data().get_data_layout());
        if options.strict_traps {
            let is_added = llvm.add_global_metadata(STRICT_TRAPS, &context.metadata_node(&[]));
            debug_assert!(is_added.is_ok());
        }
        let describe = || DebugContext::new(context, &llvm, &module.name, options.debug_info);
        let debug = (options.debug_info != DebugInfo::None).then(describe);
        Self {
            context,
            llvm,
            module,
            layout: InstanceLayout::new(module),
            types: Types::new(context),
            alias: AliasMetadata::new(context),
            symbols: Symbols::new(prefix),
            options,
            debug,
            part,
            width: Width::default(),
            funcs: RefCell::default(),
            tail_forms: RefCell::default(),
            attributes: func_attributes(context, options.opt_level),
            machine,
            vector_unit: OnceCell::new(),
        }
    }

    /// The vector instructions of the processor we compile for.
    pub fn vector_unit(&self) -> &VectorUnit {
        self.vector_unit.get_or_init(|| VectorUnit::of(self.machine))
    }

    /// The LLVM function of a defined Wasm function; declared at its first use.
    pub fn func(&self, func: FuncIndex) -> FunctionValue<'c> {
        *self.funcs.borrow_mut().entry(func).or_insert_with(|| {
            let ty = self.types.func(self.module.func_type(func));
            let symbol = match self.module.makes_tail_calls(func) {
                false => self.symbols.func(func),
                true => self.symbols.ordinary_form(func),
            };
            self.declare(&symbol, ty, WASM_CALL_CONVENTION)
        })
    }

    /// The LLVM function, in the tail convention, of a defined Wasm function that makes tail calls.
    pub fn tail_form(&self, func: FuncIndex) -> FunctionValue<'c> {
        *self.tail_forms.borrow_mut().entry(func).or_insert_with(|| {
            let ty = TailSignature::new(self.module.func_type(func)).func_type(&self.types);
            self.declare(&self.symbols.func(func), ty, TAIL_CALL_CONVENTION)
        })
    }

    /// The symbol of something that each LLVM module of a Wasm module has for itself. It has the unit's
    /// number, since what is internal becomes visible where the code of a unit is generated in parts.
    pub fn unit_symbol(&self, name: &str) -> String {
        format!("{}{INTERNAL_SEPARATOR}{name}", self.llvm.get_name().to_string_lossy())
    }

    fn declare(&self, symbol: &str, ty: FunctionType<'c>, convention: u32) -> FunctionValue<'c> {
        let value = self.llvm.add_function(symbol, ty, Some(Linkage::External));
        value.as_global_value().set_visibility(GlobalVisibility::Hidden);
        value.set_call_conventions(convention);
        self.add_wasm_attributes(value);
        value
    }

    /// Gives a function that is about to get its body the linkage of this LLVM module.
    pub fn mark_defined(&self, func: FunctionValue<'c>) {
        if self.part == Part::Whole {
            func.as_global_value().set_visibility(GlobalVisibility::Default);
            func.set_linkage(Linkage::Internal);
        }
    }

    /// The attributes of every function in the Wasm calling convention.
    pub fn add_wasm_attributes(&self, func: FunctionValue<'c>) {
        for attribute in &self.attributes {
            func.add_attribute(AttributeLoc::Function, *attribute);
        }
    }

    /// Keeps LLVM's passes away from a function, also from its code where there are faster ways to make it.
    pub fn leave_alone(&self, func: FunctionValue<'c>) {
        // They do not go together.
        for wish in ["optsize", "minsize"] {
            func.remove_enum_attribute(AttributeLoc::Function, Attribute::get_named_enum_kind_id(wish));
        }
        for attribute in ["optnone", "noinline"] {
            func.add_attribute(AttributeLoc::Function, self.enum_attribute(attribute));
        }
    }

    /// Says that parameter `index` of `func` is an instance, which is always readable. What is fixed in it
    /// can then be loaded before a loop, also where the loop needs it only behind a check.
    pub fn mark_instance_param(&self, func: FunctionValue<'c>, index: u32) {
        let valued = |name: &str, value: u64| {
            self.context.create_enum_attribute(Attribute::get_named_enum_kind_id(name), value)
        };
        let readable = valued("dereferenceable", self.layout.size_bytes().into());
        let aligned = valued("align", align_of::<VmInstance<Word>>() as u64);
        for attribute in [readable, aligned, self.enum_attribute("nonnull"), self.enum_attribute("noundef")] {
            func.add_attribute(AttributeLoc::Param(index), attribute);
        }
    }

    /// An attribute without a value.
    pub fn enum_attribute(&self, name: &str) -> Attribute {
        enum_attribute(self.context, name)
    }

    /// `pointer + offset` in bytes.
    pub fn offset_pointer(
        &self,
        builder: &Builder<'c>,
        pointer: PointerValue<'c>,
        offset: u32,
    ) -> Result<PointerValue<'c>> {
        if offset == 0 {
            return Ok(pointer);
        }
        let offset = self.types.i64.const_int(offset.into(), false);
        // SAFETY: the offset is of a field inside the structure that `pointer` is to (InstanceLayout, or
        // offset_of! of an ABI structure).
        Ok(unsafe { builder.build_in_bounds_gep(self.types.i8, pointer, &[offset], "field")? })
    }
}

fn enum_attribute(context: &Context, name: &str) -> Attribute {
    let kind = Attribute::get_named_enum_kind_id(name);
    assert!(kind != 0, "LLVM has no attribute {name}");
    context.create_enum_attribute(kind, 0)
}

fn func_attributes(context: &Context, opt_level: OptLevel) -> Vec<Attribute> {
    let mut attributes = vec![
        enum_attribute(context, "nounwind"),
        // Infinite recursion would become an infinite loop, and exhaustion would never trap.
        context.create_string_attribute("disable-tail-calls", "true"),
        // A large frame would skip the stack guard.
        context.create_string_attribute("probe-stack", "inline-asm"),
        // A backtrace is a walk over saved frame pointers.
        context.create_string_attribute("frame-pointer", "all"),
    ];
    match opt_level {
        OptLevel::Os => attributes.push(enum_attribute(context, "optsize")),
        OptLevel::Oz => {
            attributes.extend([enum_attribute(context, "optsize"), enum_attribute(context, "minsize")])
        }
        _ => {}
    }
    attributes
}
