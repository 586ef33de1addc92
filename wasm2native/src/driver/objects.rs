//! Modules that are compiled already: objects of `wasm2native -c` among the inputs, and members of archives.
//!
//! The rule: what an object says of its module is read as a module is, so it goes through the same
//! checks; only its code is there already.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use super::input::{Input, ModuleBytes};
use super::program::{OPEN_MODULE, Source};
use crate::backend::note::Note;
use crate::error::{CompileError, Result};
use crate::options::{NativeInput, OutputKind};
use crate::wasm::module_of_outline;
use w2n_abi::{NOTE_POLICY, NOTE_PROGRAM, NOTE_SOFTWARE_BOUNDS, NOTE_STRICT_TRAPS};

/// A module in an object.
#[derive(Debug)]
pub struct ObjectModule {
    /// What stands for it: the path of the object, and the outline of the module.
    pub input: Input,
    /// Prefix of its symbols.
    pub prefix: String,
    /// How many modules stand before it on the command line; `None` for what is taken where it is needed.
    pub modules_before: Option<usize>,
    /// The object, for the linker.
    pub object: PathBuf,
    flags: u32,
}

impl ObjectModule {
    /// The module of a note. Errors: the note is damaged.
    pub fn new(note: Note, shown: &Path, modules_before: Option<usize>, object: PathBuf) -> Result<Self> {
        let bytes = module_of_outline(&note.outline).map_err(|error| error.in_file(shown))?;
        let module = ModuleBytes { name: OsString::from_vec(note.name), bytes, text: None };
        let input = Input { path: shown.to_owned(), is_stdin: false, modules: vec![module] };
        Ok(Self { input, prefix: note.prefix, modules_before, object, flags: note.flags })
    }

    /// Whether its code checks bounds itself.
    pub fn has_software_bounds(&self) -> bool {
        self.flags & NOTE_SOFTWARE_BOUNDS != 0
    }

    /// Whether it was compiled with `--strict-traps`.
    pub fn has_strict_traps(&self) -> bool {
        self.flags & NOTE_STRICT_TRAPS != 0
    }

    /// Errors when the object is not for this kind of output.
    pub fn check_use(&self, kind: OutputKind) -> Result<()> {
        let file = self.input.shown_path();
        if kind == OutputKind::SharedLibrary && self.flags & NOTE_PROGRAM != 0 {
            return Err(CompileError::input(
                "was compiled as a program, and its module cannot be seen by a host",
            )
            .hint("compile it as a plugin: `wasm2native -shared -c`")
            .in_file(file));
        }
        if self.flags & NOTE_POLICY != 0 {
            return Err(CompileError::input(
                "has options that say what a program may use, and they would be lost",
            )
            .hint("compile it without them (--dir, --timeout, --entry and so on) and give them here")
            .in_file(file));
        }
        Ok(())
    }
}

/// Adds those modules of archives that others import from, as a linker takes members; if there is nothing
/// else, the first that a program can start with.
pub fn take_needed<'a>(sources: &mut Vec<Source<'a>>, mut in_archives: Vec<Source<'a>>) {
    if sources.is_empty() && !in_archives.is_empty() {
        let main = in_archives.iter().position(|source| source.module.entry_point(None).is_some());
        sources.push(in_archives.remove(main.unwrap_or(0)));
    }
    let mut looked_at = 0;
    while looked_at < sources.len() {
        for import in sources[looked_at].module.imports.clone() {
            let exports_it = |source: &Source<'_>| source.module.export(import.name).is_some();
            let is_meant = |source: &Source<'_>| match import.module {
                OPEN_MODULE => exports_it(source),
                module => *source.binary.name == *module,
            };
            // As for a linker, what is there already is not looked for.
            if sources.iter().any(is_meant) {
                continue;
            }
            if let Some(found) = in_archives.iter().position(is_meant) {
                sources.push(in_archives.remove(found));
            }
        }
        looked_at += 1;
    }
}

/// What to say when there are other inputs, of which `first` is one, but no module.
pub fn no_module(first: Option<&NativeInput>) -> CompileError {
    let message = match first {
        Some(NativeInput::C(path) | NativeInput::Cpp(path) | NativeInput::Object { path, .. }) => {
            format!("no module to compile: {} is linked with one", path.display())
        }
        None => "no module to compile".to_owned(),
    };
    CompileError::usage(message).hint("`wasm2native app.wasm -o app` compiles app.wasm")
}
