//! Due traps: generated functions whose accesses are out of bounds or lie across the end, and how many of
//! these traps do not come.
//!
//! The rule: what another engine, an interpreter, traps at is due; a call that returns or never ends instead
//! is lost. What else a call did before does not matter here.

mod child;
mod generate;
mod operator;
mod reference;
mod session;
mod setup;
mod shape;

pub use child::{TEXT, print_text, run as run_child};
pub use session::{CHILD, Session};
