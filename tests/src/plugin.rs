//! Modules compiled into one shared object, as tests want them: from bytes to a loaded [`Library`].

use std::path::Path;

use wasm2native::Compilation;
use wasm2native::error::CompileError;
use wasm2native::options::{
    CodeOptions, Environment, InputFile, Options, OutputFile, OutputKind, TargetOptions,
};

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
    compile(sources, options, target, &path).map_err(|error| error.to_string())?;
    // The file may go: what is loaded stays.
    Library::open(&path)
}

/// Compiles `sources` into the shared object `output`, in one thread.
pub fn compile(
    sources: &[Source],
    options: &CodeOptions,
    target: &TargetOptions,
    output: &Path,
) -> Result<(), CompileError> {
    let inputs = sources
        .iter()
        .map(|source| InputFile::Bytes { name: source.prefix.as_str().into(), bytes: source.bytes.clone() });
    let compilation = Compilation::new(Options {
        inputs: inputs.collect(),
        output: OutputFile::Path(output.to_owned()),
        output_kind: OutputKind::SharedLibrary,
        code: options.clone(),
        target: target.clone(),
        jobs: Some(1),
        environment: Environment::of_process(),
        ..Options::default()
    });
    compilation.run().result.map(drop)
}

/// The symbol of the descriptor of the module compiled under `prefix`.
pub fn descriptor_symbol(prefix: &str) -> String {
    format!("{}_{prefix}", w2n_abi::symbol::MODULE)
}
