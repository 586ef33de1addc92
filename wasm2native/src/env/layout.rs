//! Where everything is in an instance. Computed once, here; the runtime learns it from the descriptor.

use std::collections::BTreeMap;
use std::mem::size_of;

use super::tail::TailSignature;
use crate::wasm::{
    DataIndex, ElementIndex, FuncIndex, GlobalIndex, MemoryIndex, Module, TableIndex, TypeIndex,
};
use w2n_abi::{
    GLOBAL_SIZE_BYTES, ValueSlot, VmDataSegment, VmElementSegment, VmFuncRef, VmInstance, VmMemoryRef,
};

/// The pointer word of the target: 64 bits for now.
pub type Word = u64;

/// Byte offsets from the start of an instance.
#[derive(Clone, Debug)]
pub struct InstanceLayout {
    memories: u32,
    globals: u32,
    tables: u32,
    type_ids: u32,
    func_refs: BTreeMap<FuncIndex, u32>,
    data_segments: u32,
    element_segments: u32,
    tail_arguments: u32,
    size: u32,
}

impl InstanceLayout {
    /// Lays out the instances of `module`: what code uses most comes first, so that offsets are short.
    pub fn new(module: &Module<'_>) -> Self {
        let mut cursor = Cursor { offset: size_of::<VmInstance<Word>>() as u32 };
        let memories = cursor.array(size_of::<VmMemoryRef<Word>>(), module.memories.len());
        let globals = cursor.array(GLOBAL_SIZE_BYTES as usize, module.globals.len());
        let tables = cursor.array(size_of::<Word>(), module.tables.len());
        let type_ids = cursor.array(size_of::<u32>(), module.types.len());
        let imported = (0..module.imported_func_count).map(FuncIndex);
        let referenced = module.referenced_funcs.iter().copied().filter(|func| !module.is_imported(*func));
        let func_refs = imported
            .chain(referenced)
            .map(|func| (func, cursor.array(size_of::<VmFuncRef<Word>>(), 1)))
            .collect();
        let data_segments = cursor.array(size_of::<VmDataSegment<Word>>(), module.data.len());
        let element_segments = cursor.array(size_of::<VmElementSegment<Word>>(), module.elements.len());
        let tail_arguments = cursor.array(size_of::<ValueSlot>(), tail_argument_count(module));
        let size = cursor.array(size_of::<Word>(), 0);
        Self {
            memories,
            globals,
            tables,
            type_ids,
            func_refs,
            data_segments,
            element_segments,
            tail_arguments,
            size,
        }
    }

    /// Bytes of an instance.
    pub fn size_bytes(&self) -> u32 {
        self.size
    }

    /// The `VmMemoryRef` of a memory.
    pub fn memory(&self, memory: MemoryIndex) -> u32 {
        self.memories + memory.0 * size_of::<VmMemoryRef<Word>>() as u32
    }

    /// The value of a defined global, or the pointer to an imported one.
    pub fn global(&self, global: GlobalIndex) -> u32 {
        self.globals + global.0 * GLOBAL_SIZE_BYTES
    }

    /// The pointer to a table.
    pub fn table(&self, table: TableIndex) -> u32 {
        self.tables + table.0 * size_of::<Word>() as u32
    }

    /// The canonical id of a function type.
    pub fn type_id(&self, ty: TypeIndex) -> u32 {
        self.type_ids + ty.0 * size_of::<u32>() as u32
    }

    /// The first of the type ids.
    pub fn type_ids(&self) -> u32 {
        self.type_ids
    }

    /// The `VmFuncRef` of an imported function or one that can be referenced.
    pub fn func_ref(&self, func: FuncIndex) -> u32 {
        self.func_refs[&func]
    }

    /// All functions with a `VmFuncRef`, imports first.
    pub fn func_refs(&self) -> impl Iterator<Item = (FuncIndex, u32)> + '_ {
        self.func_refs.iter().map(|(func, offset)| (*func, *offset))
    }

    /// The `VmDataSegment` of a data segment.
    pub fn data_segment(&self, segment: DataIndex) -> u32 {
        self.data_segments + segment.0 * size_of::<VmDataSegment<Word>>() as u32
    }

    /// Memory for the arguments of a tail call that are not in registers.
    pub fn tail_arguments(&self) -> u32 {
        self.tail_arguments
    }

    /// The `VmElementSegment` of an element segment.
    pub fn element_segment(&self, segment: ElementIndex) -> u32 {
        self.element_segments + segment.0 * size_of::<VmElementSegment<Word>>() as u32
    }
}

/// Most arguments that a tail call of the module passes in memory.
fn tail_argument_count(module: &Module<'_>) -> usize {
    if module.tail_callers.is_empty() {
        return 0;
    }
    let sizes = module.types.iter().map(|ty| TailSignature::new(ty).arguments_size as usize);
    sizes.max().unwrap_or(0) / size_of::<ValueSlot>()
}

struct Cursor {
    offset: u32,
}

impl Cursor {
    /// Takes room for `count` elements and answers where it starts. Elements of 16 bytes (globals can
    /// hold vectors) are aligned to 16, others to a word.
    fn array(&mut self, element_size: usize, count: usize) -> u32 {
        let align = if element_size == GLOBAL_SIZE_BYTES as usize { 16 } else { size_of::<Word>() as u32 };
        let start = self.offset.next_multiple_of(align);
        self.offset = start + element_size as u32 * count as u32;
        start
    }
}
