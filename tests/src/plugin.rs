//! Modules compiled into one shared object, as tests want them: from bytes to a loaded [`Library`].

use wasm2native::driver::plugins::{PluginSource, compile_plugins};
use wasm2native::options::{CodeOptions, TargetOptions};

use crate::host::Library;

/// A module to compile, and the prefix of its symbols.
#[derive(Clone, Debug)]
pub struct Source {
    /// Prefix, different for each module of one shared object.
    pub prefix: String,
    /// The module's binary.
    pub bytes: Vec<u8>,
}

/// Compiles `sources` into one shared object for every machine and loads it. Errors are the compiler's
/// or the loader's words.
pub fn build(sources: &[Source], options: &CodeOptions) -> Result<Library, String> {
    build_for(&TargetOptions::default(), sources, options)
}

/// The same for the processor that `target` names, which must be like that of this machine.
pub fn build_for(
    target: &TargetOptions,
    sources: &[Source],
    options: &CodeOptions,
) -> Result<Library, String> {
    let directory = tempfile::tempdir().map_err(|error| error.to_string())?;
    let path = directory.path().join("modules.so");
    let sources: Vec<_> =
        sources.iter().map(|source| PluginSource { prefix: &source.prefix, bytes: &source.bytes }).collect();
    compile_plugins(&sources, options, target, &path).map_err(|error| error.to_string())?;
    // The file may go: what is loaded stays.
    Library::open(&path)
}

/// The symbol of the descriptor of the module compiled under `prefix`.
pub fn descriptor_symbol(prefix: &str) -> String {
    format!("{}_{prefix}", w2n_abi::symbol::MODULE)
}
