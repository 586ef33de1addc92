//! Start-up and size of the smallest programs: what the runtime costs before anything runs.
//!
//! The rule: whole processes on the wall, from spawn to exit, interleaved.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use w2n_tests::corpus::run_to_end;
use w2n_tests::program::compile;

use crate::build::{Output, output};
use crate::measure::median;

const RUNS: usize = 201;

const C_HELLO: &str = "#include <stdio.h>\nint main(void) { puts(\"hello\"); return 0; }\n";
/// Does nothing, and imports nothing.
const BARE: &str = r#"(module (func (export "_start")))"#;

/// The smallest program of one kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Startup {
    /// What it is.
    pub name: String,
    /// Median of spawn to exit, in nanoseconds.
    pub time_ns: u64,
    /// Size of the stripped executable.
    pub size_bytes: u64,
}

/// Builds and runs them all.
pub fn measure(dir: &Path) -> Result<Vec<Startup>, String> {
    let write = |name: &str, text: &str| {
        let path = dir.join(name);
        std::fs::write(&path, text).map(|()| path).map_err(|error| error.to_string())
    };
    let source = write("hello.c", C_HELLO)?;
    let bare = write("bare.wat", BARE)?;
    let module = dir.join("hello.wasm");
    let clang = |options: &[&str], out: &Path| {
        run_to_end(
            Command::new("clang-22").args(["-O2", "-s", "-w"]).args(options).arg(&source).arg("-o").arg(out),
        )
        .map(drop)
    };
    clang(&["--target=wasm32-wasi", "--no-wasm-opt"], &module)?;
    let ours = |module: &Path, out: &Path| {
        compile(module, out, &["-O2"])?;
        run_to_end(Command::new("strip").arg(out)).map(drop)
    };
    let programs = [
        ("C hello, dynamic", output(dir.join("hello.dynamic"), |out| clang(&[], out))?),
        ("C hello, static", output(dir.join("hello.static"), |out| clang(&["-static"], out))?),
        ("wasm2native, no WASI", output(dir.join("bare.ours"), |out| ours(&bare, out))?),
        ("wasm2native, WASI hello", output(dir.join("hello.ours"), |out| ours(&module, out))?),
    ];
    let mut times = vec![Vec::new(); programs.len()];
    for _ in 0..RUNS {
        for ((name, program), times) in programs.iter().zip(&mut times) {
            times.push(spawn(program).map_err(|why| format!("{name}: {why}"))?);
        }
    }
    let startup = |((name, program), times): ((&str, Output), _)| Startup {
        name: name.to_owned(),
        time_ns: median(times).as_nanos() as u64,
        size_bytes: program.size_bytes,
    };
    Ok(programs.into_iter().zip(times).map(startup).collect())
}

fn spawn(program: &Output) -> Result<Duration, String> {
    let start = Instant::now();
    let status = Command::new(&program.path).stdout(Stdio::null()).env_clear().status();
    let elapsed = start.elapsed();
    match status {
        Ok(status) if status.success() => Ok(elapsed),
        other => Err(format!("{other:?}")),
    }
}
