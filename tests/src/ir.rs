//! LLVM IR and assembly of a fixture, as tests read them: the functions of the module and nothing else.
//!
//! The rule to know: a snapshot shows what the optimiser gets, so locals are registers already and loads
//! that nothing uses are volatile.

mod fixture;
mod flow;
mod operators;
mod render;

use std::path::Path;

use wasm2native::options::{CodeOptions, InputFile, ModuleKind, Options, OutputFile, OutputKind};
use wasm2native::{Artifact, Compilation};

pub use fixture::{Fixture, find_fixtures};
pub use operators::{OPERATORS, OperatorInfo};
pub use render::{IrFunction, functions};

/// Prefix of all symbols in what [`compile`] makes.
pub const PREFIX: &str = "m";

/// Compiles the module at `path` to text: LLVM IR or assembly. Errors are the compiler's words.
pub fn compile(path: &Path, kind: OutputKind, code: CodeOptions) -> Result<String, String> {
    let mut options = Options::new(InputFile::Path(path.to_owned()));
    options.output = OutputFile::Memory;
    options.output_kind = kind;
    options.module_kind = Some(ModuleKind::Plugin);
    options.module_name = Some(PREFIX.to_owned());
    options.code = CodeOptions { keep_ir_names: true, ..code };
    let text = match Compilation::new(options).run().result {
        Ok(Artifact::Bytes(text)) => text,
        Ok(other) => return Err(format!("{}: {other:?}", path.display())),
        Err(error) => return Err(format!("{}: {error}", path.display())),
    };
    String::from_utf8(text).map_err(|error| format!("{}: {error}", path.display()))
}
