//! Builds a program three ways: natively, as Wasm and from that by the product, and for the second engine.
//!
//! The rule: the same sources and options on both sides, at -O3, without contraction of floating-point
//! operations, which Wasm does not allow.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use w2n_tests::corpus::{run_to_end, second_engine};
use w2n_tests::program::compile;

use crate::LEVELS;
use crate::source::Program;

/// A file that some compiler made.
#[derive(Debug)]
pub struct Output {
    /// The executable, or the second engine's code.
    pub path: PathBuf,
    /// How long the compiler took, on the wall.
    pub compile_time: Duration,
    /// Size of the file.
    pub size_bytes: u64,
}

/// Everything built of one program.
#[derive(Debug)]
pub struct Built {
    /// Its name.
    pub name: String,
    /// The Wasm module.
    pub module: Output,
    /// By clang-22 -O3, for the same processor as the product's.
    pub native: Output,
    /// By the product, one per [`LEVELS`].
    pub ours: Vec<Output>,
    /// By the second engine.
    pub other: Output,
}

impl Built {
    /// Builds `program` in `dir` for the processor `march`.
    pub fn new(program: &Program, march: &str, dir: &Path) -> Result<Self, String> {
        let march = format!("-march={march}");
        let path = |extension: &str| dir.join(format!("{}.{extension}", program.name));
        let native = output(path("native"), |out| clang(program, &native_options(&march), out))?;
        let module = output(path("wasm"), |out| clang(program, &wasm_options(program), out))?;
        let ours = LEVELS
            .iter()
            .map(|level| output(path(&level[1..]), |out| compile(&module.path, out, &["-O3", &march, level])))
            .collect::<Result<_, _>>()?;
        let other = output(path("other"), |out| {
            run_to_end(second_engine("compile")?.arg(&module.path).arg(out)).map(drop)
        })?;
        Ok(Self { name: program.name.clone(), module, native, ours, other })
    }
}

/// Options for native code.
pub fn native_options(march: &str) -> Vec<&str> {
    vec!["-no-pie", march]
}

/// Options for Wasm. QuickJS wants a large stack.
pub fn wasm_options(program: &Program) -> Vec<&str> {
    let mut options =
        vec!["--target=wasm32-wasi", "--no-wasm-opt", "-Wl,--strip-all", "-Wl,-z,stack-size=1048576"];
    options.extend(program.wasm_options);
    options
}

/// Compiles C to `out`; `target` are the options that differ between native code and Wasm.
pub fn clang(program: &Program, target: &[&str], out: &Path) -> Result<(), String> {
    let mut clang = Command::new("clang-22");
    clang.args(["-O3", "-ffp-contract=off", "-w", "-s"]).args(target).args(&program.options);
    run_to_end(clang.args(&program.sources).arg("-lm").arg("-o").arg(out)).map(drop)
}

/// Makes the file at `path` and takes the time.
pub fn output(path: PathBuf, make: impl FnOnce(&Path) -> Result<(), String>) -> Result<Output, String> {
    let start = Instant::now();
    make(&path)?;
    let compile_time = start.elapsed();
    let size_bytes = std::fs::metadata(&path).map_err(|error| format!("{}: {error}", path.display()))?.len();
    Ok(Output { path, compile_time, size_bytes })
}
