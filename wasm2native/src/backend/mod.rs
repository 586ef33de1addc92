//! LLVM module to object file to linked output. Nothing in here knows WebAssembly: the only trace of
//! it is the debug line table, whose lines are module offsets.

pub mod diagnostics;
pub mod glibc;
mod line_table;
pub mod link;
pub mod linker;
pub mod note;
pub mod object;
pub mod optimise;
pub mod pc_map;
pub mod runtime;
pub mod shards;
pub mod symbol_names;
pub mod target;

// What the functions are in that `optimise` and others declare: linked because it is named.
use w2n_passes as _;
