//! Executes the directives of one `.wast` file.
//!
//! First every module of the file is compiled, all into one shared object; then the directives run in
//! order. A module that needs a proposal we lack is skipped with everything that depends on it.

mod modules;

use std::collections::HashMap;

use w2n_abi::{ExternKind, LinkError, TrapCode};
use wasmparser::{Validator, WasmFeatures};
use wast::lexer::Lexer;
use wast::parser::{self, ParseBuffer};
use wast::token::Id;
use wast::{QuoteWat, Wast, WastDirective, WastExecute, WastInvoke, WastRet};

use super::Verdict;
use super::config::Config;
use super::expect;
use super::suite::SuiteFile;
use crate::host::{Extern, Failure, Import, Instance, Value};
use modules::{Compiled, Modules};

/// Where `assert_unlinkable` modules and others find the suite's host.
const SPECTEST: &str = "spectest";

/// Executes `file` and hands each verdict to `report`.
pub fn run(file: &SuiteFile, config: Config, report: &mut dyn FnMut(Verdict)) {
    let mut lexer = Lexer::new(&file.text);
    lexer.allow_confusing_unicode(true);
    let buffer = match ParseBuffer::new_with_lexer(lexer) {
        Ok(buffer) => buffer,
        Err(error) => return report(Verdict::Skip(unparsable(&error))),
    };
    let mut wast = match parser::parse::<Wast<'_>>(&buffer) {
        Ok(wast) => wast,
        Err(error) => return report(Verdict::Skip(unparsable(&error))),
    };
    let modules = match Modules::compile(&mut wast.directives, config) {
        Ok(modules) => modules,
        Err(message) => return report(Verdict::Fail(0, message)),
    };
    let spectest = modules.spectest().instantiate(&[]).expect("the suite's host starts");
    let mut script = Script {
        file,
        modules,
        report,
        current: None,
        named: HashMap::new(),
        registered: HashMap::from([(SPECTEST.to_owned(), Slot::Live(spectest))]),
        definitions: HashMap::new(),
    };
    for (index, directive) in wast.directives.into_iter().enumerate() {
        script.directive(index, directive);
    }
}

fn unparsable(error: &wast::Error) -> String {
    format!("text that the wast crate does not parse ({})", error.message())
}

/// What a module name or "the last module" stands for.
#[derive(Clone)]
enum Slot {
    Live(Instance),
    /// Needs something we lack: the reason.
    Skipped(String),
    /// Did not work, which was reported where it should have.
    Broken,
}

/// Why a directive could not be carried out.
enum Stop {
    /// It depends on something we lack.
    Skip(String),
    /// It is nonsense, or depends on something that is broken.
    Broken(String),
    /// It trapped or did not link.
    Failure(Failure),
}

struct Script<'a> {
    file: &'a SuiteFile,
    modules: Modules,
    report: &'a mut dyn FnMut(Verdict),
    current: Option<Slot>,
    named: HashMap<String, Slot>,
    registered: HashMap<String, Slot>,
    /// Index of the directive that defines a module, by its name or none.
    definitions: HashMap<Option<String>, usize>,
}

fn name_of(id: Option<Id<'_>>) -> Option<String> {
    id.map(|id| id.name().to_owned())
}

impl Script<'_> {
    fn directive(&mut self, index: usize, directive: WastDirective<'_>) {
        let line = directive.span().linecol_in(&self.file.text).0 + 1;
        let verdict = match directive {
            WastDirective::Module(module) => self.define(index, name_of(module.name())),
            WastDirective::ModuleDefinition(module) => {
                self.definitions.insert(name_of(module.name()), index);
                self.check_definition(index)
            }
            WastDirective::ModuleInstance { instance, module, .. } => {
                match self.definitions.get(&name_of(module)) {
                    Some(definition) => self.define(*definition, name_of(instance)),
                    None => Err("no such module definition".to_owned()),
                }
            }
            WastDirective::Register { name, module, .. } => self.register(name, module),
            WastDirective::Invoke(invoke) => quiet(self.invoke(&invoke).map(|_| ())),
            WastDirective::AssertReturn { exec, results, .. } => self.assert_return(index, exec, &results),
            WastDirective::AssertTrap { exec, message, .. } => {
                let outcome = self.execute(index, exec);
                expect_trap(outcome, message)
            }
            WastDirective::AssertExhaustion { call, message, .. } => expect_trap(self.invoke(&call), message),
            WastDirective::AssertUnlinkable { message, .. } => self.assert_unlinkable(index, message),
            WastDirective::AssertInvalid { module, .. } | WastDirective::AssertMalformed { module, .. } => {
                self.assert_refused(module)
            }
            WastDirective::AssertException { exec, .. } => match self.execute(index, exec) {
                Err(Stop::Skip(reason)) => Ok(Some(Verdict::Skip(reason))),
                _ => Err("no exception was thrown".to_owned()),
            },
            WastDirective::AssertInvalidCustom { .. } | WastDirective::AssertMalformedCustom { .. } => {
                skip("custom sections that do not affect execution are not validated")
            }
            WastDirective::AssertSuspension { .. } => skip("needs the stack-switching proposal"),
            WastDirective::Thread(_) | WastDirective::Wait { .. } => skip("needs the threads proposal"),
        };
        match verdict {
            Ok(None) => {}
            Ok(Some(verdict)) => (self.report)(verdict),
            Err(message) => (self.report)(Verdict::Fail(line, message)),
        }
    }

    /// Instantiates the module of directive `index` and makes it the last one, under `name` if it has one.
    fn define(&mut self, index: usize, name: Option<String>) -> Result<Option<Verdict>, String> {
        let (slot, verdict) = match self.instantiate(index) {
            Ok(instance) => (Slot::Live(instance), Ok(None)),
            Err(Stop::Skip(reason)) => (Slot::Skipped(reason.clone()), Ok(Some(Verdict::Skip(reason)))),
            Err(Stop::Broken(message)) => (Slot::Broken, Err(format!("module: {message}"))),
            Err(Stop::Failure(failure)) => (Slot::Broken, Err(format!("module: {failure}"))),
        };
        if let Some(name) = name {
            self.named.insert(name, slot.clone());
        }
        self.current = Some(slot);
        verdict
    }

    /// A definition need not be instantiable, but must compile.
    fn check_definition(&self, index: usize) -> Result<Option<Verdict>, String> {
        match self.modules.of_directive(index) {
            Compiled::Ready(_) => Ok(None),
            Compiled::Unsupported(reason) => Ok(Some(Verdict::Skip(reason.clone()))),
            Compiled::Failed(message) => Err(format!("definition: {message}")),
        }
    }

    fn register(&mut self, name: &str, module: Option<Id<'_>>) -> Result<Option<Verdict>, String> {
        let slot = self.slot(module).map_err(|message| format!("register: {message}"))?.clone();
        self.registered.insert(name.to_owned(), slot);
        Ok(None)
    }

    fn slot(&self, module: Option<Id<'_>>) -> Result<&Slot, String> {
        let slot = match name_of(module) {
            Some(name) => self.named.get(&name),
            None => self.current.as_ref(),
        };
        slot.ok_or_else(|| "no such module".to_owned())
    }

    fn instance(&self, module: Option<Id<'_>>) -> Result<&Instance, Stop> {
        match self.slot(module).map_err(Stop::Broken)? {
            Slot::Live(instance) => Ok(instance),
            Slot::Skipped(reason) => Err(Stop::Skip(reason.clone())),
            Slot::Broken => Err(Stop::Broken("its module is broken".to_owned())),
        }
    }

    fn instantiate(&self, index: usize) -> Result<Instance, Stop> {
        let module = match self.modules.of_directive(index) {
            Compiled::Ready(module) => module,
            Compiled::Unsupported(reason) => return Err(Stop::Skip(reason.clone())),
            Compiled::Failed(message) => return Err(Stop::Broken(message.clone())),
        };
        let mut imports = Vec::new();
        for import in module.imports() {
            let provider = self.registered.get(String::from_utf8_lossy(&import.module).as_ref());
            imports.push(match provider {
                Some(Slot::Live(instance)) => instance
                    .export(&import.name)
                    .map_or_else(Import::missing, |found| Import::external(&found)),
                Some(Slot::Skipped(reason)) => return Err(Stop::Skip(reason.clone())),
                Some(Slot::Broken) => return Err(Stop::Broken("it imports from a broken module".to_owned())),
                None => Import::missing(),
            });
        }
        module.instantiate(&imports).map_err(Stop::Failure)
    }

    fn export(&self, module: Option<Id<'_>>, name: &str, kind: ExternKind) -> Result<Extern, Stop> {
        let export = self.instance(module)?.export(name);
        export
            .filter(|export| export.is(kind))
            .ok_or_else(|| Stop::Broken(format!("no export `{}` of kind {kind:?}", name.escape_debug())))
    }

    fn invoke(&self, invoke: &WastInvoke<'_>) -> Result<Vec<Value>, Stop> {
        let func = self.export(invoke.module, invoke.name, ExternKind::Func)?;
        let args: Result<Vec<_>, _> = invoke.args.iter().map(expect::argument).collect();
        let args = args.map_err(Stop::Skip)?;
        let types: Vec<_> = args.iter().map(|arg| arg.ty()).collect();
        if types != func.func_type().params {
            return Err(Stop::Broken(format!("arguments {types:?} for {:?}", func.func_type())));
        }
        func.call(&args).map_err(Stop::Failure)
    }

    fn execute(&self, index: usize, exec: WastExecute<'_>) -> Result<Vec<Value>, Stop> {
        match exec {
            WastExecute::Invoke(invoke) => self.invoke(&invoke),
            WastExecute::Wat(_) => self.instantiate(index).map(|_| Vec::new()),
            WastExecute::Get { module, global, .. } => {
                Ok(vec![self.export(module, global, ExternKind::Global)?.global_get()])
            }
        }
    }

    fn assert_return(
        &self,
        index: usize,
        exec: WastExecute<'_>,
        expected: &[WastRet<'_>],
    ) -> Result<Option<Verdict>, String> {
        let results = match self.execute(index, exec) {
            Ok(results) => results,
            Err(stop) => return stopped(stop),
        };
        let is_match = results.len() == expected.len()
            && expected.iter().zip(&results).all(|(expected, result)| expect::matches(expected, *result));
        if is_match { pass() } else { Err(format!("got {results:x?}, not {expected:?}")) }
    }

    fn assert_unlinkable(&self, index: usize, message: &str) -> Result<Option<Verdict>, String> {
        let failure = match self.instantiate(index) {
            Ok(_) => return Err("it linked".to_owned()),
            Err(Stop::Failure(failure)) => failure,
            Err(stop) => return stopped(stop),
        };
        let said = if failure.is_link_error(LinkError::UnknownImport) {
            "unknown import"
        } else if failure.is_link_error(LinkError::IncompatibleImport) {
            "incompatible import type"
        } else {
            return Err(format!("{failure}, not `{message}`"));
        };
        if message.starts_with(said) { pass() } else { Err(format!("{said}, not `{message}`")) }
    }

    /// `assert_invalid` and `assert_malformed`: the text or the binary must be refused.
    fn assert_refused(&self, mut module: QuoteWat<'_>) -> Result<Option<Verdict>, String> {
        let Ok(bytes) = module.encode() else { return pass() };
        if wasm2native::wasm::parse(&bytes, "refused").is_err() {
            return pass();
        }
        // Later versions of the language allow what earlier suites forbid.
        let is_forbidden =
            |language: WasmFeatures| Validator::new_with_features(language).validate_all(&bytes).is_err();
        if is_forbidden(self.file.language) {
            return skip("a later version of the language, which we compile, allows it");
        }
        Err("the module was accepted".to_owned())
    }
}

fn pass() -> Result<Option<Verdict>, String> {
    Ok(Some(Verdict::Pass))
}

fn skip(reason: &str) -> Result<Option<Verdict>, String> {
    Ok(Some(Verdict::Skip(reason.to_owned())))
}

/// An assertion that could not be carried out.
fn stopped(stop: Stop) -> Result<Option<Verdict>, String> {
    match stop {
        Stop::Skip(reason) => Ok(Some(Verdict::Skip(reason))),
        Stop::Broken(message) => Err(message),
        Stop::Failure(failure) => Err(failure.to_string()),
    }
}

/// An action that asserts nothing is reported only if it does not work.
fn quiet(outcome: Result<(), Stop>) -> Result<Option<Verdict>, String> {
    match outcome {
        Ok(()) => Ok(None),
        Err(stop) => stopped(stop),
    }
}

/// The suite's message and ours agree when one begins with the other: `uninitialized element 2`
/// names the element, and older files say `undefined` where newer ones say `undefined element`.
fn expect_trap(outcome: Result<Vec<Value>, Stop>, message: &str) -> Result<Option<Verdict>, String> {
    let failure = match outcome {
        Ok(results) => return Err(format!("got {results:x?}, not the trap `{message}`")),
        Err(Stop::Failure(failure)) => failure,
        Err(stop) => return stopped(stop),
    };
    match failure.trap().map(TrapCode::message) {
        Some(said) if message.starts_with(said) || said.starts_with(message) => pass(),
        _ => Err(format!("{failure}, not `{message}`")),
    }
}

/// The module that a directive carries and that is to be compiled, if there is one.
fn module_of<'d, 'a>(directive: &'d mut WastDirective<'a>) -> Option<Encode<'d, 'a>> {
    match directive {
        WastDirective::Module(module) | WastDirective::ModuleDefinition(module) => {
            Some(Encode::Quote(module))
        }
        WastDirective::AssertUnlinkable { module, .. }
        | WastDirective::AssertTrap { exec: WastExecute::Wat(module), .. }
        | WastDirective::AssertReturn { exec: WastExecute::Wat(module), .. }
        | WastDirective::AssertException { exec: WastExecute::Wat(module), .. } => Some(Encode::Wat(module)),
        _ => None,
    }
}

/// A module in the file, in either of the crate's forms.
enum Encode<'d, 'a> {
    Quote(&'d mut QuoteWat<'a>),
    Wat(&'d mut wast::Wat<'a>),
}

impl Encode<'_, '_> {
    fn encode(self) -> Result<Vec<u8>, wast::Error> {
        match self {
            Self::Quote(module) => module.encode(),
            Self::Wat(module) => module.encode(),
        }
    }
}
