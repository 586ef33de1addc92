//! Runs the pipeline: inputs, parse, plan the program, compile units in parallel, link, output.
//!
//! The output appears whole or not at all (INV-9), and its bytes depend on the input and the options
//! alone (INV-8).

mod check;
mod compilation;
mod compile;
mod depfile;
mod embed;
mod formats;
mod function_names;
mod hints;
mod input;
mod listing;
mod native;
mod objects;
mod offer;
mod omissions;
mod order;
mod output;
mod plan;
mod prefix;
mod program;
pub mod reports;
mod source_place;
mod tasks;
mod temporary;
mod timing;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::backend::glibc::{self, Version};
use crate::backend::link::{Link, LinkKind, Strip, ToolCommand, quote};
use crate::backend::linker::{Linker, Question};
use crate::backend::note::{self, Note};
use crate::backend::object::Artifact as Generated;
use crate::backend::runtime::{Bundle, find_old_symbols};
use crate::backend::target::{self, TargetSpec};
use crate::emit::{EmitSettings, OpenImports, Program, Role, Symbols, Unit, partition};
use crate::error::{Code, CompileError, Diagnostic, Result};
use crate::options::{BoundsChecks, DebugInfo, Options, OutputKind};
use crate::wasm::{self, Module, ModuleIndex, TypeIds};
pub use compilation::{Artifact, Compilation, Outcome};
use compile::{ModuleJob, Tools, compile_callbacks, compile_objects, compile_start, compile_to_bytes};
use depfile::Dependencies;
pub use depfile::Dependency;
use function_names::name_functions;
use input::{Input, ModuleBytes};
use native::NativeCode;
use objects::ObjectModule;
use output::Output;
use plan::Plan;
pub use prefix::module_name_problem;
use prefix::symbol_prefix;
use program::Source;
use reports::{Reports, Work};
pub use temporary::TempFiles;
pub use timing::PhaseCost;
use timing::{Phase, Timing};
use w2n_abi::symbol::MODULE;
use w2n_abi::{NOTE_POLICY, NOTE_PROGRAM, NOTE_SOFTWARE_BOUNDS, NOTE_STRICT_TRAPS};

/// What a run of the compiler has at hand.
#[derive(Clone, Copy)]
struct Run<'a> {
    options: &'a Options,
    temp_files: &'a TempFiles,
    timing: &'a Timing,
    reports: &'a Reports<'a>,
    dependencies: &'a Dependencies,
}

impl Run<'_> {
    fn compile(self, inputs: &[Input]) -> Result<Artifact> {
        let options = self.options;
        omissions::of_options(options, self.reports);
        omissions::of_c_flags(options, self.reports);
        let (mut native, objects) = NativeCode::read(self)?;
        let target = TargetSpec::resolve(&options.target)?;
        let mut type_ids = TypeIds::default();
        let sources = self.sources(inputs, &objects, &mut type_ids)?;
        let output = Output::plan(options, &sources[0], inputs)?;
        if generated(options.output_kind) == Generated::Object && !options.link.show_only {
            self.check_linker()?;
        }
        native.compile(self)?;
        let plan = program::plan(sources, &native, options, self.reports)?;
        let embedded = embed::pack(&options.embed, self.dependencies)?;
        self.reports.check()?;
        let program = plan.program(options, &embedded);
        let modules: Vec<_> = (0..plan.sources.len())
            .filter(|at| plan.sources[*at].object.is_none())
            .map(|at| self.module_job(&plan, program.as_ref(), ModuleIndex(at as u32)))
            .collect();
        for ModuleJob { module, units, .. } in &modules {
            self.reports.step(|| {
                let (functions, bytes) = (module.bodies.len(), module.code_size_bytes());
                let (triple, cpu, units) = (target.triple(), target.cpu(), units.len());
                format!(
                    "compiling {functions} functions, {bytes} bytes of code, units: {units}, for {triple} {cpu}"
                )
            });
        }
        let tools = Tools { target: &target, timing: self.timing, reports: self.reports };
        match generated(options.output_kind) {
            Generated::Object => self.link(&plan, program.as_ref(), &native, &tools, &modules, &output),
            kind => {
                let bytes = compile_to_bytes(&tools, &modules[0], kind)?;
                output.write_depfile(options, self)?;
                output.write(bytes, self.temp_files)
            }
        }
    }

    /// All modules that are linked, in the order of the command line; those of archives that are needed come
    /// last.
    fn sources<'a>(
        self,
        inputs: &'a [Input],
        objects: &'a [ObjectModule],
        type_ids: &mut TypeIds,
    ) -> Result<Vec<Source<'a>>> {
        let mut sources = Vec::new();
        let mut in_archives = Vec::new();
        for object in objects {
            object.check_use(self.options.output_kind)?;
            omissions::of_object(object, self.options, self.reports);
        }
        let mut given: Vec<_> = objects.iter().filter(|object| object.modules_before.is_some()).collect();
        given.sort_by_key(|object| object.modules_before);
        let mut given = given.into_iter().peekable();
        for (position, input) in inputs.iter().enumerate() {
            while let Some(object) = given.next_if(|object| object.modules_before <= Some(position)) {
                sources.push(self.parse_object(object, type_ids)?);
            }
            for binary in &input.modules {
                sources.push(self.parse(input, binary, type_ids)?);
            }
        }
        for object in given {
            sources.push(self.parse_object(object, type_ids)?);
        }
        for object in objects.iter().filter(|object| object.modules_before.is_none()) {
            in_archives.push(self.parse_object(object, type_ids)?);
        }
        objects::take_needed(&mut sources, in_archives);
        match (sources.is_empty(), self.options.link.native.first()) {
            (true, first) => Err(objects::no_module(first)),
            (false, _) => Ok(sources),
        }
    }

    fn parse_object<'a>(self, object: &'a ObjectModule, type_ids: &mut TypeIds) -> Result<Source<'a>> {
        // A note has one module.
        let source = self.parse(&object.input, &object.input.modules[0], type_ids)?;
        Ok(Source {
            prefix: object.prefix.clone(),
            has_software_bounds: object.has_software_bounds(),
            object: Some(object),
            ..source
        })
    }

    fn parse<'a>(
        self,
        input: &'a Input,
        binary: &'a ModuleBytes,
        type_ids: &mut TypeIds,
    ) -> Result<Source<'a>> {
        let path = input.shown_path();
        self.reports.step(|| format!("reading {} ({} bytes)", path.display(), binary.bytes.len()));
        let parse = || wasm::parse(&binary.bytes, &binary.name.to_string_lossy());
        let parsed = self.timing.measure(Phase::Parse, parse);
        let module = parsed.map_err(|error| source_place::add(error, binary).in_file(path))?;
        let prefix = self.options.module_name.clone().unwrap_or_else(|| symbol_prefix(&binary.name));
        let type_ids = type_ids.number(&module);
        let has_software_bounds = self.options.code.bounds_checks == BoundsChecks::Software;
        Ok(Source { input, binary, module, prefix, type_ids, has_software_bounds, object: None })
    }

    fn module_job<'a>(
        self,
        plan: &'a Plan<'a>,
        program: Option<&'a Program<'a>>,
        at: ModuleIndex,
    ) -> ModuleJob<'a>
    where
        Self: 'a,
    {
        let options = self.options;
        let Source { input, module, prefix, .. } = &plan.sources[at.index()];
        let units = match generated(options.output_kind) {
            Generated::Object => partition(module, options.code.opt_level),
            // Text of several LLVM modules cannot be joined into one.
            _ => vec![Unit { index: 0, funcs: 0..module.bodies.len() as u32 }],
        };
        let role = match program {
            Some(program) if program.main == at && !program.needs_start_unit() => Role::Main(program),
            Some(_) => Role::Library,
            None => Role::Plugin,
        };
        let settings = EmitSettings {
            code: &options.code,
            role,
            bindings: &plan.bindings[at.index()],
            open_imports: match options.output_kind {
                OutputKind::Object => OpenImports::OfLink,
                _ => OpenImports::OfHost,
            },
            prefix,
            single_unit: units.len() == 1,
            is_only_module: options.output_kind != OutputKind::Object && plan.sources.len() == 1,
        };
        ModuleJob { module, settings, units, path: input.shown_path() }
    }

    fn link(
        self,
        plan: &Plan<'_>,
        program: Option<&Program<'_>>,
        native: &NativeCode,
        tools: &Tools<'_>,
        modules: &[ModuleJob<'_>],
        output: &Output,
    ) -> Result<Artifact> {
        let Self { options, reports, temp_files, .. } = self;
        let temp_dir = temp_files.directory()?;
        let kind = link_kind(options);
        let [archive, old_symbols] = self.archives(kind, plan, tools, &temp_dir)?;
        let (objects, destination) = if options.link.show_only {
            let objects = [vec![temp_dir.join("unit-0.o")], plan.objects()].concat();
            (objects, output.display_path())
        } else {
            let jobs = options.jobs.unwrap_or_else(available_jobs);
            let mut objects = compile_objects(tools, modules, jobs, &temp_dir)?;
            if let Some(program) = program.filter(|program| program.needs_start_unit()) {
                objects.push(compile_start(tools, program, &options.code, &temp_dir)?);
            }
            objects.extend(compile_callbacks(tools, plan, &options.code, &temp_dir)?);
            if kind == LinkKind::Relocatable {
                objects.push(self.write_note(plan, &temp_dir)?);
            }
            objects.extend(plan.objects());
            (objects, output.link_destination(temp_files)?)
        };
        let has_c_code = !native.arguments.is_empty();
        let mut native = native.arguments.clone();
        native.extend(alias_of_only_module(kind, plan));
        let command = Link {
            kind,
            output: &destination,
            shown_output: &output.display_path(),
            objects: &objects,
            native: &native,
            archive: archive.as_deref(),
            old_symbols: old_symbols.as_deref(),
            strip: strip(options),
            linker: options.link.linker.as_deref(),
            environment: &options.environment,
            temp_dir: &temp_dir,
        }
        .command()?;
        if options.link.show_only {
            return Ok(Artifact::LinkCommand(command.shown()));
        }
        reports.step(|| command.shown());
        reports.work(Work::Linking);
        tools.timing.measure(Phase::Link, || self.finish(&command))?;
        if old_symbols.is_some() && !has_c_code {
            self.check_glibc(&destination, &output.display_path())?;
        }
        if kind != LinkKind::Relocatable && !options.link.strip {
            name_functions(&destination, modules)?;
        }
        self.depend_on_runtime([archive, old_symbols], &temp_dir);
        output.write_depfile(options, self)?;
        output.place(&destination, temp_files)
    }

    /// The runtime, and the older ways to what glibc has in newer versions, for what takes them.
    fn archives(
        self,
        kind: LinkKind,
        plan: &Plan<'_>,
        tools: &Tools<'_>,
        temp_dir: &Path,
    ) -> Result<[Option<PathBuf>; 2]> {
        let (triple, environment) = (tools.target.triple(), &self.options.environment);
        let bundle = if plan.needs_wasi() { Bundle::Wasi } else { Bundle::Runtime };
        let archive = match kind {
            LinkKind::Relocatable => None,
            _ => Some(bundle.find(triple, temp_dir, environment)?),
        };
        let old_symbols = match kind {
            LinkKind::Executable | LinkKind::SharedLibrary => {
                Some(find_old_symbols(triple, temp_dir, environment)?)
            }
            LinkKind::StaticExecutable | LinkKind::Relocatable => None,
        };
        Ok([archive, old_symbols])
    }

    /// Says when an output without C code needs a newer glibc than it should: then the linker took newer
    /// symbols.
    fn check_glibc(self, path: &Path, shown: &Path) -> Result<()> {
        let bytes =
            std::fs::read(path).map_err(|error| CompileError::cannot_temporarily("read", path, &error))?;
        let Version(_, allowed) = glibc::NEWEST;
        if let Some(Version(major, minor)) = glibc::newest_needed(&bytes).filter(|it| *it > glibc::NEWEST) {
            let message = format!("{} needs glibc {major}.{minor} or newer to start", shown.display());
            let hint = format!("the linker made it so; with GNU ld or lld {major}.{allowed} is enough");
            self.reports.tell(Diagnostic::warning(Code::Linker, message).hint(hint));
        }
        Ok(())
    }

    /// The runtime is in files of its own, or in the compiler, which then is what the output was made of.
    fn depend_on_runtime(self, archives: [Option<PathBuf>; 2], temp_dir: &Path) {
        for archive in archives.iter().flatten() {
            match self.options.environment.executable.as_deref() {
                Some(compiler) if archive.starts_with(temp_dir) => self.dependencies.add_of_system(compiler),
                _ if archive.starts_with(temp_dir) => {}
                _ => self.dependencies.add_of_system(archive),
            }
        }
    }

    /// The object with what a later link needs to know of the module.
    fn write_note(self, plan: &Plan<'_>, directory: &Path) -> Result<PathBuf> {
        let options = self.options;
        // An object has one module.
        let source = &plan.sources[0];
        let flags = [
            (source.has_software_bounds, NOTE_SOFTWARE_BOUNDS),
            (plan.main.is_some(), NOTE_PROGRAM),
            (omissions::says_program(options), NOTE_POLICY),
            (options.code.strict_traps, NOTE_STRICT_TRAPS),
        ];
        let note = Note {
            name: options
                .module_name
                .as_ref()
                .map_or(source.binary.name.as_encoded_bytes(), String::as_bytes)
                .to_vec(),
            prefix: source.prefix.clone(),
            flags: flags.into_iter().filter(|(is_set, _)| *is_set).map(|(_, flag)| flag).sum(),
            outline: wasm::outline(&source.binary.bytes),
        };
        let path = directory.join("module.note.o");
        std::fs::write(&path, note::write_object(&note)?)
            .map_err(|error| CompileError::cannot_temporarily("write", &path, &error))?;
        Ok(path)
    }

    /// Finds a machine without a linker, or with one for another machine, before minutes are spent on code.
    fn check_linker(self) -> Result<()> {
        let linker = Linker::find(self.options.link.linker.as_deref(), &self.options.environment)?;
        let started = self.temp_files.start_writers(|| {
            let question = linker.ask_target()?;
            Ok((question.as_ref().map(Question::group), question))
        })?;
        let answer = started.and_then(Question::answer);
        self.temp_files.forget_writers();
        answer.map_or(Ok(()), |triple| linker.check_target(&triple))
    }

    /// Runs a command to its end; what it said on standard error.
    fn finish(self, command: &ToolCommand) -> Result<String> {
        let running = self.temp_files.start_writers(|| {
            let running = command.start()?;
            Ok((Some(running.group()), running))
        })?;
        let result = running.finish();
        self.temp_files.forget_writers();
        result
    }
}

/// The only module of a plugin is found without its name, too: by what its own units define, or by this
/// argument for the linker if it is compiled already.
fn alias_of_only_module(kind: LinkKind, plan: &Plan<'_>) -> Option<OsString> {
    let (LinkKind::SharedLibrary, [Source { object: Some(object), .. }]) = (kind, plan.sources.as_slice())
    else {
        return None;
    };
    let descriptor = Symbols::new(&object.prefix).descriptor();
    Some(format!("-Wl,--defsym={MODULE}={descriptor}").into())
}

fn link_kind(options: &Options) -> LinkKind {
    match (options.output_kind, options.link.is_static) {
        (OutputKind::Object, _) => LinkKind::Relocatable,
        (OutputKind::SharedLibrary, _) => LinkKind::SharedLibrary,
        (_, false) => LinkKind::Executable,
        (_, true) => LinkKind::StaticExecutable,
    }
}

/// What LLVM is to generate.
fn generated(kind: OutputKind) -> Generated {
    match kind {
        OutputKind::Assembly => Generated::Assembly,
        OutputKind::LlvmIr => Generated::LlvmIr,
        OutputKind::Bitcode => Generated::Bitcode,
        OutputKind::Executable | OutputKind::SharedLibrary | OutputKind::Object => Generated::Object,
    }
}

fn strip(options: &Options) -> Strip {
    match (options.link.strip, options.code.debug_info) {
        (true, _) => Strip::All,
        (false, DebugInfo::Full) => Strip::Nothing,
        (false, DebugInfo::PcMap | DebugInfo::None) => Strip::Debug,
    }
}

/// Whether the runtime archive with WASI is needed for a module.
fn imports_wasi(module: &Module<'_>) -> bool {
    module.imports.iter().any(|import| w2n_abi::wasi_symbol_prefix(import.module, import.name).is_some())
}

fn available_jobs() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// A command line of ours for `input`, to be shown in hints.
fn command_for(input: &Path, flags: &str, output: Option<PathBuf>) -> String {
    let looks_like_option = input.as_os_str().as_encoded_bytes().starts_with(b"-") && *input != *"-";
    let input = if looks_like_option { Path::new(".").join(input) } else { input.to_owned() };
    let mut command = format!("wasm2native {flags}{}", quote(input.as_os_str()));
    if let Some(output) = output {
        command.push_str(&format!(" -o {}", quote(output.as_os_str())));
    }
    command
}
