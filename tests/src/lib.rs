//! What the tests of the whole product share: the compiler as a command, a host of compiled modules, the
//! spec suite's runner, and real programs with the toolchains that make them.

pub mod command;
pub mod corpus;
pub mod document;
pub mod fault;
pub mod granted;
pub mod host;
pub mod ir;
pub mod loops;
pub mod plugin;
pub mod program;
pub mod spec;
pub mod trap;
pub mod workshop;
