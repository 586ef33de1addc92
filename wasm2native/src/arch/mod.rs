//! What depends on the processor that code is made for, as facts: one value of [`Arch`] per architecture, in
//! a file of its own.
//!
//! The rule: no other part of the compiler names an architecture, its relocations, registers or instructions
//! (`tests/tests/tidy/confined.rs` holds it). What the passes need to know stands in `llvm/processors.cpp`.

mod x86_64;

use std::ffi::CStr;

use object::Architecture;
use object::elf::RelocationType;

/// The architecture that this build makes code for.
pub const TARGET: &Arch = &x86_64::ARCH;

/// An architecture.
#[derive(Debug)]
pub struct Arch {
    /// Its first word in the triple of a machine, the usual one first.
    pub names: &'static [&'static str],
    /// As people write it.
    pub title: &'static str,
    /// The triple as Rust, Debian and LLVM all understand it.
    pub triple: &'static str,
    /// Whether the compiler itself runs on such a machine, so that `native` means something.
    pub is_host: bool,
    /// The processor that code is made for unless `-march` or `-mcpu` says otherwise: all of them run it.
    pub baseline_cpu: &'static str,
    /// What a processor must have for code of [`Self::triple`] to run on it at all, in LLVM's words.
    pub required_features: &'static CStr,
    /// Processors that a hint names.
    pub cpu_examples: &'static str,
    /// Makes LLVM's back end ready.
    pub initialise: fn(),
    /// How objects are marked.
    pub object: Architecture,
    /// What we read and write of relocations.
    pub relocations: Relocations,
    /// How Wasm functions are called.
    pub calls: Calls,
    /// Which instructions a processor needs to have for IR to be chosen for them.
    pub vector_choices: &'static [VectorChoice],
}

/// Relocation types of ELF.
#[derive(Clone, Copy, Debug)]
pub struct Relocations {
    /// The address of a symbol, 64 bits.
    pub absolute_64: RelocationType,
    /// The same, of 32 bits.
    pub absolute_32: RelocationType,
    /// The distance of a symbol from the place, 32 bits.
    pub relative_32: RelocationType,
}

/// Calling conventions of LLVM, by number, and what they do with registers.
#[derive(Clone, Copy, Debug)]
pub struct Calls {
    /// Of every Wasm function, direct or indirect. Arguments that do not fit into registers are on the stack.
    pub ordinary: u32,
    /// Of functions that make tail calls: LLVM lets a `musttail` call in it have another type than its
    /// function.
    pub tail: u32,
    /// Registers for integer and reference arguments in the tail convention; the instance takes one.
    pub tail_int_registers: usize,
    /// Registers for float and vector arguments in it.
    pub tail_float_registers: usize,
    /// As many results fit in registers in it, whatever their types.
    pub tail_result_registers: usize,
}

/// An operation on vectors of 128 bits that is one instruction on some processors, but not in LLVM's generic
/// IR, or not one that LLVM finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VectorOp {
    /// Bytes by number: numbers of 128 and more give zero, others are taken modulo 16.
    ShuffleBytes,
    /// f32 to i32: -2^31 for what does not fit.
    TruncateFloats,
    /// f64 to i32 in the lower half, likewise.
    TruncateDoubles,
    /// The topmost bit of each lane of 8, 32 or 64 bits chooses.
    ChooseByTopBit,
    /// A product and a sum, rounded once.
    FusedMultiplyAdd,
    /// Rounding to an integral float.
    RoundToIntegral,
    /// i16: `(left * right + 0x4000) >> 15`, which wraps.
    RoundedHighProduct,
    /// i16: the upper half of the product.
    HighProduct,
    /// Sums of two products of an unsigned and a signed byte, saturated to i16.
    SumByteProducts,
    /// i32 to i16, saturated.
    NarrowSigned,
    /// i32 to u16, saturated.
    NarrowUnsigned,
    /// f64: the first if it is less, else the second.
    LesserDouble,
    /// f64: the first if it is greater, else the second.
    GreaterDouble,
}

/// On which processors an operation is an instruction.
#[derive(Clone, Copy, Debug)]
pub struct VectorChoice {
    /// The operation.
    pub op: VectorOp,
    /// What has to be there, in LLVM's words.
    pub features: &'static CStr,
    /// The intrinsic of LLVM that is this instruction; `None` where generic IR becomes it.
    pub intrinsic: Option<&'static str>,
}

impl Arch {
    /// Whether a triple that begins with `name` is for this architecture.
    pub fn is_called(&self, name: &str) -> bool {
        self.names.contains(&name)
    }

    /// What is known of `op`; `None` where no processor of this architecture has an instruction for it.
    pub fn vector_choice(&self, op: VectorOp) -> Option<&'static VectorChoice> {
        self.vector_choices.iter().find(|choice| choice.op == op)
    }
}
