//! One function body to LLVM IR. [`operator`] is the table of all operators, with that of vector
//! operators in [`simd`]; each family has its file.
//!
//! INV-4: while reachable, the builder stands in an unterminated block; while unreachable, nothing is
//! emitted.

mod address;
mod bulk;
mod call;
mod constant_table;
mod control;
mod control_stack;
mod convert;
mod float;
mod func;
mod integer;
mod known;
mod locals;
mod memory;
mod operator;
mod parametric;
mod reachability;
mod reference;
mod simd;
mod table;
mod tail_call;
mod trap;
mod variable;
mod wide;

pub use call::call_results;
pub use func::{FuncTranslator, returned_value, translate_function};
