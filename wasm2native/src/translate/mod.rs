//! One function body to LLVM IR. [`operator`] is the table of all operators; each family has its file.
//!
//! INV-4: while reachable, the builder stands in an unterminated block; while unreachable, nothing is emitted.

mod address;
mod bulk;
mod call;
mod control;
mod control_stack;
mod convert;
mod dead_load;
mod float;
mod func;
mod integer;
mod memory;
mod operator;
mod parametric;
mod reachability;
mod reference;
mod table;
mod trap;
mod variable;
mod wide;

pub use dead_load::keep_dead_loads;
pub use func::{FuncTranslator, returned_value, translate_function};
