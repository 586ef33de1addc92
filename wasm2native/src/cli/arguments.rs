//! The options: how clap reads them, and what `--help` says of each; `help.rs` lays that out, since ours have
//! one dash.
//!
//! The rule: an option is described where it is declared. What most users need stands in `--help`, the rest,
//! marked `hide_short_help`, in `--help-all` only.

use std::ffi::OsString;

use clap::{ArgAction, Parser, ValueEnum};

/// Headings of the help, in its order.
pub const HEADINGS: [&str; 6] = [OUTPUT, CODE, CONTENTS, POLICY, LINKING, MESSAGES];

const OUTPUT: &str = "What to make (default: an executable)";
const CODE: &str = "Code";
const CONTENTS: &str = "What an executable is made of";
const POLICY: &str = "What an executable may use beside its arguments and standard streams";
const LINKING: &str = "Linking";
const MESSAGES: &str = "Messages and the rest";

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

    #[arg(
        short,
        long,
        help_heading = OUTPUT,
        value_name = "FILE",
        help = "write to FILE; - is standard output (default: named after INPUT)",
    )]
    pub output: Option<OsString>,
    #[arg(long, help_heading = OUTPUT, help = "a plugin: FILE.so")]
    pub shared: bool,
    #[arg(short = 'c', help_heading = OUTPUT, help = "an object: FILE.o")]
    pub object: bool,
    #[arg(short = 'S', help_heading = OUTPUT, help = "assembly: FILE.s")]
    pub assembly: bool,
    #[arg(long, help_heading = OUTPUT, help = "LLVM IR: FILE.ll; with -c bitcode: FILE.bc")]
    pub emit_llvm: bool,
    #[arg(
        long, value_enum,
        help_heading = OUTPUT,
        value_name = "KIND",
        hide_short_help = true,
        help = "exe, shared, obj, asm, llvm-ir or llvm-bc",
    )]
    pub emit: Option<Emit>,
    #[arg(
        long,
        help_heading = OUTPUT,
        value_name = "NAME",
        hide_short_help = true,
        help = "prefix of all symbols (default: from the name of INPUT)",
    )]
    pub module_name: Option<String>,

    #[arg(
        long = "MD",
        help_heading = OUTPUT,
        help = "beside it a rule for make that names all files that it was made of: FILE.d"
    )]
    pub depfile: bool,
    #[arg(
        long = "MMD",
        help_heading = OUTPUT,
        hide_short_help = true,
        help = "the same without headers and libraries of the system and the runtime"
    )]
    pub depfile_of_user: bool,
    #[arg(
        long = "MF",
        allow_hyphen_values = true,
        help_heading = OUTPUT,
        value_name = "FILE",
        hide_short_help = true,
        help = "write the rule to FILE; - is standard output"
    )]
    pub depfile_path: Option<OsString>,
    #[arg(
        long = "MT",
        allow_hyphen_values = true,
        action = ArgAction::Append,
        help_heading = OUTPUT,
        value_name = "WORDS",
        hide_short_help = true,
        help = "what the rule is for, as it is to stand there (default: the output)"
    )]
    pub depfile_targets: Vec<OsString>,
    #[arg(
        long = "MQ",
        allow_hyphen_values = true,
        action = ArgAction::Append,
        help_heading = OUTPUT,
        value_name = "NAME",
        hide_short_help = true,
        help = "the same, quoted for make"
    )]
    pub depfile_names: Vec<OsString>,
    #[arg(
        long = "MP",
        help_heading = OUTPUT,
        hide_short_help = true,
        help = "an empty rule for each file too, so that one which is gone is no error"
    )]
    pub depfile_phony: bool,

    #[arg(
        short = 'O', value_enum,
        help_heading = CODE,
        help = "optimise: not at all … most, or for size (default: -O2)",
    )]
    pub opt_level: Option<Level>,
    #[arg(short = 'g', help_heading = CODE, help = "DWARF line tables: functions and Wasm offsets")]
    pub debug: bool,
    #[arg(
        long, overrides_with = "debug",
        help_heading = CODE,
        hide_short_help = true,
        help = "no map of code addresses: backtraces show addresses only",
    )]
    pub no_debug_info: bool,
    #[arg(
        long, overrides_with = "debug", hide = true,
        help_heading = CODE,
        help = "the map alone, as without -g",
    )]
    pub pc_map_only: bool,
    #[arg(
        long,
        help_heading = CODE,
        value_name = "CPU",
        help = "the processor to compile for, or native (default: x86-64)",
    )]
    pub march: Option<String>,
    #[arg(long, help_heading = CODE, value_name = "CPU", hide_short_help = true, help = "the same")]
    pub mcpu: Option<String>,
    #[arg(
        long,
        help_heading = CODE,
        value_name = "TRIPLE",
        hide_short_help = true,
        help = "the machine to compile for (default: this one)",
    )]
    pub target: Option<String>,
    #[arg(
        long, value_enum,
        help_heading = CODE,
        value_name = "HOW",
        hide_short_help = true,
        help = "guard: guard pages (default); software: a compare before each access",
    )]
    pub bounds_checks: Option<Bounds>,
    #[arg(
        long,
        help_heading = CODE,
        hide_short_help = true,
        help = "after every trap all earlier stores have happened, and no later one",
    )]
    pub strict_traps: bool,
    #[arg(
        short = 'C', action = ArgAction::Append,
        help_heading = CODE,
        value_name = "NAME=VALUE",
        hide_short_help = true,
        help = "relaxed-simd=deterministic: the same results on every machine (default)\nrelaxed-simd=native: the fastest\ncheck-loops=1: run each loop a second time as it was and trap where the results part, to report a bug",
    )]
    pub code_choices: Vec<String>,

    #[arg(
        long = "embed-dir", action = ArgAction::Append,
        help_heading = CONTENTS,
        value_name = "HOST[::GUEST]",
        help = "a directory that is packed into it, read-only",
    )]
    pub embed: Vec<String>,
    #[arg(
        long,
        help_heading = CONTENTS,
        value_name = "NAME",
        hide_short_help = true,
        help = "the export to run (default: _start, else main); _initialize is called before it",
    )]
    pub entry: Option<String>,
    #[arg(
        long, value_enum,
        help_heading = CONTENTS,
        value_name = "HOW",
        hide_short_help = true,
        help = "error: an import that nothing provides is one (default); trap: calling it traps",
    )]
    pub undefined: Option<UndefinedName>,

    #[arg(
        long = "dir", action = ArgAction::Append,
        help_heading = POLICY,
        value_name = "HOST[::GUEST][:ro]",
        help = "a directory, under the name GUEST, perhaps read-only",
    )]
    pub dirs: Vec<String>,
    #[arg(
        long = "env", action = ArgAction::Append,
        help_heading = POLICY,
        value_name = "NAME[=VALUE]",
        help = "an environment variable; without VALUE the host's when it runs",
    )]
    pub env: Vec<String>,
    #[arg(
        long, action = ArgAction::Append,
        help_heading = POLICY,
        value_name = "ADDRESS:PORT",
        hide_short_help = true,
        help = "a socket that listens there, for sock_accept",
    )]
    pub tcplisten: Vec<String>,
    #[arg(
        long,
        help_heading = POLICY,
        hide_short_help = true,
        help = "escape sequences reach a terminal (default: they are made visible)",
    )]
    pub allow_escapes: bool,
    #[arg(
        long,
        help_heading = POLICY,
        value_name = "SIZE",
        hide_short_help = true,
        help = "all memories and tables together, such as 64M (default: no limit)",
    )]
    pub max_memory: Option<String>,
    #[arg(
        long,
        help_heading = POLICY,
        value_name = "SIZE",
        hide_short_help = true,
        help = "the stack of Wasm code (default: 8M)",
    )]
    pub stack_size: Option<String>,
    #[arg(
        long,
        help_heading = POLICY,
        value_name = "N",
        hide_short_help = true,
        help = "descriptors that are open at a time",
    )]
    pub max_fds: Option<String>,
    #[arg(
        long,
        help_heading = POLICY,
        value_name = "TIME",
        hide_short_help = true,
        help = "wall clock, such as 5, 500ms or 2m; a trap when it is over",
    )]
    pub timeout: Option<String>,
    #[arg(
        long, value_enum,
        help_heading = POLICY,
        value_name = "WORD",
        hide_short_help = true,
        help = "what a run may change, by W2N_DIR, W2N_ENV and so on:\nopen: grant more, set limits (default if nothing is granted or limited)\nbound: take some of it, tighten limits (default otherwise)\nsealed: tighten limits",
    )]
    pub policy: Option<PolicyName>,
    #[arg(long, help_heading = POLICY, hide_short_help = true, help = "short for --policy=sealed")]
    pub sealed: bool,

    #[arg(long = "static", help_heading = LINKING, help = "no shared libraries")]
    pub is_static: bool,
    #[arg(short = 's', long, help_heading = LINKING, help = "no symbols")]
    pub strip: bool,
    #[arg(
        long,
        help_heading = LINKING,
        value_name = "PROGRAM",
        hide_short_help = true,
        help = "the C compiler to link with (default: CC, or cc, gcc, clang)",
    )]
    pub linker: Option<String>,
    #[arg(
        short = 'l', action = ArgAction::Append,
        help_heading = LINKING,
        value_name = "NAME",
        help = "link a library too",
    )]
    pub libraries: Vec<String>,
    #[arg(
        short = 'L', action = ArgAction::Append,
        help_heading = LINKING,
        value_name = "DIR",
        help = "look for libraries in DIR",
    )]
    pub library_dirs: Vec<OsString>,
    #[arg(
        long, action = ArgAction::Append, value_delimiter = ',',
        help_heading = LINKING,
        value_name = "NAME,…",
        hide_short_help = true,
        help = "C functions of libraries that the module may import (those of sources and objects it may)",
    )]
    pub provide: Vec<String>,
    #[arg(
        long,
        help_heading = LINKING,
        hide_short_help = true,
        help = "print the link command, compile nothing",
    )]
    pub print_link_command: bool,

    #[arg(
        short,
        help_heading = MESSAGES,
        value_name = "N",
        help = "threads (default: one per processor); the output does not depend on it",
    )]
    pub jobs: Option<usize>,
    #[arg(short, long, help_heading = MESSAGES, help = "say what is done")]
    pub verbose: bool,
    #[arg(
        long,
        help_heading = MESSAGES,
        hide_short_help = true,
        help = "say which loops were vectorised or copied, and where they are in the module",
    )]
    pub remarks: bool,
    #[arg(
        long,
        help_heading = MESSAGES,
        hide_short_help = true,
        help = "processor time by phase, and the most memory used",
    )]
    pub time_passes: bool,
    #[arg(
        long, value_enum,
        help_heading = MESSAGES,
        value_name = "WHEN",
        hide_short_help = true,
        help = "auto, always or never",
    )]
    pub color: Option<Color>,
    #[arg(
        long, value_enum,
        help_heading = MESSAGES,
        value_name = "HOW",
        hide_short_help = true,
        help = "text (default); json: errors, warnings and so on as one JSON object a line",
    )]
    pub diagnostics_format: Option<DiagnosticsFormat>,
    #[arg(short, long, help_heading = MESSAGES, help = "the options that are used most")]
    pub help: bool,
    #[arg(long, help_heading = MESSAGES, help = "all options")]
    pub help_all: bool,
    #[arg(short = 'V', long, help_heading = MESSAGES, help = "versions of this and of LLVM")]
    pub version: bool,
    #[arg(
        long,
        help_heading = MESSAGES,
        hide_short_help = true,
        help = "the notices of what wasm2native and the programs that it makes contain",
    )]
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

/// `--diagnostics-format`
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DiagnosticsFormat {
    Text,
    Json,
}
