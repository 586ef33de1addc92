//! The modules of one file, compiled into one shared object that is loaded at once.

use std::collections::HashMap;

use wast::WastDirective;

use super::super::config::Config;
use super::module_of;
use crate::host::{Library, Module};
use crate::plugin::{self, Source};

/// Prefix of the module with the suite's host.
const SPECTEST_PREFIX: &str = "spectest";

/// What the suite's host offers.
const SPECTEST_WAT: &str = include_str!("../spectest.wat");

/// What became of a module.
pub enum Compiled {
    /// It can be instantiated.
    Ready(Module),
    /// It needs something we lack: the reason.
    Unsupported(String),
    /// It should have compiled: the error.
    Failed(String),
}

/// All modules, by the index of the directive that carries them.
pub struct Modules {
    spectest: Module,
    by_directive: HashMap<usize, Compiled>,
}

impl Modules {
    /// Compiles the modules of all `directives`. Errors: the compiler refused one that it had accepted
    /// in part, or the linker or the loader failed; then nothing in the file can run.
    pub fn compile(directives: &mut [WastDirective<'_>], config: Config) -> Result<Self, String> {
        let mut by_directive = HashMap::new();
        let spectest = wat::parse_str(SPECTEST_WAT).map_err(|error| error.to_string())?;
        let mut sources = vec![Source { prefix: SPECTEST_PREFIX.to_owned(), bytes: spectest }];
        let mut ready = Vec::new();
        for (index, directive) in directives.iter_mut().enumerate() {
            let Some(module) = module_of(directive) else { continue };
            match module.encode().map_err(|error| error.message()).and_then(check) {
                Ok(Checked::Supported(bytes)) => {
                    let prefix = format!("m{index}");
                    sources.push(Source { prefix: prefix.clone(), bytes });
                    ready.push((index, prefix));
                }
                Ok(Checked::Unsupported(reason)) => {
                    by_directive.insert(index, Compiled::Unsupported(reason));
                }
                Err(message) => {
                    by_directive.insert(index, Compiled::Failed(message));
                }
            }
        }
        let library = plugin::build_for(&config.target(), &sources, &config.code_options())?;
        let spectest = library.module(&plugin::descriptor_symbol(SPECTEST_PREFIX))?;
        for (index, prefix) in ready {
            by_directive.insert(index, Compiled::Ready(find(&library, &prefix)?));
        }
        Ok(Self { spectest, by_directive })
    }

    /// The suite's host.
    pub fn spectest(&self) -> Module {
        self.spectest
    }

    /// The module that directive `index` carries.
    pub fn of_directive(&self, index: usize) -> &Compiled {
        self.by_directive.get(&index).expect("every directive with a module was compiled")
    }
}

fn find(library: &Library, prefix: &str) -> Result<Module, String> {
    library.module(&plugin::descriptor_symbol(prefix))
}

enum Checked {
    Supported(Vec<u8>),
    Unsupported(String),
}

/// Tells modules that need a proposal we lack from those that are refused for no good reason.
fn check(bytes: Vec<u8>) -> Result<Checked, String> {
    let Err(error) = wasm2native::wasm::parse(&bytes, "module") else { return Ok(Checked::Supported(bytes)) };
    let message = error.to_string();
    // The place differs from module to module; the reason on record is the proposal.
    let reason = message.split(", at 0x").next().unwrap_or(&message);
    if reason.starts_with("needs the ") { Ok(Checked::Unsupported(reason.to_owned())) } else { Err(message) }
}
