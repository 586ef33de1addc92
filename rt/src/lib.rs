//! The runtime linked into every program: memories, tables, traps, and the way into compiled code.
//!
//! The files in the order in which each uses only those before it (`tests/tests/tidy/order.rs` holds it):
//!
//! 1. `sys`: the platform. `lock`, `text`, `shared`: a mutex, words, things at fixed addresses. `variables`:
//!    the environment.
//! 2. `pc_map`, `code`, `descriptor`, `types`, `modules`: what is known of compiled modules, and checked of
//!    them.
//! 3. `store`: what instances live in. `policy`: what a run makes of its limits. `registry`, `memory`,
//!    `table`: what instances have.
//! 4. `handle`: instances, and what hangs off them.
//! 5. `stack`, `activation`, `signal_stack`, `thread`, `nesting`: calls that are under way.
//! 6. `fault`, `attach`, `backtrace`, `trap`, `deadline`: what happens when something goes wrong.
//! 7. `enter`, `func`, `group`, `reference`: onto a Wasm stack and back, who keeps whom alive, and what is
//!    passed on.
//! 8. `external`, `link`, `instance`: are these imports what the module asks for? Then an instance is filled
//!    in.
//! 9. The edges: `builtins` and `loop_check`, which compiled code calls, listed in [`runtime`]; `export` and
//!    [`api`], which hosts call; [`start`], the `main` of an executable.
//!
//! The rule: nothing here computes an offset into an instance; all of them come from the descriptor.
#![no_std]
#![warn(clippy::unwrap_used)]
// The functions that compiled code or the API table calls state their contract in `w2n_abi`.
#![allow(clippy::missing_safety_doc, reason = "the contract stands in w2n_abi, beside the list")]

extern crate alloc;

mod activation;
pub mod api;
mod attach;
mod backtrace;
mod builtins;
mod code;
mod deadline;
mod descriptor;
mod enter;
mod export;
mod external;
mod fault;
mod func;
mod group;
mod handle;
mod instance;
mod link;
mod lock;
mod loop_check;
mod memory;
mod modules;
mod nesting;
mod pc_map;
mod policy;
mod reference;
mod registry;
pub mod runtime;
mod shared;
mod signal_stack;
mod stack;
pub mod start;
mod store;
mod sys;
mod table;
mod text;
mod thread;
mod trap;
mod types;
mod variables;

pub use api::{exit, host_error};

#[cfg(test)]
#[path = "tests/stores.rs"]
mod stores;
