//! Which vector instructions the processor has that we compile for, as LLVM's tables say.

use std::ffi::{CStr, c_char};

use inkwell::targets::TargetMachine;
use llvm_sys::target_machine::LLVMTargetMachineRef;

unsafe extern "C" {
    /// Whether the processor that `machine` makes code for has all of `features` (`llvm/processors.h`).
    fn w2n_has_features(machine: LLVMTargetMachineRef, features: *const c_char) -> bool;
}

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

impl VectorUnit {
    /// That of the processor that `machine` makes code for.
    pub fn of(machine: &TargetMachine) -> Self {
        let has = |features: &CStr| {
            // SAFETY: the machine lives until the call returns, and `features` is a C string.
            unsafe { w2n_has_features(machine.as_mut_ptr(), features.as_ptr()) }
        };
        Self {
            has_sse2: has(c"+sse2"),
            has_ssse3: has(c"+ssse3"),
            has_sse41: has(c"+sse4.1"),
            has_fma: has(c"+fma"),
        }
    }
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
