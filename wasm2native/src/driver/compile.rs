//! Compiles the units of a module, several at a time. Each thread holds one LLVM module; objects go to
//! files, so memory is bounded by the number of threads and the size of a unit.

use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use inkwell::context::Context;
use inkwell::targets::TargetMachine;

use super::console::Console;
use super::progress::{Progress, Work};
use super::timing::{Phase, Timing};
use crate::backend::diagnostics::{Diagnostics, Remark, discard_value_names};
use crate::backend::object::{Artifact, expose_functions, generate, strip_debug_info};
use crate::backend::optimise::optimise;
use crate::backend::pc_map::{self, Bodies, MappedFunc};
use crate::backend::target::TargetSpec;
use crate::emit::{EmitSettings, Unit, emit_unit};
use crate::error::{CompileError, Result, plain_reason};
use crate::options::DebugInfo;
use crate::wasm::{FuncIndex, Module};

/// LLVM recurses over expressions and blocks as deep as the module has them. Only what is used of it
/// is ever backed by memory.
const STACK_SIZE_BYTES: usize = 256 << 20;

/// What all units are compiled with.
#[derive(Clone, Copy)]
pub struct UnitJob<'a> {
    /// The Wasm module.
    pub module: &'a Module<'a>,
    /// How IR is made.
    pub settings: &'a EmitSettings<'a>,
    /// The machine to compile for.
    pub target: &'a TargetSpec,
    /// Where time is counted.
    pub timing: &'a Timing,
    /// Where progress is shown.
    pub progress: &'a Progress,
    /// Where remarks go.
    pub console: &'a Console,
}

/// Compiles `unit`, which is the whole module, to text or bitcode.
pub fn compile_to_bytes(job: &UnitJob<'_>, unit: &Unit, artifact: Artifact) -> Result<Vec<u8>> {
    let results = in_threads(job, 1, std::slice::from_ref(unit), |unit, machine| {
        compile(job, unit, machine, artifact)
    })?;
    Ok(results.into_iter().flatten().collect())
}

/// Compiles `units` in `jobs` threads to object files in `directory`, and adds one with the pc map.
/// The answer is in the order of `units`.
pub fn compile_objects(
    job: &UnitJob<'_>,
    units: &[Unit],
    jobs: usize,
    directory: &Path,
) -> Result<Vec<PathBuf>> {
    let results = in_threads(job, jobs, units, |unit, machine| {
        let bytes = compile(job, unit, machine, Artifact::Object)?;
        let funcs = match job.settings.code.debug_info {
            DebugInfo::None => Vec::new(),
            _ => job.timing.measure(Phase::PcMap, || pc_map::read_funcs(&bytes, job.settings.prefix))?,
        };
        let path = write_object(directory, &format!("unit-{}.o", unit.index), &bytes)?;
        Ok((path, funcs))
    })?;
    let (mut objects, funcs): (Vec<PathBuf>, Vec<Vec<MappedFunc>>) = results.into_iter().unzip();
    if job.settings.code.debug_info != DebugInfo::None {
        let funcs: Vec<MappedFunc> = funcs.into_iter().flatten().collect();
        let write = || pc_map::write_object(job.settings.prefix, &funcs, &bodies(job.module));
        let bytes = job.timing.measure(Phase::PcMap, write)?;
        objects.push(write_object(directory, "pc_map.o", &bytes)?);
    }
    Ok(objects)
}

fn bodies(module: &Module<'_>) -> Bodies {
    Bodies {
        first_func: module.imported_func_count,
        starts: module.bodies.iter().map(|body| body.range().start as u32).collect(),
        end: module.bodies.last().map_or(0, |body| body.range().end as u32),
    }
}

fn write_object(directory: &Path, name: &str, bytes: &[u8]) -> Result<PathBuf> {
    let path = directory.join(name);
    match std::fs::write(&path, bytes) {
        Ok(()) => Ok(path),
        Err(error) => Err(CompileError::cannot_temporarily("write", &path, &error)),
    }
}

fn compile(job: &UnitJob<'_>, unit: &Unit, machine: &TargetMachine, artifact: Artifact) -> Result<Vec<u8>> {
    let context = Context::create();
    let diagnostics = Diagnostics::listen(&context);
    let code = job.settings.code;
    if !code.keep_ir_names {
        discard_value_names(&context);
    }
    let emit = || emit_unit(&context, job.module, job.settings, unit, machine);
    let module = job.timing.measure(Phase::Emit, emit)?;
    job.target.tune(&module);
    if artifact != Artifact::Object && code.debug_info != DebugInfo::Full {
        strip_debug_info(&module);
    }
    job.timing.measure(Phase::Optimise, || optimise(&module, machine, code.opt_level));
    diagnostics.check()?;
    if artifact == Artifact::Object && code.debug_info != DebugInfo::None {
        expose_functions(&module, |symbol| pc_map::is_mapped(symbol, job.settings.prefix));
    }
    let bytes = job.timing.measure(Phase::Generate, || generate(&module, machine, artifact))?;
    diagnostics.check()?;
    print_remarks(job, &diagnostics.take_remarks());
    Ok(bytes)
}

/// Passes whose remarks say something to a user about the speed of a loop or a function.
const REMARKED_PASSES: [&str; 5] =
    ["wrap-versioning", "alias-versioning", "reroll", "loop-vectorize", "slp-vectorizer"];

/// `remark: 0x5a21 in func 718 `name`: loop-vectorize: vectorized loop`
fn print_remarks(job: &UnitJob<'_>, remarks: &[Remark]) {
    for remark in remarks.iter().filter(|remark| REMARKED_PASSES.contains(&remark.pass.as_str())) {
        let index = pc_map::func_index(&remark.function, job.settings.prefix);
        let function = match index.map(FuncIndex) {
            Some(func) => match job.module.func_name(func) {
                Some(name) => format!("func {} `{}`", func.0, name.escape_debug()),
                None => format!("func {}", func.0),
            },
            None => remark.function.clone(),
        };
        let place = remark.offset_bytes.map_or_else(String::new, |offset| format!("{offset:#x} in "));
        job.console.say(&format!("remark: {place}{function}: {}: {}", remark.pass, remark.message));
    }
}

/// Does `work` on each unit, in as many threads as `jobs` says, and answers in the order of `units`.
/// Units are started in order, so of several errors the first unit's is known and answered.
fn in_threads<T: Send>(
    job: &UnitJob<'_>,
    jobs: usize,
    units: &[Unit],
    work: impl Fn(&Unit, &TargetMachine) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    job.progress.set(Work::Compiling { done: 0, total: units.len() });
    let next = AtomicUsize::new(0);
    let failed = AtomicBool::new(false);
    let results: Mutex<Vec<Option<Result<T>>>> = Mutex::new(units.iter().map(|_| None).collect());
    let run = || -> Result<()> {
        let machine = job.target.machine(job.settings.code.opt_level)?;
        while !failed.load(Ordering::Relaxed) {
            let Some(unit) = units.get(next.fetch_add(1, Ordering::Relaxed)) else { break };
            let result = work(unit, &machine);
            job.progress.unit_done();
            failed.fetch_or(result.is_err(), Ordering::Relaxed);
            results.lock().expect("no thread panics while it holds the lock")[unit.index] = Some(result);
        }
        Ok(())
    };
    std::thread::scope(|scope| -> Result<()> {
        let mut threads = Vec::new();
        for _ in 0..jobs.clamp(1, units.len()) {
            let thread = std::thread::Builder::new().stack_size(STACK_SIZE_BYTES).spawn_scoped(scope, run);
            threads.push(thread.map_err(|error| cannot_start_thread(&error))?);
        }
        for thread in threads {
            // A panic was reported where it happened; it goes on from here to set the exit status.
            thread.join().unwrap_or_else(|panic| resume_unwind(panic))?;
        }
        Ok(())
    })?;
    let results = results.into_inner().expect("no thread panics while it holds the lock");
    results.into_iter().flatten().collect()
}

fn cannot_start_thread(error: &std::io::Error) -> CompileError {
    CompileError::machine(format!("cannot start a thread: {}", plain_reason(error)))
        .hint("its stack takes 256 MiB of address space; is there a limit (`ulimit -v`) or one on processes?")
}
