//! Why a module cannot become an executable: no entry point, or imports that nothing resolves. Here stand the
//! types of WASI's functions, which imports must have exactly.

use std::path::{Path, PathBuf};

use super::input::Input;
use super::native::c_library_has;
use super::prefix::{CSymbols, c_prefix};
use super::program::Source;
use super::{command_for, hints};
use crate::backend::link::quote;
use crate::emit::{Binding, c_prototype};
use crate::error::{Code, CompileError, shown_name};
use crate::options::Environment;
use crate::wasm::{ExternType, FuncType, Import, Module};
use w2n_abi::symbol::REACTOR_INITIALIZE;
use w2n_abi::{ValueType, is_wasi_module, wasi_symbol_prefix};

/// Imports named in the message itself; the others follow below it.
const SHORT_FORM_COUNT: usize = 3;

/// Imports listed below the message.
const LISTED_COUNT: usize = 20;

/// Exports named in a hint.
const MAX_ENTRIES: usize = 10;

/// Endings of modules that may lie beside the input.
const MODULE_ENDINGS: [&str; 2] = ["wasm", "wat"];

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
pub fn no_entry_point(source: &Source<'_>, chosen: Option<&str>) -> CompileError {
    let Source { input, module, .. } = source;
    if let Some(entry) = chosen {
        let shown = shown_name(entry);
        let error = CompileError::input(match module.export(entry) {
            Some(export) => format!(
                "cannot start with `{shown}`: it is {}, not a function `() -> ()` or `() -> i32`",
                module.describe(&export.ty)
            ),
            None => format!("cannot start with `{shown}`: there is no such export"),
        });
        let error = error.code(Code::NoEntry);
        return error.hint(possible_entries(entry, &module.possible_entries().collect::<Vec<_>>()));
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
    CompileError::input(message).code(Code::NoEntry).hint(hint)
}

/// What an executable could start with instead of `chosen`, out of the exports that have the type for it.
pub fn possible_entries(chosen: &str, possible: &[&str]) -> String {
    let shown = possible.iter().take(MAX_ENTRIES).map(|name| format!("`{}`", shown_name(name)));
    let shown = shown.collect::<Vec<_>>().join(", ");
    let more = match possible.len().saturating_sub(MAX_ENTRIES) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    match (possible, hints::nearest(chosen, possible)) {
        ([], _) => {
            "no export is a function `() -> ()` or `() -> i32`, which is what can be started".to_owned()
        }
        (_, Some(near)) => format!("did you mean `{}`? what can be started: {shown}{more}", shown_name(near)),
        (_, None) => format!("what can be started: {shown}{more}"),
    }
}

fn plugin_command(input: &Input) -> String {
    let output = if input.is_stdin { "module.so".into() } else { input.path.with_extension("so") };
    command_for(&input.path, "-shared ", Some(output))
}

/// An import that nothing resolves, and its type or what is wrong with it.
pub type Unresolved<'a> = (&'a Import<'a>, String);

/// What to say of imports of one of `input_count` modules that nothing resolves.
pub fn unresolved_imports(
    source: &Source<'_>,
    input_count: usize,
    unresolved: &[Unresolved<'_>],
    environment: &Environment,
) -> CompileError {
    let described = unresolved.iter().map(|(import, problem)| {
        format!("{}.{} ({problem})", shown_name(import.module), shown_name(import.name))
    });
    let described: Vec<_> = described.collect();
    let imports: Vec<_> = unresolved.iter().map(|(import, _)| *import).collect();
    let hint = own_name(source, input_count, &imports, environment)
        .or_else(|| module_beside(source, input_count, &imports))
        .or_else(|| toolchain(source, &imports))
        .or_else(|| imports.iter().find_map(|import| wasi_meant(import)))
        .unwrap_or_else(|| providers(source, &imports, environment));
    CompileError::input(summary(&described)).code(Code::Import).detail(listing(&described)).hint(hint)
}

/// The hint for an import under the name that the module itself has, which nothing can provide.
fn own_name(
    source: &Source<'_>,
    input_count: usize,
    imports: &[&Import<'_>],
    environment: &Environment,
) -> Option<String> {
    let is_own =
        |import: &&&Import<'_>| !is_wasi_module(import.module) && c_prefix(import.module) == source.prefix;
    let import = imports.iter().find(is_own)?;
    let own = format!("`{}` is also the name of the module itself", shown_name(import.module));
    if input_count > 1 {
        return Some(format!(
            "{own}; rename its file, and what is called `{}` can be given",
            shown_name(import.module)
        ));
    }
    let option = format!("--module-name=m_{}", source.prefix);
    Some(match prototype(&source.module, import, environment) {
        Some(prototype) => {
            format!("{own}; with another, `{option}`, C code linked with it can provide that: `{prototype}`")
        }
        None => format!("{own}; rename its file, and give the module that provides it too"),
    })
}

/// The hint for an import from a module of which a file lies beside the input, or in the working directory.
fn module_beside(source: &Source<'_>, input_count: usize, imports: &[&Import<'_>]) -> Option<String> {
    let input = source.input;
    let found = imports.iter().find_map(|import| file_called(import.module, input))?;
    let shown = quote(found.as_os_str());
    if input_count > 1 {
        return Some(format!("the file {shown} may provide it: give it too"));
    }
    let output = if input.is_stdin { "app".into() } else { PathBuf::from(&source.binary.name) };
    let command = command_for(&input.path, "", None);
    Some(format!("the file {shown} may provide it: `{command} {shown} -o {}`", quote(output.as_os_str())))
}

/// The file of a module of that name. Names in modules are hostile: only plain ones are looked for.
fn file_called(name: &str, input: &Input) -> Option<PathBuf> {
    let is_plain = !name.is_empty()
        && name.chars().all(|c| c.is_alphanumeric() || "_-. ".contains(c))
        && !name.starts_with(['.', '-']);
    let beside = input.path.parent().filter(|_| !input.is_stdin).unwrap_or(Path::new(""));
    let directories = [beside, Path::new("")];
    let mut candidates = directories.iter().flat_map(|directory| {
        MODULE_ENDINGS.iter().map(move |ending| directory.join(format!("{name}.{ending}")))
    });
    candidates.find(|path| is_plain && *path != input.path && path.is_file())
}

fn toolchain(source: &Source<'_>, imports: &[&Import<'_>]) -> Option<String> {
    let imports: Vec<_> = imports.iter().map(|import| (import.module, import.name)).collect();
    let exports: Vec<_> = source.module.exports.iter().map(|export| export.name).collect();
    hints::for_imports(&imports, &exports, &source.input.path)
}

/// The hint for an import whose name is nearly one of WASI's.
fn wasi_meant(import: &Import<'_>) -> Option<String> {
    if wasi_symbol_prefix(import.module, import.name).is_some() {
        return None;
    }
    let functions: Vec<_> = WASI_FUNCS.iter().map(|func| func.name).collect();
    hints::wasi_import_meant(import.module, import.name, &functions)
}

/// Who can provide imports in general.
fn providers(source: &Source<'_>, imports: &[&Import<'_>], environment: &Environment) -> String {
    let mut hint =
        format!("a host program can provide imports to a plugin: `{}`", plugin_command(source.input));
    if let Some(prototype) = imports.iter().find_map(|import| prototype(&source.module, import, environment))
    {
        hint += &format!("; C code linked with the module can too: `{prototype}`");
    }
    let is_name = |name: &str| name != "env" && !is_wasi_module(name);
    if let Some(import) = imports.iter().find(|import| is_name(import.module)) {
        hint +=
            &format!("; so can a module of the name, {}.wasm, given beside it", shown_name(import.module));
    }
    hint
}

/// The C function that would provide an import.
fn prototype(module: &Module<'_>, import: &Import<'_>, environment: &Environment) -> Option<String> {
    let ExternType::Func(ty) = import.ty else { return None };
    let CSymbols { short, long } = CSymbols::of(import.module, import.name);
    // A second function of that name would be called by whoever means the first.
    let symbol = if c_library_has(&short, environment) { long } else { short };
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

/// One a line, as many as can be read, when the message could not name all.
fn listing(unresolved: &[String]) -> String {
    if unresolved.len() <= SHORT_FORM_COUNT {
        return String::new();
    }
    let mut lines: Vec<_> =
        unresolved.iter().take(LISTED_COUNT).map(|import| format!("  {import}")).collect();
    if unresolved.len() > LISTED_COUNT {
        lines.push(format!("  and {} more", unresolved.len() - LISTED_COUNT));
    }
    lines.join("\n")
}

/// What an import of a plugin is bound to that no C code provides: WASI if it is a function of it, else what
/// its host gives. A host may give another function than WASI's, too.
pub fn wasi_or_host(module: &Module<'_>, import: &Import<'_>) -> Binding {
    match is_wasi_module(import.module) && wasi_problem(module, import).is_none() {
        true => Binding::Wasi,
        false => Binding::Host,
    }
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
