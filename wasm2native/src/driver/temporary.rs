//! Files of a run that must not outlive it. The list is shared with the thread that handles signals.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::error::{CompileError, Result};

/// A temporary directory and files elsewhere, removed by [`TempFiles::remove`] at the latest.
#[derive(Clone, Debug, Default)]
pub struct TempFiles(Arc<Mutex<Paths>>);

#[derive(Debug, Default)]
struct Paths {
    directory: Option<tempfile::TempDir>,
    files: Vec<PathBuf>,
}

impl TempFiles {
    /// The run's directory, made when first asked for.
    pub fn directory(&self) -> Result<PathBuf> {
        let mut paths = self.lock();
        if let Some(directory) = &paths.directory {
            return Ok(directory.path().to_owned());
        }
        let directory = tempfile::Builder::new().prefix("wasm2native-").tempdir().map_err(|error| {
            CompileError::cannot("make a directory in", &std::env::temp_dir(), &error)
                .hint("TMPDIR can name another place for temporary files")
        })?;
        let path = directory.path().to_owned();
        paths.directory = Some(directory);
        Ok(path)
    }

    /// Remembers to remove `file`.
    pub fn add(&self, file: &Path) {
        self.lock().files.push(file.to_owned());
    }

    /// Forgets `file`: it was renamed.
    pub fn forget(&self, file: &Path) {
        self.lock().files.retain(|known| known != file);
    }

    /// Removes everything.
    pub fn remove(&self) {
        let mut paths = self.lock();
        for file in paths.files.drain(..) {
            let _ = std::fs::remove_file(file);
        }
        paths.directory = None;
    }

    fn lock(&self) -> MutexGuard<'_, Paths> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
