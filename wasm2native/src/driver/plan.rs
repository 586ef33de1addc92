//! What was decided about the modules of an output: how they are linked and which of them starts.
//!
//! The rule: who decides is `program.rs`; the emitter and the linker get what they need from here.

use std::path::PathBuf;

use super::program::Source;
use crate::emit::{Binding, MainSymbol, Program, ProgramModule};
use crate::options::{Options, OutputKind, PackedDir};
use crate::wasm::ModuleIndex;

/// What is to be made.
#[derive(Debug)]
pub struct Plan<'a> {
    /// All modules, in the order of instantiation if they are linked with each other.
    pub sources: Vec<Source<'a>>,
    /// What each import of each module is bound to.
    pub bindings: Vec<Vec<Binding>>,
    /// The module that starts; none among plugins.
    pub main: Option<ModuleIndex>,
}

impl Plan<'_> {
    /// The executable; none for plugins.
    pub fn program<'p>(&'p self, options: &'p Options, embedded: &'p [PackedDir]) -> Option<Program<'p>> {
        self.main.map(|main| Program {
            main_symbol: match options.output_kind {
                OutputKind::Executable => MainSymbol::Only,
                _ => MainSymbol::Replaceable,
            },
            modules: self.modules(),
            main,
            entry: options.entry.as_deref(),
            policy: &options.policy,
            embedded,
        })
    }

    /// All modules as the emitter sees them.
    pub fn modules(&self) -> Vec<ProgramModule<'_>> {
        let modules = self.sources.iter().zip(&self.bindings).map(|(source, bindings)| ProgramModule {
            prefix: &source.prefix,
            bindings,
            module: &source.module,
            is_compiled: source.object.is_some(),
        });
        modules.collect()
    }

    /// Whether a plugin has a module that is compiled already and bound to C code. (A program says so beside
    /// its `main`.)
    pub fn needs_callbacks(&self) -> bool {
        let is_bound =
            |bindings: &Vec<Binding>| bindings.iter().any(|binding| matches!(binding, Binding::C(_)));
        let mut sources = self.sources.iter().zip(&self.bindings);
        self.main.is_none() && sources.any(|(source, bindings)| source.object.is_some() && is_bound(bindings))
    }

    /// Objects of modules that are compiled already, each once.
    pub fn objects(&self) -> Vec<PathBuf> {
        let mut objects: Vec<PathBuf> = Vec::new();
        for object in self.sources.iter().filter_map(|source| source.object) {
            if !objects.contains(&object.object) {
                objects.push(object.object.clone());
            }
        }
        objects
    }

    /// Whether WASI is to be linked in.
    pub fn needs_wasi(&self) -> bool {
        self.sources.iter().any(|source| super::imports_wasi(&source.module))
    }
}
