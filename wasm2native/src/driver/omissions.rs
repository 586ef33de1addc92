//! Nothing is left out without a word: outputs that lack `main` although their module could have one, plugins
//! that nobody can instantiate, options that change nothing.
//!
//! The rule: what cannot be meant is an error, what may be meant is a warning.

use std::ffi::OsString;

use super::check;
use super::objects::ObjectModule;
use super::program::{Source, shown};
use super::reports::Reports;
use crate::backend::link::quote;
use crate::emit::Binding;
use crate::error::{Code, CompileError, Diagnostic, Result, shown_name};
use crate::options::{BoundsChecks, NativeInput, Options, OutputKind, Undefined};
use w2n_abi::is_wasi_module;

/// Imports that a message names.
const MAX_NAMES: usize = 3;

/// Whether an option was given that only a program has a use for.
pub fn says_program(options: &Options) -> bool {
    options.policy.says_something()
        || !options.embed.is_empty()
        || options.entry.is_some()
        || options.undefined == Undefined::Trap
}

/// For an object, assembly or IR that gets no `main` because of `error`. Errors: it ought to have one.
pub fn without_main(
    source: &Source<'_>,
    error: CompileError,
    options: &Options,
    reports: &Reports<'_>,
) -> Result<()> {
    let module = &source.module;
    let entry = options.entry.as_deref();
    let has_entry = module.entry_point(entry).is_some();
    let no_entry = || check::no_entry_point(source, entry).in_file(source.input.shown_path());
    if says_program(options) {
        return Err(match has_entry {
            true => error,
            false => no_entry().hint(
                "--dir, --env, limits, --embed-dir, --entry and --undefined are for programs, which have one",
            ),
        });
    }
    let wrong = module.imports.iter().filter(|import| is_wasi_module(import.module));
    let wrong = wrong.filter_map(|import| Some((import, check::wasi_problem(module, import)?))).next();
    match wrong {
        // No link can mend that.
        Some(_) if has_entry => Err(error),
        Some((import, problem)) => {
            let import = format!("{}.{}", shown_name(import.module), shown_name(import.name));
            let message = format!("{}: imports `{import}` as {problem}", shown(source));
            reports.tell(
                Diagnostic::warning(Code::Omission, message)
                    .hint("no program can have this module; a host may provide the import to a plugin"),
            );
            Ok(())
        }
        None => {
            let is_called_like_one = ["_start", "main"].iter().any(|name| module.export(name).is_some());
            if has_entry {
                reports.tell(error.into_warning().code(Code::Omission).hint(open_hint(source, options)));
            } else if is_called_like_one {
                let lacks_main = "the output has no `main`, it is that of a library";
                reports.tell(no_entry().into_warning().code(Code::Omission).hint(lacks_main));
            }
            Ok(())
        }
    }
}

/// What to do with a program that is not all there.
fn open_hint(source: &Source<'_>, options: &Options) -> String {
    let missing = "the output has no `main`, since its imports are left open";
    match options.output_kind {
        OutputKind::Object => {
            let object = source.input.path.with_extension("o");
            let command = super::command_for(&object, "", None);
            format!("{missing}; what provides them goes with it to the link: `{command} …`")
        }
        _ => format!("{missing}; -shared says that this is meant"),
    }
}

/// What a plugin imports from WASI under a name or a type that WASI has not: nobody but its host can provide
/// it.
pub fn of_plugin(source: &Source<'_>, bindings: &[Binding], reports: &Reports<'_>) {
    let imports = source.module.imports.iter().zip(bindings);
    let of_host =
        imports.filter(|(import, binding)| is_wasi_module(import.module) && **binding == Binding::Host);
    let names: Vec<_> = of_host.map(|(import, _)| shown_name(import.name)).collect();
    if names.is_empty() {
        return;
    }
    let more = if names.len() > MAX_NAMES { ", …" } else { "" };
    let shown_names = names.iter().take(MAX_NAMES).cloned().collect::<Vec<_>>().join(", ");
    let message = format!(
        "{}: imports from WASI what it does not have under that name and type ({shown_names}{more}): without a \
         host that provides them it cannot be instantiated",
        shown(source)
    );
    let hint = "a host gives w2n_instantiate a W2N_IMPORT_HOST_FUNC for each";
    reports.tell(Diagnostic::warning(Code::Omission, message).hint(hint));
}

/// Options that change nothing for this output.
pub fn of_options(options: &Options, reports: &Reports<'_>) {
    let is_linked = matches!(options.output_kind, OutputKind::Executable | OutputKind::SharedLibrary);
    let is_made_by_linker = is_linked || options.output_kind == OutputKind::Object;
    let has_no_effect = [
        ("-s", options.link.strip && !is_linked, "an object that is to be linked keeps its symbols"),
        (
            "--linker",
            options.link.linker.is_some() && !is_made_by_linker,
            "nothing is linked for this output",
        ),
        ("-L", !options.link.library_dirs.is_empty() && !is_linked, "nothing is linked for this output"),
    ];
    for (option, _, why) in has_no_effect.iter().filter(|(_, is_given, _)| *is_given) {
        let message = format!("{option} has no effect here: {why}");
        reports.tell(Diagnostic::warning(Code::NoEffect, message).hint("leave it out"));
    }
}

/// Flags of C compilers, where there is no C: build systems give them to everybody.
pub fn of_c_flags(options: &Options, reports: &Reports<'_>) {
    let link = &options.link;
    let is_source = |input: &NativeInput| matches!(input, NativeInput::C(_) | NativeInput::Cpp(_));
    if !link.native.iter().any(is_source) {
        let about_warnings = ["-w", "-Werror"];
        let for_c = link.c_flags.iter().filter(|flag| about_warnings.iter().all(|known| **flag != *known));
        warn_of_flags(for_c, "no C source is given", reports);
    }
    if !matches!(options.output_kind, OutputKind::Executable | OutputKind::SharedLibrary) {
        warn_of_flags(link.flags.iter(), "nothing is linked for this output", reports);
    }
}

fn warn_of_flags<'a>(flags: impl Iterator<Item = &'a OsString>, why: &str, reports: &Reports<'_>) {
    let flags: Vec<_> = flags.map(|flag| quote(flag)).collect();
    if flags.is_empty() {
        return;
    }
    let has = if flags.len() == 1 { "has" } else { "have" };
    let message = format!("{} {has} no effect here: {why}", flags.join(" "));
    reports.tell(Diagnostic::warning(Code::NoEffect, message).hint("leave them out, or add -w"));
}

/// Code that is there already stays as it is.
pub fn of_object(object: &ObjectModule, options: &Options, reports: &Reports<'_>) {
    let code = &options.code;
    let is_missing = [
        (
            "--bounds-checks=software",
            code.bounds_checks == BoundsChecks::Software && !object.has_software_bounds(),
        ),
        ("--strict-traps", code.strict_traps && !object.has_strict_traps()),
    ];
    for (option, _) in is_missing.iter().filter(|(_, is_missing)| *is_missing) {
        let message = format!("{}: was compiled without {option}, and stays so", object.input.path.display());
        let hint = format!("give {option} when it is compiled");
        reports.tell(Diagnostic::warning(Code::NoEffect, message).hint(hint));
    }
}
