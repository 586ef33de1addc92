//! Arguments to [`Options`]: checks what clap cannot, namely which options go together and what is in
//! their values.

use std::ffi::OsStr;
use std::path::PathBuf;

use super::arguments::{Arguments, Bounds, Emit, Level};
use crate::driver::console::Console;
use crate::driver::taken_word;
use crate::error::{CompileError, Result};
use crate::options::{
    BoundsChecks, CodeOptions, DebugInfo, DirGrant, EnvGrant, InputFile, LinkOptions, ModuleKind, OptLevel,
    Options, OutputFile, OutputKind, Policy, RelaxedSimd, TargetOptions,
};

/// What the compiler is to do, and how much it is to say.
pub fn options(arguments: &Arguments) -> Result<(Options, Console)> {
    let output_kind = output_kind(arguments)?;
    if arguments.jobs == Some(0) {
        return Err(CompileError::usage("-j0: at least one thread is needed"));
    }
    if arguments.target.as_deref() == Some("") {
        return Err(CompileError::usage("--target: the name is empty"));
    }
    let module_name = arguments.module_name.clone().map(checked_module_name).transpose()?;
    let options = Options {
        input: input(arguments)?,
        output: match arguments.output.as_deref() {
            None => OutputFile::Derived,
            Some(path) if path == "-" => OutputFile::Stdout,
            Some(path) if path.is_empty() => return Err(CompileError::usage("-o: the name is empty")),
            Some(path) => OutputFile::Path(path.into()),
        },
        output_kind,
        module_kind: arguments.shared.then_some(ModuleKind::Plugin),
        code: code(arguments, output_kind)?,
        target: TargetOptions {
            triple: arguments.target.clone(),
            arch: arguments.march.clone(),
            cpu: arguments.mcpu.clone(),
        },
        link: LinkOptions {
            linker: arguments.linker.clone(),
            is_static: arguments.is_static,
            strip: arguments.strip,
            show_only: arguments.print_link_command,
        },
        policy: policy(arguments)?,
        module_name,
        jobs: arguments.jobs,
    };
    check_combination(&options)?;
    let console = Console {
        is_verbose: arguments.verbose,
        times_phases: arguments.time_passes,
        shows_remarks: arguments.remarks,
    };
    Ok((options, console))
}

fn input(arguments: &Arguments) -> Result<InputFile> {
    match arguments.inputs.as_slice() {
        [] => {
            Err(CompileError::usage("no input file").hint("`wasm2native app.wasm -o app` compiles app.wasm"))
        }
        [only] if only == "-" => Ok(InputFile::Stdin),
        [only] if only.is_empty() => Err(CompileError::usage("the name of the input is empty")),
        [only] => Ok(InputFile::Path(PathBuf::from(only))),
        [_, second, ..] => Err(CompileError::usage(format!("more than one input file: {}", shown(second)))
            .hint("compile each with -c and --module-name=NAME, then link the objects")),
    }
}

fn shown(text: &OsStr) -> String {
    text.to_string_lossy().into_owned()
}

/// `-emit-llvm` asks for IR wherever `-c` or `-S` ask for machine code, as in clang.
fn output_kind(arguments: &Arguments) -> Result<OutputKind> {
    let chosen = [(arguments.object, "-c"), (arguments.assembly, "-S"), (arguments.emit.is_some(), "--emit")];
    let mut chosen = chosen.iter().filter(|(is_given, _)| *is_given).map(|(_, name)| name);
    if let (Some(first), Some(second)) = (chosen.next(), chosen.next()) {
        return Err(
            CompileError::usage(format!("{first} and {second} both say what to make")).hint("give one")
        );
    }
    if arguments.emit_llvm {
        return match arguments.emit {
            Some(_) => {
                Err(CompileError::usage("-emit-llvm and --emit both say what to make").hint("give one"))
            }
            None if arguments.object => Ok(OutputKind::Bitcode),
            None => Ok(OutputKind::LlvmIr),
        };
    }
    Ok(match arguments.emit {
        Some(Emit::Exe) if arguments.shared => {
            return Err(CompileError::usage("--emit=exe and -shared both say what to make").hint("give one"));
        }
        Some(Emit::Exe) => OutputKind::Executable,
        Some(Emit::Shared) => OutputKind::SharedLibrary,
        Some(Emit::Obj) => OutputKind::Object,
        Some(Emit::Asm) => OutputKind::Assembly,
        Some(Emit::LlvmIr) => OutputKind::LlvmIr,
        Some(Emit::LlvmBc) => OutputKind::Bitcode,
        None if arguments.object => OutputKind::Object,
        None if arguments.assembly => OutputKind::Assembly,
        None if arguments.shared => OutputKind::SharedLibrary,
        None => OutputKind::Executable,
    })
}

fn code(arguments: &Arguments, output_kind: OutputKind) -> Result<CodeOptions> {
    Ok(CodeOptions {
        opt_level: match arguments.opt_level {
            Some(Level::O0) => OptLevel::O0,
            Some(Level::O1) => OptLevel::O1,
            Some(Level::O2) | None => OptLevel::O2,
            Some(Level::O3) => OptLevel::O3,
            Some(Level::Os) => OptLevel::Os,
            Some(Level::Oz) => OptLevel::Oz,
        },
        bounds_checks: match arguments.bounds_checks {
            Some(Bounds::Guard) | None => BoundsChecks::Guard,
            Some(Bounds::Software) => BoundsChecks::Software,
        },
        debug_info: match (arguments.debug, arguments.no_debug_info) {
            (true, _) => DebugInfo::Full,
            (_, true) => DebugInfo::None,
            (false, false) => DebugInfo::PcMap,
        },
        strict_traps: arguments.strict_traps,
        relaxed_simd: relaxed_simd(&arguments.code_choices)?,
        keep_ir_names: output_kind == OutputKind::LlvmIr,
    })
}

/// `-C relaxed-simd=HOW`, the only choice that `-C` knows; the last one counts.
fn relaxed_simd(choices: &[String]) -> Result<RelaxedSimd> {
    let mut relaxed_simd = RelaxedSimd::default();
    for choice in choices {
        relaxed_simd = match choice.split_once('=') {
            Some(("relaxed-simd", "deterministic")) => RelaxedSimd::Deterministic,
            Some(("relaxed-simd", "native")) => RelaxedSimd::Native,
            Some(("relaxed-simd", value)) => {
                return Err(CompileError::usage(format!("`{value}` is no value of `-C relaxed-simd`"))
                    .hint("it takes one of: deterministic, native"));
            }
            _ => {
                return Err(CompileError::usage(format!("-C {choice}: no such choice"))
                    .hint("write -C relaxed-simd=native or -C relaxed-simd=deterministic"));
            }
        };
    }
    Ok(relaxed_simd)
}

fn policy(arguments: &Arguments) -> Result<Policy> {
    Ok(Policy {
        dirs: arguments.dirs.iter().map(|text| dir_grant(text)).collect::<Result<_>>()?,
        env: arguments.env.iter().map(|text| env_grant(text)).collect::<Result<_>>()?,
        sealed: arguments.sealed,
    })
}

/// `HOST[::GUEST][:ro]`
fn dir_grant(text: &str) -> Result<DirGrant> {
    let (rest, read_only) = match text.strip_suffix(":ro") {
        Some(rest) => (rest, true),
        None => (text, false),
    };
    let (host, guest) = rest.split_once("::").unwrap_or((rest, rest));
    if host.is_empty() || guest.is_empty() {
        return Err(CompileError::usage(format!("--dir={text}: a path is empty"))
            .hint("write --dir HOST, --dir HOST::GUEST or --dir HOST::GUEST:ro"));
    }
    Ok(DirGrant { host: host.to_owned(), guest: guest.to_owned(), read_only })
}

/// `K[=V]`
fn env_grant(text: &str) -> Result<EnvGrant> {
    let (key, value) = match text.split_once('=') {
        Some((key, value)) => (key, Some(value.to_owned())),
        None => (text, None),
    };
    if key.is_empty() {
        return Err(CompileError::usage(format!("--env={text}: the name is empty"))
            .hint("write --env NAME=VALUE, or --env NAME to pass the host's value on"));
    }
    Ok(EnvGrant { key: key.to_owned(), value })
}

fn checked_module_name(name: String) -> Result<String> {
    let is_identifier = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && name.starts_with(|c: char| c.is_ascii_alphabetic());
    if !is_identifier {
        return Err(CompileError::usage(format!("--module-name={name}: not a C identifier"))
            .hint("letters, digits and underscores, a letter first"));
    }
    match taken_word(&name) {
        Some(word) => Err(CompileError::usage(format!(
            "--module-name={name}: `{word}_…` are functions of the C library or the runtime"
        ))
        .hint(format!("put another word first: --module-name=m_{name}"))),
        None => Ok(name),
    }
}

fn check_combination(options: &Options) -> Result<()> {
    let is_executable = options.output_kind == OutputKind::Executable;
    let grants_something =
        !options.policy.dirs.is_empty() || !options.policy.env.is_empty() || options.policy.sealed;
    if grants_something && options.output_kind == OutputKind::SharedLibrary {
        return Err(CompileError::usage("--dir, --env and --sealed are for executables")
            .hint("the host of a plugin decides what it may use, when it instantiates it"));
    }
    if options.link.is_static && !is_executable {
        return Err(CompileError::usage("-static is for executables"));
    }
    let links = matches!(
        options.output_kind,
        OutputKind::Executable | OutputKind::SharedLibrary | OutputKind::Object
    );
    if options.link.show_only && !links {
        return Err(CompileError::usage("-###: nothing is linked for this output"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dir_grants_have_guest_name_and_read_only_mark() {
        let grant = |host: &str, guest: &str, read_only| DirGrant {
            host: host.into(),
            guest: guest.into(),
            read_only,
        };
        assert_eq!(dir_grant("a").ok(), Some(grant("a", "a", false)));
        assert_eq!(dir_grant("a:ro").ok(), Some(grant("a", "a", true)));
        assert_eq!(dir_grant("a:b::/c:ro").ok(), Some(grant("a:b", "/c", true)));
        assert!(dir_grant("::b").is_err());
        assert!(dir_grant(":ro").is_err());
    }

    #[test]
    fn env_grants_may_have_equals_signs_in_their_value() {
        let grant = env_grant("K=a=b").ok();
        assert_eq!(grant, Some(EnvGrant { key: "K".into(), value: Some("a=b".into()) }));
        assert_eq!(env_grant("K").ok(), Some(EnvGrant { key: "K".into(), value: None }));
        assert!(env_grant("=v").is_err());
    }
}
