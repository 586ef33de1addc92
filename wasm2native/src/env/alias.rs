//! The alias classes of everything that translated code loads and stores.
//!
//! Sound because instance state never lies inside a linear memory, and because no translated code stores
//! a length. Without them every guest store would force a reload of the memory base. Applied in two places
//! only: `Place` and `address.rs`.

use inkwell::context::Context;
use inkwell::values::{InstructionValue, MetadataValue};

/// INV-6: every load and store carries one of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AliasClass {
    /// The instance, its tables, globals and what describes its memories; what tail calls pass in memory.
    InstanceState,
    /// Bytes of a linear memory. `llvm/linear_memory.cpp` knows the class by its name.
    LinearMemory,
    /// How long a memory is. Only the runtime writes it, and it only ever grows: `llvm/dominated_checks.cpp`
    /// knows the class by its name and relies on that.
    MemoryLength,
}

/// Named metadata of LLVM modules in which all accesses to linear memory stay volatile:
/// `llvm/linear_memory.cpp` looks for it.
pub const STRICT_TRAPS: &str = "w2n.strict_traps";

/// TBAA access tags of the classes, and other metadata for loads.
#[derive(Clone, Copy, Debug)]
pub struct AliasMetadata<'c> {
    instance_state: MetadataValue<'c>,
    linear_memory: MetadataValue<'c>,
    memory_length: MetadataValue<'c>,
    empty: MetadataValue<'c>,
    tbaa_kind: u32,
    invariant_kind: u32,
    nonnull_kind: u32,
    range_kind: u32,
}

impl<'c> AliasMetadata<'c> {
    /// Makes the tags: scalar types under one root.
    pub fn new(context: &'c Context) -> Self {
        let zero = context.i64_type().const_zero();
        let root = context.metadata_node(&[context.metadata_string("wasm2native").into()]);
        let tag = |name: &str| {
            let class =
                context.metadata_node(&[context.metadata_string(name).into(), root.into(), zero.into()]);
            context.metadata_node(&[class.into(), class.into(), zero.into()])
        };
        Self {
            instance_state: tag("instance state"),
            linear_memory: tag("linear memory"),
            memory_length: tag("memory length"),
            empty: context.metadata_node(&[]),
            tbaa_kind: context.get_kind_id("tbaa"),
            invariant_kind: context.get_kind_id("invariant.load"),
            nonnull_kind: context.get_kind_id("nonnull"),
            range_kind: context.get_kind_id("range"),
        }
    }

    /// Marks a load, store or memory intrinsic.
    pub fn mark(&self, instruction: InstructionValue<'c>, class: AliasClass) {
        let tag = match class {
            AliasClass::InstanceState => self.instance_state,
            AliasClass::LinearMemory => self.linear_memory,
            AliasClass::MemoryLength => self.memory_length,
        };
        set(instruction, tag, self.tbaa_kind);
    }

    /// Marks a load of something that never changes once an instance exists.
    pub fn mark_invariant(&self, load: InstructionValue<'c>) {
        set(load, self.empty, self.invariant_kind);
    }

    /// Marks a load of a pointer that is never null.
    pub fn mark_nonnull(&self, load: InstructionValue<'c>) {
        set(load, self.empty, self.nonnull_kind);
    }

    /// Says that what a load of an `i64` gives is never below `least`, unsigned.
    pub fn mark_at_least(&self, context: &'c Context, load: InstructionValue<'c>, least: u64) {
        if least > 0 {
            // From `least` to the last number of 64 bits: the end is the number behind, modulo 2^64.
            let ends = [least, 0].map(|end| context.i64_type().const_int(end, false).into());
            set(load, context.metadata_node(&ends), self.range_kind);
        }
    }
}

fn set<'c>(instruction: InstructionValue<'c>, node: MetadataValue<'c>, kind: u32) {
    // inkwell refuses metadata values that are not nodes only.
    let is_set = instruction.set_metadata(node, kind);
    debug_assert!(is_set.is_ok());
}
