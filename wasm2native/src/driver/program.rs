//! How several modules become one program: what each import is bound to, in which order the modules are
//! instantiated, and which of them starts.
//!
//! The rule: a module is known to the others by the name of its file. An import is looked for in the other
//! module of that name, then in WASI, then in C code, and from `env` in whatever other module exports it.

use std::collections::HashMap;
use std::ffi::OsStr;

use super::check::{self, Unresolved};
use super::console::Console;
use super::input::Input;
use super::native::NativeCode;
use super::prefix::symbol_prefix;
use crate::emit::{Binding, Program, ProgramModule, c_symbol};
use crate::error::{CompileError, Result, shown_name};
use crate::options::{ModuleKind, Options, OutputKind, PackedDir, Undefined};
use crate::wasm::{self, ExportIndex, ExternType, FuncType, Import, Module, ModuleIndex, TypeIn};
use w2n_abi::{is_wasi_module, wasi_symbol_prefix};

/// Import module of what a linker of Wasm objects leaves open, whoever provides it.
const OPEN_MODULE: &str = "env";

/// A module of the command line.
#[derive(Debug)]
pub struct Source<'a> {
    /// Where it comes from.
    pub input: &'a Input,
    /// What is in it.
    pub module: Module<'a>,
    /// Prefix of its symbols.
    pub prefix: String,
    /// Numbers of its function types, which equal types of all modules share.
    pub type_ids: Vec<u32>,
}

/// What is to be made.
#[derive(Debug)]
pub struct Plan<'a> {
    /// All modules, in the order of instantiation if they are linked with each other.
    pub sources: Vec<Source<'a>>,
    /// What each import of each module is bound to.
    pub bindings: Vec<Vec<Binding>>,
    /// The module that starts; none among plugins.
    pub main: Option<ModuleIndex>,
}

impl Plan<'_> {
    /// The executable; none for plugins.
    pub fn program<'p>(&'p self, options: &'p Options, embedded: &'p [PackedDir]) -> Option<Program<'p>> {
        let modules = self.sources.iter().zip(&self.bindings);
        let modules = modules.map(|(source, bindings)| ProgramModule { prefix: &source.prefix, bindings });
        self.main.map(|main| Program {
            modules: modules.collect(),
            main,
            entry: options.entry.as_deref(),
            policy: &options.policy,
            embedded,
        })
    }

    /// Whether WASI is to be linked in.
    pub fn needs_wasi(&self) -> bool {
        self.sources.iter().any(|source| super::imports_wasi(&source.module))
    }
}

/// Decides on everything. Errors when the modules cannot become an executable though one is asked for.
///
/// An intermediate output (object, assembly, IR) is that of an executable if the module could be
/// linked as one, and else that of a plugin.
pub fn plan<'a>(
    sources: Vec<Source<'a>>,
    native: &NativeCode,
    options: &Options,
    console: &Console,
) -> Result<Plan<'a>> {
    check_names(&sources)?;
    let is_plugin =
        options.module_kind == Some(ModuleKind::Plugin) || options.output_kind == OutputKind::SharedLibrary;
    if !is_plugin {
        match plan_executable(&sources, native, options, console) {
            Ok(executable) => return Ok(in_order(sources, executable)),
            Err(error) if options.output_kind == OutputKind::Executable => return Err(error),
            Err(_) => {}
        }
    }
    let resolver = Resolver { sources: &sources, native, undefined: options.undefined };
    let bindings = sources.iter().map(|source| resolver.bindings_of_plugin(source)).collect::<Vec<_>>();
    check_c_types(&sources, &bindings)?;
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
    console: &Console,
) -> Result<Executable> {
    let resolver = Resolver { sources, native, undefined: options.undefined };
    let bindings = (0..sources.len()).map(|at| resolver.bindings(at)).collect::<Result<Vec<_>>>()?;
    check_c_types(sources, &bindings)?;
    let main = main_module(sources, options.entry.as_deref(), console)?;
    let order = Order::find(sources, &bindings, main)?;
    if sources.len() > 1 {
        console.verbose(|| {
            let names: Vec<_> = order.iter().map(|at| shown(&sources[*at])).collect();
            format!("instantiation: {}; main module: {}", names.join(", "), shown(&sources[main]))
        });
    }
    Ok(Executable { order, main, bindings })
}

/// The first module that has an entry point.
fn main_module(sources: &[Source<'_>], entry: Option<&str>, console: &Console) -> Result<usize> {
    let mut candidates = (0..sources.len()).filter(|at| sources[*at].module.entry_point(entry).is_some());
    let Some(main) = candidates.next() else {
        let mut all = sources.iter();
        return match all.position(|source| entry.is_none() && source.module.is_start_alone()) {
            Some(main) => Ok(main),
            None => Err(no_entry_point(sources, entry)),
        };
    };
    for other in candidates {
        console.verbose(|| {
            let (other, main) = (shown(&sources[other]), shown(&sources[main]));
            format!("{other} has an entry point too; {main} comes first and is the main module")
        });
    }
    Ok(main)
}

fn no_entry_point(sources: &[Source<'_>], entry: Option<&str>) -> CompileError {
    if let [only] = sources {
        return check::no_entry_point(&only.module, only.input, entry).in_file(only.input.shown_path());
    }
    let names = sources.iter().map(shown).collect::<Vec<_>>().join(", ");
    match entry {
        Some(entry) => {
            let message = format!("cannot start with `{}`: none of {names} exports it", shown_name(entry));
            let possible =
                sources.iter().flat_map(|source| source.module.possible_entries()).collect::<Vec<_>>();
            CompileError::machine(message).hint(check::possible_entries(entry, &possible))
        }
        None => CompileError::machine(format!(
            "none of {names} has an entry point: `_start`, or `main` of type `() -> ()` or `() -> i32`"
        )),
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
    undefined: Undefined,
}

impl<'p> Resolver<'p> {
    /// What the imports of a plugin are bound to: C code, or what the host gives.
    fn bindings_of_plugin(self, source: &Source<'_>) -> Vec<Binding> {
        let bind = |import| self.c_function(source, import).map_or(Binding::Host, Binding::C);
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
            false => Err(check::unresolved_imports(&self.sources[at], self.sources.len(), &unresolved)
                .in_file(input.shown_path())),
        }
    }

    /// What an import is bound to, or why to nothing.
    fn binding(self, at: usize, import: &Import<'_>) -> Result<std::result::Result<Binding, String>> {
        let importer = &self.sources[at];
        let mut others = (0..self.sources.len()).filter(|other| *other != at);
        if let Some(other) = others.find(|other| self.sources[*other].input.stem == *import.module) {
            return self.export(importer, import, other).map(Ok);
        }
        if is_wasi_module(import.module) {
            return Ok(match check::wasi_problem(&importer.module, import) {
                None => Ok(Binding::Wasi),
                Some(_) if self.becomes_stub(import) => Ok(Binding::Undefined),
                Some(problem) => Err(problem),
            });
        }
        if let Some(symbol) = self.c_function(importer, import) {
            return Ok(Ok(Binding::C(symbol)));
        }
        let exporters: Vec<_> = match import.module {
            OPEN_MODULE => (0..self.sources.len()).filter(|other| self.offers(at, *other, import)).collect(),
            _ => Vec::new(),
        };
        match exporters.as_slice() {
            [] if self.becomes_stub(import) => Ok(Ok(Binding::Undefined)),
            [] => Ok(Err(importer.module.describe(&import.ty))),
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
        self.undefined == Undefined::Trap && is_func && !is_wasi
    }

    fn offers(self, importer: usize, other: usize, import: &Import<'_>) -> bool {
        other != importer && self.sources[other].module.export(import.name).is_some()
    }

    /// The C function that is there for an import. What a module imports under its own name would be
    /// called like its own exports.
    fn c_function(self, importer: &Source<'_>, import: &Import<'_>) -> Option<String> {
        let prefix = symbol_prefix(OsStr::new(import.module));
        let is_func = matches!(import.ty, ExternType::Func(_));
        if !is_func || prefix == importer.prefix || is_wasi_module(import.module) {
            return None;
        }
        Some(c_symbol(&prefix, import.name)).filter(|symbol| self.native.defines(symbol))
    }

    /// The export of module `other` that the import names, if it is of the right type.
    fn export(self, importer: &Source<'_>, import: &Import<'_>, other: usize) -> Result<Binding> {
        let exporter = &self.sources[other];
        let exports = &exporter.module.exports;
        let Some(position) = exports.iter().position(|export| export.name == import.name) else {
            let message = format!(
                "imports `{}`, but {} exports no `{}`",
                named(import),
                shown(exporter),
                shown_name(import.name)
            );
            return Err(with_offers(CompileError::input(message), &exporter.module));
        };
        let given = &exports[position].ty;
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
        Ok(Binding::Export { module: ModuleIndex(other as u32), export: ExportIndex(position as u32) })
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

/// A C function has one type, whoever imports it.
fn check_c_types(sources: &[Source<'_>], bindings: &[Vec<Binding>]) -> Result<()> {
    let mut known: HashMap<&str, (&Source<'_>, &FuncType)> = HashMap::new();
    for (source, bindings) in sources.iter().zip(bindings) {
        for (import, binding) in source.module.imports.iter().zip(bindings) {
            let (Binding::C(symbol), ExternType::Func(ty)) = (binding, import.ty) else { continue };
            let ty = &source.module.types[ty.index()];
            let (first, first_type) = *known.entry(symbol).or_insert((source, ty));
            if first_type != ty {
                let message = format!(
                    "imports `{}` as func{ty}, but {} as func{first_type}; a C function has one type",
                    named(import),
                    shown(first)
                );
                return Err(CompileError::input(message).in_file(source.input.shown_path()));
            }
        }
    }
    Ok(())
}

/// The search for an order in which everybody comes after those that they import from.
struct Order<'p> {
    sources: &'p [Source<'p>],
    bindings: &'p [Vec<Binding>],
    done: Vec<usize>,
    /// Those whose imports are being looked at: each imports from the next.
    open: Vec<usize>,
}

impl<'p> Order<'p> {
    /// As on the command line where imports allow it, but the main module last. Errors: there is none.
    fn find(sources: &'p [Source<'p>], bindings: &'p [Vec<Binding>], main: usize) -> Result<Vec<usize>> {
        let mut order = Self { sources, bindings, done: Vec::new(), open: Vec::new() };
        for at in (0..sources.len()).filter(|at| *at != main).chain([main]) {
            order.visit(at)?;
        }
        Ok(order.done)
    }

    fn visit(&mut self, at: usize) -> Result<()> {
        if self.done.contains(&at) {
            return Ok(());
        }
        if let Some(start) = self.open.iter().position(|open| *open == at) {
            return Err(self.cycle(&self.open[start..]));
        }
        self.open.push(at);
        let bindings = self.bindings;
        for binding in &bindings[at] {
            if let Binding::Export { module, .. } = binding {
                self.visit(module.index())?;
            }
        }
        self.open.pop();
        self.done.push(at);
        Ok(())
    }

    fn cycle(&self, members: &[usize]) -> CompileError {
        let names: Vec<_> = members.iter().chain(&members[..1]).map(|at| shown(&self.sources[*at])).collect();
        CompileError::machine(format!("modules import from each other in a circle: {}", names.join(" -> ")))
            .hint("a module can only import from one that is there before it: move what both need to a third")
    }
}

fn named(import: &Import<'_>) -> String {
    format!("{}.{}", shown_name(import.module), shown_name(import.name))
}

fn shown(source: &Source<'_>) -> String {
    source.input.shown_path().display().to_string()
}
