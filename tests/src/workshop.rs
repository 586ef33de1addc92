//! A directory in which a test makes plugins, and hosts that use them.
//!
//! The rule: hosts are compiled with the public header and nothing else of ours, and without a warning.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::program::{Finished, compile, fixture, run};

/// The directory, and the fixtures that things are made of.
#[derive(Debug)]
pub struct Workshop {
    dir: TempDir,
    fixtures: PathBuf,
}

impl Workshop {
    /// For `fixtures/<fixtures>`.
    pub fn new(fixtures: &str) -> Self {
        let dir = tempfile::tempdir().unwrap_or_else(|error| panic!("no directory: {error}"));
        Self { dir, fixtures: fixture(fixtures) }
    }

    /// Compiles `<module>.wat` to `<name>.so`.
    pub fn plugin(&self, module: &str, name: &str, options: &[&str]) -> PathBuf {
        let source = self.dir.path().join(name).with_extension("wat");
        let original = self.fixtures.join(module).with_extension("wat");
        fs::copy(&original, &source).unwrap_or_else(|error| panic!("{}: {error}", original.display()));
        let plugin = source.with_extension("so");
        compile(&source, &plugin, &[&["-shared"], options].concat())
            .unwrap_or_else(|reason| panic!("{reason}"));
        plugin
    }

    /// Compiles a host.
    pub fn host(&self, source: &str, options: &[&OsStr]) -> PathBuf {
        let (compiler, standard) = match source.ends_with(".cpp") {
            true => ("c++", "-std=c++17"),
            false => ("cc", "-std=c99"),
        };
        let host = self.dir.path().join(source.replace('.', "_"));
        let include = Path::new(env!("CARGO_MANIFEST_DIR")).join("../rt/include");
        let mut command = Command::new(compiler);
        command.args([standard, "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-O1", "-pthread", "-I"]);
        command.arg(include).arg("-o").arg(&host).arg(self.fixtures.join(source)).args(options);
        let output = command.arg("-ldl").output().unwrap_or_else(|error| panic!("{compiler}: {error}"));
        assert!(output.status.success(), "{source}: {}", String::from_utf8_lossy(&output.stderr));
        host
    }
}

/// The command answers 0 and prints "ok".
#[track_caller]
pub fn says_ok(command: &mut Command) {
    let finished = run(command, b"").unwrap_or_else(|reason| panic!("{reason}"));
    assert!(finished.status == Some(0) && finished.stdout == b"ok\n", "{command:?}: {}", shown(&finished));
}

/// How a command ended, for a message.
pub fn shown(finished: &Finished) -> String {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    format!("status {:?}, {}{}", finished.status, text(&finished.stdout), text(&finished.stderr))
}
