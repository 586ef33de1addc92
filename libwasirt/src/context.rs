//! The state of one WASI guest: its descriptors, arguments, environment and sources.
//!
//! Rule: it is a value that calls reach through the pointer that their import was bound with; nothing of it
//! is global. All threads of a guest use one at a time: what changes is atomic, or has a lock of its own.

use rustix::stdio;

use crate::config::{Config, Directory, InputConfig, OutputConfig, Preopen};
use crate::descriptor::Descriptor;
use crate::entropy::Entropy;
use crate::fd_table::FdTable;
use crate::hint::MissingDirHint;
use crate::memory_place::KnownPlaces;
use crate::path::resolve::Resolver;
use crate::signals::Signals;
use crate::stream::{Input, Stream};
use crate::terminal::Escapes;
use crate::time::Clocks;
use crate::types::Rights;

/// Everything a guest's calls work on.
#[derive(Debug, Default)]
pub struct Context {
    /// Open descriptors.
    pub fds: FdTable,
    /// Arguments, the program's name first.
    pub args: StringList,
    /// Environment, `KEY=VALUE` each.
    pub environ: StringList,
    /// Where the guest's modules have their memories.
    pub known_places: KnownPlaces,
    /// The clocks.
    pub clocks: Clocks,
    /// Where random bytes come from.
    pub entropy: Entropy,
    /// How guest paths are opened.
    pub resolver: Resolver,
    /// Who takes care of the signals that writing raises.
    pub signals: Signals,
    /// What becomes of escape sequences that the guest writes to a terminal.
    pub escapes: Escapes,
    /// Whether to tell the user that a directory is missing.
    pub hint: MissingDirHint,
}

/// Why there is no context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigError {
    /// The descriptors that are given are more than may be open.
    TooManyDescriptors,
}

impl Context {
    /// The state of a guest that was given this. Whoever makes it binds the guest's imports of WASI with a
    /// pointer to it, and keeps it until the last instance is gone.
    ///
    /// A guest's write to a pipe that nobody reads raises SIGPIPE, one past the process's limit of file sizes
    /// SIGXFSZ: the process ignores both, as executables do, or `signals` says that they are its own.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        let mut args = StringList::default();
        for argument in &config.args {
            args.push(&[argument]);
        }
        let mut environ = StringList::default();
        for (index, (key, value)) in config.env.iter().enumerate() {
            let is_replaced = config.env[index + 1..].iter().any(|(later, _)| later == key);
            if let (false, Some(value)) = (is_replaced, value) {
                environ.push(&[key, b"=", value]);
            }
        }
        let fds = FdTable::default();
        let streams =
            [input(config.stdin), output(config.stdout, stdio::stdout), output(config.stderr, stdio::stderr)];
        for stream in streams {
            match stream {
                Some(descriptor) => fds.push(Some(descriptor.with_escapes(config.escapes))),
                // It is closed, or nobody can tell what it is. A file of the guest's must not take its place.
                None => fds.reserve(),
            }
        }
        let dir_granted = !config.preopens.is_empty();
        for preopen in config.preopens {
            fds.push(Some(directory(preopen)));
        }
        for listener in config.listeners {
            match listener {
                Some(socket) => fds.push(Some(Descriptor::socket(socket))),
                None => fds.reserve(),
            }
        }
        if let Some(max_fds) = config.max_fds {
            if fds.open_count() > max_fds {
                return Err(ConfigError::TooManyDescriptors);
            }
            fds.limit(max_fds);
        }
        Ok(Self {
            fds,
            args,
            environ,
            known_places: KnownPlaces::default(),
            clocks: config.clocks,
            entropy: config.entropy,
            resolver: config.resolver,
            signals: config.signals,
            escapes: config.escapes,
            hint: MissingDirHint { advice: config.advice, dir_granted, ..MissingDirHint::default() },
        })
    }
}

fn input(config: InputConfig) -> Option<Descriptor> {
    match config {
        InputConfig::Closed => None,
        InputConfig::Inherited => Descriptor::stdio(stdio::stdin(), Rights::FD_READ),
        InputConfig::Descriptor(file) => Descriptor::shared(file, Rights::FD_READ),
        InputConfig::Bytes(bytes) => Some(Descriptor::stream(Stream::Bytes(Input::new(bytes)))),
        InputConfig::Callback(read) => Some(Descriptor::stream(Stream::Reader(read))),
    }
}

fn output(config: OutputConfig, inherited: fn() -> rustix::fd::BorrowedFd<'static>) -> Option<Descriptor> {
    match config {
        OutputConfig::Closed => None,
        OutputConfig::Inherited => Descriptor::stdio(inherited(), Rights::FD_WRITE),
        OutputConfig::Descriptor(file) => Descriptor::shared(file, Rights::FD_WRITE),
        OutputConfig::Buffer(buffer) => Some(Descriptor::stream(Stream::Buffer(buffer))),
        OutputConfig::Callback(write) => Some(Descriptor::stream(Stream::Writer(write))),
    }
}

fn directory(preopen: Preopen) -> Descriptor {
    let descriptor = match preopen.directory {
        Directory::Host(directory, access) => Descriptor::preopen(directory, preopen.name, access),
        Directory::Packed(directory) => Descriptor::embedded_preopen(directory, preopen.name),
    };
    descriptor.rights.keep(preopen.rights);
    descriptor.inheriting.keep(preopen.inheriting);
    descriptor
}

/// Strings as `args_get` and `environ_get` hand them out: each ended by a NUL, one after the other.
#[derive(Debug, Default)]
pub struct StringList {
    bytes: Vec<u8>,
    starts: Vec<u32>,
}

impl StringList {
    /// Appends a string. One that would take the list past 4 GiB is left out, for no guest could hold it.
    pub fn push(&mut self, parts: &[&[u8]]) {
        let len: usize = parts.iter().map(|part| part.len()).sum();
        let end = self.bytes.len().saturating_add(len).saturating_add(1);
        let Ok(start) = u32::try_from(self.bytes.len()) else { return };
        if u32::try_from(end).is_err() {
            return;
        }
        self.starts.push(start);
        for part in parts {
            self.bytes.extend_from_slice(part);
        }
        self.bytes.push(0);
    }

    /// Number of strings.
    pub fn count(&self) -> u32 {
        self.starts.len() as u32
    }

    /// The strings, each with its NUL.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Where each string starts in [`Self::bytes`].
    pub fn starts(&self) -> &[u32] {
        &self.starts
    }

    /// The strings, without their NULs.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.bytes.split_inclusive(|&byte| byte == 0).map(|string| &string[..string.len() - 1])
    }
}
