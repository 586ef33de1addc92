//! Who runs a program: native code, the product at its levels, and its peers.
//!
//! The rule: the order of [`ENGINES`] is that of every table, and a key stands for its engine in every file.

use std::collections::BTreeMap;

/// One way to run a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// The source compiled by clang-22 -O3; everything is compared with this.
    Native,
    /// The module compiled by the product with `-O3`, then this option, which prevails.
    Ours(&'static str),
    /// The module compiled by wasmtime's Cranelift, which uses what the processor of this machine has.
    Wasmtime,
    /// The module translated to C by wasm2c and compiled by clang-22 -O3.
    Wasm2c,
}

/// All of them. `-mcpu=native` uses what the processor of this machine has, whatever native code is for.
pub const ENGINES: [Engine; 6] = [
    Engine::Native,
    Engine::Ours("-O2"),
    Engine::Ours("-O3"),
    Engine::Ours("-mcpu=native"),
    Engine::Wasmtime,
    Engine::Wasm2c,
];

/// The product's level that is compared with the peers, since they optimise for speed too.
pub const COMPARED: Engine = Engine::Ours("-O3");

/// A value per engine, by its key.
pub type ByEngine<T> = BTreeMap<String, T>;

impl Engine {
    /// What it is called in records and in the book.
    pub fn key(self) -> &'static str {
        match self {
            Engine::Native => "native",
            Engine::Ours(level) => level,
            Engine::Wasmtime => "wasmtime",
            Engine::Wasm2c => "wasm2c",
        }
    }

    /// What it is called on the terminal, where columns are narrow.
    pub fn short(self) -> &'static str {
        match self {
            Engine::Ours("-mcpu=native") => "mcpu",
            other => other.key(),
        }
    }

    /// Whether its executable runs in a process without anything else in it, whose instructions can be counted.
    pub fn is_countable(self) -> bool {
        self != Engine::Wasmtime
    }
}

/// Everyone who is compared with native code.
pub fn compared_engines() -> impl Iterator<Item = Engine> + Clone {
    ENGINES.into_iter().filter(|engine| *engine != Engine::Native)
}
