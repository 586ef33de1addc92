//! Puts the output in its place, whole or not at all (INV-9): a temporary file in the same directory,
//! then a rename. Devices and standard output, which cannot be replaced, are written to at the end.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{IsTerminal, Write};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::compilation::Artifact;
use super::input::Input;
use super::program::Source;
use super::temporary::TempFiles;
use super::{Run, command_for};
use crate::backend::link::quote;
use crate::error::{CompileError, Result};
use crate::options::{NativeInput, Options, OutputFile, OutputKind};

/// Mode of an executable or plugin before the umask.
const EXECUTABLE_MODE: u32 = 0o777;

/// Mode of other outputs before the umask.
const PLAIN_MODE: u32 = 0o666;

/// Where the output goes.
#[derive(Debug)]
pub struct Output {
    destination: Destination,
    mode: u32,
    /// The path as the user knows it, or may expect it.
    given: PathBuf,
    depfile: Option<Destination>,
}

#[derive(Debug)]
enum Destination {
    /// A file to be made or replaced.
    Replace(PathBuf),
    /// A device or pipe, written to as it is.
    Device(PathBuf),
    Stdout,
    /// The bytes are handed back.
    Memory,
}

impl Output {
    /// Decides on the place and checks what can be checked before the work starts. `source` is what the
    /// output is named after.
    pub fn plan(options: &Options, source: &Source<'_>, inputs: &[Input]) -> Result<Self> {
        let mode = match options.output_kind {
            OutputKind::Executable | OutputKind::SharedLibrary => EXECUTABLE_MODE,
            _ => PLAIN_MODE,
        };
        let given = match &options.output {
            OutputFile::Path(path) => path.clone(),
            _ => derived_path(options.output_kind, source),
        };
        let destination = match &options.output {
            OutputFile::Stdout => {
                check_not_terminal(options, &std::io::stdout(), Path::new("standard output"))?;
                Destination::Stdout
            }
            OutputFile::Memory => Destination::Memory,
            OutputFile::Path(_) | OutputFile::Derived => {
                let directory = |path: &Path| {
                    let error =
                        CompileError::machine(format!("the output {} is a directory", path.display()));
                    let inside = quote(path.join(&source.binary.name).as_os_str());
                    error.hint(format!("name a file: -o {inside}"))
                };
                Destination::of(given.clone(), directory)?
            }
        };
        if let Destination::Device(path) = &destination {
            // Whoever cannot open it is told so when it is written to.
            let is_device = std::fs::metadata(path).is_ok_and(|file| file.file_type().is_char_device());
            let device = if is_device { open_device(path).ok() } else { None };
            if let Some(device) = device {
                check_not_terminal(options, &device, path)?;
            }
        }
        let depfile = options.depfile.as_ref().map(|depfile| depfile_destination(&depfile.file, &given));
        let output = Self { destination, mode, given, depfile: depfile.transpose()? };
        output.destination.check_inputs(options, inputs)?;
        if options.link.show_only {
            return Ok(output);
        }
        output.destination.check_writable()?;
        if let Some(depfile) = &output.depfile {
            depfile.check_inputs(options, inputs)?;
            output.check_not_depfile(depfile)?;
            depfile.check_writable()?;
        }
        Ok(output)
    }

    /// Writes the depfile, if there is to be one: just before the output is put in its place, so that an
    /// output which is there always has the depfile that is its own.
    pub fn write_depfile(&self, options: &Options, run: Run<'_>) -> Result<()> {
        run.reports.check()?;
        let (Some(destination), Some(depfile)) = (&self.depfile, &options.depfile) else { return Ok(()) };
        options.response_files.iter().for_each(|file| run.dependencies.add(file));
        let (text, warnings) = run.dependencies.rule(depfile, &self.given)?;
        warnings.into_iter().for_each(|warning| run.reports.tell(warning));
        run.reports.check()?;
        destination.write(text, PLAIN_MODE, run.temp_files).map(drop)
    }

    fn check_not_depfile(&self, depfile: &Destination) -> Result<()> {
        match (&self.destination, depfile) {
            (Destination::Replace(output), Destination::Replace(depfile)) if output == depfile => {
                let message = format!("-MF {}: that is the output", depfile.display());
                Err(CompileError::usage(message).hint("give the depfile another name"))
            }
            _ => Ok(()),
        }
    }

    /// The path as messages and `-###` show it.
    pub fn display_path(&self) -> PathBuf {
        match &self.destination {
            Destination::Replace(path) | Destination::Device(path) => path.clone(),
            Destination::Stdout => "/dev/stdout".into(),
            Destination::Memory => "the output".into(),
        }
    }

    /// Where the linker is to put its output, for [`Output::place`].
    pub fn link_destination(&self, temp_files: &TempFiles) -> Result<PathBuf> {
        match &self.destination {
            Destination::Replace(path) => temp_file(path, self.mode, temp_files),
            Destination::Device(_) | Destination::Stdout | Destination::Memory => {
                Ok(temp_files.directory()?.join("linked"))
            }
        }
    }

    /// Moves the finished file `linked` to its place.
    pub fn place(&self, linked: &Path, temp_files: &TempFiles) -> Result<Artifact> {
        match &self.destination {
            Destination::Replace(path) => rename(linked, path, temp_files),
            Destination::Device(_) | Destination::Stdout | Destination::Memory => {
                let bytes =
                    std::fs::read(linked).map_err(|error| CompileError::cannot("read", linked, &error))?;
                self.write(bytes, temp_files)
            }
        }
    }

    /// Makes the output from `bytes`.
    pub fn write(&self, bytes: Vec<u8>, temp_files: &TempFiles) -> Result<Artifact> {
        self.destination.write(bytes, self.mode, temp_files)
    }
}

impl Destination {
    /// The file or device at `path`. Errors: it is a directory, said by `is_directory`.
    fn of(path: PathBuf, is_directory: impl FnOnce(&Path) -> CompileError) -> Result<Self> {
        Ok(match std::fs::metadata(&path) {
            Ok(existing) if existing.is_dir() => return Err(is_directory(&path)),
            Ok(existing) if !existing.is_file() => Self::Device(path),
            // Through a symbolic link, so that the link stays and its target is replaced.
            Ok(_) => Self::Replace(path.canonicalize().unwrap_or(path)),
            Err(_) => Self::Replace(path),
        })
    }

    fn check_inputs(&self, options: &Options, inputs: &[Input]) -> Result<()> {
        for input in inputs {
            self.check_not_input(options.output_kind, input)?;
        }
        self.check_not_native(&options.link.native)
    }

    fn check_not_input(&self, kind: OutputKind, input: &Input) -> Result<()> {
        let Destination::Replace(path) = self else { return Ok(()) };
        if input.is_stdin || !is_same_file(path, &input.path) {
            return Ok(());
        }
        let flags = if kind == OutputKind::SharedLibrary { "-shared " } else { "" };
        let command = command_for(&input.path, flags, Some(path.with_extension("out")));
        Err(CompileError::usage(format!("the output would overwrite the input {}", input.path.display()))
            .hint(format!("name another output: `{command}`")))
    }

    fn check_not_native(&self, inputs: &[NativeInput]) -> Result<()> {
        let Destination::Replace(path) = self else { return Ok(()) };
        for input in inputs {
            let (NativeInput::C(input) | NativeInput::Cpp(input) | NativeInput::Object { path: input, .. }) =
                input;
            if is_same_file(path, input) {
                let message = format!("the output would overwrite the input {}", input.display());
                return Err(CompileError::usage(message).hint("name another output with -o"));
            }
        }
        Ok(())
    }

    /// Finds an unwritable directory before minutes of work, not after.
    fn check_writable(&self) -> Result<()> {
        let Destination::Replace(path) = self else { return Ok(()) };
        let probe = tempfile::Builder::new().prefix(".wasm2native-").tempfile_in(directory(path));
        probe.map(drop).map_err(|error| cannot_write(path, &error))
    }

    /// Puts `bytes` there, with the mode before the umask if it is a file.
    fn write(&self, bytes: Vec<u8>, mode: u32, temp_files: &TempFiles) -> Result<Artifact> {
        match self {
            Destination::Replace(path) => {
                let temp = temp_file(path, mode, temp_files)?;
                std::fs::write(&temp, &bytes).map_err(|error| cannot_write(path, &error))?;
                rename(&temp, path, temp_files)
            }
            Destination::Device(path) => {
                let written =
                    OpenOptions::new().write(true).open(path).and_then(|file| write_all(file, &bytes));
                written.map_err(|error| cannot_write(path, &error))?;
                Ok(Artifact::File(path.clone()))
            }
            Destination::Stdout => {
                let written = write_all(std::io::stdout().lock(), &bytes);
                written.map_err(|error| cannot_write(Path::new("standard output"), &error))?;
                Ok(Artifact::Stdout)
            }
            Destination::Memory => Ok(Artifact::Bytes(bytes)),
        }
    }
}

/// An empty file beside `path`, with the mode that it is to have.
fn temp_file(path: &Path, mode: u32, temp_files: &TempFiles) -> Result<PathBuf> {
    let file: File;
    let temp;
    (file, temp) = tempfile::Builder::new()
        .prefix(".wasm2native-")
        .permissions(Permissions::from_mode(mode))
        .tempfile_in(directory(path))
        .and_then(|file| file.keep().map_err(|error| error.error))
        .map_err(|error| cannot_write(path, &error))?;
    drop(file);
    temp_files.add(&temp);
    Ok(temp)
}

fn rename(from: &Path, to: &Path, temp_files: &TempFiles) -> Result<Artifact> {
    std::fs::rename(from, to).map_err(|error| cannot_write(to, &error))?;
    temp_files.forget(from);
    Ok(Artifact::File(to.to_owned()))
}

/// `app.d` for the output `app` or `app.o`, unless the user says where.
fn depfile_destination(file: &OutputFile, output: &Path) -> Result<Destination> {
    let path = match file {
        OutputFile::Stdout => return Ok(Destination::Stdout),
        OutputFile::Memory => return Ok(Destination::Memory),
        OutputFile::Path(path) => path.clone(),
        OutputFile::Derived => output.with_extension("d"),
    };
    Destination::of(path, |path| {
        let message = format!("the depfile {} is a directory", path.display());
        CompileError::machine(message).hint("name a file: -MF FILE")
    })
}

/// Opened without waiting for whoever reads a pipe.
fn open_device(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().write(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(path)
}

/// What is no text would be noise on a terminal, or orders to it.
fn check_not_terminal(options: &Options, stream: &impl IsTerminal, shown: &Path) -> Result<()> {
    let is_text = matches!(options.output_kind, OutputKind::Assembly | OutputKind::LlvmIr);
    if is_text || options.link.show_only || !stream.is_terminal() {
        return Ok(());
    }
    let message = format!("{} is a terminal, and the output is no text", shown.display());
    Err(CompileError::usage(message)
        .hint("name a file with -o, or lead the output elsewhere: `-o - | …`, `-o - >FILE`"))
}

fn is_same_file(path: &Path, input: &Path) -> bool {
    let input = input.canonicalize();
    input.is_ok_and(|input| input == *path || path.canonicalize().is_ok_and(|path| path == input))
}

fn write_all(mut file: impl Write, bytes: &[u8]) -> std::io::Result<()> {
    file.write_all(bytes)?;
    file.flush()
}

fn directory(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn cannot_write(path: &Path, error: &std::io::Error) -> CompileError {
    let dir = directory(path);
    if error.kind() == std::io::ErrorKind::NotFound && !dir.exists() {
        return CompileError::machine(format!(
            "cannot write {}: no directory {}",
            path.display(),
            dir.display()
        ))
        .hint(format!("make it: `mkdir -p {}`", quote(dir.as_os_str())));
    }
    CompileError::cannot("write", path, error)
}

/// `app.wasm` becomes `app`, `app.so`, `app.o` and so on, in the working directory.
fn derived_path(kind: OutputKind, source: &Source<'_>) -> PathBuf {
    let (input, name) = (source.input, &source.binary.name);
    let extension = match kind {
        OutputKind::Executable if input.is_stdin => "out",
        OutputKind::Executable => return name.clone().into(),
        OutputKind::SharedLibrary => "so",
        OutputKind::Object => "o",
        OutputKind::Assembly => "s",
        OutputKind::LlvmIr => "ll",
        OutputKind::Bitcode => "bc",
    };
    let mut name = if input.is_stdin { "a".into() } else { name.clone() };
    name.push(".");
    name.push(extension);
    name.into()
}
