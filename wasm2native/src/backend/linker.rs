//! The C compiler that links: who named it, and whether it makes what we can link with.
//!
//! The rule: what a user named is asked for its target before anything is compiled; whoever does not answer
//! is tried all the same.

use std::ffi::OsString;
use std::fmt;
use std::io::ErrorKind;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use crate::arch::TARGET;
use crate::error::{Code, CompileError, Result, plain_reason};
use crate::options::Environment;

/// C compilers looked for on PATH, in this order.
const NAMES: [&str; 4] = ["cc", "gcc", "clang", "clang-22"];

/// How long a C compiler may think about its own target.
const PATIENCE: Duration = Duration::from_secs(2);

/// Between two looks at whether it has answered.
const POLL_INTERVAL: Duration = Duration::from_millis(1);

/// What to do without one.
pub(super) const INSTALL_HINT: &str =
    "install a C compiler (`apt-get install gcc libc6-dev`), or name one with --linker=PATH or CC=PATH";

/// What to do about one that we cannot link with.
fn other_hint() -> String {
    format!("name a C compiler for {} Linux and glibc, such as gcc: --linker=gcc or CC=gcc", TARGET.title)
}

/// Where a linker comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Origin {
    /// `--linker`
    Option,
    /// `CC`, all of it.
    Variable(String),
    /// The first of the usual names on PATH.
    Path,
}

/// A C compiler to link with, as words of a command.
#[derive(Clone, Debug)]
pub struct Linker {
    /// The program.
    pub program: PathBuf,
    /// Arguments of the user's own: CC may have some, as in `ccache gcc`.
    pub arguments: Vec<OsString>,
    origin: Origin,
}

/// The linker as messages name it.
impl fmt::Display for Linker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.origin {
            Origin::Option => write!(f, "`--linker={}`", self.program.display()),
            Origin::Variable(words) => write!(f, "`CC={words}`"),
            Origin::Path => write!(f, "`{}`, found on PATH", self.program.display()),
        }
    }
}

impl Linker {
    /// `--linker`, else `CC`, else what is on PATH. Errors: there is none.
    pub fn find(chosen: Option<&str>, environment: &Environment) -> Result<Self> {
        if let Some(chosen) = chosen {
            return Ok(Self { program: chosen.into(), arguments: Vec::new(), origin: Origin::Option });
        }
        if let Some(cc) = &environment.cc {
            let mut words = cc.split_whitespace();
            if let Some(program) = words.next() {
                let arguments = words.map(OsString::from).collect();
                return Ok(Self { program: program.into(), arguments, origin: Origin::Variable(cc.clone()) });
            }
        }
        for name in NAMES {
            let directories = std::env::split_paths(&environment.path);
            let found = directories.map(|dir| dir.join(name)).find(|candidate| candidate.is_file());
            if let Some(program) = found {
                return Ok(Self { program, arguments: Vec::new(), origin: Origin::Path });
            }
        }
        Err(CompileError::machine(format!("no linker found: looked for {} on PATH", NAMES.join(", ")))
            .code(Code::Linker)
            .hint(INSTALL_HINT))
    }

    /// Starts to ask it for its target; `None` if nobody chose it. Errors: it cannot be run, or is no C
    /// compiler.
    pub fn ask_target(&self) -> Result<Option<Question>> {
        if self.origin == Origin::Path {
            return Ok(None);
        }
        if self.is_bare_linker() {
            let message = format!("{self} is a linker, and what links has to be a C compiler that calls one");
            let hint =
                "a C compiler knows where the C library is; it takes a linker as `CC=\"gcc -fuse-ld=lld\"`";
            return Err(CompileError::machine(message).code(Code::Linker).hint(hint));
        }
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).arg("-dumpmachine").process_group(0);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        match command.spawn() {
            Ok(child) => Ok(Some(Question { child })),
            Err(error) => Err(self.cannot_run(&error)),
        }
    }

    /// Holds what it answered against what we make. Errors: it makes something else.
    pub fn check_target(&self, triple: &str) -> Result<()> {
        let arch = triple.split('-').next().unwrap_or_default();
        if !triple.contains('-') {
            return Ok(());
        }
        let problem = if !TARGET.is_called(arch) || !triple.contains("linux") {
            format!("{self} compiles for {triple}, but the program is to be for {} Linux", TARGET.title)
        } else if triple.contains("android") || triple.ends_with("x32") {
            format!("{self} compiles for {triple}, but the runtime needs glibc")
        } else {
            return Ok(());
        };
        let hint = match arch.starts_with("wasm") {
            true => format!("it makes the input of wasm2native, not its output; {}", other_hint()),
            false => other_hint(),
        };
        Err(CompileError::machine(problem).code(Code::Linker).hint(hint))
    }

    /// Whether its C library is musl, as its own headers say.
    pub(super) fn has_musl(&self) -> bool {
        if self.program.to_string_lossy().contains("musl") {
            return true;
        }
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).arg("-print-file-name=libc.so").stdin(Stdio::null());
        let path = command.stderr(Stdio::null()).output().map(|output| output.stdout).unwrap_or_default();
        let path = String::from_utf8_lossy(&path).into_owned();
        // glibc's is a text that names other files; musl's is the library and the dynamic linker at once.
        path.contains("musl") || std::fs::read(path.trim()).is_ok_and(|bytes| bytes.starts_with(b"\x7fELF"))
    }

    /// Whether it is `ld` or the like.
    fn is_bare_linker(&self) -> bool {
        let name = self.program.file_name().unwrap_or_default().to_string_lossy();
        let base = name.split(['.', '-']).next().unwrap_or_default();
        ["ld", "ld64", "lld", "mold", "gold", "wild"].contains(&base) || name.starts_with("wasm-ld")
    }

    pub(super) fn cannot_run(&self, error: &std::io::Error) -> CompileError {
        let reason = plain_reason(error);
        let named = match self.origin {
            Origin::Variable(_) => format!("{} ({self})", self.program.display()),
            Origin::Option | Origin::Path => self.program.display().to_string(),
        };
        let cannot = CompileError::machine(format!("cannot run the linker {named}: {reason}"));
        let cannot = cannot.code(Code::Linker);
        match error.kind() {
            ErrorKind::NotFound | ErrorKind::PermissionDenied => cannot.hint(INSTALL_HINT),
            _ => cannot,
        }
    }
}

/// A C compiler that was asked for its target.
#[derive(Debug)]
pub struct Question {
    child: Child,
}

impl Question {
    /// Process group of who was asked.
    pub fn group(&self) -> u32 {
        self.child.id()
    }

    /// The triple that it answered; `None` if it knows no such question, or takes too long.
    pub fn answer(mut self) -> Option<String> {
        let deadline = Instant::now() + PATIENCE;
        while self.child.try_wait().ok()?.is_none() {
            if Instant::now() > deadline {
                self.end();
                return None;
            }
            std::thread::sleep(POLL_INTERVAL);
        }
        let output = self.child.wait_with_output().ok()?;
        let triple = String::from_utf8(output.stdout).ok()?.trim().to_owned();
        (output.status.success() && triple.lines().count() == 1).then_some(triple)
    }

    fn end(&mut self) {
        if let Some(group) = i32::try_from(self.group()).ok().and_then(Pid::from_raw) {
            // It may have ended just now.
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(program: &str) -> Linker {
        Linker { program: program.into(), arguments: Vec::new(), origin: Origin::Option }
    }

    #[test]
    fn other_targets_are_refused_and_unknown_answers_are_not() {
        let is_taken = |triple: &str| named("cc").check_target(triple).is_ok();
        assert!(
            ["x86_64-linux-gnu", "x86_64-pc-linux-gnu", "x86_64-redhat-linux", "12.2", ""]
                .map(is_taken)
                .iter()
                .all(|taken| *taken)
        );
        let others =
            ["wasm32-unknown-wasi", "aarch64-linux-gnu", "x86_64-w64-mingw32", "x86_64-linux-android"];
        assert!(!others.map(is_taken).iter().any(|taken| *taken));
    }

    #[test]
    fn linkers_are_told_from_compilers_by_their_names() {
        let is_bare = |program: &str| named(program).is_bare_linker();
        assert!(
            ["ld", "/usr/bin/ld.bfd", "ld.lld-22", "mold", "wasm-ld-22"]
                .map(is_bare)
                .iter()
                .all(|bare| *bare)
        );
        assert!(
            !["cc", "./killed", "clang-22", "goldcc", "x86_64-linux-gnu-gcc"]
                .map(is_bare)
                .iter()
                .any(|bare| *bare)
        );
    }
}
