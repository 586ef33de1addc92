//! Tests of every function, called as compiled code calls it, on a guest made by hand (`guest.rs`).
//!
//! One file per family. Each call is checked for stray writes; each case names what it shows.

mod adversary;
mod agreement;
mod args;
mod attacks;
mod attributes;
mod bound;
mod clock;
mod config;
mod edges;
mod failing_call;
mod fd;
mod fdstat;
mod guest;
mod link;
mod names;
mod open;
mod poll;
mod race;
mod read_only;
mod readdir;
mod sentinel;
mod sock;
mod terminal;
mod threads;
mod transfer;
