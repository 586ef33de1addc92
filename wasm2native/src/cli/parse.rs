//! Arguments to what the user wants, and clap's errors in our words.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind as ClapErrorKind};
use clap::{CommandFactory, Parser};

use super::arguments::Arguments;
use super::spelling;
use crate::error::{Code, CompileError, Result};

/// What the user wants.
pub enum Request {
    /// To compile.
    Compile(Box<Arguments>),
    /// `--help`
    Help,
    /// `--help-all`
    HelpAll,
    /// `--version`
    Version,
    /// `-dumpmachine`: the target, as C compilers say it.
    Machine,
    /// `-dumpversion`: the number alone.
    VersionNumber,
    /// `--licenses`
    Licenses,
}

impl Arguments {
    /// Reads the arguments, without the program's name.
    pub fn parse(arguments: Vec<OsString>) -> Result<Request> {
        let arguments = spelling::to_clap(arguments);
        // Help wins over whatever else is wrong.
        let options = || arguments.iter().take_while(|argument| *argument != "--");
        if options().any(|argument| argument == "--help" || argument == "-h") {
            return Ok(Request::Help);
        }
        if options().any(|argument| argument == "--help-all") {
            return Ok(Request::HelpAll);
        }
        if options().any(|argument| argument == "--version" || argument == "-V") {
            return Ok(Request::Version);
        }
        if options().any(|argument| argument == "-dumpmachine") {
            return Ok(Request::Machine);
        }
        if options().any(|argument| argument == "-dumpversion") {
            return Ok(Request::VersionNumber);
        }
        if options().any(|argument| argument == "--licenses") {
            return Ok(Request::Licenses);
        }
        if let Some(word) = spelling::unknown_word(&arguments) {
            return Err(unknown_option(word));
        }
        match Self::try_parse_from(arguments) {
            Ok(arguments) => Ok(Request::Compile(Box::new(arguments))),
            Err(error) => Err(explain(&error)),
        }
    }
}

/// clap's error in our words and with the user's spelling of options.
fn explain(error: &clap::Error) -> CompileError {
    let context = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        Some(ContextValue::Strings(texts)) => Some(texts.join(", ")),
        _ => None,
    };
    // clap adds what the value is called: `--emit <EMIT>`.
    let option = context(ContextKind::InvalidArg).unwrap_or_default();
    let option = spelling::from_clap(option.split(" <").next().unwrap_or_default());
    let value = context(ContextKind::InvalidValue).unwrap_or_default();
    match error.kind() {
        ClapErrorKind::UnknownArgument => unknown_option(option),
        ClapErrorKind::InvalidValue if value.is_empty() => {
            CompileError::usage(format!("option `{option}` needs a value"))
        }
        ClapErrorKind::InvalidValue => {
            let error = CompileError::usage(format!("`{value}` is no value of `{option}`"));
            let known = context(ContextKind::ValidValue).unwrap_or_default();
            error.hint(format!("it takes one of: {known}"))
        }
        ClapErrorKind::ValueValidation => {
            CompileError::usage(format!("`{value}` is no value of `{option}`")).hint("it takes a number")
        }
        ClapErrorKind::TooManyValues => CompileError::usage(format!("option `{option}` takes no value")),
        _ => CompileError::usage(error.kind().to_string()).hint("`wasm2native --help` shows how to write it"),
    }
}

fn unknown_option(option: &str) -> CompileError {
    let error = CompileError::usage(format!("unknown option `{option}`")).code(Code::UnknownOption);
    match nearest_option(option) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None => error.hint("`wasm2native --help` lists the options"),
    }
}

/// The option that was meant: of those spelled alike the one most alike.
fn nearest_option(unknown: &str) -> Option<String> {
    let likeness = |option: &str| strsim::jaro_winkler(letters(option), letters(unknown));
    let command = Arguments::command();
    let long = command.get_arguments().filter_map(|argument| argument.get_long());
    let options = long.map(|long| spelling::from_clap(&format!("--{long}")).to_owned());
    let alike = options.map(|option| (likeness(&option), option));
    let nearest = alike.max_by(|(left, _), (right, _): &(f64, String)| left.total_cmp(right));
    nearest.filter(|(likeness, _)| *likeness > 0.85).map(|(_, option)| option)
}

/// `--emit=asm` without dashes and value.
fn letters(option: &str) -> &str {
    option.trim_start_matches('-').split('=').next().unwrap_or_default()
}
