//! Programs in C that nobody wrote, compiled to Wasm and by ours, compared with native code.
//!
//! The rule: a program is made from its seed alone and does nothing that C leaves open.

pub mod algebra;
pub mod bytes;
pub mod compare;
pub mod csmith;
pub mod expression;
pub mod kernel;
pub mod loops;
pub mod nest;
pub mod program;
pub mod recurrence;
pub mod reduce;
pub mod scope;
pub mod session;
pub mod setup;
pub mod statement;
pub mod types;
