//! Files of a run that must not outlive it. The list is shared with the thread that handles signals.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use crate::error::{CompileError, Result};

/// A temporary directory and files elsewhere, removed by [`TempFiles::remove`] at the latest.
#[derive(Clone, Debug)]
pub struct TempFiles(Arc<Mutex<Paths>>);

#[derive(Debug)]
struct Paths {
    /// Where the directory is made.
    parent: PathBuf,
    directory: Option<tempfile::TempDir>,
    files: Vec<PathBuf>,
    /// Leader of the process group that writes to them: the linker.
    writers: Option<u32>,
}

/// How long processes that were killed may take to be gone.
const KILL_TIME: Duration = Duration::from_secs(2);

impl TempFiles {
    /// None yet; the directory will be made in `parent`.
    pub fn new(parent: PathBuf) -> Self {
        Self(Arc::new(Mutex::new(Paths { parent, directory: None, files: Vec::new(), writers: None })))
    }

    /// The run's directory, made when first asked for.
    pub fn directory(&self) -> Result<PathBuf> {
        let mut paths = self.lock();
        if let Some(directory) = &paths.directory {
            return Ok(directory.path().to_owned());
        }
        let directory =
            tempfile::Builder::new().prefix("wasm2native-").tempdir_in(&paths.parent).map_err(|error| {
                CompileError::cannot_temporarily("make a directory in", &paths.parent, &error)
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

    /// Starts processes that write to the files; `start` answers the leader of their group too. No signal
    /// comes between the start and our knowing of it.
    pub fn start_writers<T>(&self, start: impl FnOnce() -> Result<(Option<u32>, T)>) -> Result<T> {
        let mut paths = self.lock();
        let (leader, started) = start()?;
        paths.writers = leader;
        Ok(started)
    }

    /// The processes have ended.
    pub fn forget_writers(&self) {
        self.lock().writers = None;
    }

    /// Removes everything.
    pub fn remove(&self) {
        self.lock().remove();
    }

    /// Removes everything, and whoever could still write, for a process that is about to end. Threads
    /// that come to use the files after this wait for that end.
    pub fn abandon(&self) {
        let mut paths = self.lock();
        if let Some(leader) = paths.writers.take() {
            kill_group(leader);
        }
        paths.remove();
        std::mem::forget(paths);
    }

    fn lock(&self) -> MutexGuard<'_, Paths> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Paths {
    fn remove(&mut self) {
        for file in self.files.drain(..) {
            let _ = std::fs::remove_file(file);
        }
        self.directory = None;
    }
}

/// Kills a process group and waits until it is gone: a linker makes its output again when it is removed.
fn kill_group(leader: u32) {
    let Some(group) = i32::try_from(leader).ok().and_then(Pid::from_raw) else { return };
    let deadline = Instant::now() + KILL_TIME;
    while kill_process_group(group, Signal::KILL).is_ok() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(1));
    }
}
