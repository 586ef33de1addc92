//! Compiles the units of all modules, several at a time. Each thread holds one LLVM module; objects go to
//! files, so memory is bounded by the number of threads and the size of a unit. A large unit is optimised
//! as a whole, then its code is generated in parts.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use inkwell::context::Context;
use inkwell::module::Module as LlvmModule;
use inkwell::targets::TargetMachine;

use super::plan::Plan;
use super::reports::{Reports, Work};
use super::tasks::{self, Done};
use super::timing::{Phase, Timing};
use crate::backend::diagnostics::{Diagnostics, Remark, Remarks, discard_value_names};
use crate::backend::object::{Artifact, expose_functions, generate, strip_debug_info};
use crate::backend::optimise::optimise;
use crate::backend::pc_map::{self, Bodies, MappedFunc};
use crate::backend::shards;
use crate::backend::target::TargetSpec;
use crate::emit::{EmitSettings, Program, Unit, emit_callbacks_unit, emit_start_unit, emit_unit};
use crate::error::{CompileError, Diagnostic, Result};
use crate::options::{CodeOptions, DebugInfo};
use crate::wasm::{FuncIndex, Module};

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
    /// Whoever is told of progress and remarks.
    pub reports: &'a Reports<'a>,
}

impl Tools<'_> {
    fn remarks(&self) -> Remarks {
        if self.reports.wanted().remarks { Remarks::Wanted } else { Remarks::Unwanted }
    }
}

/// A module of a run.
#[derive(Clone, Copy)]
struct Numbered<'a> {
    job: &'a ModuleJob<'a>,
    /// Its place among all.
    number: usize,
}

/// What a thread does for a module.
enum Part<'a> {
    /// Makes and optimises an LLVM module, and generates its code if it is not large.
    Unit(&'a Unit),
    /// Generates the code of a part of a large one.
    Shard { unit: usize, shard: usize, bitcode: Arc<Vec<u8>> },
}

/// Something for a thread to do.
struct Task<'a> {
    module: Numbered<'a>,
    part: Part<'a>,
}

impl Task<'_> {
    /// Results are in this order: of modules, their units, and the shards of a unit.
    fn key(&self) -> (usize, usize, usize) {
        let (unit, shard) = match self.part {
            Part::Unit(unit) => (unit.index, 0),
            Part::Shard { unit, shard, .. } => (unit, shard + 1),
        };
        (self.module.number, unit, shard)
    }
}

/// What a task of [`compile_objects`] made.
#[derive(Default)]
struct Made {
    /// Place of the module among all.
    module: usize,
    object: Option<PathBuf>,
    funcs: Vec<MappedFunc>,
    remarks: Vec<Remark>,
}

/// Compiles what starts `program` to an object file in `directory`.
pub fn compile_start(
    tools: &Tools<'_>,
    program: &Program<'_>,
    code: &CodeOptions,
    directory: &Path,
) -> Result<PathBuf> {
    let path = directory.join("start.o");
    compile_own(tools, code, path, |context, machine| emit_start_unit(context, program, code, machine))
}

/// Compiles the callbacks of modules that are in objects and linked into a plugin, if there are any.
pub fn compile_callbacks(
    tools: &Tools<'_>,
    plan: &Plan<'_>,
    code: &CodeOptions,
    directory: &Path,
) -> Result<Option<PathBuf>> {
    if !plan.needs_callbacks() {
        return Ok(None);
    }
    let (modules, path) = (plan.modules(), directory.join("callbacks.o"));
    compile_own(tools, code, path, |context, machine| emit_callbacks_unit(context, &modules, code, machine))
        .map(Some)
}

/// Compiles an LLVM module without Wasm code to the object file `path`.
fn compile_own(
    tools: &Tools<'_>,
    code: &CodeOptions,
    path: PathBuf,
    emit: impl for<'c> FnOnce(&'c Context, &TargetMachine) -> Result<LlvmModule<'c>>,
) -> Result<PathBuf> {
    let machine = tools.target.machine(code.opt_level)?;
    let context = Context::create();
    let diagnostics = Diagnostics::listen(&context, tools.remarks());
    let llvm = tools.timing.measure(Phase::Emit, || emit(&context, &machine))?;
    tools.target.tune(&llvm);
    tools.timing.measure(Phase::Optimise, || optimise(&llvm, &machine, code));
    let bytes = tools.timing.measure(Phase::Generate, || generate(&llvm, &machine, Artifact::Object))?;
    diagnostics.check()?;
    write_object(path, &bytes)
}

/// Compiles a module of one unit to text or bitcode.
pub fn compile_to_bytes(tools: &Tools<'_>, module: &ModuleJob<'_>, artifact: Artifact) -> Result<Vec<u8>> {
    let work = |task: Task<'_>, machine: &TargetMachine| {
        let Part::Unit(unit) = task.part else { unreachable!("text is not made in parts") };
        let context = Context::create();
        let diagnostics = Diagnostics::listen(&context, tools.remarks());
        let llvm = optimised(tools, module, unit, &context, machine, artifact)?;
        let bytes = tools.timing.measure(Phase::Generate, || generate(&llvm, machine, artifact))?;
        diagnostics.check()?;
        Ok(Done { result: (bytes, diagnostics.take_remarks()), more: Vec::new() })
    };
    let module_of_task = Numbered { job: module, number: 0 };
    let tasks = vec![Task { module: module_of_task, part: Part::Unit(&module.units[0]) }];
    let results = in_threads(tools, 1, tasks, work)?;
    let (bytes, remarks): (Vec<_>, Vec<_>) = results.into_iter().unzip();
    tell_remarks(tools, module, &remarks.concat());
    Ok(bytes.concat())
}

/// Compiles all units of `modules` in `jobs` threads to object files in `directory`, and adds one with the
/// pc map for each module. The answer is in the order of modules and their units.
pub fn compile_objects(
    tools: &Tools<'_>,
    modules: &[ModuleJob<'_>],
    jobs: usize,
    directory: &Path,
) -> Result<Vec<PathBuf>> {
    if modules.is_empty() {
        return Ok(Vec::new());
    }
    let tasks = modules.iter().enumerate().flat_map(|(number, job)| {
        let module = Numbered { job, number };
        job.units.iter().map(move |unit| Task { module, part: Part::Unit(unit) })
    });
    let work = |task, machine: &TargetMachine| compile_part(tools, task, machine, directory);
    let mut made = in_threads(tools, jobs, tasks.collect(), work)?.into_iter().peekable();
    let mut objects = Vec::new();
    for (number, module) in modules.iter().enumerate() {
        let mut funcs: Vec<MappedFunc> = Vec::new();
        while let Some(part) = made.next_if(|made| made.module == number) {
            objects.extend(part.object);
            funcs.extend(part.funcs);
            tell_remarks(tools, module, &part.remarks);
        }
        if module.settings.code.debug_info != DebugInfo::None {
            let write = || pc_map::write_object(module.settings.prefix, &funcs, &bodies(module.module));
            let bytes = tools.timing.measure(Phase::PcMap, write)?;
            objects.push(write_object(directory.join(format!("{number}.pc_map.o")), &bytes)?);
        }
    }
    Ok(objects)
}

/// Does one task of [`compile_objects`].
fn compile_part<'a>(
    tools: &Tools<'_>,
    task: Task<'a>,
    machine: &TargetMachine,
    directory: &Path,
) -> Result<Done<Task<'a>, Made>> {
    match task.part {
        Part::Unit(unit) => compile_unit(tools, task.module, unit, machine, directory),
        Part::Shard { unit, shard, bitcode } => {
            let context = Context::create();
            let diagnostics = Diagnostics::listen(&context, tools.remarks());
            let load = || shards::load(&context, &bitcode, shard);
            let llvm = tools.timing.measure(Phase::Generate, load)?;
            // The last to hold it frees it.
            drop(bitcode);
            let path = directory.join(format!("{}.unit-{unit}-{shard}.o", task.module.number));
            let made = generate_object(tools, task.module, &llvm, machine, path)?;
            diagnostics.check()?;
            tools.reports.unit_done();
            Ok(Done { result: made, more: Vec::new() })
        }
    }
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
    tools: &Tools<'_>,
    module: Numbered<'a>,
    unit: &Unit,
    machine: &TargetMachine,
    directory: &Path,
) -> Result<Done<Task<'a>, Made>> {
    let context = Context::create();
    let diagnostics = Diagnostics::listen(&context, tools.remarks());
    let llvm = optimised(tools, module.job, unit, &context, machine, Artifact::Object)?;
    diagnostics.check()?;
    // With as many units there is work enough for all threads.
    let count = if module.job.units.len() >= shards::MAX_SHARDS { 1 } else { shards::shard_count(&llvm) };
    let mut more = Vec::new();
    let mut made = Made { module: module.number, ..Made::default() };
    if count == 1 {
        let path = directory.join(format!("{}.unit-{}.o", module.number, unit.index));
        made = generate_object(tools, module, &llvm, machine, path)?;
        diagnostics.check()?;
    } else {
        tools.reports.step(|| format!("unit {}: code in {count} parts", unit.index));
        let bitcode = Arc::new(tools.timing.measure(Phase::Generate, || shards::split(&llvm, count)));
        let part = |shard| Part::Shard { unit: unit.index, shard, bitcode: Arc::clone(&bitcode) };
        more = (0..count).map(|shard| Task { module, part: part(shard) }).collect();
        tools.reports.expect(count);
    }
    made.remarks = diagnostics.take_remarks();
    tools.reports.unit_done();
    Ok(Done { result: made, more })
}

/// The LLVM module of `unit`, optimised.
fn optimised<'c>(
    tools: &Tools<'_>,
    module: &ModuleJob<'_>,
    unit: &Unit,
    context: &'c Context,
    machine: &TargetMachine,
    artifact: Artifact,
) -> Result<LlvmModule<'c>> {
    let ModuleJob { module: wasm, settings, .. } = module;
    let code = settings.code;
    if !code.keep_ir_names {
        discard_value_names(context);
    }
    let emit = || emit_unit(context, wasm, settings, unit, machine);
    let llvm = tools.timing.measure(Phase::Emit, emit)?;
    tools.target.tune(&llvm);
    if artifact != Artifact::Object && code.debug_info != DebugInfo::Full {
        strip_debug_info(&llvm);
    }
    tools.timing.measure(Phase::Optimise, || optimise(&llvm, machine, code));
    if artifact == Artifact::Object && code.debug_info != DebugInfo::None {
        expose_functions(&llvm, |symbol| pc_map::is_mapped(symbol, settings.prefix));
    }
    Ok(llvm)
}

/// Generates code for the LLVM module into the file `path`.
fn generate_object(
    tools: &Tools<'_>,
    module: Numbered<'_>,
    llvm: &LlvmModule<'_>,
    machine: &TargetMachine,
    path: PathBuf,
) -> Result<Made> {
    let settings = &module.job.settings;
    let bytes = tools.timing.measure(Phase::Generate, || generate(llvm, machine, Artifact::Object))?;
    let funcs = match settings.code.debug_info {
        DebugInfo::None => Vec::new(),
        _ => tools.timing.measure(Phase::PcMap, || {
            pc_map::read_funcs(&bytes, settings.prefix, &bodies(module.job.module))
        })?,
    };
    let object = Some(write_object(path, &bytes)?);
    Ok(Made { module: module.number, object, funcs, remarks: Vec::new() })
}

fn write_object(path: PathBuf, bytes: &[u8]) -> Result<PathBuf> {
    match std::fs::write(&path, bytes) {
        Ok(()) => Ok(path),
        Err(error) => Err(CompileError::cannot_temporarily("write", &path, &error)),
    }
}

/// Passes whose remarks say something to a user about the speed of a loop or a function.
const REMARKED_PASSES: [&str; 8] = [
    "promotion",
    "dispatch-threading",
    "wrap-versioning",
    "alias-versioning",
    "reroll",
    "huge-functions",
    "loop-vectorize",
    "slp-vectorizer",
];

fn tell_remarks(tools: &Tools<'_>, module: &ModuleJob<'_>, remarks: &[Remark]) {
    for remark in remarks.iter().filter(|remark| REMARKED_PASSES.contains(&remark.pass.as_str())) {
        let mut text = format!("{}: {}", remark.pass, remark.message);
        let index = pc_map::func_index(&remark.function, module.settings.prefix);
        if index.is_none() {
            text = format!("{}: {text}", remark.function);
        }
        let mut diagnostic = Diagnostic::remark(text).in_file(module.path);
        if let Some(func) = index {
            diagnostic = diagnostic.in_func(func, module.module.func_name(FuncIndex(func)));
        }
        if let Some(offset) = remark.offset_bytes {
            diagnostic = diagnostic.at(offset as usize);
        }
        tools.reports.tell(diagnostic);
    }
}

/// Does `work` on each task in as many threads as `jobs` says, each with a machine of its own.
fn in_threads<'a, T: Send>(
    tools: &Tools<'_>,
    jobs: usize,
    tasks: Vec<Task<'a>>,
    work: impl Fn(Task<'a>, &TargetMachine) -> Result<Done<Task<'a>, T>> + Sync,
) -> Result<Vec<T>> {
    tools.reports.work(Work::Compiling { done: 0, total: tasks.len() });
    // All modules of a run are compiled alike.
    let opt_level = tasks[0].module.job.settings.code.opt_level;
    let machine = || tools.target.machine(opt_level);
    let work = |task: Task<'a>, machine: &TargetMachine| {
        let path = task.module.job.path;
        work(task, machine).map_err(|error| error.in_file(path))
    };
    tasks::run(tasks, jobs, Task::key, machine, work)
}
