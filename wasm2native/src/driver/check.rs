//! Why a module cannot become an executable: no entry point, or imports that nothing resolves. Here stand the
//! types of WASI's functions, which imports must have exactly.

use super::input::Input;
use super::native::c_library_has;
use super::prefix::CSymbols;
use super::{command_for, hints};
use crate::emit::c_prototype;
use crate::error::{CompileError, shown_name};
use crate::wasm::{ExternType, FuncType, Import, Module};
use w2n_abi::symbol::REACTOR_INITIALIZE;
use w2n_abi::{ValueType, is_wasi_module, wasi_symbol_prefix};

/// Imports named in the message itself; the others follow below it.
const SHORT_FORM_COUNT: usize = 3;

/// A symbol longer than this is not worth showing.
const MAX_SYMBOL_BYTES: usize = 100;

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

/// What to say of a module without an entry point, or without the one that `--entry` names.
pub fn no_entry_point(module: &Module<'_>, input: &Input, chosen: Option<&str>) -> CompileError {
    if let Some(entry) = chosen {
        return CompileError::input(match module.export(entry) {
            Some(export) => format!(
                "cannot start with `{entry}`: it is {}, not a function `() -> ()` or `() -> i32`",
                module.describe(&export.ty)
            ),
            None => format!("cannot start with `{entry}`: there is no such export"),
        });
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
    CompileError::input(message).hint(hint)
}

fn plugin_command(input: &Input) -> String {
    let output = if input.is_stdin { "module.so".into() } else { input.path.with_extension("so") };
    command_for(&input.path, "-shared ", Some(output))
}

/// An import that nothing resolves, and its type or what is wrong with it.
pub type Unresolved<'a> = (&'a Import<'a>, String);

/// What to say of imports that nothing resolves.
pub fn unresolved_imports(module: &Module<'_>, input: &Input, unresolved: &[Unresolved<'_>]) -> CompileError {
    let imports: Vec<_> = unresolved.iter().map(|(import, _)| (import.module, import.name)).collect();
    let described = unresolved.iter().map(|(import, problem)| {
        format!("{}.{} ({problem})", shown_name(import.module), shown_name(import.name))
    });
    let described: Vec<_> = described.collect();
    let hint = hints::for_imports(&imports, &input.path).unwrap_or_else(|| {
        let plugin = format!("a host program can provide imports to a plugin: `{}`", plugin_command(input));
        match unresolved.iter().find_map(|(import, _)| prototype(module, import)) {
            Some(prototype) => format!("{plugin}; C code linked with the module can too: `{prototype}`"),
            None => plugin,
        }
    });
    CompileError::input(summary(&described)).detail(listing(&described)).hint(hint)
}

/// The C function that would provide an import.
fn prototype(module: &Module<'_>, import: &Import<'_>) -> Option<String> {
    let ExternType::Func(ty) = import.ty else { return None };
    let CSymbols { short, long } = CSymbols::of(import.module, import.name);
    // A second function of that name would be called by whoever means the first.
    let symbol = if c_library_has(&short) { long } else { short };
    let is_readable = !is_wasi_module(import.module) && symbol.len() <= MAX_SYMBOL_BYTES;
    is_readable.then(|| c_prototype(&symbol, &module.types[ty.index()]))
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

/// What is wrong with an import from WASI, if anything: its type, with WASI's where that differs.
pub fn wasi_problem(module: &Module<'_>, import: &Import<'_>) -> Option<String> {
    let described = module.describe(&import.ty);
    let is_known = wasi_symbol_prefix(import.module, import.name).is_some();
    let func = WASI_FUNCS.iter().find(|func| is_known && func.name == import.name);
    let Some(func) = func else { return Some(described) };
    let expected = FuncType { params: func.params.to_vec(), results: func.results.to_vec() };
    match &import.ty {
        ExternType::Func(ty) if module.types[ty.index()] == expected => None,
        _ => Some(format!("{described}; WASI's is func{expected}")),
    }
}
