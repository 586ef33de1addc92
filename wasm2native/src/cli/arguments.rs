//! The arguments as clap reads them; `text.rs` has the help, since ours has options with one dash.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind as ClapErrorKind};
use clap::{ArgAction, CommandFactory, Parser, ValueEnum};

use super::spelling;
use crate::error::{CompileError, Result};

/// What the user wants.
pub enum Request {
    /// To compile.
    Compile(Box<Arguments>),
    /// `--help`
    Help,
    /// `--version`
    Version,
    /// `--licenses`
    Licenses,
}

/// All options and operands. Of an option given twice the last counts.
#[derive(Parser, Debug)]
#[command(
    disable_help_flag = true,
    disable_version_flag = true,
    args_override_self = true,
    no_binary_name = true
)]
pub struct Arguments {
    pub inputs: Vec<OsString>,
    #[arg(short)]
    pub output: Option<OsString>,

    #[arg(short = 'c')]
    pub object: bool,
    #[arg(short = 'S')]
    pub assembly: bool,
    #[arg(long)]
    pub emit_llvm: bool,
    #[arg(long)]
    pub shared: bool,
    #[arg(long, value_enum)]
    pub emit: Option<Emit>,

    #[arg(short = 'O', value_enum)]
    pub opt_level: Option<Level>,
    #[arg(short = 'g')]
    pub debug: bool,
    #[arg(long, overrides_with = "debug")]
    pub no_debug_info: bool,
    #[arg(long, overrides_with = "debug")]
    pub pc_map_only: bool,
    #[arg(long)]
    pub target: Option<String>,
    #[arg(long)]
    pub march: Option<String>,
    #[arg(long)]
    pub mcpu: Option<String>,
    #[arg(long, value_enum)]
    pub bounds_checks: Option<Bounds>,
    #[arg(long)]
    pub strict_traps: bool,
    #[arg(short = 'C', action = ArgAction::Append)]
    pub code_choices: Vec<String>,
    #[arg(long)]
    pub module_name: Option<String>,

    #[arg(long = "dir", action = ArgAction::Append)]
    pub dirs: Vec<String>,
    #[arg(long = "env", action = ArgAction::Append)]
    pub env: Vec<String>,
    #[arg(long = "embed-dir", action = ArgAction::Append)]
    pub embed: Vec<String>,
    #[arg(long)]
    pub entry: Option<String>,
    #[arg(long, value_enum)]
    pub undefined: Option<UndefinedName>,
    #[arg(long, action = ArgAction::Append)]
    pub tcplisten: Vec<String>,
    #[arg(long)]
    pub allow_escapes: bool,
    #[arg(long)]
    pub max_memory: Option<String>,
    #[arg(long)]
    pub stack_size: Option<String>,
    #[arg(long)]
    pub max_fds: Option<String>,
    #[arg(long)]
    pub timeout: Option<String>,
    #[arg(long, value_enum)]
    pub policy: Option<PolicyName>,
    #[arg(long)]
    pub sealed: bool,

    #[arg(long = "static")]
    pub is_static: bool,
    #[arg(short = 's', long)]
    pub strip: bool,
    #[arg(long)]
    pub linker: Option<String>,
    #[arg(short = 'l', action = ArgAction::Append)]
    pub libraries: Vec<String>,
    #[arg(short = 'L', action = ArgAction::Append)]
    pub library_dirs: Vec<OsString>,
    #[arg(long, action = ArgAction::Append, value_delimiter = ',')]
    pub provide: Vec<String>,
    #[arg(long)]
    pub print_link_command: bool,

    #[arg(short)]
    pub jobs: Option<usize>,
    #[arg(short, long)]
    pub verbose: bool,
    #[arg(long)]
    pub remarks: bool,
    #[arg(long)]
    pub time_passes: bool,
    #[arg(long, value_enum)]
    pub color: Option<Color>,
    #[arg(short, long)]
    pub help: bool,
    #[arg(short = 'V', long)]
    pub version: bool,
    #[arg(long)]
    pub licenses: bool,
}

/// `--emit`
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Emit {
    Exe,
    Shared,
    #[value(alias = "object")]
    Obj,
    #[value(alias = "assembly")]
    Asm,
    #[value(alias = "llvm")]
    LlvmIr,
    #[value(alias = "bitcode")]
    LlvmBc,
}

/// `-O`
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Level {
    #[value(name = "0")]
    O0,
    #[value(name = "1")]
    O1,
    #[value(name = "2")]
    O2,
    #[value(name = "3")]
    O3,
    #[value(name = "s")]
    Os,
    #[value(name = "z")]
    Oz,
}

/// `--bounds-checks`
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Bounds {
    Guard,
    Software,
}

/// `--undefined`
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum UndefinedName {
    Error,
    Trap,
}

/// `--policy`
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PolicyName {
    Open,
    Bound,
    Sealed,
}

/// `--color`
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Color {
    Auto,
    Always,
    Never,
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
        if options().any(|argument| argument == "--version" || argument == "-V") {
            return Ok(Request::Version);
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
    let error = CompileError::usage(format!("unknown option `{option}`"));
    match nearest_option(option) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None => error.hint("`wasm2native --help` lists the options"),
    }
}

/// The option that was meant: of those spelled alike the one most alike.
fn nearest_option(unknown: &str) -> Option<String> {
    if unknown == "--output" {
        return Some("-o".to_owned());
    }
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
