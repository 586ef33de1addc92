//! Programs of `fixtures/policy` that say what they were given, built with some options and run with some
//! variables, in a directory of their own with `data/file`, `data/sub/inner` and `other/thing`.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::program::{Finished, build_c, compile, fixture, run};

/// A built program, and the directory that it is run in.
pub struct Program {
    dir: TempDir,
    executable: PathBuf,
}

impl Program {
    /// The fixture `name`, compiled with `options`. Paths in them are relative to the directory.
    pub fn new(name: &str, options: &[&str]) -> Self {
        Self::in_dir(TempDir::new().expect("a temporary directory"), name, options)
    }

    /// As [`Self::new`], in a directory that has more files.
    pub fn in_dir(dir: TempDir, name: &str, options: &[&str]) -> Self {
        for name in ["data/sub", "other"] {
            std::fs::create_dir_all(dir.path().join(name)).expect("making a directory");
        }
        for name in ["data/file", "data/sub/inner", "other/thing"] {
            std::fs::write(dir.path().join(name), "text").expect("writing a file");
        }
        let source = fixture("policy").join(name);
        let executable = dir.path().join("program");
        let mut module = source.clone();
        if name.ends_with(".c") {
            module = dir.path().join("guest.wasm");
            build_c(&source, &[], &module).unwrap_or_else(|reason| panic!("{reason}"));
        }
        compile(&module, &executable, options).unwrap_or_else(|reason| panic!("{reason}"));
        Self { dir, executable }
    }

    /// The directory.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// The program itself.
    pub fn executable(&self) -> &Path {
        &self.executable
    }

    /// The program as a command, in its directory.
    pub fn command(&self, variables: &[(&str, &str)]) -> Command {
        let mut command = Command::new(&self.executable);
        command.current_dir(self.dir.path()).envs(variables.iter().copied());
        command
    }

    /// How it ends with these variables.
    pub fn run(&self, variables: &[(&str, &str)]) -> Finished {
        run(&mut self.command(variables), b"").unwrap_or_else(|reason| panic!("{reason}"))
    }

    /// What `script` of the shell makes of it: it is `./program` in the working directory.
    pub fn shell(&self, script: &str) -> Finished {
        let mut shell = Command::new("sh");
        shell.args(["-c", script]).current_dir(self.dir.path());
        run(&mut shell, b"").unwrap_or_else(|reason| panic!("{reason}"))
    }

    /// What it prints with these variables; it must succeed.
    #[track_caller]
    pub fn prints(&self, variables: &[(&str, &str)]) -> String {
        let finished = self.run(variables);
        assert_eq!(finished.status, Some(0), "{}", String::from_utf8_lossy(&finished.stderr));
        String::from_utf8_lossy(&finished.stdout).into_owned()
    }

    /// It must be refused before it starts, with a message that has these words.
    #[track_caller]
    pub fn is_refused(&self, variables: &[(&str, &str)], words: &[&str]) {
        let finished = self.run(variables);
        let message = String::from_utf8_lossy(&finished.stderr);
        assert_eq!(finished.status, Some(1), "{message}");
        assert!(finished.stdout.is_empty(), "the guest ran");
        for word in words {
            assert!(message.contains(word), "no {word:?} in {message}");
        }
    }
}
