//! Ahead-of-time compiler from WebAssembly to native code. [`Compilation`] is how programs use it. In the
//! order of the pipeline, with `arch`, which has the facts of the processor, before all of them:
//!
//! 1. [`wasm`]: bytes to a validated `Module`; knows no LLVM.
//! 2. `env`: what a function body may look up: types, symbols, the layout of an instance.
//! 3. `translate`: one function body to LLVM IR, one file per operator family.
//! 4. [`emit`]: a whole LLVM module: functions, entries, initialisation, the descriptor.
//! 5. `backend`: LLVM module to optimised object files and the linked output; knows no Wasm.
//! 6. [`driver`]: runs them, in parallel, and puts the output in its place.

mod arch;
pub mod backend;
pub mod cli;
mod code;
pub mod driver;
pub mod emit;
mod env;
pub mod error;
pub mod options;
pub mod render;
mod translate;
pub mod wasm;

pub use driver::reports::Event;
pub use driver::{Artifact, Compilation, Outcome};
