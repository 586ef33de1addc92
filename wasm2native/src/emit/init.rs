//! `initialize(instance)`: what instantiation runs. spec: exec/modules, instantiation, steps after
//! allocation.

use inkwell::module::Linkage;
use inkwell::values::{BasicValueEnum, FunctionValue, IntValue};
use std::mem::{offset_of, size_of};

use super::active_data::{DataCopiers, DataRun, MIN_COPIER_USES, data_runs, emit_data_loop};
use super::global_image::emit_global_image;
use crate::env::ModuleEnv;
use crate::env::layout::Word;
use crate::env::place::{Mutability, Place};
use crate::error::Result;
use crate::translate::FuncTranslator;
use crate::wasm::{ConstExpr, ConstOp, DataIndex, ElementIndex, ElementItems, GlobalIndex, SegmentMode};
use w2n_abi::{VmElementSegment, symbol};

/// Instructions of an `initialize` that LLVM optimises.
const MAX_OPTIMISED_INSTRUCTIONS: usize = 2000;

/// Emits the function, in array-call form: `(code, instance, slots)` of which it uses the instance.
pub fn emit_initialize<'c>(env: &ModuleEnv<'c, '_>) -> Result<FunctionValue<'c>> {
    let name = env.symbols.internal(symbol::INITIALIZE);
    let function = env.llvm.add_function(&name, env.types.array_entry(), Some(Linkage::Internal));
    env.add_wasm_attributes(function);
    env.mark_instance_param(function, 1);
    let mut initializer = Initializer { translator: FuncTranslator::new(env, function, 1), env };
    initializer.translator.describe(0, Some(symbol::INITIALIZE));
    initializer.emit_globals()?;
    initializer.emit_tables()?;
    initializer.emit_element_values()?;
    initializer.emit_active_elements()?;
    initializer.emit_active_data()?;
    if let Some(start) = env.module.start {
        initializer.translator.set_module_offset(0);
        initializer.translator.build_call(start, &[])?;
    }
    initializer.translator.builder.build_return(None)?;
    leave_alone_if_long(env, function);
    Ok(function)
}

/// What runs once gains nothing from being optimised; a block of a hundred thousand stores takes LLVM
/// minutes.
fn leave_alone_if_long<'c>(env: &ModuleEnv<'c, '_>, function: FunctionValue<'c>) {
    let blocks = function.get_basic_block_iter();
    let is_long = blocks.flat_map(|block| block.get_instructions()).nth(MAX_OPTIMISED_INSTRUCTIONS).is_some();
    if is_long {
        env.leave_alone(function);
    }
}

struct Initializer<'c, 'e> {
    translator: FuncTranslator<'c, 'e>,
    env: &'e ModuleEnv<'c, 'e>,
}

impl<'c> Initializer<'c, '_> {
    fn emit_globals(&mut self) -> Result<()> {
        let is_image = emit_global_image(self.env, &self.translator)?;
        for (number, global) in self.env.module.globals.iter().enumerate() {
            let Some(init) = &global.init else { continue };
            if is_image && init.plain_bits().is_some() {
                continue;
            }
            let value = self.evaluate(init)?;
            let place = self.translator.global_place(GlobalIndex(number as u32));
            place.store(self.env, &self.translator.builder, self.translator.instance, value)?;
        }
        Ok(())
    }

    /// Fills the tables that start with something else than nulls.
    fn emit_tables(&mut self) -> Result<()> {
        for (table, init) in &self.env.module.table_inits {
            let value = self.evaluate(init)?.into_pointer_value();
            let i64 = self.env.types.i64;
            let length = i64.const_int(self.env.module.tables[table.index()].limits.min, false);
            self.translator.build_table_fill(*table, i64.const_zero(), value, length)?;
        }
        Ok(())
    }

    /// Stores the elements that are more than plain functions into the room that the runtime made.
    fn emit_element_values(&mut self) -> Result<()> {
        for (number, segment) in self.env.module.elements.iter().enumerate() {
            let ElementItems::Exprs(exprs) = &segment.items else { continue };
            let field = self.env.layout.element_segment(ElementIndex(number as u32));
            let place = Place::Field(field + offset_of!(VmElementSegment<Word>, values) as u32);
            let (builder, instance) = (&self.translator.builder, self.translator.instance);
            let ptr = self.env.types.ptr;
            let values = place.load(self.env, builder, instance, ptr, Mutability::Variable, "values")?;
            for (position, expr) in exprs.iter().enumerate() {
                let value = self.evaluate(expr)?;
                let place = Place::At(values.into_pointer_value(), (position * size_of::<Word>()) as u32);
                place.store(self.env, &self.translator.builder, self.translator.instance, value)?;
            }
        }
        Ok(())
    }

    fn emit_active_elements(&mut self) -> Result<()> {
        for (number, segment) in self.env.module.elements.iter().enumerate() {
            let index = ElementIndex(number as u32);
            self.translator.set_module_offset(segment.module_offset);
            match &segment.mode {
                SegmentMode::Passive => continue,
                SegmentMode::Declared => {}
                SegmentMode::Active { index: table, offset } => {
                    let start = self.evaluate_offset(offset)?;
                    let i64 = self.env.types.i64;
                    let length = i64.const_int(segment.len() as u64, false);
                    let operands = [start.into(), i64.const_zero().into(), length.into()];
                    self.translator.build_table_init(index, *table, operands)?;
                }
            }
            self.translator.build_elem_drop(index)?;
        }
        Ok(())
    }

    fn emit_active_data(&mut self) -> Result<()> {
        let runs = data_runs(self.env.module);
        let singles = runs.iter().filter(|run| matches!(run, DataRun::Single(_))).count();
        let mut copiers = (singles >= MIN_COPIER_USES).then(DataCopiers::default);
        for run in runs {
            match run {
                DataRun::Loop(memory, segments) => {
                    self.translator.set_module_offset(self.env.module.data[segments.start].module_offset);
                    emit_data_loop(self.env, &mut self.translator, memory, segments)?;
                }
                DataRun::Single(number) => self.emit_data_segment(number, copiers.as_mut())?,
            }
        }
        Ok(())
    }

    fn emit_data_segment(&mut self, number: usize, copiers: Option<&mut DataCopiers<'c>>) -> Result<()> {
        let segment = &self.env.module.data[number];
        let SegmentMode::Active { index: memory, offset } = &segment.mode else { return Ok(()) };
        if let Some(copiers) = copiers {
            self.translator.set_module_offset(segment.module_offset);
            let start = self.evaluate_offset(offset)?;
            return copiers.call(self.env, &self.translator, *memory, number, start);
        }
        let index = DataIndex(number as u32);
        self.translator.set_module_offset(segment.module_offset);
        let start = self.evaluate_offset(offset)?;
        let i64 = self.env.types.i64;
        let length = i64.const_int(segment.bytes.len() as u64, false);
        self.translator.build_memory_init(index, *memory, start, i64.const_zero(), length)?;
        self.translator.build_data_drop(index)
    }

    fn evaluate_offset(&mut self, expr: &ConstExpr) -> Result<IntValue<'c>> {
        let value = self.evaluate(expr)?.into_int_value();
        let i64 = self.env.types.i64;
        Ok(self.translator.builder.build_int_z_extend_or_bit_cast(value, i64, "start")?)
    }

    fn evaluate(&mut self, expr: &ConstExpr) -> Result<BasicValueEnum<'c>> {
        let mut stack: Vec<BasicValueEnum<'c>> = Vec::new();
        for op in &expr.ops {
            let value = match *op {
                ConstOp::I32(value) => self.env.types.i32.const_int(u64::from(value as u32), false).into(),
                ConstOp::I64(value) => self.env.types.i64.const_int(value as u64, false).into(),
                ConstOp::F32(bits) => {
                    self.float_from_bits(self.env.types.i32.const_int(bits.into(), false))?
                }
                ConstOp::V128(bits) => self.env.types.vector_const(bits).into(),
                ConstOp::F64(bits) => self.float_from_bits(self.env.types.i64.const_int(bits, false))?,
                ConstOp::GlobalGet(global) => self.translator.load_global(global)?,
                ConstOp::RefFunc(func) => self.translator.func_reference(func)?.into(),
                ConstOp::RefNull(ty) => self.env.types.value(ty).const_zero(),
                ConstOp::Add | ConstOp::Sub | ConstOp::Mul => {
                    let right = pop(&mut stack).into_int_value();
                    let left = pop(&mut stack).into_int_value();
                    self.arithmetic(*op, left, right)?.into()
                }
            };
            stack.push(value);
        }
        Ok(pop(&mut stack))
    }

    fn float_from_bits(&self, bits: IntValue<'c>) -> Result<BasicValueEnum<'c>> {
        let ty = if bits.get_type().get_bit_width() == 32 { self.env.types.f32 } else { self.env.types.f64 };
        Ok(self.translator.builder.build_bit_cast(bits, ty, "constant")?)
    }

    fn arithmetic(&self, op: ConstOp, left: IntValue<'c>, right: IntValue<'c>) -> Result<IntValue<'c>> {
        let builder = &self.translator.builder;
        Ok(match op {
            ConstOp::Add => builder.build_int_add(left, right, "sum")?,
            ConstOp::Sub => builder.build_int_sub(left, right, "difference")?,
            _ => builder.build_int_mul(left, right, "product")?,
        })
    }
}

fn pop<'c>(stack: &mut Vec<BasicValueEnum<'c>>) -> BasicValueEnum<'c> {
    stack.pop().expect("validated: a constant expression has its operands")
}
