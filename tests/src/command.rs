//! The compiler run from outside, in a directory of its own. What a test leaves there is looked at: after
//! a failure nothing but the input may be.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

use crate::program::compiler;

/// A directory of its own and the compiler, run in it.
pub struct Bench {
    dir: TempDir,
}

impl Bench {
    /// A directory with `app.wat` in it.
    pub fn new(wat: &str) -> Self {
        let bench = Self { dir: tempfile::tempdir().expect("a temporary directory") };
        bench.write("app.wat", wat.as_bytes());
        bench
    }

    /// A directory with these files, by name and content.
    pub fn of(files: &[(&str, &str)]) -> Self {
        let bench = Self { dir: tempfile::tempdir().expect("a temporary directory") };
        for (name, content) in files {
            bench.write(name, content.as_bytes());
        }
        bench
    }

    /// Runs a tool of the system in the directory; what it says on standard output.
    #[track_caller]
    pub fn tool(&self, name: &str, arguments: &[&str]) -> String {
        let output = Command::new(name).args(arguments).current_dir(self.dir()).output().expect(name);
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Runs a program that is in the directory, and holds its exit status; what it says on standard output.
    #[track_caller]
    pub fn answers(&self, program: &str, status: i32) -> String {
        let mut command = Command::new(self.path(program));
        let output = command.env("LD_LIBRARY_PATH", self.dir()).output().expect("the program runs");
        assert_eq!(output.status.code(), Some(status), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// The directory.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Runs a shell command with a terminal as its standard streams: all that it writes there.
    #[track_caller]
    pub fn on_terminal(&self, command: &str) -> String {
        // script(1) of util-linux; it would log to a file without `/dev/null`.
        let mut script = Command::new("script");
        script.args(["-qec", command, "/dev/null"]).current_dir(self.dir()).env("TERM", "xterm");
        let output = script.env_remove("NO_COLOR").stdin(Stdio::null()).output().expect("script runs");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Where a file of that name is.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Makes a file.
    pub fn write(&self, name: &str, bytes: &[u8]) {
        fs::write(self.path(name), bytes).expect("a file can be written");
    }

    /// The compiler with these arguments, ready to run in the directory.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(compiler());
        command
            .current_dir(self.dir.path())
            .args(arguments)
            .env_remove("CC")
            .env_remove("WASM2NATIVE_RT_DIR");
        command.stdin(Stdio::null());
        command
    }

    /// Runs the compiler.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("the compiler runs")
    }

    /// Names of all files, hidden ones too.
    pub fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.dir.path()).expect("a readable directory");
        let mut names: Vec<String> = entries
            .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    /// Runs, and holds status, text on standard error and that only the input is left.
    #[track_caller]
    pub fn fails(&self, arguments: &[&str], status: i32, texts: &[&str]) -> String {
        let before = self.files();
        let output = self.run(arguments);
        let said = holds(&output, status, texts);
        assert_eq!(self.files(), before, "a file was left behind");
        said
    }

    /// Runs, and holds that it works.
    #[track_caller]
    pub fn succeeds(&self, arguments: &[&str]) -> Output {
        let output = self.run(arguments);
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        output
    }
}

/// Holds the exit status and texts on standard error, all of which is answered. The compiler never panics.
#[track_caller]
pub fn holds(output: &Output, status: i32, texts: &[&str]) -> String {
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(status), "{said}");
    for text in texts {
        assert!(said.contains(text), "no `{text}` in:\n{said}");
    }
    assert!(!said.contains("panicked"), "{said}");
    said
}
