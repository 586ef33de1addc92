//! Builds a program for every engine.
//!
//! The rule: the same sources and options on all sides, at -O3, without contraction of floating-point
//! operations, which Wasm does not allow. Only builds that nobody times run side by side.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use w2n_tests::corpus::run_to_end;
use w2n_tests::program::compile;

use crate::engine::Engine;
use crate::parallel::for_each_in_parallel;
use crate::peers::{Wasm2c, compile_with_wasmtime};
use crate::progress::Progress;
use crate::source::Program;

/// A file that some compiler made.
#[derive(Debug)]
pub struct Output {
    /// The executable, or wasmtime's code.
    pub path: PathBuf,
    /// How long the compiler took, on the wall.
    pub compile_time: Duration,
    /// Size of the file.
    pub size_bytes: u64,
}

/// Whether programs ask for the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// They time themselves.
    Read,
    /// They do not, since valgrind shows no vDSO.
    Absent,
}

/// Where and for what processor programs are built.
pub struct Workshop {
    dir: PathBuf,
    march: String,
    clock: Clock,
    wasm2c: Wasm2c,
}

/// What the other builds start from, or are compared with.
#[derive(Clone, Copy, Debug)]
enum Input {
    Native,
    Module,
}

impl Workshop {
    /// Builds go to `dir`, for the processor `march`.
    pub fn new(dir: &Path, march: &str, clock: Clock) -> Result<Self, String> {
        std::fs::create_dir_all(dir).map_err(|error| format!("{}: {error}", dir.display()))?;
        let march = format!("-march={march}");
        let wasm2c = Wasm2c::new(dir, &march)?;
        Ok(Self { dir: dir.to_owned(), march, clock, wasm2c })
    }

    /// Builds native code and the modules of `programs` on all processors.
    pub fn build_inputs(&self, programs: &[&Program], progress: &Progress) -> Result<(), String> {
        let inputs: Vec<_> = self.inputs(programs).into_iter().collect();
        let build = |(path, (program, input)): &(PathBuf, (&Program, Input))| {
            progress.say(&format!("clang: {} {input:?}", program.name));
            match input {
                Input::Native => self.clang(program, &["-no-pie", &self.march], path),
                Input::Module => self.clang(program, &wasm_options(program), path),
            }
        };
        for_each_in_parallel(&inputs, build)
    }

    /// How many steps [`Self::build_inputs`] has.
    pub fn input_count(&self, programs: &[&Program]) -> usize {
        self.inputs(programs).len()
    }

    /// By path, since two programs of one source share their native code.
    fn inputs<'p>(&self, programs: &[&'p Program]) -> BTreeMap<PathBuf, (&'p Program, Input)> {
        let of_program = |program: &&'p Program| {
            let native = (self.native(program), (*program, Input::Native));
            [native, (self.module(program), (*program, Input::Module))]
        };
        programs.iter().flat_map(of_program).collect()
    }

    /// The native executable of `program`, once it is built.
    pub fn native(&self, program: &Program) -> PathBuf {
        self.dir.join(format!("{}.native", program.source))
    }

    /// The Wasm module of `program`, once it is built.
    pub fn module(&self, program: &Program) -> PathBuf {
        self.dir.join(format!("{}.wasm", program.name))
    }

    /// What `engine` makes of the module of `program`.
    pub fn compile(&self, engine: Engine, program: &Program) -> Result<Output, String> {
        let module = self.module(program);
        let path = self.dir.join(format!("{}.{}", program.name, engine.short()));
        let output = output(path, |out| match engine {
            Engine::Native => unreachable!("native code is not made of a module"),
            Engine::Ours(level) => compile(&module, out, &["-O3", &self.march, level]),
            Engine::Wasmtime => compile_with_wasmtime(&module, out),
            Engine::Wasm2c => self.wasm2c.compile(&module, &self.march, out),
        });
        output.map_err(|reason| format!("{} for {}: {reason}", program.name, engine.key()))
    }

    /// Compiles C to `out`; `target` are the options that differ between native code and Wasm.
    fn clang(&self, program: &Program, target: &[&str], out: &Path) -> Result<(), String> {
        let mut clang = optimising_clang();
        clang.arg("-s").args(target).args(&program.options);
        if self.clock == Clock::Absent {
            clang.arg("-DBENCH_NO_CLOCK");
        }
        run_to_end(clang.args(&program.sources).arg("-lm").arg("-o").arg(out)).map(drop)
    }
}

/// clang-22 with the options that are the same for everything it compiles.
pub fn optimising_clang() -> Command {
    let mut clang = Command::new("clang-22");
    clang.args(["-O3", "-ffp-contract=off", "-w"]);
    clang
}

/// Options for Wasm. QuickJS wants a large stack.
fn wasm_options(program: &Program) -> Vec<&str> {
    let mut options =
        vec!["--target=wasm32-wasi", "--no-wasm-opt", "-Wl,--strip-all", "-Wl,-z,stack-size=1048576"];
    options.extend(&program.wasm_options);
    options
}

/// Makes the file at `path` and takes the time.
pub fn output(path: PathBuf, make: impl FnOnce(&Path) -> Result<(), String>) -> Result<Output, String> {
    let start = Instant::now();
    make(&path)?;
    let compile_time = start.elapsed();
    let size_bytes = size_bytes(&path)?;
    Ok(Output { path, compile_time, size_bytes })
}

/// Size of the file at `path`.
pub fn size_bytes(path: &Path) -> Result<u64, String> {
    std::fs::metadata(path).map(|file| file.len()).map_err(|error| format!("{}: {error}", path.display()))
}
