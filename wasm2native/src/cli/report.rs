//! Prints errors: `wasm2native: error: …`, lines of detail, then `hint: …`. Coloured on a terminal.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::Write;

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};

use crate::error::{CompileError, ErrorKind, REPORT_HINT};

const ERROR: Style = AnsiColor::Red.on_default().bold();
const HINT: Style = AnsiColor::Cyan.on_default().bold();
const PROGRAM: Style = Style::new().bold();

/// Writes to standard error.
pub struct Reporter {
    color: ColorChoice,
}

impl Reporter {
    /// `color` decides, and on a terminal the environment (`NO_COLOR`).
    pub fn new(color: ColorChoice) -> Self {
        Self { color }
    }

    /// Prints `error` with its hint.
    pub fn report(&self, error: &CompileError) {
        let is_internal = error.kind() == ErrorKind::Internal;
        let word = if is_internal { "internal error" } else { "error" };
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{PROGRAM}wasm2native:{PROGRAM:#} {ERROR}{word}:{ERROR:#} {error}");
        if let Some(detail) = error.detail_text().filter(|detail| !detail.is_empty()) {
            let _ = writeln!(text, "{detail}");
        }
        if let Some(hint) = error.hint_text().or_else(|| is_internal.then(|| REPORT_HINT.to_owned())) {
            let _ = writeln!(text, "{HINT}hint:{HINT:#} {hint}");
        }
        let _ = AutoStream::new(std::io::stderr(), self.color).write_all(text.as_bytes());
    }
}

/// `--color=…`, read before anything can go wrong with the other arguments.
pub fn color_choice(arguments: &[OsString]) -> ColorChoice {
    let options = arguments.iter().take_while(|argument| *argument != "--");
    let choice = options.filter_map(|argument| argument.to_str()?.strip_prefix("--color=")).last();
    match choice {
        Some("always") => ColorChoice::Always,
        Some("never") => ColorChoice::Never,
        // On a machine with CI in its environment the library would colour this terminal too.
        _ if std::env::var_os("TERM").is_some_and(|term| term == "dumb") => ColorChoice::Never,
        // Of a choice made by nobody, the stream knows best: terminal, NO_COLOR.
        _ => AutoStream::choice(&std::io::stderr()),
    }
}

/// Prints a panic: a bug of ours by definition.
pub fn panicked(what: &str) {
    let _ = writeln!(std::io::stderr(), "wasm2native: internal error: {what}\nhint: {REPORT_HINT}");
}
