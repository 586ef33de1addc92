//! What is linked with the modules and is not Wasm: C sources are compiled, and the symbols that objects and
//! libraries define are read, since they say which imports are provided.
//!
//! Their contents are the user's own and trusted as the compiler is; they are not sandboxed.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use object::read::archive::ArchiveFile;

use super::depfile;
use super::formats;
use super::objects::ObjectModule;
use super::offer::{Offers, Provider, Standing};
use super::{Run, command_for};
use crate::backend::link::{CompileC, as_operand, find_library};
use crate::backend::note::{self, Contents};
use crate::error::{Code, CompileError, Diagnostic, Result};
use crate::options::{DebugInfo, Environment, NativeInput, OptLevel, Options, SystemFiles};

/// The header for C code, as it is installed.
const HEADER: &str = include_str!("../../../rt/include/wasm2native.h");

/// Its name.
const HEADER_NAME: &str = "wasm2native.h";

/// What objects of `gcc -flto` define that have no code yet.
const SLIM_LTO: &str = "__gnu_lto_slim";

/// Native code to link with.
#[derive(Debug, Default)]
pub struct NativeCode {
    /// Words for the linker.
    pub arguments: Vec<OsString>,
    /// C and C++ that is still to be compiled, and to what.
    sources: Vec<(PathBuf, PathBuf)>,
    offers: Offers,
    /// Whether some of it was not compiled, so that nobody knows its symbols.
    is_partly_unknown: bool,
}

/// What there is of a C function that a module imports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CFunction {
    /// It is offered, by this file.
    Offered(String),
    /// It is there, but not for guests: file and reason.
    Withheld(String, Standing),
    /// There is none.
    Missing,
}

impl NativeCode {
    /// Reads objects and libraries, and answers which modules of ours are among them.
    pub fn read(run: Run<'_>) -> Result<(Self, Vec<ObjectModule>)> {
        let link = &run.options.link;
        let mut code = Self::default();
        let mut modules = Vec::new();
        for (number, input) in link.native.iter().enumerate() {
            let object = match input {
                NativeInput::Object { path, modules_before } => {
                    let found = code.add_file(run, path, Some(*modules_before))?;
                    let is_module = found.iter().any(|module| module.modules_before.is_some());
                    modules.extend(found);
                    if is_module {
                        // It stands in front of all archives, so that no member of them takes its place.
                        continue;
                    }
                    path.clone()
                }
                NativeInput::C(source) | NativeInput::Cpp(source) => {
                    let object = run.temp_files.directory()?.join(format!("native-{number}.o"));
                    code.sources.push((source.clone(), object.clone()));
                    object
                }
            };
            code.arguments.push(as_operand(&object));
        }
        for directory in &link.library_dirs {
            code.arguments.extend(["-L".into(), directory.into()]);
        }
        for name in &link.libraries {
            if let Some(path) = library_path(name, run.options)? {
                modules.extend(code.add_file(run, &path, None)?);
            }
            code.arguments.push(format!("-l{name}").into());
        }
        code.arguments.extend(link.flags.iter().cloned());
        if link.native.iter().any(|input| matches!(input, NativeInput::Cpp(_))) {
            code.arguments.push("-lstdc++".into());
        }
        Ok((code, modules))
    }

    /// Compiles what is source, and settles what is offered.
    pub fn compile(&mut self, run: Run<'_>) -> Result<()> {
        for (source, object) in &self.sources {
            if run.options.link.show_only {
                self.is_partly_unknown = true;
                continue;
            }
            compile(run, source, object)?;
            let bytes =
                std::fs::read(object).map_err(|error| CompileError::cannot("read", object, &error))?;
            let file = object::File::parse(bytes.as_slice())
                .map_err(|_| CompileError::machine("the C compiler made no object").in_file(source))?;
            self.offers.add(&file, Provider::Code, source);
        }
        for name in &run.options.link.provide {
            if !self.offers.provide(name) && !self.is_partly_unknown {
                let message = format!("--provide={name}: no C code that is given has a function `{name}`");
                return Err(CompileError::usage(message)
                    .hint("objects, archives and libraries go on the command line: libx.a, -lNAME, -LDIR"));
            }
        }
        Ok(())
    }

    /// What there is under a name.
    pub fn function(&self, symbol: &str) -> CFunction {
        match self.offers.find(symbol) {
            Some((file, Standing::Offered)) => CFunction::Offered(file.to_owned()),
            _ if self.is_partly_unknown => CFunction::Offered("a source".to_owned()),
            Some((file, standing)) => CFunction::Withheld(file.to_owned(), standing),
            None => CFunction::Missing,
        }
    }

    /// Reads an object, an archive or a library. `modules_before` is the place on the command line of what
    /// was given by its path.
    fn add_file(
        &mut self,
        run: Run<'_>,
        path: &Path,
        modules_before: Option<usize>,
    ) -> Result<Vec<ObjectModule>> {
        let bytes = std::fs::read(path).map_err(|error| CompileError::cannot("read", path, &error))?;
        let is_in_given_dir = run.options.link.library_dirs.iter().any(|dir| path.starts_with(dir));
        match modules_before.is_some() || is_in_given_dir {
            true => run.dependencies.add(path),
            false => run.dependencies.add_of_system(path),
        }
        if let Ok(archive) = ArchiveFile::parse(bytes.as_slice()) {
            return self.add_archive(run, path, &bytes, &archive).map_err(|error| error.in_file(path));
        }
        let Ok(file) = object::File::parse(bytes.as_slice()) else {
            return match modules_before {
                Some(_) => Err(formats::explain_object(&bytes, path).in_file(path)),
                // A library may also be a text that names others, such as that of the C library.
                None => Ok(Vec::new()),
            };
        };
        let provider = match object::Object::kind(&file) {
            object::ObjectKind::Dynamic => Provider::Library,
            _ => Provider::Code,
        };
        let notes = self.add_object(&file, provider, path).map_err(|error| error.in_file(path))?;
        let module = |note| ObjectModule::new(note, path, modules_before, as_operand(path).into());
        notes.into_iter().map(module).collect()
    }

    /// Reads all members. Those that are modules are written to files of their own, since an archive's
    /// members are hidden in a plugin.
    fn add_archive(
        &mut self,
        run: Run<'_>,
        path: &Path,
        bytes: &[u8],
        archive: &ArchiveFile<'_>,
    ) -> Result<Vec<ObjectModule>> {
        let damaged = || CompileError::input("is a damaged archive");
        let mut modules = Vec::new();
        let mut members = archive.members().enumerate().peekable();
        // Cut off inside of its table of contents, an archive looks as if it had no members.
        if members.peek().is_none() && bytes.len() > object::archive::MAGIC.len() {
            return Err(damaged());
        }
        for (number, member) in members {
            let member = member.map_err(|_| damaged())?;
            let name = OsStr::from_bytes(member.name());
            let thin;
            let object = if archive.is_thin() {
                let file = path.parent().unwrap_or(Path::new("")).join(name);
                run.dependencies.add(&file);
                thin = std::fs::read(&file).map_err(|error| CompileError::cannot("read", &file, &error))?;
                thin.as_slice()
            } else {
                member.data(bytes).map_err(|_| damaged())?
            };
            // Tables of contents and the like.
            let Ok(file) = object::File::parse(object) else { continue };
            let shown = PathBuf::from(format!("{}({})", path.display(), name.display()));
            let notes = self.add_object(&file, Provider::Library, &shown);
            for note in notes.map_err(|error| error.in_file(&shown))? {
                let stem = path.file_stem().unwrap_or_default().display();
                let extracted = run.temp_files.directory()?.join(format!("{stem}-{number}.o"));
                std::fs::write(&extracted, object)
                    .map_err(|error| CompileError::cannot_temporarily("write", &extracted, &error))?;
                modules.push(ObjectModule::new(note, &shown, None, extracted)?);
            }
        }
        Ok(modules)
    }

    /// Takes in the symbols, and answers the modules.
    fn add_object(
        &mut self,
        file: &object::File<'_>,
        provider: Provider,
        shown: &Path,
    ) -> Result<Vec<note::Note>> {
        use object::Object;
        if file.symbol_by_name(SLIM_LTO).is_some() && provider == Provider::Code {
            return Err(CompileError::input("has no code yet: it was compiled with -flto")
                .hint("compile it with -fno-lto, or -ffat-lto-objects"));
        }
        let contents = note::read(file)?;
        match contents {
            Contents::Foreign => self.offers.add(file, provider, shown),
            Contents::Modules(notes) => {
                self.offers.add(file, provider, shown);
                return Ok(notes);
            }
            Contents::Plugin => {
                return Err(plugin_as_input(shown));
            }
        }
        Ok(Vec::new())
    }
}

/// Code of a plugin calls the runtime that is linked into it, which knows nothing of instances of another
/// one.
fn plugin_as_input(path: &Path) -> CompileError {
    let [object, plugin] = ["o", "so"].map(|ending| path.with_extension(ending));
    let module = path.with_extension("wasm");
    let message =
        "is a plugin, with a runtime of its own: a host can load it, but no module can be linked with it";
    CompileError::input(message).hint(format!(
        "link the object that it can be made of instead: `{}`, then `{}`, and {} here",
        command_for(&module, "-shared -c ", Some(object.clone())),
        command_for(&object, "-shared ", Some(plugin)),
        object.display()
    ))
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
    let depfile = object.with_extension("d");
    let headers = match &run.options.depfile {
        Some(options) if options.system == SystemFiles::LeftOut => "-MMD",
        _ => "-MD",
    };
    let mut flags = vec![level_flag(run.options.code.opt_level)];
    if run.options.code.debug_info == DebugInfo::Full {
        flags.push("-g");
    }
    let command = CompileC {
        source,
        output: object,
        include_dir: &include_dir,
        depfile: (&depfile, headers),
        flags: &flags,
        user_flags: &run.options.link.c_flags,
        compiler: run.options.link.linker.as_deref(),
        environment: &run.options.environment,
    }
    .command()?;
    run.reports.step(|| command.shown());
    run.dependencies.add(source);
    let said = run.finish(&command).map_err(|error| error.in_file(source))?;
    if !said.is_empty() {
        let warning = Diagnostic::warning(Code::CCompiler, "the C compiler warns").in_file(source);
        run.reports.tell(warning.detail(said.trim_end()));
    }
    // A compiler that writes none has said so, or knows none.
    let named = depfile::read(&std::fs::read(&depfile).unwrap_or_default());
    let temp_dir = run.temp_files.directory()?;
    named.iter().filter(|file| !file.starts_with(&temp_dir)).for_each(|file| run.dependencies.add(file));
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
        if let Some(path) = find_library(file, link.linker.as_deref(), &options.environment)? {
            return Ok(Some(path));
        }
    }
    Err(CompileError::machine(format!("no library `{name}` (-l{name}): looked for {}", files.join(", ")))
        .hint("-LDIR names a directory to look in"))
}

/// Shared objects of the C library, whatever is linked besides.
const C_LIBRARY: [&str; 3] = ["libc.so.6", "libm.so.6", "libgcc_s.so.1"];

/// Whether the C library of this machine, as far as it can be found, has something of that name.
pub fn c_library_has(symbol: &str, environment: &Environment) -> bool {
    C_LIBRARY.iter().any(|name| {
        let bytes =
            find_library(name, None, environment).ok().flatten().and_then(|path| std::fs::read(path).ok());
        let file = bytes.as_deref().and_then(|bytes| object::File::parse(bytes).ok());
        file.is_some_and(|file| {
            let mut symbols = object::Object::dynamic_symbols(&file);
            symbols.any(|defined| {
                use object::ObjectSymbol;
                defined.is_definition() && defined.name_bytes() == Ok(symbol.as_bytes())
            })
        })
    })
}
