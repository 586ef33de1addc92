//! The command line: arguments to [`Options`](crate::options::Options), errors to text and an exit
//! status. 0 is success, 1 the input's fault, 2 the command line's, 70 ours.

mod arguments;
mod convert;
mod inputs;
mod policy;
mod report;
mod spelling;
mod text;

use std::ffi::OsString;
use std::io::{ErrorKind, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use crate::backend::target::{self, Remarks};
use crate::driver::{self, signals};
use crate::error::CompileError;
use arguments::{Arguments, Request};
use report::Reporter;

/// Exit status of a panic, which is always our bug.
const PANIC_STATUS: u8 = 70;

/// Runs the compiler as a command with these arguments, the program's name first; the exit status.
pub fn main(arguments: impl Iterator<Item = OsString>) -> u8 {
    std::panic::set_hook(Box::new(|panic| report::panicked(&panic.to_string())));
    let arguments: Vec<OsString> = arguments.skip(1).collect();
    // A panic was printed by the hook, in whichever thread it was.
    catch_unwind(AssertUnwindSafe(|| run(arguments))).unwrap_or(PANIC_STATUS)
}

fn run(arguments: Vec<OsString>) -> u8 {
    let color = report::color_choice(&arguments);
    let reporter = Reporter::new(color);
    if arguments.is_empty() {
        let _ = std::io::stderr().write_all(text::USAGE.as_bytes());
        return 2;
    }
    match Arguments::parse(arguments) {
        Ok(Request::Compile(arguments)) => finish(compile(&arguments), &reporter),
        Ok(Request::Help) => finish(print(text::HELP), &reporter),
        Ok(Request::Licenses) => finish(print(text::NOTICES), &reporter),
        Ok(Request::Version) => finish(print(&text::version()), &reporter),
        Err(error) => finish(Err(error), &reporter),
    }
}

fn compile(arguments: &Arguments) -> Result<(), CompileError> {
    let (options, console) = convert::options(arguments)?;
    let temp_files = driver::temp_files();
    signals::clean_up_on_signals(temp_files.clone());
    target::initialise(if console.shows_remarks { Remarks::Wanted } else { Remarks::Unwanted });
    driver::run(&options, &console, &temp_files)
}

fn finish(result: Result<(), CompileError>, reporter: &Reporter) -> u8 {
    match result {
        Ok(()) => 0,
        Err(error) => {
            reporter.report(&error);
            error.exit_status()
        }
    }
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
