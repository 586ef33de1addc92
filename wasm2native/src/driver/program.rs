//! How several modules become one program: what each import is bound to, in which order the modules are
//! instantiated, and which of them starts.
//!
//! The rule: a module is known to the others by the name of its file. An import is looked for in the other
//! module of that name, then in WASI, then in C code, and from `env` in whatever other module exports it.

use std::collections::HashMap;

use super::check::{self, Unresolved};
use super::input::{Input, ModuleBytes};
use super::listing::say_bindings;
use super::native::{CFunction, NativeCode};
use super::objects::ObjectModule;
use super::offer::Standing;
use super::omissions;
use super::order::Order;
use super::plan::Plan;
use super::prefix::{CSymbols, c_prefix};
use super::reports::Reports;
use crate::emit::Binding;
use crate::error::{Code, CompileError, Result, shown_name};
use crate::options::{ModuleKind, Options, OutputKind, Undefined};
use crate::wasm::{self, ExternType, FuncType, Import, Module, ModuleIndex, TypeIn};
use w2n_abi::{can_be_guarded, is_wasi_module, wasi_symbol_prefix};

/// Import module of what a linker of Wasm objects leaves open, whoever provides it.
pub const OPEN_MODULE: &str = "env";

/// A module of the command line.
#[derive(Debug)]
pub struct Source<'a> {
    /// The file that it is in.
    pub input: &'a Input,
    /// Its bytes there.
    pub binary: &'a ModuleBytes,
    /// What is in it.
    pub module: Module<'a>,
    /// Prefix of its symbols.
    pub prefix: String,
    /// Numbers of its function types, which equal types of all modules share.
    pub type_ids: Vec<u32>,
    /// The object it is in, if it is compiled already.
    pub object: Option<&'a ObjectModule>,
    /// Whether its code checks bounds itself.
    pub has_software_bounds: bool,
}

/// Decides on everything. Errors when the modules cannot become an executable though one is asked for.
///
/// An intermediate output (object, assembly, IR) is that of an executable if the module could be
/// linked as one, and else that of a module for others; `omissions` says it where that may not be meant.
pub fn plan<'a>(
    sources: Vec<Source<'a>>,
    native: &NativeCode,
    options: &Options,
    reports: &Reports<'_>,
) -> Result<Plan<'a>> {
    check_names(&sources)?;
    let is_plugin =
        options.module_kind == Some(ModuleKind::Plugin) || options.output_kind == OutputKind::SharedLibrary;
    if !is_plugin {
        match plan_executable(&sources, native, options, reports) {
            Ok(executable) => return Ok(in_order(sources, executable)),
            Err(error) if options.output_kind == OutputKind::Executable => return Err(error),
            // An output with one module.
            Err(error) => omissions::without_main(&sources[0], error, options, reports)?,
        }
    }
    let resolver = Resolver { sources: &sources, native, options };
    let bindings = sources.iter().map(|source| resolver.bindings_of_plugin(source)).collect::<Vec<_>>();
    check_c_types(&sources, &bindings)?;
    if is_plugin {
        for (source, bindings) in sources.iter().zip(&bindings) {
            omissions::of_plugin(source, bindings, reports);
        }
    }
    say_bindings(&sources, &bindings, native, reports);
    Ok(Plan { sources, bindings, main: None })
}

/// Modules by their place on the command line.
struct Executable {
    /// In the order of instantiation.
    order: Vec<usize>,
    main: usize,
    bindings: Vec<Vec<Binding>>,
}

/// No two modules have the same name, nor symbols with the same prefix.
fn check_names(sources: &[Source<'_>]) -> Result<()> {
    let mut seen = HashMap::new();
    for source in sources {
        if let Some(other) = seen.insert(&source.prefix, source.input) {
            let (first, second) = (other.shown_path().display(), source.input.shown_path().display());
            let message =
                format!("{first} and {second} have the same name for other modules, `{}`", source.prefix);
            return Err(CompileError::usage(message).hint("a module is called like its file: rename one"));
        }
    }
    Ok(())
}

fn plan_executable(
    sources: &[Source<'_>],
    native: &NativeCode,
    options: &Options,
    reports: &Reports<'_>,
) -> Result<Executable> {
    let resolver = Resolver { sources, native, options };
    let bindings = (0..sources.len()).map(|at| resolver.bindings(at)).collect::<Result<Vec<_>>>()?;
    check_c_types(sources, &bindings)?;
    check_bounds(sources, &bindings)?;
    let main = main_module(sources, options.entry.as_deref(), reports)?;
    let order = Order::find(sources, &bindings, main)?;
    say_bindings(sources, &bindings, native, reports);
    if sources.len() > 1 {
        reports.step(|| {
            let names: Vec<_> = order.iter().map(|at| shown(&sources[*at])).collect();
            format!("instantiation: {}; main module: {}", names.join(", "), shown(&sources[main]))
        });
    }
    Ok(Executable { order, main, bindings })
}

/// The first module that has an entry point.
fn main_module(sources: &[Source<'_>], entry: Option<&str>, reports: &Reports<'_>) -> Result<usize> {
    let mut candidates = (0..sources.len()).filter(|at| sources[*at].module.entry_point(entry).is_some());
    let Some(main) = candidates.next() else {
        let mut all = sources.iter();
        return match all.position(|source| entry.is_none() && source.module.is_start_alone()) {
            Some(main) => Ok(main),
            None => Err(no_entry_point(sources, entry)),
        };
    };
    for other in candidates {
        reports.step(|| {
            let (other, main) = (shown(&sources[other]), shown(&sources[main]));
            format!("{other} has an entry point too; {main} comes first and is the main module")
        });
    }
    Ok(main)
}

fn no_entry_point(sources: &[Source<'_>], entry: Option<&str>) -> CompileError {
    if let [only] = sources {
        return check::no_entry_point(only, entry).in_file(only.input.shown_path());
    }
    let names = sources.iter().map(shown).collect::<Vec<_>>().join(", ");
    match entry {
        Some(entry) => {
            let message = format!("cannot start with `{}`: none of {names} exports it", shown_name(entry));
            let possible =
                sources.iter().flat_map(|source| source.module.possible_entries()).collect::<Vec<_>>();
            CompileError::machine(message).code(Code::NoEntry).hint(check::possible_entries(entry, &possible))
        }
        None => {
            let types = "`_start`, or `main` of type `() -> ()` or `() -> i32`";
            CompileError::machine(format!("none of {names} has an entry point: {types}")).code(Code::NoEntry)
        }
    }
}

/// Puts everything into the order of instantiation.
fn in_order(sources: Vec<Source<'_>>, executable: Executable) -> Plan<'_> {
    let mut places = vec![ModuleIndex(0); sources.len()];
    for (place, at) in executable.order.iter().enumerate() {
        places[*at] = ModuleIndex(place as u32);
    }
    let mut modules: Vec<_> = sources.into_iter().zip(executable.bindings).enumerate().collect();
    modules.sort_by_key(|(at, _)| places[*at]);
    let (sources, mut bindings): (Vec<_>, Vec<_>) = modules.into_iter().map(|(_, module)| module).unzip();
    for binding in bindings.iter_mut().flatten() {
        if let Binding::Export { module, .. } = binding {
            *module = places[module.index()];
        }
    }
    Plan { sources, bindings, main: Some(places[executable.main]) }
}

/// What imports are looked for in.
#[derive(Clone, Copy)]
struct Resolver<'p> {
    sources: &'p [Source<'p>],
    native: &'p NativeCode,
    options: &'p Options,
}

impl<'p> Resolver<'p> {
    /// What the imports of a plugin are bound to: C code, or what the host gives.
    fn bindings_of_plugin(self, source: &Source<'_>) -> Vec<Binding> {
        let bind = |import: &Import<'_>| match self.c_function(source, import) {
            Some((symbol, CFunction::Offered(_))) => Binding::C(symbol),
            _ => check::wasi_or_host(&source.module, import),
        };
        source.module.imports.iter().map(bind).collect()
    }

    /// What the imports of a module are bound to; modules by their place on the command line. Errors
    /// when one is not resolved, or by something of another type.
    fn bindings(self, at: usize) -> Result<Vec<Binding>> {
        let Source { input, module, .. } = &self.sources[at];
        let mut bindings = Vec::new();
        let mut unresolved: Vec<Unresolved<'_>> = Vec::new();
        for import in &module.imports {
            match self.binding(at, import).map_err(|error| error.in_file(input.shown_path()))? {
                Ok(binding) => bindings.push(binding),
                Err(problem) => unresolved.push((import, problem)),
            }
        }
        match unresolved.is_empty() {
            true => Ok(bindings),
            false => {
                let (count, environment) = (self.sources.len(), &self.options.environment);
                let error = check::unresolved_imports(&self.sources[at], count, &unresolved, environment);
                Err(error.in_file(input.shown_path()))
            }
        }
    }

    /// What an import is bound to, or why to nothing.
    fn binding(self, at: usize, import: &Import<'_>) -> Result<std::result::Result<Binding, String>> {
        let importer = &self.sources[at];
        let mut others = (0..self.sources.len()).filter(|other| *other != at);
        if let Some(other) = others.find(|other| self.sources[*other].binary.name == *import.module) {
            return self.export(importer, import, other).map(Ok);
        }
        if is_wasi_module(import.module) {
            return Ok(match check::wasi_problem(&importer.module, import) {
                None => Ok(Binding::Wasi),
                Some(_) if self.becomes_stub(import) => Ok(Binding::Undefined),
                Some(problem) => Err(problem),
            });
        }
        let c_function = self.c_function(importer, import);
        if let Some((symbol, CFunction::Offered(_))) = c_function {
            return Ok(Ok(Binding::C(symbol)));
        }
        let exporters: Vec<_> = match import.module {
            OPEN_MODULE => (0..self.sources.len()).filter(|other| self.offers(at, *other, import)).collect(),
            _ => Vec::new(),
        };
        match exporters.as_slice() {
            [] if self.becomes_stub(import) => Ok(Ok(Binding::Undefined)),
            [] => Ok(Err(match c_function {
                Some((symbol, CFunction::Withheld(file, standing))) => {
                    let described = importer.module.describe(&import.ty);
                    format!("{described}; {}", not_offered(&symbol, &file, standing))
                }
                _ => importer.module.describe(&import.ty),
            })),
            [other] => self.export(importer, import, *other).map(Ok),
            several => {
                let names: Vec<_> = several.iter().map(|other| shown(&self.sources[*other])).collect();
                let message = format!("imports `{}`, which {} export", named(import), names.join(" and "));
                Err(CompileError::input(message).hint("import it from the module that is meant, by its name"))
            }
        }
    }

    /// Whether an import that nothing provides is one that may trap when it is called.
    fn becomes_stub(self, import: &Import<'_>) -> bool {
        let is_func = matches!(import.ty, ExternType::Func(_));
        let is_wasi = wasi_symbol_prefix(import.module, import.name).is_some();
        self.options.undefined == Undefined::Trap && is_func && !is_wasi
    }

    fn offers(self, importer: usize, other: usize, import: &Import<'_>) -> bool {
        other != importer && self.sources[other].module.export(import.name).is_some()
    }

    /// The name of the C function for an import, and what there is under it. What a module imports under its
    /// own name would be called like its own exports.
    fn c_function(self, importer: &Source<'_>, import: &Import<'_>) -> Option<(String, CFunction)> {
        let is_func = matches!(import.ty, ExternType::Func(_));
        let is_own = c_prefix(import.module) == importer.prefix;
        if !is_func || is_own || is_wasi_module(import.module) {
            return None;
        }
        let CSymbols { short, long } = CSymbols::of(import.module, import.name);
        match self.native.function(&long) {
            CFunction::Missing => {
                let found = self.native.function(&short);
                Some((short, found))
            }
            found => Some((long, found)),
        }
    }

    /// The export of module `other` that the import names, if it is of the right type.
    fn export(self, importer: &Source<'_>, import: &Import<'_>, other: usize) -> Result<Binding> {
        let exporter = &self.sources[other];
        let Some(export) = exporter.module.export_index(import.name) else {
            let message = format!(
                "imports `{}`, but {} exports no `{}`",
                named(import),
                shown(exporter),
                shown_name(import.name)
            );
            return Err(with_offers(CompileError::input(message).code(Code::Import), &exporter.module));
        };
        let given = &exporter.module.exports[export.index()].ty;
        let wanted = TypeIn { ty: &import.ty, ids: &importer.type_ids };
        if !wasm::matches(wanted, TypeIn { ty: given, ids: &exporter.type_ids }) {
            return Err(CompileError::input(format!(
                "imports `{}` as {}, but {} exports it as {}",
                named(import),
                importer.module.describe(&import.ty),
                shown(exporter),
                exporter.module.describe(given)
            )));
        }
        // The place on the command line, until the order of instantiation is known.
        Ok(Binding::Export { module: ModuleIndex(other as u32), export })
    }
}

/// Exports that a hint names.
const MAX_OFFERS: usize = 5;

fn with_offers(error: CompileError, exporter: &Module<'_>) -> CompileError {
    let names: Vec<_> =
        exporter.exports.iter().take(MAX_OFFERS).map(|export| shown_name(export.name)).collect();
    let more = if exporter.exports.len() > MAX_OFFERS { ", …" } else { "" };
    match names.is_empty() {
        true => error.hint("it exports nothing"),
        false => error.hint(format!("it exports {}{more}", names.join(", "))),
    }
}

/// Why a C function that is there is not for guests, and what to do.
fn not_offered(symbol: &str, file: &str, standing: Standing) -> String {
    let symbol = shown_name(symbol);
    let but = match standing {
        Standing::InLibrary | Standing::Offered => "is in a library and not offered",
        Standing::Weak => "is weak and not offered",
        Standing::Hidden => "is hidden and not offered",
        Standing::Variable => return format!("`{symbol}` of {file} is no function"),
    };
    format!("`{symbol}` of {file} {but}: --provide={symbol} offers it, or W2N_EXPORT_TO_GUEST in its source")
}

/// A C function has one type, whoever imports it, and stands for one import.
fn check_c_types(sources: &[Source<'_>], bindings: &[Vec<Binding>]) -> Result<()> {
    let mut known: HashMap<&str, (&Source<'_>, &Import<'_>, &FuncType)> = HashMap::new();
    for (source, bindings) in sources.iter().zip(bindings) {
        for (import, binding) in source.module.imports.iter().zip(bindings) {
            let (Binding::C(symbol), ExternType::Func(ty)) = (binding, import.ty) else { continue };
            let ty = &source.module.types[ty.index()];
            let (first, other, first_type) = *known.entry(symbol).or_insert((source, import, ty));
            let message = if (other.module, other.name) != (import.module, import.name) {
                format!(
                    "imports `{}`, and {} imports `{}`: both would be the C function `{}`",
                    named(import),
                    shown(first),
                    named(other),
                    shown_name(symbol)
                )
            } else if first_type != ty {
                format!(
                    "imports `{}` as func{ty}, but {} as func{first_type}; a C function has one type",
                    named(import),
                    shown(first)
                )
            } else {
                continue;
            };
            return Err(CompileError::input(message).in_file(source.input.shown_path()));
        }
    }
    Ok(())
}

/// Code that leaves bounds to guard pages needs them around each memory that it uses, and a module that
/// checks bounds itself makes its memories without.
fn check_bounds(sources: &[Source<'_>], bindings: &[Vec<Binding>]) -> Result<()> {
    let checks = |at: usize| sources[at].has_software_bounds;
    for (at, source) in sources.iter().enumerate().filter(|(at, _)| !checks(*at)) {
        for (import, binding) in source.module.imports.iter().zip(&bindings[at]) {
            let ExternType::Memory(ty) = import.ty else { continue };
            let Some(maker) = maker_of_memory(sources, bindings, binding) else { continue };
            if can_be_guarded(ty.address.flags(), ty.page_size_log2) && checks(maker) {
                let maker = shown(&sources[maker]);
                let message = format!(
                    "imports `{}` and relies on guard pages, but {maker} was compiled with --bounds-checks=software",
                    named(import)
                );
                return Err(CompileError::input(message)
                    .hint("compile both with the same --bounds-checks")
                    .in_file(source.input.shown_path()));
            }
        }
    }
    Ok(())
}

/// The module that makes what `binding` says, a memory; others may only pass it on.
fn maker_of_memory(sources: &[Source<'_>], bindings: &[Vec<Binding>], binding: &Binding) -> Option<usize> {
    let mut binding = binding;
    // A circle, which is an error of its own, is left in the end.
    for _ in 0..=sources.len() {
        let Binding::Export { module, export } = binding else { return None };
        let exporter = &sources[module.index()].module;
        let index = exporter.exports[export.index()].index as usize;
        let is_memory = |import: &&(usize, &Import<'_>)| matches!(import.1.ty, ExternType::Memory(_));
        let import = exporter.imports.iter().enumerate().filter(|pair| is_memory(&pair)).nth(index);
        match import {
            None => return Some(module.index()),
            Some((position, _)) => binding = &bindings[module.index()][position],
        }
    }
    None
}

/// An import as messages name it.
pub fn named(import: &Import<'_>) -> String {
    format!("{}.{}", shown_name(import.module), shown_name(import.name))
}

/// The module as messages name it.
pub fn shown(source: &Source<'_>) -> String {
    source.input.shown_path().display().to_string()
}
