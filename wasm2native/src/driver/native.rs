//! What is linked with the modules and is not Wasm: C sources are compiled, and the symbols that objects and
//! libraries define are read, since they say which imports are provided.
//!
//! Their contents are the user's own and trusted as the compiler is; they are not sandboxed.

use std::collections::HashSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use object::read::archive::ArchiveFile;
use object::{Object, ObjectSymbol};

use super::Run;
use crate::backend::link::{CompileC, as_operand, find_library};
use crate::error::{CompileError, Result};
use crate::options::{DebugInfo, NativeInput, OptLevel, Options};

/// The header for C code, as it is installed.
const HEADER: &str = include_str!("../../../rt/include/wasm2native.h");

/// Its name.
const HEADER_NAME: &str = "wasm2native.h";

/// Native code to link with.
#[derive(Debug, Default)]
pub struct NativeCode {
    /// Words for the linker.
    pub arguments: Vec<OsString>,
    symbols: HashSet<Vec<u8>>,
    /// Whether some of it was not compiled, so that nobody knows its symbols.
    is_partly_unknown: bool,
}

impl NativeCode {
    /// Compiles and reads what `run`'s options name.
    pub fn prepare(run: Run<'_>) -> Result<Self> {
        let link = &run.options.link;
        let mut code = Self::default();
        for (number, input) in link.native.iter().enumerate() {
            let object = match input {
                NativeInput::Object(path) => path.clone(),
                NativeInput::C(source) | NativeInput::Cpp(source) => {
                    let object = run.temp_files.directory()?.join(format!("native-{number}.o"));
                    if link.show_only {
                        code.is_partly_unknown = true;
                    } else {
                        compile(run, source, &object)?;
                    }
                    object
                }
            };
            if !link.show_only || matches!(input, NativeInput::Object(_)) {
                code.add_symbols(&object)?;
            }
            code.arguments.push(as_operand(&object));
        }
        for directory in &link.library_dirs {
            code.arguments.extend(["-L".into(), directory.into()]);
        }
        for name in &link.libraries {
            if let Some(path) = library_path(name, run.options)? {
                code.add_library_symbols(&path)?;
            }
            code.arguments.push(format!("-l{name}").into());
        }
        if link.native.iter().any(|input| matches!(input, NativeInput::Cpp(_))) {
            code.arguments.push("-lstdc++".into());
        }
        Ok(code)
    }

    /// Whether there is a function or variable of that name, or may be.
    pub fn defines(&self, symbol: &str) -> bool {
        self.is_partly_unknown || self.symbols.contains(symbol.as_bytes())
    }

    fn add_symbols(&mut self, path: &Path) -> Result<()> {
        let bytes = std::fs::read(path).map_err(|error| CompileError::cannot("read", path, &error))?;
        match defined_symbols(&bytes) {
            Some(symbols) => self.symbols.extend(symbols),
            None => return Err(CompileError::input("is no object, archive or shared library").in_file(path)),
        }
        Ok(())
    }

    /// A library may also be a text that names others, such as that of the C library.
    fn add_library_symbols(&mut self, path: &Path) -> Result<()> {
        let bytes = std::fs::read(path).map_err(|error| CompileError::cannot("read", path, &error))?;
        self.symbols.extend(defined_symbols(&bytes).into_iter().flatten());
        Ok(())
    }
}

/// Compiles C or C++; warnings are passed on.
fn compile(run: Run<'_>, source: &Path, object: &Path) -> Result<()> {
    // The compiler would say so in more words.
    std::fs::metadata(source).map_err(|error| CompileError::cannot("read", source, &error))?;
    let include_dir = run.temp_files.directory()?.join("include");
    let header = include_dir.join(HEADER_NAME);
    std::fs::create_dir_all(&include_dir)
        .and_then(|()| std::fs::write(&header, HEADER))
        .map_err(|error| CompileError::cannot_temporarily("write", &header, &error))?;
    let mut flags = vec![level_flag(run.options.code.opt_level)];
    if run.options.code.debug_info == DebugInfo::Full {
        flags.push("-g");
    }
    let command = CompileC {
        source,
        output: object,
        include_dir: &include_dir,
        flags: &flags,
        compiler: run.options.link.linker.as_deref(),
    }
    .command()?;
    run.console.verbose(|| command.shown());
    let said = run.finish(&command).map_err(|error| error.in_file(source))?;
    if !said.is_empty() {
        run.console.say(said.trim_end());
    }
    Ok(())
}

fn level_flag(level: OptLevel) -> &'static str {
    match level {
        OptLevel::O0 => "-O0",
        OptLevel::O1 => "-O1",
        OptLevel::O2 => "-O2",
        OptLevel::O3 => "-O3",
        OptLevel::Os => "-Os",
        OptLevel::Oz => "-Oz",
    }
}

/// The file that `-lNAME` means; `None` leaves the search to the linker.
fn library_path(name: &str, options: &Options) -> Result<Option<PathBuf>> {
    let link = &options.link;
    let files = match name.strip_prefix(':') {
        Some(file) => vec![file.to_owned()],
        None if link.is_static => vec![format!("lib{name}.a")],
        None => vec![format!("lib{name}.so"), format!("lib{name}.a")],
    };
    for directory in &link.library_dirs {
        let found = files.iter().map(|file| directory.join(file)).find(|path| path.is_file());
        if found.is_some() {
            return Ok(found);
        }
    }
    for file in &files {
        if let Some(path) = find_library(file, link.linker.as_deref())? {
            return Ok(Some(path));
        }
    }
    Err(CompileError::machine(format!("no library `{name}` (-l{name}): looked for {}", files.join(", ")))
        .hint("-LDIR names a directory to look in"))
}

/// Names that others can link to; `None` if it is nothing to be linked.
fn defined_symbols(bytes: &[u8]) -> Option<Vec<Vec<u8>>> {
    if let Ok(archive) = ArchiveFile::parse(bytes) {
        let symbols = archive.symbols().ok()?;
        return Some(
            symbols.into_iter().flatten().flatten().map(|symbol| symbol.name().to_owned()).collect(),
        );
    }
    let file = object::File::parse(bytes).ok()?;
    let symbols = file.symbols().chain(file.dynamic_symbols());
    let defined = symbols.filter(|symbol| symbol.is_global() && symbol.is_definition());
    Some(defined.filter_map(|symbol| Some(symbol.name_bytes().ok()?.to_owned())).collect())
}
