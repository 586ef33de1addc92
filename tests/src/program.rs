//! Programs as a user has them: made by somebody's toolchain, compiled by the product, run as processes.
//!
//! The rule: nothing is judged here. A build or a run gives its output, or says in words why it could
//! not be had; tests compare.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::corpus::{self, run_to_end};

/// What a fixture's first comment says: how to run it, and what must come out.
#[derive(Debug, Default)]
pub struct Script {
    /// `args:`, split at blanks outside double quotes.
    pub args: Vec<String>,
    /// `env:` lines, `K=V`.
    pub env: Vec<String>,
    /// `dir: yes`: an empty directory is granted as `/`.
    pub wants_dir: bool,
    /// `stdin:` lines.
    pub stdin: String,
    /// `exit:`
    pub exit_status: i32,
    /// `stdout:` lines: all of it.
    pub stdout: String,
    /// `stderr:` lines: all of it, unless there are none.
    pub stderr: String,
    /// `stderr~:` what standard error must contain.
    pub stderr_contains: Vec<String>,
}

impl Script {
    /// Reads the directives of the fixture at `path`, which must say what comes out.
    pub fn read(path: &Path) -> Result<Self, String> {
        let script = Self::directives(path)?;
        match script.stdout.is_empty() {
            true => Err(format!("{} says nothing about its output", path.display())),
            false => Ok(script),
        }
    }

    /// Reads the directives of the fixture at `path`.
    pub fn directives(path: &Path) -> Result<Self, String> {
        let source = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let mut script = Self::default();
        for line in source.lines().map_while(|line| line.strip_prefix("//")) {
            let Some((key, value)) = line.trim_start().split_once(": ") else { continue };
            match key {
                "args" => script.args = split_quoted(value),
                "env" => script.env.push(value.to_owned()),
                "dir" => script.wants_dir = value == "yes",
                "stdin" => script.stdin += &format!("{value}\n"),
                "exit" => script.exit_status = value.parse().map_err(|_| format!("exit: {value}"))?,
                "stdout" => script.stdout += &format!("{value}\n"),
                "stderr" => script.stderr += &format!("{value}\n"),
                "stderr~" => script.stderr_contains.push(value.to_owned()),
                _ => {}
            }
        }
        Ok(script)
    }

    /// Runs `executable` as the script says; `scratch` is the directory to grant.
    pub fn run(&self, executable: &Path, scratch: &Path) -> Result<Finished, String> {
        let mut command = Command::new(executable);
        command.args(&self.args);
        if !self.env.is_empty() {
            command.env("W2N_ENV", self.env.join(","));
        }
        if self.wants_dir {
            command.env("W2N_DIR", format!("{}::/", scratch.display()));
        }
        run(&mut command, self.stdin.as_bytes())
    }

    /// What of `finished` is not as the script says; `None` when all is.
    pub fn difference(&self, finished: &Finished) -> Option<String> {
        let stderr = String::from_utf8_lossy(&finished.stderr);
        let stdout = String::from_utf8_lossy(&finished.stdout);
        let stderr_differs = !self.stderr.is_empty() && stderr != self.stderr;
        let lacks = self.stderr_contains.iter().find(|part| !stderr.contains(part.as_str()));
        let same = finished.status == Some(self.exit_status) && stdout == self.stdout;
        (!same || stderr_differs || lacks.is_some()).then(|| {
            format!(
                "status {:?}, expected {}; standard output:\n{stdout}expected:\n{}standard error:\n{stderr}\
                 expected: {}{:?}",
                finished.status, self.exit_status, self.stdout, self.stderr, self.stderr_contains
            )
        })
    }
}

fn split_quoted(text: &str) -> Vec<String> {
    let (mut words, mut quoted) = (vec![String::new()], false);
    for character in text.chars() {
        match character {
            '"' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            _ => words.last_mut().expect("starts with one word").push(character),
        }
    }
    words
}

/// How a process ended.
#[derive(Debug)]
pub struct Finished {
    /// Exit status; `None` when a signal ended it.
    pub status: Option<i32>,
    /// Bytes it wrote to standard output.
    pub stdout: Vec<u8>,
    /// Bytes it wrote to standard error.
    pub stderr: Vec<u8>,
}

/// Seconds after which a program hangs, as far as a test is concerned.
const TIMEOUT_SECONDS: &str = "120";

/// Runs `command` with `stdin`, and an environment of nothing but what the command sets.
pub fn run(command: &mut Command, stdin: &[u8]) -> Result<Finished, String> {
    let mut input = tempfile::tempfile().map_err(|error| error.to_string())?;
    input.write_all(stdin).map_err(|error| error.to_string())?;
    std::io::Seek::rewind(&mut input).map_err(|error| error.to_string())?;
    run_with(command, input)
}

fn run_with(command: &mut Command, stdin: File) -> Result<Finished, String> {
    // timeout(1) of coreutils: a hanging program must not hang the tests.
    let mut limited = Command::new("timeout");
    limited.arg(TIMEOUT_SECONDS).arg(command.get_program()).args(command.get_args());
    for (key, value) in command.get_envs() {
        match value {
            Some(value) => limited.env(key, value),
            None => limited.env_remove(key),
        };
    }
    if let Some(dir) = command.get_current_dir() {
        limited.current_dir(dir);
    }
    let output = limited.stdin(Stdio::from(stdin)).output();
    let output = output.map_err(|error| format!("{:?}: {error}", command.get_program()))?;
    Ok(Finished { status: output.status.code(), stdout: output.stdout, stderr: output.stderr })
}

/// Path of a fixture.
pub fn fixture(relative: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures").join(relative)
}

/// The compiler under test: `WASM2NATIVE`, or the one that cargo built beside this program.
pub fn compiler() -> PathBuf {
    if let Some(path) = std::env::var_os("WASM2NATIVE") {
        return path.into();
    }
    let test = std::env::current_exe().expect("the running program has a path");
    let profile_dir = test.parent().and_then(Path::parent).expect("target/PROFILE/deps/TEST");
    profile_dir.join("wasm2native")
}

/// Compiles `module` to `output` with the product.
pub fn compile(module: &Path, output: &Path, options: &[&str]) -> Result<(), String> {
    let compiler = compiler();
    if !compiler.exists() {
        return Err(format!("{} is not there: run `make build` first", compiler.display()));
    }
    run_to_end(Command::new(compiler).args(options).arg(module).arg("-o").arg(output)).map(drop)
}

/// Makes a WASI command of the program at `source`, by the toolchain of its extension, in `dir`.
pub fn build_guest(source: &Path, dir: &Path) -> Result<PathBuf, String> {
    let output = dir.join(source.file_stem().expect("fixtures have names")).with_extension("wasm");
    match source.extension().and_then(|ext| ext.to_str()) {
        Some("c") => build_c(source, &[], &output)?,
        Some("cpp") => clang("clang++-22", &["-std=c++20", "-fno-exceptions"], source, &output)?,
        Some("go") => go(source, &output)?,
        Some("rs") => rust(source, dir, &output)?,
        _ => return Err(format!("no toolchain for {}", source.display())),
    }
    Ok(output)
}

/// Makes a WASI command of the C program at `source`, with more `options` for the compiler.
pub fn build_c(source: &Path, options: &[&str], output: &Path) -> Result<(), String> {
    clang("clang-22", options, source, output)
}

fn clang(driver: &str, options: &[&str], source: &Path, output: &Path) -> Result<(), String> {
    let mut clang = Command::new(driver);
    // The old name of the target is the one that Debian's wasi-libc is installed under, and a wasm-opt
    // that happens to be on PATH must not take part.
    clang.args(["-Wno-deprecated", "--target=wasm32-wasi", "--no-wasm-opt", "-O2"]).args(options);
    run_to_end(clang.arg(source).arg("-o").arg(output)).map(drop)
}

fn go(source: &Path, output: &Path) -> Result<(), String> {
    let go = corpus::fetch(&corpus::GO, "go/bin/go")?;
    let root = go.parent().and_then(Path::parent).expect("go/bin/go");
    let mut build = Command::new(&go);
    build
        .env("GOROOT", root)
        .env("GOCACHE", corpus::cache_dir().join("go-build"))
        .env("GOTOOLCHAIN", "local");
    build.env("GO111MODULE", "off").env("GOOS", "wasip1").env("GOARCH", "wasm").env_remove("GOFLAGS");
    run_to_end(build.arg("build").arg("-o").arg(output).arg(source)).map(drop)
}

/// Debian's rustc-web has no compiled standard library for WASI, but brings the sources of one.
fn rust(source: &Path, dir: &Path, output: &Path) -> Result<(), String> {
    let write = |name: &str, text: &str| {
        std::fs::write(dir.join(name), text).map_err(|error| format!("{name}: {error}"))
    };
    let manifest = format!(
        "[package]\nname = \"guest\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[workspace]\n\
         [[bin]]\nname = \"guest\"\npath = \"{}\"\n[profile.release]\npanic = \"abort\"\n",
        source.canonicalize().map_err(|error| error.to_string())?.display()
    );
    write("Cargo.toml", &manifest)?;
    write("link.sh", RUST_LINKER)?;
    let linker = dir.join("link.sh");
    run_to_end(Command::new("chmod").arg("+x").arg(&linker))?;

    let target_dir = corpus::cache_dir().join("rust-build");
    let mut cargo = Command::new("cargo");
    cargo.current_dir(dir).env("RUSTC", "/usr/bin/rustc").env("RUSTC_BOOTSTRAP", "1");
    // What cargo set for this test is not meant for the program.
    for inherited in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "RUSTC_WRAPPER"] {
        cargo.env_remove(inherited);
    }
    cargo.env("CARGO_TARGET_WASM32_WASIP1_LINKER", &linker);
    cargo.args(["build", "--quiet", "--release", "--target=wasm32-wasip1", "-Zbuild-std=std,panic_abort"]);
    run_to_end(cargo.arg("--target-dir").arg(&target_dir))?;
    let built = target_dir.join("wasm32-wasip1/release/guest.wasm");
    std::fs::copy(&built, output).map(drop).map_err(|error| format!("{}: {error}", built.display()))
}

/// rustc names a crt1-command.o that rustc-web does not bring; wasi-libc does.
const RUST_LINKER: &str = r#"#!/bin/sh
libc=/usr/lib/wasm32-wasi
count=$#
while [ "$count" -gt 0 ]; do
    case "$1" in
    *crt1-command.o) set -- "$@" "$libc/crt1-command.o" ;;
    *) set -- "$@" "$1" ;;
    esac
    shift
    count=$((count - 1))
done
exec wasm-ld-22 "$@" "-L$libc"
"#;
