//! LLVM IR and assembly of a fixture, as tests read them: the functions of the module and nothing else.
//!
//! The rule to know: a snapshot shows what the optimiser gets, so locals are registers already and loads
//! that nothing uses are volatile.

mod fixture;
mod flow;
mod operators;
mod render;

use std::path::Path;

use wasm2native::backend::target::{self, Remarks};
use wasm2native::driver::{self, console::Console};
use wasm2native::options::{CodeOptions, InputFile, ModuleKind, Options, OutputFile, OutputKind};

pub use fixture::{Fixture, find_fixtures};
pub use operators::{OPERATORS, OperatorInfo};
pub use render::{IrFunction, functions};

/// Prefix of all symbols in what [`compile`] makes.
pub const PREFIX: &str = "m";

/// Compiles the module at `path` to text: LLVM IR or assembly. Errors are the compiler's words.
pub fn compile(path: &Path, kind: OutputKind, code: CodeOptions) -> Result<String, String> {
    target::initialise(Remarks::Unwanted);
    let directory = tempfile::tempdir().map_err(|error| error.to_string())?;
    let output = directory.path().join("text");
    let mut options = Options::new(InputFile::Path(path.to_owned()));
    options.output = OutputFile::Path(output.clone());
    options.output_kind = kind;
    options.module_kind = Some(ModuleKind::Plugin);
    options.module_name = Some(PREFIX.to_owned());
    options.code = CodeOptions { keep_ir_names: true, ..code };
    driver::run(&options, &Console::default(), &driver::temp_files())
        .map_err(|error| format!("{}: {error}", path.display()))?;
    std::fs::read_to_string(&output).map_err(|error| format!("{}: {error}", output.display()))
}
