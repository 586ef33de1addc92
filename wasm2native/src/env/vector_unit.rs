//! Which vector instructions the processor has that we compile for, as LLVM's tables say.

use std::ffi::{CStr, c_char};

use inkwell::targets::TargetMachine;
use llvm_sys::target_machine::LLVMTargetMachineRef;

use crate::arch::{TARGET, VectorOp};

unsafe extern "C" {
    /// Whether the processor that `machine` makes code for has all of `features` (`llvm/processors.h`).
    fn w2n_has_features(machine: LLVMTargetMachineRef, features: *const c_char) -> bool;
}

/// The operations that are instructions.
#[derive(Clone, Debug)]
pub struct VectorUnit {
    instructions: Vec<VectorOp>,
}

impl VectorUnit {
    /// That of the processor that `machine` makes code for.
    pub fn of(machine: &TargetMachine) -> Self {
        let has = |features: &CStr| {
            // SAFETY: the machine lives until the call returns, and `features` is a C string.
            unsafe { w2n_has_features(machine.as_mut_ptr(), features.as_ptr()) }
        };
        let present = TARGET.vector_choices.iter().filter(|choice| has(choice.features));
        Self { instructions: present.map(|choice| choice.op).collect() }
    }

    /// Whether there is an instruction for `op`.
    pub fn has(&self, op: VectorOp) -> bool {
        self.instructions.contains(&op)
    }

    /// The intrinsic that is this instruction, if there is one.
    pub fn intrinsic(&self, op: VectorOp) -> Option<&'static str> {
        TARGET.vector_choice(op).filter(|_| self.has(op))?.intrinsic
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use inkwell::OptimizationLevel;
    use inkwell::targets::{CodeModel, RelocMode, Target, TargetTriple};

    #[test]
    fn processors_have_what_their_makers_say() {
        (TARGET.initialise)();
        let triple = TargetTriple::create(TARGET.triple);
        let target = Target::from_triple(&triple).expect("LLVM has the target");
        let of = |cpu: &str, level| {
            let (reloc, model) = (RelocMode::PIC, CodeModel::Default);
            let machine = target.create_target_machine(&triple, cpu, "", level, reloc, model);
            let unit = VectorUnit::of(&machine.expect("a known processor"));
            assert!(unit.has(VectorOp::HighProduct), "{cpu}");
            let ops = [VectorOp::ShuffleBytes, VectorOp::RoundToIntegral, VectorOp::FusedMultiplyAdd];
            let [ssse3, sse41, fma] = ops.map(|op| unit.has(op));
            (ssse3, sse41, fma)
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
