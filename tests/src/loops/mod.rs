//! Generated loops over guest memory, to prove that versioned loops access what the guest said.
//!
//! The rule: a loop is data. Its text and the list of addresses it touches are both made from that data,
//! so that memory can be compared byte by byte without looking at all 4 GiB of it.

pub mod canary;
pub mod compare;
pub mod engine;
pub mod fault;
pub mod generate;
pub mod text;
