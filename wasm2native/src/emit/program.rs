//! What becomes of a module, and what its imports are bound to. Who decides is the driver; the compiled
//! code, the descriptor and `main` only say it.

use crate::options::{PackedDir, Policy};
use crate::wasm::{ExportIndex, Module, ModuleIndex};

/// What a module becomes.
#[derive(Clone, Copy, Debug)]
pub enum Role<'a> {
    /// The main module of an executable: `main` goes with it, which starts all of the program.
    Main(&'a Program<'a>),
    /// Another module of an executable.
    Library,
    /// A plugin: typed C functions are exported.
    Plugin,
}

/// What an import is bound to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Binding {
    /// What the host gives when it instantiates the module.
    Host,
    /// A function of WASI.
    Wasi,
    /// The C function with this symbol.
    C(String),
    /// Nothing: a call traps (`--undefined=trap`).
    Undefined,
    /// An export of another module of the program.
    Export {
        /// The module that exports it.
        module: ModuleIndex,
        /// The number of the export there.
        export: ExportIndex,
    },
}

/// Whether `main` may give way to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MainSymbol {
    /// It is the only one of an executable.
    Only,
    /// It is in an object, which may be linked as a module of another program.
    Replaceable,
}

/// An executable.
#[derive(Debug)]
pub struct Program<'a> {
    /// All modules, in the order of instantiation.
    pub modules: Vec<ProgramModule<'a>>,
    /// The one with the entry point.
    pub main: ModuleIndex,
    /// The export to start with, if it is not the usual one (`--entry`).
    pub entry: Option<&'a str>,
    /// What it may use of its host.
    pub policy: &'a Policy,
    /// What is packed into it.
    pub embedded: &'a [PackedDir],
    /// What its `main` is among others.
    pub main_symbol: MainSymbol,
}

/// A module of an executable.
#[derive(Debug)]
pub struct ProgramModule<'a> {
    /// Prefix of its symbols.
    pub prefix: &'a str,
    /// What each import is bound to.
    pub bindings: &'a [Binding],
    /// What it imports and exports.
    pub module: &'a Module<'a>,
    /// Whether there is an object of it already, which knows nothing of `bindings`.
    pub is_compiled: bool,
}

impl Program<'_> {
    /// Whether `main` and what it needs are to be in an object of their own: they go with the main module
    /// otherwise, and say less.
    pub fn needs_start_unit(&self) -> bool {
        self.modules.iter().any(|module| module.is_compiled)
    }

    /// Whether any of its modules imports from WASI.
    pub fn uses_wasi(&self) -> bool {
        self.modules.iter().any(|module| module.bindings.contains(&Binding::Wasi))
    }
}
