//! Several modules in one shared object, for programs that use the compiler as a library: tests, fuzzers.
//!
//! Each module keeps its own prefix and descriptor; the host links instances to each other.

use std::path::Path;

use super::compile::{ModuleJob, Tools, compile_objects};
use super::console::Console;
use super::progress::Progress;
use super::temporary::TempFiles;
use super::timing::Timing;
use crate::backend::link::{Link, LinkKind, Strip};
use crate::backend::runtime::{Bundle, find_old_symbols};
use crate::backend::target::{self, Remarks, TargetSpec};
use crate::emit::{Binding, EmitSettings, OpenImports, Role, partition};
use crate::error::Result;
use crate::options::{CodeOptions, TargetOptions};
use crate::wasm;

/// A module and the prefix of its symbols, a C identifier that no other module of the same output has.
#[derive(Clone, Copy, Debug)]
pub struct PluginSource<'a> {
    /// Its descriptor is exported as `w2n_module_<prefix>`.
    pub prefix: &'a str,
    /// The module's binary.
    pub bytes: &'a [u8],
}

/// Compiles all `sources` with the same options and links them into the shared object `output`. Errors:
/// those of the first source that has any, or the linker's.
pub fn compile_plugins(
    sources: &[PluginSource<'_>],
    code: &CodeOptions,
    target: &TargetOptions,
    output: &Path,
) -> Result<()> {
    target::initialise(Remarks::Unwanted);
    let target = TargetSpec::resolve(target)?;
    // Removed when the last handle is dropped, whatever happens.
    let temp_files = TempFiles::default();
    let temp_dir = temp_files.directory()?;
    let (timing, progress, console) = (Timing::default(), Progress::hidden(), Console::default());
    let tools = Tools { target: &target, timing: &timing, progress: &progress, console: &console };
    let modules = sources.iter().map(|source| wasm::parse(source.bytes, source.prefix));
    let modules = modules.collect::<Result<Vec<_>>>()?;
    let needs_wasi = modules.iter().any(super::imports_wasi);
    let bundle = if needs_wasi { Bundle::Wasi } else { Bundle::Runtime };
    let bindings: Vec<_> = modules.iter().map(|module| vec![Binding::Host; module.imports.len()]).collect();
    let jobs: Vec<_> = sources
        .iter()
        .zip(modules.iter().zip(&bindings))
        .map(|(source, (module, bindings))| {
            let units = partition(module, code.opt_level);
            let settings = EmitSettings {
                code,
                role: Role::Plugin,
                bindings,
                open_imports: OpenImports::OfHost,
                prefix: source.prefix,
                single_unit: units.len() == 1,
                is_only_module: false,
            };
            ModuleJob { module, settings, units, path: Path::new(source.prefix) }
        })
        .collect();
    let objects = compile_objects(&tools, &jobs, 1, &temp_dir)?;
    let archive = bundle.find(target.triple(), &temp_dir)?;
    let old_symbols = find_old_symbols(target.triple(), &temp_dir)?;
    let link = Link {
        kind: LinkKind::SharedLibrary,
        output,
        shown_output: output,
        objects: &objects,
        native: &[],
        archive: Some(&archive),
        old_symbols: Some(&old_symbols),
        strip: Strip::Debug,
        linker: None,
        temp_dir: &temp_dir,
    };
    link.command()?.start()?.finish().map(drop)
}
