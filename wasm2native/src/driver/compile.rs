//! Compiles the units of a module, several at a time. Each thread holds one LLVM module; objects go to
//! files, so memory is bounded by the number of threads and the size of a unit. A large unit is optimised
//! as a whole, then its code is generated in parts.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use inkwell::context::Context;
use inkwell::module::Module as LlvmModule;
use inkwell::targets::TargetMachine;

use super::console::Console;
use super::progress::{Progress, Work};
use super::tasks::{self, Done};
use super::timing::{Phase, Timing};
use crate::backend::diagnostics::{Diagnostics, Remark, discard_value_names};
use crate::backend::object::{Artifact, expose_functions, generate, strip_debug_info};
use crate::backend::optimise::optimise;
use crate::backend::pc_map::{self, Bodies, MappedFunc};
use crate::backend::shards;
use crate::backend::target::TargetSpec;
use crate::emit::{EmitSettings, Unit, emit_unit};
use crate::error::{CompileError, Result};
use crate::options::DebugInfo;
use crate::wasm::{FuncIndex, Module};

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

/// Something for a thread to do.
enum Task<'a> {
    /// Make and optimise an LLVM module, and generate its code if it is not large.
    Unit(&'a Unit),
    /// Generate the code of a part of a large one.
    Shard { unit: usize, shard: usize, bitcode: Arc<Vec<u8>> },
}

impl Task<'_> {
    /// Results are in this order.
    fn key(&self) -> (usize, usize) {
        match self {
            Self::Unit(unit) => (unit.index, 0),
            Self::Shard { unit, shard, .. } => (*unit, shard + 1),
        }
    }
}

/// What a task of [`compile_objects`] made.
#[derive(Default)]
struct Part {
    object: Option<PathBuf>,
    funcs: Vec<MappedFunc>,
    remarks: Vec<Remark>,
}

/// Compiles `unit`, which is the whole module, to text or bitcode.
pub fn compile_to_bytes(job: &UnitJob<'_>, unit: &Unit, artifact: Artifact) -> Result<Vec<u8>> {
    let work = |task: Task<'_>, machine: &TargetMachine| {
        let Task::Unit(unit) = task else { unreachable!("text is not made in parts") };
        let context = Context::create();
        let diagnostics = Diagnostics::listen(&context);
        let module = optimised(job, unit, &context, machine, artifact)?;
        let bytes = job.timing.measure(Phase::Generate, || generate(&module, machine, artifact))?;
        diagnostics.check()?;
        Ok(Done { result: (bytes, diagnostics.take_remarks()), more: Vec::new() })
    };
    let results = in_threads(job, 1, vec![Task::Unit(unit)], work)?;
    let (bytes, remarks): (Vec<_>, Vec<_>) = results.into_iter().unzip();
    print_remarks(job, &remarks.concat());
    Ok(bytes.concat())
}

/// Compiles `units` in `jobs` threads to object files in `directory`, and adds one with the pc map.
/// The answer is in the order of `units`.
pub fn compile_objects(
    job: &UnitJob<'_>,
    units: &[Unit],
    jobs: usize,
    directory: &Path,
) -> Result<Vec<PathBuf>> {
    let work = |task: Task<'_>, machine: &TargetMachine| match task {
        Task::Unit(unit) => compile_unit(job, unit, machine, directory),
        Task::Shard { unit, shard, bitcode } => {
            let context = Context::create();
            let diagnostics = Diagnostics::listen(&context);
            let load = || shards::load(&context, &bitcode, shard);
            let module = job.timing.measure(Phase::Generate, load)?;
            // The last to hold it frees it.
            drop(bitcode);
            let path = directory.join(format!("unit-{unit}-{shard}.o"));
            let part = generate_object(job, &module, machine, path)?;
            diagnostics.check()?;
            job.progress.unit_done();
            Ok(Done { result: part, more: Vec::new() })
        }
    };
    let parts = in_threads(job, jobs, units.iter().map(Task::Unit).collect(), work)?;
    let (mut objects, mut funcs): (Vec<PathBuf>, Vec<MappedFunc>) = Default::default();
    for part in parts {
        objects.extend(part.object);
        funcs.extend(part.funcs);
        print_remarks(job, &part.remarks);
    }
    if job.settings.code.debug_info != DebugInfo::None {
        let write = || pc_map::write_object(job.settings.prefix, &funcs, &bodies(job.module));
        let bytes = job.timing.measure(Phase::PcMap, write)?;
        objects.push(write_object(directory.join("pc_map.o"), &bytes)?);
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

/// Makes an object of `unit`, or the tasks that make several of it.
fn compile_unit<'a>(
    job: &UnitJob<'_>,
    unit: &Unit,
    machine: &TargetMachine,
    directory: &Path,
) -> Result<Done<Task<'a>, Part>> {
    let context = Context::create();
    let diagnostics = Diagnostics::listen(&context);
    let module = optimised(job, unit, &context, machine, Artifact::Object)?;
    diagnostics.check()?;
    let count = shards::shard_count(&module);
    let mut more = Vec::new();
    let mut part = Part::default();
    if count == 1 {
        let path = directory.join(format!("unit-{}.o", unit.index));
        part = generate_object(job, &module, machine, path)?;
        diagnostics.check()?;
    } else {
        job.console.verbose(|| format!("unit {}: code in {count} parts", unit.index));
        let bitcode = Arc::new(job.timing.measure(Phase::Generate, || shards::split(&module, count)));
        let task = |shard| Task::Shard { unit: unit.index, shard, bitcode: Arc::clone(&bitcode) };
        more = (0..count).map(task).collect();
        job.progress.expect(count);
    }
    part.remarks = diagnostics.take_remarks();
    job.progress.unit_done();
    Ok(Done { result: part, more })
}

/// The LLVM module of `unit`, optimised.
fn optimised<'c>(
    job: &UnitJob<'_>,
    unit: &Unit,
    context: &'c Context,
    machine: &TargetMachine,
    artifact: Artifact,
) -> Result<LlvmModule<'c>> {
    let code = job.settings.code;
    if !code.keep_ir_names {
        discard_value_names(context);
    }
    let emit = || emit_unit(context, job.module, job.settings, unit, machine);
    let module = job.timing.measure(Phase::Emit, emit)?;
    job.target.tune(&module);
    if artifact != Artifact::Object && code.debug_info != DebugInfo::Full {
        strip_debug_info(&module);
    }
    job.timing.measure(Phase::Optimise, || optimise(&module, machine, code.opt_level));
    if artifact == Artifact::Object && code.debug_info != DebugInfo::None {
        expose_functions(&module, |symbol| pc_map::is_mapped(symbol, job.settings.prefix));
    }
    Ok(module)
}

/// Generates code for `module` into the file `path`.
fn generate_object(
    job: &UnitJob<'_>,
    module: &LlvmModule<'_>,
    machine: &TargetMachine,
    path: PathBuf,
) -> Result<Part> {
    let bytes = job.timing.measure(Phase::Generate, || generate(module, machine, Artifact::Object))?;
    let funcs = match job.settings.code.debug_info {
        DebugInfo::None => Vec::new(),
        _ => job.timing.measure(Phase::PcMap, || pc_map::read_funcs(&bytes, job.settings.prefix))?,
    };
    Ok(Part { object: Some(write_object(path, &bytes)?), funcs, remarks: Vec::new() })
}

fn write_object(path: PathBuf, bytes: &[u8]) -> Result<PathBuf> {
    match std::fs::write(&path, bytes) {
        Ok(()) => Ok(path),
        Err(error) => Err(CompileError::cannot_temporarily("write", &path, &error)),
    }
}

/// Passes whose remarks say something to a user about the speed of a loop or a function.
const REMARKED_PASSES: [&str; 6] =
    ["wrap-versioning", "alias-versioning", "reroll", "huge-functions", "loop-vectorize", "slp-vectorizer"];

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

/// Does `work` on each task in as many threads as `jobs` says, each with a machine of its own.
fn in_threads<'a, T: Send>(
    job: &UnitJob<'_>,
    jobs: usize,
    tasks: Vec<Task<'a>>,
    work: impl Fn(Task<'a>, &TargetMachine) -> Result<Done<Task<'a>, T>> + Sync,
) -> Result<Vec<T>> {
    job.progress.set(Work::Compiling { done: 0, total: tasks.len() });
    let machine = || job.target.machine(job.settings.code.opt_level);
    tasks::run(tasks, jobs, Task::key, machine, work)
}
