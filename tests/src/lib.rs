//! What the tests of the whole product share: a host of compiled modules, the spec suite's runner, and
//! real programs with the toolchains that make them.

pub mod corpus;
pub mod host;
pub mod ir;
pub mod plugin;
pub mod program;
pub mod spec;
