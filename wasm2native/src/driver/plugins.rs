//! Several modules in one shared object, for programs that use the compiler as a library: tests, fuzzers.
//!
//! Each module keeps its own prefix and descriptor; the host links instances to each other.

use std::path::Path;

use super::compile::{UnitJob, compile_objects};
use super::console::Console;
use super::progress::Progress;
use super::temporary::TempFiles;
use super::timing::Timing;
use crate::backend::link::{Link, LinkKind, Strip};
use crate::backend::runtime::Bundle;
use crate::backend::target::{self, Remarks, TargetSpec};
use crate::emit::{EmitSettings, partition};
use crate::error::{CompileError, Result};
use crate::options::{CodeOptions, ModuleKind, Policy, TargetOptions};
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
    let (timing, progress, policy) = (Timing::default(), Progress::hidden(), Policy::default());
    let console = Console::default();
    let mut objects = Vec::new();
    let mut bundle = Bundle::Runtime;
    for source in sources {
        let module = wasm::parse(source.bytes, source.prefix)?;
        if super::bundle(&module) == Bundle::Wasi {
            bundle = Bundle::Wasi;
        }
        let units = partition(&module, code.opt_level);
        let settings = EmitSettings {
            code,
            kind: ModuleKind::Plugin,
            prefix: source.prefix,
            policy: &policy,
            single_unit: units.len() == 1,
            is_only_module: false,
        };
        let directory = temp_dir.join(source.prefix);
        std::fs::create_dir(&directory).map_err(|error| CompileError::cannot("make", &directory, &error))?;
        let job = UnitJob {
            module: &module,
            settings: &settings,
            target: &target,
            timing: &timing,
            progress: &progress,
            console: &console,
        };
        objects.extend(compile_objects(&job, &units, 1, &directory)?);
    }
    let archive = bundle.find(target.triple(), &temp_dir)?;
    let link = Link {
        kind: LinkKind::SharedLibrary,
        output,
        objects: &objects,
        archive: Some(&archive),
        strip: Strip::Debug,
        linker: None,
        temp_dir: &temp_dir,
    };
    link.command()?.start()?.finish()
}
