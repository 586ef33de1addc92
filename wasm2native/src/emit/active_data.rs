//! Active data segments in large numbers, as a loop over a constant table.
//!
//! Some linkers (Go's) write thousands of segments; straight-line code for each would be megabytes, and
//! a function that takes LLVM minutes. Runs of segments with constant offsets into one memory become
//! one loop, which copies and drops them in order as the straight code would.

use std::collections::BTreeMap;
use std::mem::{offset_of, size_of};
use std::ops::Range;

use inkwell::IntPredicate;
use inkwell::attributes::AttributeLoc;
use inkwell::module::Linkage;
use inkwell::values::{FunctionValue, IntValue, PointerValue};

use super::constant::{ConstStruct, struct_slice};
use crate::env::ModuleEnv;
use crate::env::layout::Word;
use crate::env::place::{Mutability, Place};
use crate::error::Result;
use crate::translate::FuncTranslator;
use crate::wasm::{DataIndex, DataSegment, MemoryIndex, Module, SegmentMode};
use w2n_abi::VmDataSegment;

/// Shorter runs stay straight code, in which a trap tells the segment.
const MIN_LOOP_LENGTH: usize = 16;

/// From so many single active segments on, each is a call.
pub const MIN_COPIER_USES: usize = 16;

/// Segments of the module that are initialised in the same way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DataRun {
    /// Active segments with constant offsets into one memory, enough of them for a loop.
    Loop(MemoryIndex, Range<usize>),
    /// One segment of any mode.
    Single(usize),
}

/// All segments of `module`, in order.
pub fn data_runs(module: &Module<'_>) -> Vec<DataRun> {
    let mut runs = Vec::new();
    let mut start = 0;
    while start < module.data.len() {
        let memory = constant_start(&module.data[start]).map(|(memory, _)| memory);
        let is_same = |segment: &&DataSegment<'_>| {
            constant_start(segment).is_some_and(|(other, _)| Some(other) == memory)
        };
        let length = module.data[start..].iter().take_while(is_same).count();
        match memory {
            Some(memory) if length >= MIN_LOOP_LENGTH => {
                runs.push(DataRun::Loop(memory, start..start + length));
                start += length;
            }
            _ => {
                runs.push(DataRun::Single(start));
                start += 1;
            }
        }
    }
    runs
}

/// The memory and the first byte of an active segment whose offset is one constant.
fn constant_start(segment: &DataSegment<'_>) -> Option<(MemoryIndex, u64)> {
    let SegmentMode::Active { index, offset } = &segment.mode else { return None };
    Some((*index, offset.as_plain_offset()?))
}

/// Copies the segments `run` to where they belong in `memory`, and drops them.
///
/// `loop.header: number = phi; start = starts[number]; segment = &segments[number]; memory.init; drop`
pub fn emit_data_loop<'c>(
    env: &ModuleEnv<'c, '_>,
    translator: &mut FuncTranslator<'c, '_>,
    memory: MemoryIndex,
    run: Range<usize>,
) -> Result<()> {
    let i64 = env.types.i64;
    let starts = starts(env, &env.module.data[run.clone()]);
    let before = translator.current_block();
    let header = translator.append_block("data.header");
    let after = translator.append_block("data.end");
    translator.builder.build_unconditional_branch(header)?;
    translator.builder.position_at_end(header);
    let number = translator.builder.build_phi(i64, "segment_number")?;
    number.add_incoming(&[(&i64.const_zero(), before)]);
    let position = number.as_basic_value().into_int_value();

    let first = env.layout.data_segment(DataIndex(run.start as u32));
    let segments = env.offset_pointer(&translator.builder, translator.instance, first)?;
    let segment = element(env, translator, segments, size_of::<VmDataSegment<Word>>(), position)?;
    let start = element(env, translator, starts, size_of::<u64>(), position)?;
    let start = load_u64(env, translator, Place::At(start, 0), "start")?;
    copy_and_drop(env, translator, memory, segment, start)?;

    let next = translator.builder.build_int_add(position, i64.const_int(1, false), "next_number")?;
    number.add_incoming(&[(&next, translator.current_block())]);
    let count = i64.const_int(run.len() as u64, false);
    let is_last = translator.builder.build_int_compare(IntPredicate::EQ, next, count, "is_last")?;
    translator.builder.build_conditional_branch(is_last, after, header)?;
    translator.builder.position_at_end(after);
    Ok(())
}

/// The functions that copy single segments, one for each memory. What copies a segment is long, with its
/// checks; a module may have a hundred thousand whose offsets are not constants.
#[derive(Default)]
pub struct DataCopiers<'c>(BTreeMap<MemoryIndex, FunctionValue<'c>>);

impl<'c> DataCopiers<'c> {
    /// Copies segment `number` to `start` in `memory`, and drops it.
    pub fn call(
        &mut self,
        env: &ModuleEnv<'c, '_>,
        translator: &FuncTranslator<'c, '_>,
        memory: MemoryIndex,
        number: usize,
        start: IntValue<'c>,
    ) -> Result<()> {
        let copier = match self.0.get(&memory) {
            Some(copier) => *copier,
            None => *self.0.entry(memory).or_insert(emit_copier(env, memory)?),
        };
        let field = env.layout.data_segment(DataIndex(number as u32));
        let segment = env.offset_pointer(&translator.builder, translator.instance, field)?;
        translator.mark_location(0);
        let arguments = [translator.instance.into(), segment.into(), start.into()];
        translator.builder.build_call(copier, &arguments, "")?;
        Ok(())
    }
}

/// `void (instance, segment, start)`
fn emit_copier<'c>(env: &ModuleEnv<'c, '_>, memory: MemoryIndex) -> Result<FunctionValue<'c>> {
    let types = &env.types;
    let ty = types.void.fn_type(&[types.ptr.into(), types.ptr.into(), types.i64.into()], false);
    let name = env.symbols.internal(&format!("copy_data.{}", memory.0));
    let function = env.llvm.add_function(&name, ty, Some(Linkage::Internal));
    env.add_wasm_attributes(function);
    function.add_attribute(AttributeLoc::Function, env.enum_attribute("noinline"));
    env.mark_instance_param(function, 0);
    let mut translator = FuncTranslator::new(env, function, 0);
    let params = function.get_params();
    let (segment, start) = (params[1].into_pointer_value(), params[2].into_int_value());
    copy_and_drop(env, &mut translator, memory, segment, start)?;
    translator.builder.build_return(None)?;
    Ok(function)
}

/// Copies all of the segment with this `VmDataSegment`, and drops it.
fn copy_and_drop<'c>(
    env: &ModuleEnv<'c, '_>,
    translator: &mut FuncTranslator<'c, '_>,
    memory: MemoryIndex,
    segment: PointerValue<'c>,
    start: IntValue<'c>,
) -> Result<()> {
    let zero = env.types.i64.const_zero();
    let length_place = Place::At(segment, offset_of!(VmDataSegment<Word>, length) as u32);
    let length = load_u64(env, translator, length_place, "segment_length")?;
    let field = |field: usize| Place::At(segment, field as u32);
    translator.build_segment_copy(field, memory, start, zero, length)?;
    length_place.store(env, &translator.builder, translator.instance, zero.into())
}

/// The first bytes of the segments, as a constant table of `u64`.
fn starts<'c>(env: &ModuleEnv<'c, '_>, segments: &[DataSegment<'_>]) -> PointerValue<'c> {
    let starts = segments.iter().filter_map(constant_start);
    let elements: Vec<_> =
        starts.map(|(_, start)| ConstStruct::new(env, size_of::<u64>()).u64(0, start).finish()).collect();
    struct_slice(env, "data_starts", &elements).0
}

/// `array + position * size`
fn element<'c>(
    env: &ModuleEnv<'c, '_>,
    translator: &FuncTranslator<'c, '_>,
    array: PointerValue<'c>,
    size_bytes: usize,
    position: IntValue<'c>,
) -> Result<PointerValue<'c>> {
    let element = env.types.i8.array_type(size_bytes as u32);
    // SAFETY: the loop ends at the number of elements that both arrays have.
    Ok(unsafe { translator.builder.build_in_bounds_gep(element, array, &[position], "element")? })
}

fn load_u64<'c>(
    env: &ModuleEnv<'c, '_>,
    translator: &FuncTranslator<'c, '_>,
    place: Place<'c>,
    name: &str,
) -> Result<IntValue<'c>> {
    let (builder, instance) = (&translator.builder, translator.instance);
    Ok(place.load(env, builder, instance, env.types.i64, Mutability::Variable, name)?.into_int_value())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs(text: &str) -> Vec<DataRun> {
        let bytes = wat::parse_str(text).expect("valid text");
        data_runs(&crate::wasm::parse(&bytes, "test").expect("a valid module"))
    }

    #[test]
    fn many_constant_segments_are_one_loop_between_others() {
        let many = r#"(data (i32.const 8) "a")"#.repeat(MIN_LOOP_LENGTH);
        let text = format!(
            r#"(module (import "env" "base" (global i32)) (memory 1) (data "passive") {many}
            (data (global.get 0) "b"))"#
        );
        let expected = [
            DataRun::Single(0),
            DataRun::Loop(MemoryIndex(0), 1..MIN_LOOP_LENGTH + 1),
            DataRun::Single(MIN_LOOP_LENGTH + 1),
        ];
        assert_eq!(runs(&text), expected);
    }

    #[test]
    fn few_segments_and_other_memories_stay_single() {
        let few = r#"(data (memory 0) (i32.const 8) "a")"#.repeat(MIN_LOOP_LENGTH - 1);
        let text = format!(r#"(module (memory 1) (memory 1) {few} (data (memory 1) (i32.const 8) "b"))"#);
        assert!(runs(&text).iter().all(|run| matches!(run, DataRun::Single(_))));
    }
}
