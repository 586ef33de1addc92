//! Runs the pipeline: input, parse, check, compile units in parallel, link, output.
//!
//! The output appears whole or not at all (INV-9), and its bytes depend on the input and the options
//! alone (INV-8).

mod check;
mod compile;
pub mod console;
mod hints;
mod input;
mod output;
pub mod plugins;
mod prefix;
mod progress;
pub mod signals;
mod tasks;
mod temporary;
mod timing;

use std::path::{Path, PathBuf};

use crate::backend::link::{Link, LinkKind, Strip, quote};
use crate::backend::object::Artifact;
use crate::backend::runtime::Bundle;
use crate::backend::target::TargetSpec;
use crate::emit::{EmitSettings, Unit, partition};
use crate::error::{ErrorKind, Result};
use crate::options::{DebugInfo, Options, OutputKind};
use crate::wasm::{self, Module};
use compile::{UnitJob, compile_objects, compile_to_bytes};
use console::Console;
use input::Input;
use output::Output;
use prefix::symbol_prefix;
pub use prefix::taken_word;
use progress::{Progress, Work};
use temporary::TempFiles;
use timing::{Phase, Timing};

/// What a run of the compiler has at hand.
#[derive(Clone, Copy)]
struct Run<'a> {
    options: &'a Options,
    console: &'a Console,
    temp_files: &'a TempFiles,
    timing: &'a Timing,
    progress: &'a Progress,
}

/// Compiles as `options` say. `temp_files` are removed at the end, or by whoever ends the process.
pub fn run(options: &Options, console: &Console, temp_files: &TempFiles) -> Result<()> {
    let timing = Timing::new(console);
    let progress = Progress::start(console);
    let input = timing.measure(Phase::Read, || Input::read(&options.input))?;
    let run = Run { options, console, temp_files, timing: &timing, progress: &progress };
    let result = run.compile(&input);
    temp_files.remove();
    drop(progress);
    if console.shows_times() {
        console.say(&timing.table());
    }
    result.map_err(|error| match error.kind() {
        // What the machine or the command line lacks is not the input's fault.
        ErrorKind::Input if !error.is_about_machine() => error.in_file(input.shown_path()),
        _ => error,
    })
}

/// Files a new run may leave behind, to be shared with [`signals::clean_up_on_signals`].
pub fn temp_files() -> TempFiles {
    TempFiles::default()
}

impl Run<'_> {
    fn compile(self, input: &Input) -> Result<()> {
        let Self { options, console, timing, progress, .. } = self;
        let output = Output::plan(options, input)?;
        let target = TargetSpec::resolve(&options.target)?;
        console.verbose(|| format!("reading {} ({} bytes)", input.shown_path().display(), input.bytes.len()));
        let module =
            timing.measure(Phase::Parse, || wasm::parse(&input.bytes, &input.stem.to_string_lossy()))?;
        let kind = check::module_kind(&module, input, options)?;
        let prefix = options.module_name.clone().unwrap_or_else(|| symbol_prefix(&input.stem));
        let units = match artifact(options.output_kind) {
            Artifact::Object => partition(&module, options.code.opt_level),
            // Text of several LLVM modules cannot be joined into one.
            _ => vec![Unit { index: 0, funcs: 0..module.bodies.len() as u32 }],
        };
        console.verbose(|| {
            let (functions, bytes) = (module.bodies.len(), module.code_size_bytes());
            format!(
                "compiling {functions} functions, {bytes} bytes of code, units: {}, for {} {}",
                units.len(),
                target.triple(),
                target.cpu()
            )
        });
        let settings = EmitSettings {
            code: &options.code,
            kind,
            prefix: &prefix,
            policy: &options.policy,
            single_unit: units.len() == 1,
            is_only_module: options.output_kind != OutputKind::Object,
        };
        let job =
            UnitJob { module: &module, settings: &settings, target: &target, timing, progress, console };
        match artifact(options.output_kind) {
            Artifact::Object => self.link(&job, &units, &output),
            artifact => output.write(&compile_to_bytes(&job, &units[0], artifact)?, self.temp_files),
        }
    }

    fn link(self, job: &UnitJob<'_>, units: &[Unit], output: &Output) -> Result<()> {
        let Self { options, console, temp_files, .. } = self;
        let temp_dir = temp_files.directory()?;
        let kind = match (options.output_kind, options.link.is_static) {
            (OutputKind::Object, _) => LinkKind::Relocatable,
            (OutputKind::SharedLibrary, _) => LinkKind::SharedLibrary,
            (_, false) => LinkKind::Executable,
            (_, true) => LinkKind::StaticExecutable,
        };
        let archive = match kind {
            LinkKind::Relocatable => None,
            _ => Some(bundle(job.module).find(job.target.triple(), &temp_dir)?),
        };
        let (objects, destination) = if options.link.show_only {
            (vec![temp_dir.join("unit-0.o")], output.display_path())
        } else {
            // A machine without a linker is told so before it spends minutes on code.
            crate::backend::link::check_linker(options.link.linker.as_deref())?;
            let jobs = options.jobs.unwrap_or_else(available_jobs);
            (compile_objects(job, units, jobs, &temp_dir)?, output.link_destination(temp_files)?)
        };
        let command = Link {
            kind,
            output: &destination,
            objects: &objects,
            archive: archive.as_deref(),
            strip: strip(options),
            linker: options.link.linker.as_deref(),
            temp_dir: &temp_dir,
        }
        .command()?;
        if options.link.show_only {
            console.say(&command.shown());
            return Ok(());
        }
        console.verbose(|| command.shown());
        self.progress.set(Work::Linking);
        job.timing.measure(Phase::Link, || {
            let linker = temp_files.start_writers(|| {
                let linker = command.start()?;
                Ok((linker.group(), linker))
            })?;
            let result = linker.finish();
            temp_files.forget_writers();
            result
        })?;
        output.place(&destination, temp_files)
    }
}

fn artifact(kind: OutputKind) -> Artifact {
    match kind {
        OutputKind::Assembly => Artifact::Assembly,
        OutputKind::LlvmIr => Artifact::LlvmIr,
        OutputKind::Bitcode => Artifact::Bitcode,
        OutputKind::Executable | OutputKind::SharedLibrary | OutputKind::Object => Artifact::Object,
    }
}

fn strip(options: &Options) -> Strip {
    match (options.link.strip, options.code.debug_info) {
        (true, _) => Strip::All,
        (false, DebugInfo::Full) => Strip::Nothing,
        (false, DebugInfo::PcMap | DebugInfo::None) => Strip::Debug,
    }
}

/// The runtime archive that a module needs.
fn bundle(module: &Module<'_>) -> Bundle {
    let imports_wasi =
        module.imports.iter().any(|import| w2n_abi::wasi_symbol_prefix(import.module, import.name).is_some());
    if imports_wasi { Bundle::Wasi } else { Bundle::Runtime }
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
