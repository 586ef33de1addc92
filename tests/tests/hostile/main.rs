//! Modules that mean harm: whatever the bytes, the compiler ends soon, with success or an error that is the
//! input's fault. It never crashes, hangs, or calls it a bug of ours.
//!
//! `bombs` are small and ask for much; `shapes` has modules made by hand, each at or beyond a limit; `names` is
//! about what names can do;
//! `instantiation` runs what was compiled; `mutation` changes the suite's modules at random, the same in
//! every run.

mod bomb_code;
mod bomb_sections;
mod bomb_wide;
mod bombs;
mod encode;
mod instantiation;
mod measure;
mod mutant;
mod mutation;
mod names;
mod shapes;
