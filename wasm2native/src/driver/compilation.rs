//! The one door to the compiler for programs: options in; what was made, and what there is to say of it, out.
//!
//! The rule: nothing here belongs to the process. Nothing is printed, no signal is handled, nobody exits, and
//! what the surroundings say comes with the options. The `wasm2native` command is a user of this like any
//! other.

use std::path::PathBuf;

use super::depfile::{Dependencies, Dependency};
use super::input::Input;
use super::reports::{Event, Listener, Reports};
use super::temporary::TempFiles;
use super::timing::{Phase, PhaseCost, Timing};
use super::{Run, target};
use crate::error::{Diagnostic, ErrorKind, Result};
use crate::options::{InputFile, Options};

/// A compilation to be done, of one output.
///
/// ```
/// use wasm2native::options::{InputFile, Options, OutputFile, OutputKind};
/// use wasm2native::{Artifact, Compilation};
///
/// let text = b"(module (func (export \"answer\") (result i32) i32.const 42))";
/// let mut options = Options::new(InputFile::Bytes { name: "deep.wat".into(), bytes: text.to_vec() });
/// options.output_kind = OutputKind::LlvmIr;
/// options.output = OutputFile::Memory;
/// let outcome = Compilation::new(options.clone()).run();
/// let Ok(Artifact::Bytes(ir)) = outcome.result else { panic!("it compiles") };
/// assert!(String::from_utf8(ir).unwrap().contains("ret i32 42"));
///
/// // What is wrong with an input is said, never printed.
/// options.inputs = vec![InputFile::Bytes { name: "bad.wat".into(), bytes: b"(module (fnc))".to_vec() }];
/// let error = Compilation::new(options).run().result.unwrap_err();
/// assert_eq!(error.code_name().name(), "text-syntax");
/// assert_eq!(error.source().map(|(place, _)| (place.line, place.column)), Some((1, 10)));
/// ```
pub struct Compilation {
    options: Options,
    temp_files: TempFiles,
    listener: Option<Box<Listener>>,
}

/// What a compilation came to.
#[derive(Debug)]
pub struct Outcome {
    /// What was made, or why it was not.
    pub result: Result<Artifact>,
    /// Warnings, and remarks and steps if the options ask for them, in the order in which they came.
    pub diagnostics: Vec<Diagnostic>,
    /// The files that it was made of, as far as they were looked at. Of C sources the headers too; under
    /// [`SystemFiles::LeftOut`](crate::options::SystemFiles) those of the system are missing.
    pub dependencies: Vec<Dependency>,
    /// What each phase has cost, if the options ask for it.
    pub costs: Vec<PhaseCost>,
}

/// What was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Artifact {
    /// A file.
    File(PathBuf),
    /// Bytes on standard output.
    Stdout,
    /// Bytes, for [`OutputFile::Memory`](crate::options::OutputFile::Memory).
    Bytes(Vec<u8>),
    /// Nothing but the command that would have linked it, for `-###`.
    LinkCommand(String),
}

impl Compilation {
    /// One that will do as `options` say.
    pub fn new(options: Options) -> Self {
        let temp_files = TempFiles::new(options.environment.temp_dir.clone());
        Self { options, temp_files, listener: None }
    }

    /// Tells `listener` of everything at once, in whichever thread it happens.
    pub fn on_event(mut self, listener: impl Fn(Event<'_>) + Send + Sync + 'static) -> Self {
        self.listener = Some(Box::new(listener));
        self
    }

    /// Files that the compilation may leave behind if the process ends, for whoever ends it. They are removed
    /// when it is over.
    pub fn temp_files(&self) -> TempFiles {
        self.temp_files.clone()
    }

    /// Does it.
    pub fn run(&self) -> Outcome {
        target::initialise();
        let Self { options, temp_files, listener } = self;
        let reports = Reports::new(options.reports, listener.as_deref());
        let timing = Timing::new(options.reports);
        let dependencies = Dependencies::default();
        let run =
            Run { options, temp_files, timing: &timing, reports: &reports, dependencies: &dependencies };
        let result = compile(run);
        temp_files.remove();
        Outcome {
            result,
            diagnostics: reports.into_diagnostics(),
            dependencies: dependencies.into_all(),
            costs: timing.costs(),
        }
    }
}

fn compile(run: Run<'_>) -> Result<Artifact> {
    let read = || run.options.inputs.iter().map(Input::read).collect::<Result<Vec<_>>>();
    let files = run.options.inputs.iter().filter_map(InputFile::path);
    files.for_each(|path| run.dependencies.add(path));
    let inputs = run.timing.measure(Phase::Read, read)?;
    run.compile(&inputs).map_err(|error| match (error.kind(), inputs.as_slice()) {
        // What the machine or the command line lacks is not the input's fault.
        (ErrorKind::Input, [input]) if !error.is_about_machine() => error.in_file(input.shown_path()),
        _ => error,
    })
}
