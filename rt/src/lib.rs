//! The runtime linked into every program: memories, tables, traps, and the way into compiled code.
//!
//! In the order in which a program meets them:
//!
//! 1. [`start`]: `main` of an executable, `streams`, `variables`: what it was started with, `policy`: what a
//!    run makes of the limits that were baked in; [`api`]: the same for hosts that load modules.
//! 2. `link`: are these imports what the module asks for? `types`: when are two function types equal?
//! 3. `instance`: allocates what the descriptor describes; `group`: who keeps whom alive.
//! 4. `enter`, `activation`, `stack`, `thread`: onto a Wasm stack and back, and out to host functions.
//! 5. `memory`, `table`, `segment`: what compiled code calls; listed in `runtime`; `budget`: how much of it.
//!    `loop_check`: loops that are run twice.
//! 6. `signal`, `fault`, `code`, `deadline`, `trap`, `backtrace`, `pc_map`, `text`: what happens when
//!    something    goes wrong.
//!
//! The rule: nothing here computes an offset into an instance; all of them come from the descriptor.
#![no_std]
#![warn(clippy::unwrap_used)]
// The functions that compiled code or the API table calls state their contract in `w2n_abi`.
#![allow(clippy::missing_safety_doc, reason = "the contract stands in w2n_abi, beside the list")]

extern crate alloc;

mod activation;
pub mod api;
mod backtrace;
mod budget;
mod code;
mod deadline;
mod enter;
mod export;
mod fault;
mod group;
mod instance;
mod link;
mod lock;
mod loop_check;
mod memory;
mod pc_map;
mod policy;
mod reference;
mod registry;
pub mod runtime;
mod segment;
mod signal;
mod stack;
pub mod start;
mod streams;
mod table;
mod text;
mod thread;
mod trap;
mod types;
mod variables;

pub use api::{exit, host_error};
