//! Reads the input: a file or standard input, binary or text, and tells apart what only looks like a
//! core module.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::{command_for, formats, source_place};
use crate::error::{Code, CompileError, Result};
use crate::options::InputFile;

/// First bytes of every binary, module or component.
const MAGIC: &[u8] = b"\0asm";

/// Version field of a core module; a component has another.
const CORE_VERSION: &[u8] = &[1, 0, 0, 0];

/// As other engines have it. Something endless may be given, such as a device.
const SIZE_LIMIT_BYTES: u64 = 1 << 30;

/// A file that was read. It may hold several modules.
#[derive(Debug)]
pub struct Input {
    /// The path as given; `-` for standard input.
    pub path: PathBuf,
    /// Whether it came from standard input.
    pub is_stdin: bool,
    /// What is in it.
    pub modules: Vec<ModuleBytes>,
}

/// A module in a file, in binary form.
#[derive(Debug)]
pub struct ModuleBytes {
    /// What others call it: the file name without directory and extension; `module` for standard input.
    pub name: OsString,
    /// The binary.
    pub bytes: Vec<u8>,
    /// What it was assembled from, if it was text.
    pub text: Option<String>,
}

impl Input {
    /// Reads all of it.
    pub fn read(file: &InputFile) -> Result<Self> {
        let (path, name, bytes) = match file {
            InputFile::Stdin => (PathBuf::from("-"), "module".into(), read_all(std::io::stdin().lock())),
            InputFile::Path(path) => {
                check_not_directory(path)?;
                (path.clone(), stem(path), File::open(path).and_then(read_all))
            }
            InputFile::Bytes { name, bytes } => (name.clone(), stem(name), Ok(bytes.clone())),
        };
        let mut input = Self { path, is_stdin: *file == InputFile::Stdin, modules: Vec::new() };
        let bytes = bytes.map_err(|error| CompileError::cannot("read", input.shown_path(), &error))?;
        let read = to_binary(bytes, &input).map_err(|error| error.in_file(input.shown_path()))?;
        let (bytes, text) = read;
        input.modules.push(ModuleBytes { name, bytes, text });
        Ok(input)
    }

    /// The path as messages show it, as clang does.
    pub fn shown_path(&self) -> &Path {
        if self.is_stdin { Path::new("<stdin>") } else { &self.path }
    }
}

fn stem(path: &Path) -> OsString {
    path.file_stem().map_or_else(|| "module".into(), OsStr::to_owned)
}

fn read_all(source: impl Read) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    source.take(SIZE_LIMIT_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn check_not_directory(path: &Path) -> Result<()> {
    if !path.is_dir() {
        return Ok(());
    }
    let error = CompileError::input("is a directory, not a module").code(Code::NotAModule).in_file(path);
    Err(match module_inside(path) {
        Some(module) => error.hint(format!("did you mean `{}`?", command_for(&module, "", None))),
        None => error.hint("give the path of a .wasm or .wat file"),
    })
}

/// The only module in a directory.
fn module_inside(directory: &Path) -> Option<PathBuf> {
    let entries = std::fs::read_dir(directory).ok()?;
    let mut modules = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "wasm" || extension == "wat"));
    let first = modules.next()?;
    modules.next().is_none().then_some(first)
}

/// `bytes` in binary form, and the text if they were text; `input` has the rest.
fn to_binary(bytes: Vec<u8>, input: &Input) -> Result<(Vec<u8>, Option<String>)> {
    if bytes.is_empty() {
        return Err(CompileError::input("is empty, not a module").code(Code::NotAModule));
    }
    if bytes.len() as u64 == SIZE_LIMIT_BYTES {
        return Err(CompileError::input("is no module: engines take at most 1 GiB"));
    }
    let (binary, text) = match bytes.starts_with(MAGIC) {
        true => (bytes, None),
        false => assemble(bytes, input).map(|(binary, text)| (binary, Some(text)))?,
    };
    match binary.get(4..8) {
        None | Some(CORE_VERSION) => Ok((binary, text)),
        // spec: component-model/Binary, a layer field of 1 takes the upper half of the version.
        Some([_, _, 1, 0]) => Err(component_error()),
        Some(version) => {
            let version = version.iter().rev().fold(0, |number, byte| number << 8 | u32::from(*byte));
            Err(CompileError::input(format!("is of version {version} of the Wasm binary format, not 1"))
                .at(4))
        }
    }
}

/// The binary of a module in text form, and the text.
fn assemble(bytes: Vec<u8>, input: &Input) -> Result<(Vec<u8>, String)> {
    let is_text = bytes.trim_ascii_start().starts_with(b"(") || bytes.trim_ascii_start().starts_with(b";");
    let text = match String::from_utf8(bytes) {
        Ok(text) if is_text => text,
        Ok(text) => return Err(formats::explain(text.as_bytes(), input)),
        Err(error) => return Err(formats::explain(error.as_bytes(), input)),
    };
    match source_place::assemble(&text) {
        Ok(binary) => Ok((binary, text)),
        Err(error) => Err(error),
    }
}

fn component_error() -> CompileError {
    CompileError::input("is a component; wasm2native compiles core modules").code(Code::NotAModule).hint(
        "build for WASI preview 1 (Rust: `cargo build --target wasm32-wasip1`; C: `clang --target=wasm32-wasip1`), \
         or take it apart: `wasm-tools component unbundle --module-dir modules -o rest.wasm COMPONENT`",
    )
}
