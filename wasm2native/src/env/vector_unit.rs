//! Which vector instructions the processor has that we compile for.
//!
//! LLVM's C interface tells the name of a processor but not what it has, so this is the one place that
//! finds out: it has four functions compiled and looks for the instructions.

use inkwell::context::Context;
use inkwell::memory_buffer::MemoryBuffer;
use inkwell::support::LLVMString;
use inkwell::targets::{FileType, TargetMachine};

/// Extensions for which translation chooses other IR.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VectorUnit {
    /// SSE2, which every x86-64 has: conversions with a defined result out of range.
    pub has_sse2: bool,
    /// SSSE3: `pshufb`, `pmulhrsw`, `pmaddubsw`.
    pub has_ssse3: bool,
    /// SSE4.1: `roundps`, `pblendvb`.
    pub has_sse41: bool,
    /// FMA: multiply and add, rounded once.
    pub has_fma: bool,
}

/// One function per extension, of which LLVM makes its instruction if there is one.
const PROBE: &[u8] = b"
define <4 x i32> @conversion(<4 x float> %x) {
  %result = fptosi <4 x float> %x to <4 x i32>
  ret <4 x i32> %result
}
define <16 x i8> @shuffle(<16 x i8> %x) {
  %result = shufflevector <16 x i8> %x, <16 x i8> poison, <16 x i32>
    <i32 3, i32 1, i32 4, i32 15, i32 9, i32 2, i32 6, i32 5, i32 5, i32 8, i32 9, i32 7, i32 9, i32 3, i32 2, i32 3>
  ret <16 x i8> %result
}
define <4 x float> @rounding(<4 x float> %x) {
  %result = call <4 x float> @llvm.floor.v4f32(<4 x float> %x)
  ret <4 x float> %result
}
define <4 x float> @fused(<4 x float> %x) {
  %result = call <4 x float> @llvm.fma.v4f32(<4 x float> %x, <4 x float> %x, <4 x float> %x)
  ret <4 x float> %result
}
declare <4 x float> @llvm.floor.v4f32(<4 x float>)
declare <4 x float> @llvm.fma.v4f32(<4 x float>, <4 x float>, <4 x float>)
";

impl VectorUnit {
    /// That of the processor that `machine` makes code for.
    pub fn of(machine: &TargetMachine) -> Self {
        let assembly = assembly_of_probe(machine)
            .unwrap_or_else(|error| panic!("the probe of vector instructions does not compile: {error}"));
        let has = |instruction: &str| {
            assembly.lines().filter_map(|line| line.split_whitespace().next()).any(|word| {
                // With AVX the names start with a `v`.
                word.strip_prefix('v').unwrap_or(word).starts_with(instruction)
            })
        };
        Self {
            has_sse2: has("cvttps2dq"),
            has_ssse3: has("pshufb"),
            has_sse41: has("roundps"),
            has_fma: has("fmadd"),
        }
    }
}

fn assembly_of_probe(machine: &TargetMachine) -> Result<String, LLVMString> {
    let context = Context::create();
    let text = MemoryBuffer::create_from_memory_range_copy(PROBE, "probe");
    let module = context.create_module_from_ir(text)?;
    module.set_triple(&machine.get_triple());
    module.set_data_layout(&machine.get_target_data().get_data_layout());
    let assembly = machine.write_to_memory_buffer(&module, FileType::Assembly)?;
    Ok(String::from_utf8_lossy(assembly.as_slice()).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use inkwell::OptimizationLevel;
    use inkwell::targets::{CodeModel, InitializationConfig, RelocMode, Target, TargetTriple};

    #[test]
    fn processors_have_what_their_makers_say() {
        Target::initialize_x86(&InitializationConfig::default());
        let triple = TargetTriple::create("x86_64-unknown-linux-gnu");
        let target = Target::from_triple(&triple).expect("LLVM has the target");
        let of = |cpu: &str, level| {
            let (reloc, model) = (RelocMode::PIC, CodeModel::Default);
            let machine = target.create_target_machine(&triple, cpu, "", level, reloc, model);
            let unit = VectorUnit::of(&machine.expect("a known processor"));
            assert!(unit.has_sse2, "{cpu}");
            (unit.has_ssse3, unit.has_sse41, unit.has_fma)
        };
        for level in [OptimizationLevel::None, OptimizationLevel::Default] {
            assert_eq!(of("x86-64", level), (false, false, false));
            assert_eq!(of("nocona", level), (false, false, false));
            assert_eq!(of("core2", level), (true, false, false));
            assert_eq!(of("x86-64-v2", level), (true, true, false));
            assert_eq!(of("sandybridge", level), (true, true, false));
            assert_eq!(of("x86-64-v3", level), (true, true, true));
            assert_eq!(of("znver3", level), (true, true, true));
            assert_eq!(of("x86-64-v4", level), (true, true, true));
            assert_eq!(of("znver5", level), (true, true, true));
            assert_eq!(of("graniterapids", level), (true, true, true));
        }
    }
}
