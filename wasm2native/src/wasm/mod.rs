//! Wasm bytes to a validated [`Module`]. Nothing here knows LLVM.
//!
//! INV-1: a `Module` exists only if wasmparser validated it; later code asserts and never re-checks.

mod branch_hints;
mod const_expr;
mod constant_table;
mod features;
mod index;
mod matching;
mod module;
mod names;
mod outline;
mod parse;
mod rec_group;
mod refusal;

pub use branch_hints::{BranchHint, BranchHints};
pub use const_expr::{ConstExpr, ConstOp};
pub use constant_table::{ConstantTable, Origin};
pub use features::{SUPPORTED_FEATURES, refused_proposals};
pub use index::{
    DataIndex, DefinedFuncIndex, ElementIndex, ExportIndex, FuncIndex, GlobalIndex, MemoryIndex, ModuleIndex,
    TableIndex, TypeIndex,
};
pub use matching::{TypeIds, TypeIn, matches};
pub use module::{
    AddressType, DataSegment, ElementItems, ElementSegment, Export, ExternType, Func, FuncType, Global,
    GlobalType, Import, Limits, MemoryType, Module, Refinement, SegmentMode, TableType, value_type,
    value_type_of_heap,
};
pub use outline::{module_of_outline, outline};
pub use parse::parse;
pub use rec_group::Identity;
