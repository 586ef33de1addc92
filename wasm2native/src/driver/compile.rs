//! Compiles the units of all modules, several at a time. Each thread holds one LLVM module; objects go to
//! files, so memory is bounded by the number of threads and the size of a unit.

use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use inkwell::context::Context;
use inkwell::targets::TargetMachine;

use super::progress::{Progress, Work};
use super::timing::{Phase, Timing};
use crate::backend::diagnostics::{Diagnostics, discard_value_names};
use crate::backend::object::{Artifact, expose_functions, generate, strip_debug_info};
use crate::backend::optimise::optimise;
use crate::backend::pc_map::{self, Bodies, MappedFunc};
use crate::backend::target::TargetSpec;
use crate::emit::{EmitSettings, Unit, emit_unit};
use crate::error::{CompileError, Result, plain_reason};
use crate::options::DebugInfo;
use crate::wasm::Module;

/// LLVM recurses over expressions and blocks as deep as the module has them. Only what is used of it
/// is ever backed by memory.
const STACK_SIZE_BYTES: usize = 256 << 20;

/// A module to be compiled.
#[derive(Debug)]
pub struct ModuleJob<'a> {
    /// The Wasm module.
    pub module: &'a Module<'a>,
    /// How IR is made.
    pub settings: EmitSettings<'a>,
    /// Its parts.
    pub units: Vec<Unit>,
    /// The input, as messages show it.
    pub path: &'a Path,
}

/// What all modules are compiled with.
#[derive(Clone, Copy)]
pub struct Tools<'a> {
    /// The machine to compile for.
    pub target: &'a TargetSpec,
    /// Where time is counted.
    pub timing: &'a Timing,
    /// Where progress is shown.
    pub progress: &'a Progress,
}

/// A unit to be compiled.
#[derive(Clone, Copy)]
struct Task<'a> {
    module: &'a ModuleJob<'a>,
    /// Place of the module among all.
    module_number: usize,
    unit: &'a Unit,
}

/// Compiles a module of one unit to text or bitcode.
pub fn compile_to_bytes(tools: &Tools<'_>, module: &ModuleJob<'_>, artifact: Artifact) -> Result<Vec<u8>> {
    let task = Task { module, module_number: 0, unit: &module.units[0] };
    let results = in_threads(tools, 1, &[task], |task, machine| compile(tools, task, machine, artifact))?;
    Ok(results.into_iter().flatten().collect())
}

/// Compiles all units of `modules` in `jobs` threads to object files in `directory`, and adds one with the
/// pc map for each module. The answer is in the order of modules and their units.
pub fn compile_objects(
    tools: &Tools<'_>,
    modules: &[ModuleJob<'_>],
    jobs: usize,
    directory: &Path,
) -> Result<Vec<PathBuf>> {
    let tasks: Vec<_> = modules
        .iter()
        .enumerate()
        .flat_map(|(module_number, module)| {
            module.units.iter().map(move |unit| Task { module, module_number, unit })
        })
        .collect();
    let results = in_threads(tools, jobs, &tasks, |task, machine| {
        let bytes = compile(tools, task, machine, Artifact::Object)?;
        let settings = &task.module.settings;
        let funcs = match settings.code.debug_info {
            DebugInfo::None => Vec::new(),
            _ => tools.timing.measure(Phase::PcMap, || pc_map::read_funcs(&bytes, settings.prefix))?,
        };
        let name = format!("{}.unit-{}.o", task.module_number, task.unit.index);
        Ok((write_object(directory, &name, &bytes)?, funcs))
    })?;
    let mut results = results.into_iter();
    let mut objects = Vec::new();
    for (number, module) in modules.iter().enumerate() {
        let (units, funcs): (Vec<PathBuf>, Vec<Vec<MappedFunc>>) =
            results.by_ref().take(module.units.len()).unzip();
        objects.extend(units);
        if module.settings.code.debug_info != DebugInfo::None {
            let funcs: Vec<MappedFunc> = funcs.into_iter().flatten().collect();
            let write = || pc_map::write_object(module.settings.prefix, &funcs, &bodies(module.module));
            let bytes = tools.timing.measure(Phase::PcMap, write)?;
            objects.push(write_object(directory, &format!("{number}.pc_map.o"), &bytes)?);
        }
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

fn compile(
    tools: &Tools<'_>,
    task: &Task<'_>,
    machine: &TargetMachine,
    artifact: Artifact,
) -> Result<Vec<u8>> {
    let ModuleJob { module: wasm, settings, .. } = task.module;
    let context = Context::create();
    let diagnostics = Diagnostics::listen(&context);
    let code = settings.code;
    if !code.keep_ir_names {
        discard_value_names(&context);
    }
    let emit = || emit_unit(&context, wasm, settings, task.unit, machine);
    let module = tools.timing.measure(Phase::Emit, emit)?;
    if artifact != Artifact::Object && code.debug_info != DebugInfo::Full {
        strip_debug_info(&module);
    }
    tools.timing.measure(Phase::Optimise, || optimise(&module, machine, code.opt_level))?;
    diagnostics.check()?;
    if artifact == Artifact::Object && code.debug_info != DebugInfo::None {
        expose_functions(&module, |symbol| pc_map::is_mapped(symbol, settings.prefix));
    }
    let bytes = tools.timing.measure(Phase::Generate, || generate(&module, machine, artifact))?;
    diagnostics.check()?;
    Ok(bytes)
}

/// Does `work` on each task, in as many threads as `jobs` says, and answers in the order of `tasks`.
/// Tasks are started in order, so of several errors the first task's is known and answered.
fn in_threads<T: Send>(
    tools: &Tools<'_>,
    jobs: usize,
    tasks: &[Task<'_>],
    work: impl Fn(&Task<'_>, &TargetMachine) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    tools.progress.set(Work::Compiling { done: 0, total: tasks.len() });
    let next = AtomicUsize::new(0);
    let failed = AtomicBool::new(false);
    let results: Mutex<Vec<Option<Result<T>>>> = Mutex::new(tasks.iter().map(|_| None).collect());
    // All modules of a run are compiled alike.
    let opt_level = tasks[0].module.settings.code.opt_level;
    let run = || -> Result<()> {
        let machine = tools.target.machine(opt_level)?;
        while !failed.load(Ordering::Relaxed) {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(task) = tasks.get(number) else { break };
            let result = work(task, &machine).map_err(|error| error.in_file(task.module.path));
            tools.progress.unit_done();
            failed.fetch_or(result.is_err(), Ordering::Relaxed);
            results.lock().expect("no thread panics while it holds the lock")[number] = Some(result);
        }
        Ok(())
    };
    std::thread::scope(|scope| -> Result<()> {
        let mut threads = Vec::new();
        for _ in 0..jobs.clamp(1, tasks.len()) {
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
