//! Whether a module can become what the user asked for. An executable needs an entry point, and
//! every import must be a WASI function of the right type.

use super::input::Input;
use super::{command_for, hints};
use crate::error::{CompileError, Result, shown_name};
use crate::options::{ModuleKind, Options, OutputKind, Undefined};
use crate::wasm::{ExternType, FuncType, Module};
use w2n_abi::symbol::REACTOR_INITIALIZE;
use w2n_abi::{ValueType, wasi_symbol_prefix};

/// Imports named in the message itself; the others follow below it.
const SHORT_FORM_COUNT: usize = 3;

/// A function of WASI preview 1.
struct WasiFunc {
    name: &'static str,
    params: &'static [ValueType],
    results: &'static [ValueType],
}

macro_rules! wasi_type {
    (i32) => {
        ValueType::I32
    };
    (i64) => {
        ValueType::I64
    };
}
macro_rules! wasi_results {
    (void) => {
        &[]
    };
    ($ty:ident) => {
        &[wasi_type!($ty)]
    };
}
macro_rules! wasi_functions {
    ($($name:ident($($param:ident),*) -> $result:ident;)*) => {
        const WASI_FUNCS: &[WasiFunc] = &[$(WasiFunc {
            name: stringify!($name),
            params: &[$(wasi_type!($param)),*],
            results: wasi_results!($result),
        }),*];
    };
}
w2n_abi::for_each_wasi_function!(wasi_functions);

/// What the module is to become. Errors when it cannot become an executable though one is asked for.
///
/// An intermediate output (object, assembly, IR) is that of an executable if the module could be
/// linked as one, and else that of a plugin.
pub fn module_kind(module: &Module<'_>, input: &Input, options: &Options) -> Result<ModuleKind> {
    if options.module_kind == Some(ModuleKind::Plugin) || options.output_kind == OutputKind::SharedLibrary {
        return Ok(ModuleKind::Plugin);
    }
    let checked =
        check_imports(module, input, options).and_then(|()| check_entry_point(module, input, options));
    match (checked, options.output_kind) {
        (Ok(()), _) => Ok(ModuleKind::Executable),
        (Err(error), OutputKind::Executable) => Err(error),
        (Err(_), _) => Ok(ModuleKind::Plugin),
    }
}

fn check_entry_point(module: &Module<'_>, input: &Input, options: &Options) -> Result<()> {
    if module.entry_point(options.entry.as_deref()).is_some() {
        return Ok(());
    }
    if let Some(entry) = &options.entry {
        let message = match module.export(entry) {
            Some(export) => format!(
                "cannot start with `{entry}`: it is {}, not a function `() -> ()` or `() -> i32`",
                module.describe(&export.ty)
            ),
            None => format!("cannot start with `{entry}`: there is no such export"),
        };
        return Err(CompileError::input(message));
    }
    let message = match ["_start", "main"].iter().find_map(|name| module.export(name)) {
        Some(export) => format!(
            "has no entry point: `{}` is {}, not a function `() -> ()` (or `main: () -> i32`)",
            export.name,
            module.describe(&export.ty)
        ),
        None => "has no entry point: it exports neither `_start` nor `main`".to_owned(),
    };
    let is_reactor = module.export(REACTOR_INITIALIZE).is_some();
    let or_entry = if is_reactor { "; or name the export to run with --entry=NAME" } else { "" };
    let hint = format!("a library becomes a plugin: `{}`{or_entry}", plugin_command(input));
    Err(CompileError::input(message).hint(hint))
}

fn plugin_command(input: &Input) -> String {
    let output = if input.is_stdin { "module.so".into() } else { input.path.with_extension("so") };
    command_for(&input.path, "-shared ", Some(output))
}

fn check_imports(module: &Module<'_>, input: &Input, options: &Options) -> Result<()> {
    let mut unresolved = Vec::new();
    let mut modules = Vec::new();
    for import in &module.imports {
        let becomes_stub = matches!(import.ty, ExternType::Func(_))
            && wasi_symbol_prefix(import.module, import.name).is_none();
        if becomes_stub && options.undefined == Undefined::Trap {
            continue;
        }
        if let Some(problem) = problem_of(module, import.module, import.name, &import.ty) {
            let name = format!("{}.{}", shown_name(import.module), shown_name(import.name));
            unresolved.push(format!("{name} ({problem})"));
            modules.push((import.module, import.name));
        }
    }
    if unresolved.is_empty() {
        return Ok(());
    }
    let hint = hints::for_imports(&modules, &input.path).unwrap_or_else(|| {
        format!("a host program can provide imports to a plugin: `{}`", plugin_command(input))
    });
    Err(CompileError::input(summary(&unresolved)).detail(listing(&unresolved)).hint(hint))
}

fn summary(unresolved: &[String]) -> String {
    let shown = unresolved.iter().take(SHORT_FORM_COUNT).cloned().collect::<Vec<_>>().join(", ");
    let (count, noun) = match unresolved.len() {
        1 => ("an import".to_owned(), "is"),
        count => (format!("{count} imports"), "are"),
    };
    let more = match unresolved.len().saturating_sub(SHORT_FORM_COUNT) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{count} that an executable needs {noun} not provided by WASI preview 1: {shown}{more}")
}

/// All of them, one a line, when the message could not name all.
fn listing(unresolved: &[String]) -> String {
    if unresolved.len() <= SHORT_FORM_COUNT {
        return String::new();
    }
    unresolved.iter().map(|import| format!("  {import}")).collect::<Vec<_>>().join("\n")
}

/// Why the import is not resolved: its type, with WASI's where that differs.
fn problem_of(module: &Module<'_>, from: &str, name: &str, ty: &ExternType) -> Option<String> {
    let described = module.describe(ty);
    let func = WASI_FUNCS.iter().find(|func| func.name == name && wasi_symbol_prefix(from, name).is_some());
    let Some(func) = func else { return Some(described) };
    let expected = FuncType { params: func.params.to_vec(), results: func.results.to_vec() };
    match ty {
        ExternType::Func(ty) if module.types[ty.index()] == expected => None,
        _ => Some(format!("{described}; WASI's is func{expected}")),
    }
}
