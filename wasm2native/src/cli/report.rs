//! Prints diagnostics on standard error, as text or as lines of JSON. A failed write there is ignored: there
//! is nobody left to tell.

use std::ffi::OsString;
use std::io::Write;

use anstream::{AutoStream, ColorChoice};

use crate::driver::PhaseCost;
use crate::error::{CompileError, Diagnostic};
use crate::render;

/// `--diagnostics-format`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Text,
    Json,
}

/// Writes to standard error.
#[derive(Clone, Copy, Debug)]
pub struct Reporter {
    color: ColorChoice,
    format: Format,
}

impl Reporter {
    /// As the arguments say; they are looked at before anything can go wrong with the others.
    pub fn new(arguments: &[OsString]) -> Self {
        let format = match last_value(arguments, "--diagnostics-format=") {
            Some("json") => Format::Json,
            _ => Format::Text,
        };
        Self { color: color_choice(arguments), format }
    }

    /// Prints a diagnostic.
    pub fn report(&self, diagnostic: &Diagnostic) {
        let (text, color) = match self.format {
            Format::Text => (render::text(diagnostic), self.color),
            Format::Json => (render::json(diagnostic), ColorChoice::Never),
        };
        // One write, so that lines of several threads stay whole.
        let _ = AutoStream::new(std::io::stderr(), color).write_all(text.as_bytes());
    }

    /// Prints a panic: a bug of ours by definition.
    pub fn panicked(&self, what: &str) {
        self.report(&CompileError::internal(what));
    }

    /// Prints what the phases have cost, a line each.
    pub fn report_costs(&self, costs: &[PhaseCost]) {
        for PhaseCost { name, seconds, peak_kib } in costs {
            let line = format!("{seconds:9.3} s {:6} MiB  {name}", peak_kib / 1024);
            match self.format {
                Format::Text => self.say(&line),
                Format::Json => self.report(&Diagnostic::note(line.trim_start())),
            }
        }
    }

    /// Prints a line that is no diagnostic.
    pub fn say(&self, line: &str) {
        let _ = writeln!(std::io::stderr(), "{line}");
    }
}

/// `--color=…`
fn color_choice(arguments: &[OsString]) -> ColorChoice {
    match last_value(arguments, "--color=") {
        Some("always") => ColorChoice::Always,
        Some("never") => ColorChoice::Never,
        // On a machine with CI in its environment the library would colour this terminal too.
        _ if std::env::var_os("TERM").is_some_and(|term| term == "dumb") => ColorChoice::Never,
        // Of a choice made by nobody, the stream knows best: terminal, NO_COLOR.
        _ => AutoStream::choice(&std::io::stderr()),
    }
}

/// The value of an option, the last one that is given.
fn last_value<'a>(arguments: &'a [OsString], option: &str) -> Option<&'a str> {
    let options = arguments.iter().take_while(|argument| *argument != "--");
    options.filter_map(|argument| argument.to_str()?.strip_prefix(option)).last()
}
