//! What a guest is given, as a value: whoever has a guest to run fills it in and makes a `Context` of it.
//!
//! Rule: the default gives nothing. What a guest is to have is named.

use rustix::fd::OwnedFd;

use crate::embedded::EmbeddedFile;
use crate::entropy::Entropy;
use crate::hint::Advice;
use crate::path::resolve::Resolver;
use crate::signals::Signals;
use crate::stream::{OutputBuffer, ReadCallback, WriteCallback};
use crate::terminal::Escapes;
use crate::time::Clocks;
use crate::types::{Access, Rights};

/// Everything that a guest is given.
#[derive(Debug, Default)]
pub struct Config {
    /// Arguments, the program's name first.
    pub args: Vec<Vec<u8>>,
    /// Variables. A later one replaces an earlier one of the same name; without a value it takes it away.
    pub env: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    /// Descriptor 0.
    pub stdin: InputConfig,
    /// Descriptor 1.
    pub stdout: OutputConfig,
    /// Descriptor 2.
    pub stderr: OutputConfig,
    /// Directories, from descriptor 3 on.
    pub preopens: Vec<Preopen>,
    /// Sockets that listen, behind the directories; `None` for a number that stays closed.
    pub listeners: Vec<Option<OwnedFd>>,
    /// Descriptors that may be open at a time, these among them.
    pub max_fds: Option<usize>,
    /// The clocks.
    pub clocks: Clocks,
    /// Where random bytes come from.
    pub entropy: Entropy,
    /// Whether escapes reach a terminal.
    pub escapes: Escapes,
    /// How paths are opened.
    pub resolver: Resolver,
    /// Who takes care of the signals that writing raises.
    pub signals: Signals,
    /// What to tell the user on standard error when a directory seems to be missing.
    pub advice: Advice,
}

/// A standard input.
#[derive(Default)]
pub enum InputConfig {
    /// Closed; no file gets its number.
    #[default]
    Closed,
    /// The process's.
    Inherited,
    /// This one, whose flags others may rely on.
    Descriptor(OwnedFd),
    /// These bytes, then the end.
    Bytes(Vec<u8>),
    /// What the function has.
    Callback(Box<ReadCallback>),
}

impl core::fmt::Debug for InputConfig {
    fn fmt(&self, output: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        output.write_str(match self {
            Self::Closed => "Closed",
            Self::Inherited => "Inherited",
            Self::Descriptor(_) => "Descriptor",
            Self::Bytes(_) => "Bytes",
            Self::Callback(_) => "Callback",
        })
    }
}

/// A standard output, or the one for errors.
#[derive(Default)]
pub enum OutputConfig {
    /// Closed; no file gets its number.
    #[default]
    Closed,
    /// The process's.
    Inherited,
    /// This one, whose flags others may rely on.
    Descriptor(OwnedFd),
    /// Kept in a buffer of which the host has a clone.
    Buffer(OutputBuffer),
    /// Given to the function.
    Callback(Box<WriteCallback>),
}

impl core::fmt::Debug for OutputConfig {
    fn fmt(&self, output: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        output.write_str(match self {
            Self::Closed => "Closed",
            Self::Inherited => "Inherited",
            Self::Descriptor(_) => "Descriptor",
            Self::Buffer(_) => "Buffer",
            Self::Callback(_) => "Callback",
        })
    }
}

/// A directory that is open before the guest runs.
#[derive(Debug)]
pub struct Preopen {
    /// What it is.
    pub directory: Directory,
    /// Name under which the guest sees it.
    pub name: Vec<u8>,
    /// Rights that it has at most: those that do not apply to a directory count for nothing.
    pub rights: Rights,
    /// Rights at most of what is opened through it.
    pub inheriting: Rights,
}

/// The directory of a [`Preopen`].
#[derive(Debug)]
pub enum Directory {
    /// One of the host's, and whether anything below it may be changed.
    Host(OwnedFd, Access),
    /// One that is packed into the executable.
    Packed(EmbeddedFile),
}

impl Preopen {
    /// A directory with all rights that it can have.
    pub fn new(directory: Directory, name: Vec<u8>) -> Self {
        Self { directory, name, rights: Rights::DIRECTORY, inheriting: Rights::INHERITABLE }
    }
}
