//! The two alias classes of everything that translated code loads and stores.
//!
//! Sound because instance state never lies inside a linear memory. Without them every guest store
//! would force a reload of the memory base. Applied in two places only: `Place` and `address.rs`.

use inkwell::context::Context;
use inkwell::values::{InstructionValue, MetadataValue};

/// INV-6: every load and store carries one of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AliasClass {
    /// The instance, its tables, globals and what describes its memories; what tail calls pass in memory.
    InstanceState,
    /// Bytes of a linear memory.
    LinearMemory,
}

/// TBAA access tags of the two classes, and other metadata for loads.
#[derive(Clone, Copy, Debug)]
pub struct AliasMetadata<'c> {
    instance_state: MetadataValue<'c>,
    linear_memory: MetadataValue<'c>,
    empty: MetadataValue<'c>,
    tbaa_kind: u32,
    invariant_kind: u32,
    nonnull_kind: u32,
}

impl<'c> AliasMetadata<'c> {
    /// Makes the tags: two scalar types under one root.
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
            empty: context.metadata_node(&[]),
            tbaa_kind: context.get_kind_id("tbaa"),
            invariant_kind: context.get_kind_id("invariant.load"),
            nonnull_kind: context.get_kind_id("nonnull"),
        }
    }

    /// Marks a load, store or memory intrinsic.
    pub fn mark(&self, instruction: InstructionValue<'c>, class: AliasClass) {
        let tag = match class {
            AliasClass::InstanceState => self.instance_state,
            AliasClass::LinearMemory => self.linear_memory,
        };
        set(instruction, tag, self.tbaa_kind);
    }

    /// Whether a load or store was marked as linear memory.
    pub fn is_linear_memory(&self, instruction: InstructionValue<'c>) -> bool {
        instruction.get_metadata(self.tbaa_kind) == Some(self.linear_memory)
    }

    /// Marks a load of something that never changes once an instance exists.
    pub fn mark_invariant(&self, load: InstructionValue<'c>) {
        set(load, self.empty, self.invariant_kind);
    }

    /// Marks a load of a pointer that is never null.
    pub fn mark_nonnull(&self, load: InstructionValue<'c>) {
        set(load, self.empty, self.nonnull_kind);
    }
}

fn set<'c>(instruction: InstructionValue<'c>, node: MetadataValue<'c>, kind: u32) {
    // inkwell refuses metadata values that are not nodes only.
    let is_set = instruction.set_metadata(node, kind);
    debug_assert!(is_set.is_ok());
}
