//! Compiles programs, runs them, and compares what they print.
//!
//! The rule: what native code prints is right, for the programs do nothing that C leaves open.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use w2n_tests::program;

use crate::csmith;
use crate::setup::Guest;

/// What each kernel printed.
pub type Hashes = BTreeMap<u32, String>;

/// Seconds of processor time after which a compiler or a program hangs.
const CPU_SECONDS: u32 = 60;

/// Seconds after which a native program is not worth it: ours runs in a few milliseconds.
const NATIVE_CPU_SECONDS: u32 = 2;

/// Where Debian has the headers of csmith's programs.
const CSMITH_HEADERS: [&str; 2] = ["-isystem", "/usr/include/csmith"];

/// A module of more is made again without forced unrolling.
const MAX_MODULE_BYTES: u64 = 120_000;

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Our compiler or its output ended otherwise than it should: what was seen.
    Ended(String),
    /// These kernels printed something else.
    Different(Vec<u32>),
}

/// Runs a command with a limit of processor time; what it printed. Errors say how it ended.
pub fn run(command: &mut Command) -> Result<String, String> {
    run_for(CPU_SECONDS, command)
}

fn run_for(cpu_seconds: u32, command: &mut Command) -> Result<String, String> {
    let mut limited = Command::new("sh");
    limited.args(["-c", &format!("ulimit -t {cpu_seconds}; exec \"$@\""), "sh"]);
    limited.arg(command.get_program()).args(command.get_args());
    if let Some(dir) = command.get_current_dir() {
        limited.current_dir(dir);
    }
    let output = limited.output().map_err(|error| format!("{:?}: {error}", command.get_program()))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    let said: Vec<&str> = stderr.lines().take(12).collect();
    Err(format!("{command:?}: {}\n{}", output.status, said.join("\n")))
}

fn parse(output: &str) -> Hashes {
    let kernel = |line: &str| {
        let (number, hash) = line.split_once(' ')?;
        Some((number.parse().ok()?, hash.to_owned()))
    };
    output.lines().filter_map(|line| kernel(line).or_else(|| csmith::checksum(line))).collect()
}

/// Runs `source` natively in `dir`. Errors: it is no program, which is a fault of the generator.
pub fn native(dir: &Path, source: &str) -> Result<Hashes, String> {
    let (path, executable) = (dir.join("program.c"), dir.join("native"));
    std::fs::write(&path, source).map_err(|error| format!("{}: {error}", path.display()))?;
    let mut clang = Command::new("clang-22");
    clang.args(["-O0", "-ffp-contract=off", "-fno-math-errno", "-w"]).args(CSMITH_HEADERS);
    run(clang.arg(&path).arg("-o").arg(&executable).arg("-lm"))?;
    Ok(parse(&run_for(NATIVE_CPU_SECONDS, &mut Command::new(executable))?))
}

/// Runs `source` in `dir` with every check of undefined behaviour that gcc has. Errors: what one of them said.
pub fn checked(dir: &Path, source: &str) -> Result<Hashes, String> {
    let (path, executable) = (dir.join("checked.c"), dir.join("checked"));
    std::fs::write(&path, source).map_err(|error| format!("{}: {error}", path.display()))?;
    let mut gcc = Command::new("gcc");
    gcc.args(["-O0", "-ffp-contract=off", "-fno-math-errno", "-w"]);
    gcc.args(["-fsanitize=undefined,address", "-fno-sanitize-recover=all"]);
    run(gcc.arg(&path).arg("-o").arg(&executable).arg("-lm"))?;
    Ok(parse(&run(&mut Command::new(executable))?))
}

/// Makes Wasm of what [`native`] wrote to `dir`. Errors: clang's.
pub fn guest(dir: &Path, guest: &Guest) -> Result<PathBuf, String> {
    let module = dir.join("program.wasm");
    let compile = |options: &[&str]| {
        let mut clang = Command::new("clang-22");
        clang.args(["--target=wasm32-wasi", "--no-wasm-opt", "-ffp-contract=off", "-fno-math-errno", "-w"]);
        run(clang.args(CSMITH_HEADERS).args(options).arg(dir.join("program.c")).arg("-o").arg(&module))
    };
    compile(&guest.options)?;
    let size = std::fs::metadata(&module).map_err(|error| format!("{}: {error}", module.display()))?.len();
    if size > MAX_MODULE_BYTES {
        // Unrolling of nests in nests: as many more kernels are worth more.
        compile(&guest.options[..1])?;
    }
    Ok(module)
}

/// Holds a guest with wide arithmetic to what our unoptimised code prints where that is not what native code does:
/// clang 22 compiles some loops of 128-bit numbers wrongly for it, as other engines show, too. Answers how many
/// kernels that are; what fails altogether is left to [`ours`].
pub fn forgive_wide_arithmetic(dir: &Path, module: &Path, expected: &mut Hashes) -> u64 {
    let Ok(printed) = printed(dir, module, &["-O0"]) else { return 0 };
    let mut forgiven = 0;
    for (number, hash) in expected.iter_mut() {
        if let Some(ours) = printed.get(number).filter(|ours| *ours != hash) {
            hash.clone_from(ours);
            forgiven += 1;
        }
    }
    forgiven
}

/// Compiles `module` with ours and runs it: what it prints.
fn printed(dir: &Path, module: &Path, options: &[&str]) -> Result<Hashes, Failure> {
    let executable = dir.join("ours");
    let mut compiler = Command::new(program::compiler());
    compiler.args(options).args(["-j", "1"]).arg(module).arg("-o").arg(&executable);
    run(&mut compiler).map_err(Failure::Ended)?;
    Ok(parse(&run(&mut Command::new(executable)).map_err(Failure::Ended)?))
}

/// Compiles `module` with ours and runs it, expecting `expected`.
pub fn ours(dir: &Path, module: &Path, options: &[&str], expected: &Hashes) -> Result<(), Failure> {
    let printed = printed(dir, module, options)?;
    let differs = |(number, hash): (&u32, &String)| (printed.get(number) != Some(hash)).then_some(*number);
    let different: Vec<u32> = expected.iter().filter_map(differs).collect();
    if different.is_empty() { Ok(()) } else { Err(Failure::Different(different)) }
}
