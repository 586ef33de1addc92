//! Puts the output in its place, whole or not at all (INV-9): a temporary file in the same directory,
//! then a rename. Devices and standard output, which cannot be replaced, are written to at the end.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{IsTerminal, Write};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::command_for;
use super::input::Input;
use super::temporary::TempFiles;
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
}

#[derive(Debug)]
enum Destination {
    /// A file to be made or replaced.
    Replace(PathBuf),
    /// A device or pipe, written to as it is.
    Device(PathBuf),
    Stdout,
}

impl Output {
    /// Decides on the place and checks what can be checked before the work starts. `input` is what the output
    /// is named after.
    pub fn plan(options: &Options, input: &Input, inputs: &[Input]) -> Result<Self> {
        let mode = match options.output_kind {
            OutputKind::Executable | OutputKind::SharedLibrary => EXECUTABLE_MODE,
            _ => PLAIN_MODE,
        };
        let path = match &options.output {
            OutputFile::Stdout => {
                check_not_terminal(options, &std::io::stdout(), Path::new("standard output"))?;
                return Ok(Self { destination: Destination::Stdout, mode });
            }
            OutputFile::Path(path) => path.clone(),
            OutputFile::Derived => derived_path(options.output_kind, input),
        };
        let destination = match std::fs::metadata(&path) {
            Ok(existing) if existing.is_dir() => {
                let error = CompileError::machine(format!("the output {} is a directory", path.display()));
                let inside = quote(path.join(&input.stem).as_os_str());
                return Err(error.hint(format!("name a file: -o {inside}")));
            }
            Ok(existing) if !existing.is_file() => {
                let is_device = existing.file_type().is_char_device();
                // Whoever cannot open it is told so when it is written to.
                let device = if is_device { open_device(&path).ok() } else { None };
                if let Some(device) = device {
                    check_not_terminal(options, &device, &path)?;
                }
                Destination::Device(path)
            }
            // Through a symbolic link, so that the link stays and its target is replaced.
            Ok(_) => Destination::Replace(path.canonicalize().unwrap_or(path)),
            Err(_) => Destination::Replace(path),
        };
        let output = Self { destination, mode };
        for input in inputs {
            output.check_not_input(options.output_kind, input)?;
        }
        output.check_not_native(&options.link.native)?;
        if !options.link.show_only {
            output.check_writable()?;
        }
        Ok(output)
    }

    fn check_not_input(&self, kind: OutputKind, input: &Input) -> Result<()> {
        let Destination::Replace(path) = &self.destination else { return Ok(()) };
        if input.is_stdin || !is_same_file(path, &input.path) {
            return Ok(());
        }
        let flags = if kind == OutputKind::SharedLibrary { "-shared " } else { "" };
        let command = command_for(&input.path, flags, Some(path.with_extension("out")));
        Err(CompileError::usage(format!("the output would overwrite the input {}", input.path.display()))
            .hint(format!("name another output: `{command}`")))
    }

    fn check_not_native(&self, inputs: &[NativeInput]) -> Result<()> {
        let Destination::Replace(path) = &self.destination else { return Ok(()) };
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
        let Destination::Replace(path) = &self.destination else { return Ok(()) };
        let probe = tempfile::Builder::new().prefix(".wasm2native-").tempfile_in(directory(path));
        probe.map(drop).map_err(|error| cannot_write(path, &error))
    }

    /// The path as messages and `-###` show it.
    pub fn display_path(&self) -> PathBuf {
        match &self.destination {
            Destination::Replace(path) | Destination::Device(path) => path.clone(),
            Destination::Stdout => "/dev/stdout".into(),
        }
    }

    /// Where the linker is to put its output, for [`Output::place`].
    pub fn link_destination(&self, temp_files: &TempFiles) -> Result<PathBuf> {
        let path = match &self.destination {
            Destination::Replace(path) => self.temp_file(path, temp_files)?,
            Destination::Device(_) | Destination::Stdout => temp_files.directory()?.join("linked"),
        };
        Ok(path)
    }

    /// Moves the finished file `linked` to its place.
    pub fn place(&self, linked: &Path, temp_files: &TempFiles) -> Result<()> {
        match &self.destination {
            Destination::Replace(path) => self.rename(linked, path, temp_files),
            Destination::Device(_) | Destination::Stdout => {
                let bytes =
                    std::fs::read(linked).map_err(|error| CompileError::cannot("read", linked, &error))?;
                self.write(&bytes, temp_files)
            }
        }
    }

    /// Makes the output from `bytes`.
    pub fn write(&self, bytes: &[u8], temp_files: &TempFiles) -> Result<()> {
        match &self.destination {
            Destination::Replace(path) => {
                let temp = self.temp_file(path, temp_files)?;
                std::fs::write(&temp, bytes).map_err(|error| cannot_write(path, &error))?;
                self.rename(&temp, path, temp_files)
            }
            Destination::Device(path) => {
                let written =
                    OpenOptions::new().write(true).open(path).and_then(|file| write_all(file, bytes));
                written.map_err(|error| cannot_write(path, &error))
            }
            Destination::Stdout => write_all(std::io::stdout().lock(), bytes)
                .map_err(|error| cannot_write(Path::new("standard output"), &error)),
        }
    }

    /// An empty file beside `path` with the final mode.
    fn temp_file(&self, path: &Path, temp_files: &TempFiles) -> Result<PathBuf> {
        let file: File;
        let temp;
        (file, temp) = tempfile::Builder::new()
            .prefix(".wasm2native-")
            .permissions(Permissions::from_mode(self.mode))
            .tempfile_in(directory(path))
            .and_then(|file| file.keep().map_err(|error| error.error))
            .map_err(|error| cannot_write(path, &error))?;
        drop(file);
        temp_files.add(&temp);
        Ok(temp)
    }

    fn rename(&self, from: &Path, to: &Path, temp_files: &TempFiles) -> Result<()> {
        std::fs::rename(from, to).map_err(|error| cannot_write(to, &error))?;
        temp_files.forget(from);
        Ok(())
    }
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
fn derived_path(kind: OutputKind, input: &Input) -> PathBuf {
    let extension = match kind {
        OutputKind::Executable if input.is_stdin => "out",
        OutputKind::Executable => return input.stem.clone().into(),
        OutputKind::SharedLibrary => "so",
        OutputKind::Object => "o",
        OutputKind::Assembly => "s",
        OutputKind::LlvmIr => "ll",
        OutputKind::Bitcode => "bc",
    };
    let mut name = if input.is_stdin { "a".into() } else { input.stem.clone() };
    name.push(".");
    name.push(extension);
    name.into()
}
