//! The command line: arguments to [`Options`], errors to text and an exit
//! status. 0 is success, 1 the input's fault, 2 the command line's, 70 ours.

mod arguments;
mod convert;
mod depfile;
mod flags;
mod help;
mod inputs;
mod parse;
mod policy;
mod progress;
mod report;
mod response;
mod signals;
mod spelling;
mod text;

use std::ffi::OsString;
use std::io::{ErrorKind, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::Compilation;
use crate::backend::target::DEFAULT_TRIPLE;
use crate::driver::Artifact;
use crate::driver::reports::Event;
use crate::error::CompileError;
use crate::options::Options;
use arguments::Arguments;
use flags::Flags;
use help::{Extent, help};
use parse::Request;
use progress::Progress;
use report::Reporter;

/// Exit status of a panic, which is always our bug.
const PANIC_STATUS: u8 = 70;

/// Runs the compiler as a command with these arguments, the program's name first; the exit status.
pub fn main(arguments: impl Iterator<Item = OsString>) -> u8 {
    let arguments: Vec<OsString> = arguments.skip(1).collect();
    let reporter = Reporter::new(&arguments);
    std::panic::set_hook(Box::new(move |panic| reporter.panicked(&panic.to_string())));
    // A panic was printed by the hook, in whichever thread it was.
    catch_unwind(AssertUnwindSafe(|| run(arguments, reporter))).unwrap_or(PANIC_STATUS)
}

fn run(arguments: Vec<OsString>, reporter: Reporter) -> u8 {
    if arguments.is_empty() {
        let _ = std::io::stderr().write_all(text::USAGE.as_bytes());
        return 2;
    }
    let result = match read(arguments) {
        Ok((Request::Compile(arguments), files, flags)) => compile(&arguments, files, flags, reporter),
        Ok((Request::Help, ..)) => print(&help(Extent::Short)),
        Ok((Request::HelpAll, ..)) => print(&help(Extent::All)),
        Ok((Request::Licenses, ..)) => print(text::NOTICES),
        Ok((Request::Version, ..)) => print(&text::version()),
        Ok((Request::Machine, ..)) => print(&format!("{DEFAULT_TRIPLE}\n")),
        Ok((Request::VersionNumber, ..)) => print(concat!(env!("CARGO_PKG_VERSION"), "\n")),
        Err(error) => Err(error),
    };
    match result {
        Ok(()) => 0,
        Err(error) => {
            reporter.report(&error);
            error.exit_status()
        }
    }
}

/// The request, and what is not clap's business: the response files that were read, and flags of C compilers.
fn read(arguments: Vec<OsString>) -> Result<(Request, Vec<PathBuf>, Flags), CompileError> {
    let (arguments, files) = response::expand(arguments)?;
    let (arguments, flags) = flags::take(arguments)?;
    Ok((Arguments::parse(arguments)?, files, flags))
}

fn compile(
    arguments: &Arguments,
    response_files: Vec<PathBuf>,
    flags: Flags,
    reporter: Reporter,
) -> Result<(), CompileError> {
    let mut options = Options { response_files, ..convert::options(arguments)? };
    options.link.c_flags = flags.c;
    options.link.flags = flags.link;
    options.reports.warnings = flags.warnings;
    let reports = options.reports;
    let mut compilation = Compilation::new(options);
    // Before there are threads.
    signals::clean_up_on_signals(compilation.temp_files(), reporter);
    let progress = Arc::new(Progress::start(reports));
    let line = progress.clone();
    compilation = compilation.on_event(move |event| match event {
        Event::Diagnostic(diagnostic) => reporter.report(diagnostic),
        Event::Work(work) => line.set(work),
    });
    let outcome = compilation.run();
    // The line goes away before anything else is said.
    drop((compilation, progress));
    reporter.report_costs(&outcome.costs);
    if let Artifact::LinkCommand(command) = outcome.result? {
        reporter.say(&command);
    }
    Ok(())
}

/// Prints to standard output. A reader that has gone away is no error.
fn print(text: &str) -> Result<(), CompileError> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(CompileError::cannot("write", Path::new("standard output"), &error))
        }
        _ => Ok(()),
    }
}
