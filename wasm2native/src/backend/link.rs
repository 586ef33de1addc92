//! Links objects into the output with the system's C compiler, which knows where the C library is.
//!
//! Everything that could make two links of the same objects differ is switched off here.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use super::linker::Linker;
use crate::arch::TARGET;
use crate::error::{Code, CompileError, Result, printable, shortened};
use crate::options::Environment;
use w2n_abi::symbol;

/// What a plugin exports: descriptors and typed C functions. No library has such names, whatever the guest's
/// are, and C code that is linked into the plugin is nobody else's concern. All are patterns, since linkers
/// differ about a name that is not there.
const PLUGIN_EXPORTS: &str = "{ global: w2n_module*; w2n_*__*; local: *; };\n";

/// More objects than this go into a response file: command lines have a limit.
const MAX_OBJECTS_ON_COMMAND_LINE: usize = 32;

/// Symbols that glibc has in newer versions than the one that a program is to start with; `rt/glibc` has an
/// older way for each.
const NEWER_SYMBOLS: [&str; 8] = [
    "fstat64",
    "gettid",
    "pthread_attr_getstack",
    "pthread_getattr_np",
    "pthread_key_create",
    "pthread_setspecific",
    "pthread_sigmask",
    "stat64",
];

/// Lines of what a linker says that a message shows.
const SHOWN_LINES: usize = 12;

/// Characters of each.
const SHOWN_LINE_CHARS: usize = 300;

/// What to link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkKind {
    /// Position-independent executable, linked with the C library dynamically.
    Executable,
    /// The same without any shared library.
    StaticExecutable,
    /// A plugin.
    SharedLibrary,
    /// One object out of several.
    Relocatable,
}

/// Which symbols and debug information to drop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strip {
    /// Nothing.
    Nothing,
    /// Debug information.
    Debug,
    /// Symbols too.
    All,
}

/// A link to be done.
#[derive(Debug)]
pub struct Link<'a> {
    /// What to make.
    pub kind: LinkKind,
    /// Where.
    pub output: &'a Path,
    /// What the user calls that.
    pub shown_output: &'a Path,
    /// Of what.
    pub objects: &'a [PathBuf],
    /// What the user links beside the modules, as words of the command: objects, archives, `-l`.
    pub native: &'a [OsString],
    /// The runtime; none for a relocatable object.
    pub archive: Option<&'a Path>,
    /// What lets it start with an older C library; none for what has no C library, or its own.
    pub old_symbols: Option<&'a Path>,
    /// What to drop.
    pub strip: Strip,
    /// `--linker`
    pub linker: Option<&'a str>,
    /// Where a C compiler is looked for otherwise.
    pub environment: &'a Environment,
    /// Where a response file may be put.
    pub temp_dir: &'a Path,
}

/// A command of the system's C compiler, ready to be shown or run.
#[derive(Debug)]
pub struct ToolCommand {
    linker: Linker,
    arguments: Vec<OsString>,
    purpose: Purpose,
    /// What it makes, as the user calls it.
    output: PathBuf,
}

/// What a command is for, and so whose fault it is when it fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    /// To link what we made ourselves.
    Link,
    /// To link with what is the user's.
    LinkNative,
    /// To compile C of the user's.
    CompileC,
}

/// C or C++ to be compiled to an object.
#[derive(Debug)]
pub struct CompileC<'a> {
    /// The source.
    pub source: &'a Path,
    /// The object.
    pub output: &'a Path,
    /// Where our header is.
    pub include_dir: &'a Path,
    /// Where it is to say which headers it has read, and the option that says of which.
    pub depfile: (&'a Path, &'static str),
    /// `-O2`, `-g`: as the user gave them.
    pub flags: &'a [&'a str],
    /// More of the user's, which are for C alone.
    pub user_flags: &'a [OsString],
    /// `--linker`
    pub compiler: Option<&'a str>,
    /// Where one is looked for otherwise.
    pub environment: &'a Environment,
}

impl CompileC<'_> {
    /// The command. Errors: no C compiler on this machine.
    pub fn command(&self) -> Result<ToolCommand> {
        let linker = Linker::find(self.compiler, self.environment)?;
        let mut arguments = Vec::new();
        arguments.extend(self.flags.iter().map(OsString::from));
        arguments.extend(self.user_flags.iter().cloned());
        // Debug information depends on no directory, ours or the user's.
        for directory in self.environment.working_dir.as_deref().into_iter().chain([self.include_dir]) {
            let mut map = OsString::from("-ffile-prefix-map=");
            map.push(directory);
            map.push("=.");
            arguments.push(map);
        }
        let (depfile, headers) = self.depfile;
        arguments.extend([headers.into(), "-MF".into(), depfile.into()]);
        arguments.extend(["-fPIC".into(), "-I".into(), self.include_dir.into(), "-c".into()]);
        arguments.extend([as_operand(self.source), "-o".into(), self.output.into()]);
        let output = self.output.to_owned();
        Ok(ToolCommand { linker, arguments, purpose: Purpose::CompileC, output })
    }
}

/// `path` so that no compiler reads it as an option or a response file.
pub fn as_operand(path: &Path) -> OsString {
    let is_plain = !path.as_os_str().as_encoded_bytes().starts_with(b"-")
        && !path.as_os_str().as_encoded_bytes().starts_with(b"@");
    if is_plain { path.into() } else { Path::new(".").join(path).into() }
}

/// Where the C compiler finds the library file of that name, if it does.
pub fn find_library(
    name: &str,
    compiler: Option<&str>,
    environment: &Environment,
) -> Result<Option<PathBuf>> {
    let linker = Linker::find(compiler, environment)?;
    let mut command = Command::new(linker.program);
    command.args(linker.arguments).arg(format!("-print-file-name={name}")).stdin(Stdio::null());
    let Ok(output) = command.output() else { return Ok(None) };
    let path = PathBuf::from(OsStr::from_bytes(output.stdout.trim_ascii()));
    // A name alone means that there is none.
    Ok(Some(path).filter(|path| path.is_absolute()))
}

impl Link<'_> {
    /// The command. Errors: no linker on this machine.
    pub fn command(&self) -> Result<ToolCommand> {
        let linker = Linker::find(self.linker, self.environment)?;
        let mut arguments = Vec::new();
        arguments.extend(self.mode_flags().iter().map(OsString::from));
        if self.kind == LinkKind::SharedLibrary {
            let path = self.temp_dir.join("exports.map");
            self.write_temporary(&path, PLUGIN_EXPORTS.as_bytes())?;
            let mut flag = OsString::from("-Wl,--version-script=");
            flag.push(path);
            arguments.push(flag);
        }
        arguments.extend(["-o".into(), self.output.into()]);
        arguments.extend(self.object_arguments()?);
        let has_native = !self.native.is_empty();
        if has_native {
            // In a group the order of archives does not matter.
            arguments.push("-Wl,--start-group".into());
            arguments.extend(self.native.iter().cloned());
        }
        arguments.extend(self.archive.map(OsString::from));
        if has_native {
            arguments.push("-Wl,--end-group".into());
        }
        if let Some(old_symbols) = self.old_symbols {
            arguments.extend(NEWER_SYMBOLS.iter().map(|name| format!("-Wl,--wrap={name}").into()));
            if self.kind == LinkKind::Executable {
                let entry = symbol::OLD_ENTRY;
                arguments.extend([format!("-Wl,-e,{entry}").into(), format!("-Wl,-u,{entry}").into()]);
            }
            arguments.push(old_symbols.into());
        }
        if self.archive.is_some() {
            // -lm: LLVM calls fmod, floor and their like where the processor has no instruction.
            arguments.extend(["-Wl,--as-needed", "-lm"].map(OsString::from));
        }
        let purpose = if has_native { Purpose::LinkNative } else { Purpose::Link };
        Ok(ToolCommand { linker, arguments, purpose, output: self.shown_output.to_owned() })
    }

    fn mode_flags(&self) -> Vec<&'static str> {
        let mut flags = match self.kind {
            LinkKind::Relocatable => vec!["-r", "-nostdlib"],
            LinkKind::Executable => vec!["-pie"],
            LinkKind::StaticExecutable => vec!["-static-pie"],
            LinkKind::SharedLibrary => vec![
                "-shared",
                // Signal handlers and thread-local destructors of the runtime outlive a dlclose.
                "-Wl,-z,nodelete",
                // The module's own symbols are never taken from elsewhere, nor given to others.
                "-Wl,-Bsymbolic",
                "-Wl,--exclude-libs,ALL",
                "-Wl,-z,defs",
            ],
        };
        if self.kind != LinkKind::Relocatable {
            flags.extend([
                "-static-libgcc",
                "-Wl,--gc-sections",
                "-Wl,-z,relro,-z,now",
                "-Wl,-z,noexecstack",
                "-Wl,--build-id=none",
                "-Wl,--hash-style=gnu",
            ]);
        }
        match self.strip {
            Strip::Nothing => {}
            // An object without symbols cannot be linked any more.
            Strip::All if self.kind != LinkKind::Relocatable => flags.push("-Wl,-s"),
            Strip::Debug | Strip::All => flags.push("-Wl,-S"),
        }
        flags
    }

    fn object_arguments(&self) -> Result<Vec<OsString>> {
        if self.objects.len() <= MAX_OBJECTS_ON_COMMAND_LINE {
            return Ok(self.objects.iter().map(OsString::from).collect());
        }
        let path = self.temp_dir.join("objects.rsp");
        let mut bytes = Vec::new();
        for object in self.objects {
            for &byte in object.as_os_str().as_encoded_bytes() {
                if matches!(byte, b' ' | b'\t' | b'\\' | b'\'' | b'"') {
                    bytes.push(b'\\');
                }
                bytes.push(byte);
            }
            bytes.push(b'\n');
        }
        self.write_temporary(&path, &bytes)?;
        let mut argument = OsString::from("@");
        argument.push(path);
        Ok(vec![argument])
    }

    fn write_temporary(&self, path: &Path, bytes: &[u8]) -> Result<()> {
        std::fs::write(path, bytes).map_err(|error| CompileError::cannot_temporarily("write", path, &error))
    }
}

impl ToolCommand {
    /// Starts it, as the leader of a process group of its own: a compiler driver starts further programs.
    /// Errors: what the machine lacks.
    pub fn start(&self) -> Result<RunningTool<'_>> {
        let mut command = Command::new(&self.linker.program);
        command.args(&self.linker.arguments).args(&self.arguments).process_group(0);
        // Messages are read below, so they must be English.
        command.env("LC_ALL", "C").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        match command.spawn() {
            Ok(child) => Ok(RunningTool { command: self, child }),
            Err(error) => Err(self.linker.cannot_run(&error)),
        }
    }

    fn explain(&self, status: ExitStatus, said: &str) -> CompileError {
        for reason in ["No space left on device", "File too large", "Disk quota exceeded"] {
            if said.contains(reason) {
                let (output, reason) = (self.output.display(), reason.to_lowercase());
                return CompileError::machine(format!("cannot write {output}: {reason}"));
            }
        }
        let lacks_libc = ["Scrt1.o", "rcrt1.o", "crti.o", "-lc:", "-lc\n", "-lm:", "-lm\n", "libc.a"];
        if said.contains("cannot find") && lacks_libc.iter().any(|name| said.contains(name)) {
            return CompileError::machine("the linker finds no C library to link with")
                .code(Code::Linker)
                .detail(beginning(said))
                .hint("install one: `apt-get install libc6-dev`");
        }
        if self.purpose == Purpose::CompileC {
            let error = CompileError::machine("the C compiler failed").code(Code::CCompiler);
            return error.detail(said.trim_end());
        }
        let ending = status.code().map_or_else(String::new, |code| format!(" with status {code}"));
        let error = CompileError::machine(format!("the linker failed{ending}: {}", self.linker));
        error.code(Code::Linker).detail(beginning(said)).hint(self.remedy(said))
    }

    /// What to do about a linker that failed.
    fn remedy(&self, said: &str) -> String {
        if self.linker.has_musl() {
            return "its C library is musl, and the runtime needs glibc: use gcc, or link with -static"
                .to_owned();
        }
        if said.contains("-fuse-ld") || said.contains("cannot find 'ld'") {
            return "the linker that -fuse-ld names is not installed: install it, or leave -fuse-ld out"
                .to_owned();
        }
        if said.contains("--no-dynamic-linker") {
            return "this linker makes no static programs that load anywhere: -static wants GNU ld or mold"
                .to_owned();
        }
        match self.purpose {
            Purpose::LinkNative => {
                "what does the native code need? its libraries go on the command line: -lNAME, -LDIR"
                    .to_owned()
            }
            _ => format!(
                "what links has to be a C compiler for {} Linux and glibc, such as gcc; if this is one, report \
                 it as a bug of wasm2native with the command, which `-v` shows",
                TARGET.title
            ),
        }
    }

    /// The command as one line for a shell.
    pub fn shown(&self) -> String {
        let arguments = self.linker.arguments.iter().chain(&self.arguments).map(OsString::as_os_str);
        let words = std::iter::once(self.linker.program.as_os_str()).chain(arguments);
        words.map(quote).collect::<Vec<_>>().join(" ")
    }
}

/// A linker or C compiler at work.
#[derive(Debug)]
pub struct RunningTool<'a> {
    command: &'a ToolCommand,
    child: Child,
}

impl RunningTool<'_> {
    /// Process group of it and of what it starts.
    pub fn group(&self) -> u32 {
        self.child.id()
    }

    /// Waits for the end; what it said on standard error. Errors: what the machine or the user's code lacks,
    /// with the beginning of what the linker said.
    pub fn finish(self) -> Result<String> {
        let output = self.child.wait_with_output().map_err(|error| self.command.linker.cannot_run(&error))?;
        let said = String::from_utf8_lossy(&output.stderr);
        if output.status.success() {
            return Ok(said.into_owned());
        }
        // When it was the linker below the compiler driver, the driver says so.
        if output.status.signal().is_some() || said.contains("terminated with signal") {
            return Err(CompileError::machine(format!("the linker was killed: {}", self.command.linker))
                .detail(beginning(&said))
                .hint("is the machine short of memory? `-v` shows the link command"));
        }
        Err(self.command.explain(output.status, &said))
    }
}

/// `word` so that a shell reads it as one word: POSIX's when there is something to read in it, and else
/// what bash, zsh and POSIX 2024 know.
pub fn quote(word: &OsStr) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./=,+:@%".contains(c);
    match word.to_str() {
        Some(text) if !text.is_empty() && text.chars().all(is_plain) => text.to_owned(),
        Some(text) if printable(text) == text => format!("'{}'", text.replace('\'', "'\\''")),
        _ => {
            let escaped = word.as_encoded_bytes().iter().map(|&byte| match byte {
                b' '..=b'~' if !matches!(byte, b'\'' | b'\\') => char::from(byte).to_string(),
                _ => format!("\\x{byte:02x}"),
            });
            format!("$'{}'", escaped.collect::<String>())
        }
    }
}

/// The first lines of what a tool said.
fn beginning(said: &str) -> String {
    let mut lines: Vec<_> =
        said.lines().take(SHOWN_LINES).map(|line| shortened(line, SHOWN_LINE_CHARS)).collect();
    if said.lines().nth(SHOWN_LINES).is_some() {
        lines.push("…".into());
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_newer_symbol_has_an_older_way() {
        let source = include_str!("../../../rt/glibc/old_symbols.c");
        let definitions = source.lines().filter(|line| !line.starts_with([' ', '/']));
        let ways = definitions.filter_map(|line| line.split_once("__wrap_")?.1.split('(').next());
        let mut ways: Vec<_> = ways.collect();
        ways.sort_unstable();
        assert_eq!(ways, NEWER_SYMBOLS);
    }

    #[test]
    fn only_the_beginning_of_what_a_linker_said_is_shown() {
        let said = format!("{}\n", "x".repeat(SHOWN_LINE_CHARS + 1)).repeat(SHOWN_LINES + 1);
        let shown = beginning(&said);
        assert_eq!(shown.lines().count(), SHOWN_LINES + 1);
        assert!(
            shown.lines().all(|line| line.chars().count() <= SHOWN_LINE_CHARS + 1) && shown.ends_with('…')
        );
        assert_eq!(beginning("a\nb\n"), "a\nb");
    }
}
