//! Reads the input: a file or standard input, binary or text, and tells apart what only looks like a
//! core module.

use std::io::Read;
use std::path::{Path, PathBuf};

use super::command_for;
use crate::error::{CompileError, Result};
use crate::options::InputFile;

/// First bytes of every binary, module or component.
const MAGIC: &[u8] = b"\0asm";

/// Version field of a core module; a component has another.
const CORE_VERSION: &[u8] = &[1, 0, 0, 0];

/// A module's bytes, in binary form.
#[derive(Debug)]
pub struct Input {
    /// The path as given; `-` for standard input.
    pub path: PathBuf,
    /// The file name without directory and extension; `module` for standard input.
    pub stem: String,
    /// The binary.
    pub bytes: Vec<u8>,
    /// Whether it came from standard input.
    pub is_stdin: bool,
}

impl Input {
    /// Reads all of it.
    pub fn read(file: &InputFile) -> Result<Self> {
        let (path, stem, bytes) = match file {
            InputFile::Stdin => (PathBuf::from("-"), "module".to_owned(), read_stdin()?),
            InputFile::Path(path) => (path.clone(), stem(path), read_path(path)?),
        };
        let bytes = to_binary(bytes).map_err(|error| error.in_file(&path))?;
        let is_stdin = *file == InputFile::Stdin;
        Ok(Self { path, stem, bytes, is_stdin })
    }
}

fn stem(path: &Path) -> String {
    path.file_stem().map_or_else(|| "module".to_owned(), |stem| stem.to_string_lossy().into_owned())
}

fn read_stdin() -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    match std::io::stdin().lock().read_to_end(&mut bytes) {
        Ok(_) => Ok(bytes),
        Err(error) => Err(CompileError::cannot("read", Path::new("standard input"), &error)),
    }
}

fn read_path(path: &Path) -> Result<Vec<u8>> {
    if path.is_dir() {
        let error = CompileError::input("is a directory, not a module").in_file(path);
        return Err(match module_inside(path) {
            Some(module) => error.hint(format!("did you mean `{}`?", command_for(&module, "", None))),
            None => error.hint("give the path of a .wasm or .wat file"),
        });
    }
    std::fs::read(path).map_err(|error| CompileError::cannot("read", path, &error))
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

fn to_binary(bytes: Vec<u8>) -> Result<Vec<u8>> {
    if bytes.is_empty() {
        return Err(CompileError::input("is empty, not a module"));
    }
    if bytes.starts_with(MAGIC) {
        let version = bytes.get(4..8);
        // spec: component-model/Binary, a layer field of 1 takes the upper half of the version.
        if version.is_some_and(|version| version != CORE_VERSION && version[2] == 1) {
            return Err(component_error());
        }
        return Ok(bytes);
    }
    let Ok(text) = String::from_utf8(bytes) else {
        return Err(CompileError::input("is neither a Wasm binary (no `\\0asm` at its start) nor text"));
    };
    let is_text = text.trim_start().starts_with(['(', ';']);
    if !is_text {
        return Err(CompileError::input("is neither a Wasm binary (no `\\0asm` at its start) nor Wasm text")
            .hint("`file` may tell what it is"));
    }
    wat::parse_str(&text).map_err(|error| {
        let text = error.to_string();
        let (message, place) = text.split_once('\n').unwrap_or((&text, ""));
        CompileError::input(message.to_owned()).detail(place.trim_end().to_owned())
    })
}

fn component_error() -> CompileError {
    CompileError::input("is a component; wasm2native compiles core modules").hint(
        "build for WASI preview 1 (Rust: `cargo build --target wasm32-wasip1`; C: `clang --target=wasm32-wasip1`), \
         or take it apart: `wasm-tools component unbundle --module-dir modules -o rest.wasm COMPONENT`",
    )
}
