//! Finds the runtime archive to link: `WASM2NATIVE_RT_DIR`, then beside the installed compiler, then
//! the copy embedded in it. The first place that has the archive wins.

use std::path::{Path, PathBuf};

use crate::error::{CompileError, Result};
use crate::options::Environment;

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

/// A file that is linked into what we make.
struct Archive {
    file_name: &'static str,
    bytes: &'static [u8],
}

macro_rules! archive {
    ($name:literal) => {
        Archive { file_name: $name, bytes: include_bytes!(concat!(env!("W2N_EMBEDDED_RT_DIR"), "/", $name)) }
    };
}

const RUNTIME: Archive = archive!("libw2n_rt_bundle.a");
const WASI: Archive = archive!("libw2n_wasi_bundle.a");
const OLD_SYMBOLS: Archive = archive!("libw2n_glibc.a");

impl Bundle {
    /// Path of the archive for `triple`. The embedded one is written to `temp_dir`.
    pub fn find(self, triple: &str, temp_dir: &Path, environment: &Environment) -> Result<PathBuf> {
        match self {
            Self::Runtime => RUNTIME.find(triple, temp_dir, environment),
            Self::Wasi => WASI.find(triple, temp_dir, environment),
        }
    }
}

/// Path of the archive that lets programs start with an older C library, as [`Bundle::find`].
pub fn find_old_symbols(triple: &str, temp_dir: &Path, environment: &Environment) -> Result<PathBuf> {
    OLD_SYMBOLS.find(triple, temp_dir, environment)
}

impl Archive {
    fn find(&self, triple: &str, temp_dir: &Path, environment: &Environment) -> Result<PathBuf> {
        if let Some(dir) = &environment.runtime_dir {
            return self.in_directory(dir).ok_or_else(|| {
                CompileError::machine(format!("no {} in {}", self.file_name, dir.display()))
                    .hint(format!("unset {DIR_VARIABLE} to use the runtime embedded in wasm2native"))
            });
        }
        let installed = installed_directory(triple, environment).and_then(|dir| self.in_directory(&dir));
        match installed {
            Some(path) => Ok(path),
            None => self.unpack(temp_dir),
        }
    }

    fn in_directory(&self, dir: &Path) -> Option<PathBuf> {
        Some(dir.join(self.file_name)).filter(|path| path.is_file())
    }

    fn unpack(&self, temp_dir: &Path) -> Result<PathBuf> {
        let path = temp_dir.join(self.file_name);
        match std::fs::write(&path, self.bytes) {
            Ok(()) => Ok(path),
            Err(error) => Err(CompileError::cannot_temporarily("write", &path, &error)),
        }
    }
}

/// `<prefix>/lib/wasm2native/<triple>` when the compiler is `<prefix>/bin/wasm2native`.
fn installed_directory(triple: &str, environment: &Environment) -> Option<PathBuf> {
    let executable = environment.executable.as_deref()?;
    Some(executable.parent()?.parent()?.join("lib/wasm2native").join(triple))
}
