//! The translator of one function: its state, its prologue and the loop over operators.

use inkwell::builder::Builder;
use inkwell::debug_info::DISubprogram;
use inkwell::values::{BasicValueEnum, FloatValue, FunctionValue, IntValue, PointerValue};

use super::control_stack::{ControlFrame, FrameKind};
use super::locals::Locals;
use super::tail_call::{build_ordinary_form, receive_arguments};
use crate::env::ModuleEnv;
use crate::env::tail::TailSignature;
use crate::env::types::Types;
use crate::error::{CompileError, Result};
use crate::options::DebugInfo;
use crate::wasm::{DefinedFuncIndex, FuncType};

/// What is translated and how far we are.
pub struct FuncTranslator<'c, 'e> {
    /// What the body may look up: types, layout, symbols of the module.
    pub env: &'e ModuleEnv<'c, 'e>,
    /// Where the next instruction goes.
    pub builder: Builder<'c>,
    /// The function being made.
    pub function: FunctionValue<'c>,
    /// The instance that runs the function: its hidden first parameter.
    pub instance: PointerValue<'c>,
    /// Locals are allocas in the entry block; LLVM makes registers of them. INV-5.
    pub(super) locals: Locals<'c>,
    pub(super) stack: Vec<BasicValueEnum<'c>>,
    pub(super) control: Vec<ControlFrame<'c>>,
    /// Whether the code being translated can run.
    pub(super) reachable: bool,
    /// Frames opened in unreachable code.
    pub(super) skipped_frames: u32,
    /// How the function is called, if in the tail convention.
    pub(super) tail: Option<TailSignature>,
    subprogram: Option<DISubprogram<'c>>,
    /// Byte offset of the current operator in the module.
    pub(super) offset_bytes: u32,
}

/// Gives the LLVM function of a defined Wasm function its body.
pub fn translate_function(env: &ModuleEnv<'_, '_>, defined: DefinedFuncIndex) -> Result<()> {
    let func = env.module.func_index(defined);
    let name = env.module.func_name(func);
    env.width.count_type(env.module.func_type(func)).map_err(|error| error.in_func(func.0, name))?;
    let (function, tail) = match env.module.makes_tail_calls(func) {
        false => (env.func(func), None),
        true => {
            build_ordinary_form(env, func)?;
            (env.tail_form(func), Some(TailSignature::new(env.module.func_type(func))))
        }
    };
    env.mark_defined(function);
    env.mark_instance_param(function, 0);
    let mut translator = FuncTranslator::new(env, function, 0);
    translator.tail = tail;
    let body = &env.module.bodies[defined.index()];
    translator.describe(body.range().start as u32, name);
    translator.translate_body(body, env.module.func_type(func)).map_err(|error| error.in_func(func.0, name))
}

impl<'c, 'e> FuncTranslator<'c, 'e> {
    /// A translator at the start of `function`, whose parameter `instance_param` is the instance.
    pub fn new(env: &'e ModuleEnv<'c, 'e>, function: FunctionValue<'c>, instance_param: u32) -> Self {
        let builder = env.context.create_builder();
        builder.position_at_end(env.context.append_basic_block(function, "entry"));
        let instance = function.get_params()[instance_param as usize].into_pointer_value();
        instance.set_name("instance");
        Self {
            env,
            builder,
            function,
            instance,
            locals: Locals::All(Vec::new()),
            stack: Vec::new(),
            control: Vec::new(),
            reachable: true,
            skipped_frames: 0,
            tail: None,
            subprogram: None,
            offset_bytes: 0,
        }
    }

    /// Gives the function debug information; its code starts at byte `offset` of the module.
    pub fn describe(&mut self, offset: u32, name: Option<&str>) {
        let Some(debug) = &self.env.debug else { return };
        let symbol = self.function.get_name().to_string_lossy().into_owned();
        // Line tables alone have no lines of declarations: the pc map finds a function by its symbol.
        let name = name.filter(|_| self.env.options.debug_info == DebugInfo::Full);
        self.subprogram = Some(debug.describe(self.function, name.unwrap_or(&symbol), offset));
        self.offset_bytes = offset;
        self.mark_location(0);
    }

    /// Counts the values of a block or a branch.
    pub(super) fn count_width(&self, values: usize) -> Result<()> {
        self.env.width.count(values).map_err(|error| error.at(self.offset_bytes as usize))
    }

    /// Counts a call.
    pub(super) fn count_call(&self, ty: &FuncType) -> Result<()> {
        self.env.width.count_type(ty).map_err(|error| error.at(self.offset_bytes as usize))
    }

    /// Says that what follows comes from byte `offset` of the module.
    pub fn set_module_offset(&mut self, offset: u32) {
        self.offset_bytes = offset;
    }

    fn translate_body(&mut self, body: &wasmparser::FunctionBody<'_>, ty: &FuncType) -> Result<()> {
        let arguments = match &self.tail {
            None => self.function.get_params().split_off(1),
            Some(signature) => receive_arguments(self.env, &self.builder, signature, self.function)?,
        };
        self.declare_locals(body, ty, arguments)?;
        self.push_frame(FrameKind::Block, &ty.results)?;
        let mut reader = body.get_operators_reader().map_err(|error| unreadable(&error))?;
        while !reader.eof() {
            let (operator, offset) = reader.read_with_offset().map_err(|error| unreadable(&error))?;
            self.offset_bytes = offset as u32;
            if self.env.options.debug_info == DebugInfo::Full && self.reachable {
                self.mark_location(0);
            }
            if self.reachable {
                self.translate_operator(operator)?;
            } else {
                self.skip_operator(operator)?;
            }
        }
        Ok(())
    }

    /// Says where the instructions from here on come from. `width`: bytes of memory they access, or 0.
    pub fn mark_location(&self, width: u32) {
        if let (Some(debug), Some(subprogram)) = (&self.env.debug, self.subprogram) {
            self.builder.set_current_debug_location(debug.location(subprogram, self.offset_bytes, width));
        }
    }

    /// LLVM types.
    pub(super) fn types(&self) -> &'e Types<'c> {
        &self.env.types
    }

    pub(super) fn push(&mut self, value: impl Into<BasicValueEnum<'c>>) {
        self.stack.push(value.into());
    }

    pub(super) fn pop(&mut self) -> BasicValueEnum<'c> {
        self.stack.pop().expect("validated: the operand is on the stack")
    }

    pub(super) fn pop_int(&mut self) -> IntValue<'c> {
        self.pop().into_int_value()
    }

    pub(super) fn pop_float(&mut self) -> FloatValue<'c> {
        self.pop().into_float_value()
    }

    pub(super) fn pop_pointer(&mut self) -> PointerValue<'c> {
        self.pop().into_pointer_value()
    }

    /// Takes the `count` topmost operands, deepest first.
    pub(super) fn pop_many(&mut self, count: usize) -> Vec<BasicValueEnum<'c>> {
        self.stack.split_off(self.stack.len() - count)
    }

    /// The block the builder stands in.
    pub fn current_block(&self) -> inkwell::basic_block::BasicBlock<'c> {
        self.builder.get_insert_block().expect("the builder always stands in a block")
    }

    /// A new block after all others.
    pub fn append_block(&self, name: &str) -> inkwell::basic_block::BasicBlock<'c> {
        self.env.context.append_basic_block(self.function, name)
    }

    /// A pop of an index or length of a memory or table, zero-extended to 64 bits if it is an i32.
    pub(super) fn pop_index(&mut self) -> Result<IntValue<'c>> {
        let index = self.pop_int();
        Ok(self.builder.build_int_z_extend_or_bit_cast(index, self.types().i64, "index")?)
    }
}

/// INV-1: the validator has read these bytes already.
pub(super) fn unreadable(error: &wasmparser::BinaryReaderError) -> CompileError {
    CompileError::internal(format!("a validated body cannot be read: {}", error.message()))
        .at(error.offset() as usize)
}

/// Results of a function as the operand of its `ret`, or `None` for none.
pub fn returned_value<'c>(
    builder: &Builder<'c>,
    function: FunctionValue<'c>,
    results: &[BasicValueEnum<'c>],
) -> Result<Option<BasicValueEnum<'c>>> {
    match results {
        [] => Ok(None),
        [result] => Ok(Some(*result)),
        results => {
            let ty = function
                .get_type()
                .get_return_type()
                .expect("several results are a structure")
                .into_struct_type();
            let mut aggregate = ty.get_poison();
            for (position, result) in results.iter().enumerate() {
                let inserted = builder.build_insert_value(aggregate, *result, position as u32, "results")?;
                aggregate = inserted.into_struct_value();
            }
            Ok(Some(aggregate.into()))
        }
    }
}
