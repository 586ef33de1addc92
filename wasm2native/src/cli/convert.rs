//! Arguments to [`Options`]: checks what clap cannot, namely which options go together and what is in
//! their values.

use std::path::PathBuf;

use super::arguments::{Arguments, Bounds, Emit, Level, UndefinedName};
use super::{depfile, inputs, policy};
use crate::driver::module_name_problem;
use crate::error::{CompileError, Result};
use crate::options::{
    BoundsChecks, CodeOptions, DebugInfo, Environment, LinkOptions, ModuleKind, OptLevel, Options,
    OutputFile, OutputKind, RelaxedSimd, ReportOptions, TargetOptions, Undefined, Warnings,
};

/// What the compiler is to do, in the surroundings of this process.
pub fn options(arguments: &Arguments) -> Result<Options> {
    let output_kind = output_kind(arguments)?;
    if arguments.jobs == Some(0) {
        return Err(CompileError::usage("-j0: at least one thread is needed"));
    }
    if arguments.target.as_deref() == Some("") {
        return Err(CompileError::usage("--target: the name is empty"));
    }
    let module_name = arguments.module_name.clone().map(checked_module_name).transpose()?;
    let (inputs, native) = inputs::classify(&arguments.inputs)?;
    let options = Options {
        inputs,
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
            native,
            libraries: arguments.libraries.clone(),
            library_dirs: arguments.library_dirs.iter().map(PathBuf::from).collect(),
            c_flags: Vec::new(),
            flags: Vec::new(),
            provide: arguments.provide.clone(),
        },
        policy: policy::policy(arguments)?,
        embed: arguments.embed.iter().map(|text| policy::embed_dir(text)).collect::<Result<_>>()?,
        entry: arguments.entry.clone(),
        undefined: match arguments.undefined {
            Some(UndefinedName::Trap) => Undefined::Trap,
            Some(UndefinedName::Error) | None => Undefined::Error,
        },
        module_name,
        jobs: arguments.jobs,
        depfile: depfile::depfile(arguments)?,
        response_files: Vec::new(),
        reports: ReportOptions {
            steps: arguments.verbose,
            remarks: arguments.remarks,
            costs: arguments.time_passes,
            warnings: Warnings::Shown,
        },
        environment: Environment::of_process(),
    };
    check_combination(&options)?;
    Ok(options)
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
    let choices = code_choices(&arguments.code_choices)?;
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
        relaxed_simd: choices.relaxed_simd,
        check_loops: choices.check_loops,
        verify_passes: choices.verify_passes,
        keep_ir_names: output_kind == OutputKind::LlvmIr,
    })
}

/// What `-C` chooses.
#[derive(Default)]
struct CodeChoices {
    relaxed_simd: RelaxedSimd,
    check_loops: bool,
    verify_passes: bool,
}

/// `-C NAME=VALUE`, of which the last one of a name counts.
fn code_choices(choices: &[String]) -> Result<CodeChoices> {
    let mut chosen = CodeChoices::default();
    for choice in choices {
        let Some((name, value)) = choice.split_once('=') else { return Err(no_such_choice(choice)) };
        match name {
            "relaxed-simd" => {
                let values = [("deterministic", RelaxedSimd::Deterministic), ("native", RelaxedSimd::Native)];
                chosen.relaxed_simd = value_of(name, value, &values)?;
            }
            "check-loops" => chosen.check_loops = value_of(name, value, &[("0", false), ("1", true)])?,
            // For the tests of the compiler itself, so the help does not name it.
            "verify-passes" => chosen.verify_passes = value_of(name, value, &[("0", false), ("1", true)])?,
            _ => return Err(no_such_choice(choice)),
        }
    }
    Ok(chosen)
}

fn value_of<T: Copy>(name: &str, value: &str, values: &[(&str, T)]) -> Result<T> {
    let found = values.iter().find(|(known, _)| *known == value).map(|(_, meaning)| *meaning);
    found.ok_or_else(|| {
        let known: Vec<_> = values.iter().map(|(known, _)| *known).collect();
        CompileError::usage(format!("`{value}` is no value of `-C {name}`"))
            .hint(format!("it takes one of: {}", known.join(", ")))
    })
}

fn no_such_choice(choice: &str) -> CompileError {
    CompileError::usage(format!("-C {choice}: no such choice"))
        .hint("write -C relaxed-simd=native, -C relaxed-simd=deterministic or -C check-loops=1")
}

fn checked_module_name(name: String) -> Result<String> {
    match module_name_problem(&name) {
        Some(problem) => {
            Err(CompileError::usage(format!("--module-name={name}: not a name for symbols")).hint(problem))
        }
        None => Ok(name),
    }
}

fn check_combination(options: &Options) -> Result<()> {
    let is_executable = options.output_kind == OutputKind::Executable;
    let is_plugin =
        options.output_kind == OutputKind::SharedLibrary || options.module_kind == Some(ModuleKind::Plugin);
    if options.policy.says_something() && is_plugin {
        return Err(CompileError::usage("--dir, --env, --policy and limits are for executables")
            .hint("the host of a plugin decides what it may use, when it instantiates it"));
    }
    let is_for_executables =
        !options.embed.is_empty() || options.entry.is_some() || options.undefined == Undefined::Trap;
    if is_for_executables && is_plugin {
        return Err(CompileError::usage("--embed-dir, --entry and --undefined are for executables")
            .hint("the host of a plugin provides imports and calls exports"));
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
    inputs::check_combination(options)
}
