//! x86-64: what the compiler knows of it.
//!
//! The rule: operand orders and results of the intrinsics here are those that [`VectorOp`] states.

use std::ffi::CStr;

use inkwell::targets::{InitializationConfig, Target};
use object::{Architecture, elf};

use super::{Arch, Calls, Relocations, VectorChoice, VectorOp};

/// All of it.
pub const ARCH: Arch = Arch {
    names: &["x86_64", "amd64"],
    title: "x86-64",
    triple: "x86_64-unknown-linux-gnu",
    is_host: cfg!(target_arch = "x86_64"),
    baseline_cpu: "x86-64",
    required_features: c"+64bit",
    cpu_examples: "x86-64-v3 or znver3",
    initialise: || Target::initialize_x86(&InitializationConfig::default()),
    object: Architecture::X86_64,
    relocations: Relocations {
        absolute_64: elf::R_X86_64_64,
        absolute_32: elf::R_X86_64_32,
        relative_32: elf::R_X86_64_PC32,
    },
    calls: Calls {
        // `fastcc`
        ordinary: 8,
        // `tailcc`
        tail: 18,
        tail_int_registers: 6,
        tail_float_registers: 8,
        tail_result_registers: 2,
    },
    vector_choices: VECTOR_CHOICES,
};

const VECTOR_CHOICES: &[VectorChoice] = &[
    instruction(VectorOp::ShuffleBytes, c"+ssse3", "llvm.x86.ssse3.pshuf.b.128"),
    instruction(VectorOp::TruncateFloats, c"+sse2", "llvm.x86.sse2.cvttps2dq"),
    instruction(VectorOp::TruncateDoubles, c"+sse2", "llvm.x86.sse2.cvttpd2dq"),
    // pblendvb, blendvps, blendvpd
    generic(VectorOp::ChooseByTopBit, c"+sse4.1"),
    generic(VectorOp::FusedMultiplyAdd, c"+fma"),
    // roundps, roundpd
    generic(VectorOp::RoundToIntegral, c"+sse4.1"),
    instruction(VectorOp::RoundedHighProduct, c"+ssse3", "llvm.x86.ssse3.pmul.hr.sw.128"),
    instruction(VectorOp::HighProduct, c"+sse2", "llvm.x86.sse2.pmulh.w"),
    instruction(VectorOp::SumByteProducts, c"+ssse3", "llvm.x86.ssse3.pmadd.ub.sw.128"),
    instruction(VectorOp::NarrowSigned, c"+sse2", "llvm.x86.sse2.packssdw.128"),
    // packusdw
    generic(VectorOp::NarrowUnsigned, c"+sse4.1"),
    instruction(VectorOp::LesserDouble, c"+sse2", "llvm.x86.sse2.min.pd"),
    instruction(VectorOp::GreaterDouble, c"+sse2", "llvm.x86.sse2.max.pd"),
];

const fn instruction(op: VectorOp, features: &'static CStr, intrinsic: &'static str) -> VectorChoice {
    VectorChoice { op, features, intrinsic: Some(intrinsic) }
}

const fn generic(op: VectorOp, features: &'static CStr) -> VectorChoice {
    VectorChoice { op, features, intrinsic: None }
}
