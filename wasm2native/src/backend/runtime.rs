//! Finds the runtime archive to link: `WASM2NATIVE_RT_DIR`, then beside the installed compiler, then
//! the copy embedded in it. The first place that has the archive wins.

use std::env;
use std::path::{Path, PathBuf};

use crate::error::{CompileError, Result};

/// Environment variable that names a directory of runtime archives.
pub const DIR_VARIABLE: &str = "WASM2NATIVE_RT_DIR";

/// Which archive a module needs. Each holds a whole Rust runtime, so exactly one may be linked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bundle {
    /// Memory, tables, traps, entry.
    Runtime,
    /// That and WASI.
    Wasi,
}

const RUNTIME_ARCHIVE: &[u8] = include_bytes!(concat!(env!("W2N_EMBEDDED_RT_DIR"), "/libw2n_rt_bundle.a"));
const WASI_ARCHIVE: &[u8] = include_bytes!(concat!(env!("W2N_EMBEDDED_RT_DIR"), "/libw2n_wasi_bundle.a"));

impl Bundle {
    /// Name of the archive's file.
    pub fn file_name(self) -> &'static str {
        match self {
            Self::Runtime => "libw2n_rt_bundle.a",
            Self::Wasi => "libw2n_wasi_bundle.a",
        }
    }

    /// Path of the archive for `triple`. The embedded one is written to `temp_dir`.
    pub fn find(self, triple: &str, temp_dir: &Path) -> Result<PathBuf> {
        if let Some(dir) = env::var_os(DIR_VARIABLE) {
            return self.in_directory(Path::new(&dir)).ok_or_else(|| {
                CompileError::machine(format!("no {} in {}", self.file_name(), Path::new(&dir).display()))
                    .hint(format!("unset {DIR_VARIABLE} to use the runtime embedded in wasm2native"))
            });
        }
        let installed = installed_directory(triple).and_then(|dir| self.in_directory(&dir));
        match installed {
            Some(path) => Ok(path),
            None => self.unpack(temp_dir),
        }
    }

    fn in_directory(self, dir: &Path) -> Option<PathBuf> {
        Some(dir.join(self.file_name())).filter(|path| path.is_file())
    }

    fn unpack(self, temp_dir: &Path) -> Result<PathBuf> {
        let bytes = match self {
            Self::Runtime => RUNTIME_ARCHIVE,
            Self::Wasi => WASI_ARCHIVE,
        };
        let path = temp_dir.join(self.file_name());
        match std::fs::write(&path, bytes) {
            Ok(()) => Ok(path),
            Err(error) => Err(CompileError::cannot_temporarily("write", &path, &error)),
        }
    }
}

/// `<prefix>/lib/wasm2native/<triple>` when the compiler is `<prefix>/bin/wasm2native`.
fn installed_directory(triple: &str) -> Option<PathBuf> {
    let executable = env::current_exe().ok()?;
    Some(executable.parent()?.parent()?.join("lib/wasm2native").join(triple))
}
