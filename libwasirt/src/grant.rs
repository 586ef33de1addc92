//! What a program is to be given, in words: directories, variables, sockets, and how lists of them are
//! written.
//!
//! Rule: nothing is opened here.

use std::ffi::OsStr;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use w2n_abi::{DirParts, PolicyWord, Privilege, split_dir_grant};

use crate::embedded::Archive;
use crate::terminal::Escapes;
use crate::types::Access;

/// A directory to be granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dir {
    /// Path on the host.
    pub host: Vec<u8>,
    /// Path below `host` of what is granted; empty for `host` itself.
    pub below: Vec<u8>,
    /// Name the guest sees.
    pub guest: Vec<u8>,
    /// `:ro`
    pub access: Access,
}

/// A packed directory.
#[derive(Clone, Debug)]
pub struct Packed {
    /// Name the guest sees.
    pub guest: Vec<u8>,
    /// What is in it.
    pub archive: Archive,
}

/// A variable to be granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    /// Its name.
    pub key: Vec<u8>,
    /// Its value; `None` where it is the host's and the host has none.
    pub value: Option<Vec<u8>>,
    /// `--env K`: the value is the host's.
    pub inherits: bool,
}

/// What the variables of a run say; `None` where one is not set.
#[derive(Debug, Default)]
pub struct RunVariables {
    /// `W2N_DIR`
    pub dirs: Option<Vec<u8>>,
    /// `W2N_ENV`
    pub env: Option<Vec<u8>>,
    /// `W2N_TCPLISTEN`
    pub listeners: Option<Vec<u8>>,
    /// `W2N_ALLOW_ESCAPES`
    pub escapes: Option<Vec<u8>>,
}

/// Everything a program is given.
#[derive(Debug, Default)]
pub struct Grants {
    /// Arguments, the program's name first.
    pub args: Vec<Vec<u8>>,
    /// Variables; a later one replaces an earlier one of the same name.
    pub env: Vec<Variable>,
    /// Packed directories, which come before the others.
    pub embedded: Vec<Packed>,
    /// Directories, in the order of their descriptors.
    pub dirs: Vec<Dir>,
    /// Addresses to listen on; their descriptors follow those of the directories. `None` for one that this
    /// run does not take, whose number stays closed.
    pub listeners: Vec<Option<Vec<u8>>>,
    /// Whether escapes reach a terminal.
    pub escapes: Escapes,
    /// Descriptors that may be open at a time.
    pub max_fds: Option<usize>,
    /// What a run may do about it.
    pub word: PolicyWord,
    /// Whether the program has rights that whoever chose its working directory lacks.
    pub privilege: Privilege,
    /// What this run wants.
    pub run: RunVariables,
}

/// Whether two names are the same but for slashes at the end.
pub(crate) fn same_name(one: &[u8], other: &[u8]) -> bool {
    let trim = |name: &[u8]| name.iter().rposition(|&byte| byte != b'/').map_or(0, |last| last + 1);
    one[..trim(one)] == other[..trim(other)]
}

/// `HOST[::GUEST][:ro]`; without `::GUEST` the guest sees the host's name. The error is a message for the
/// user.
pub fn parse_dir(item: &[u8]) -> Result<Dir, Vec<u8>> {
    let parts = split_dir(item)?;
    let guest = parts.guest.unwrap_or(parts.host).to_vec();
    Ok(Dir { host: parts.host.to_vec(), below: Vec::new(), guest, access: access(&parts) })
}

/// The parts of an item of `W2N_DIR`.
pub(crate) fn split_dir(item: &[u8]) -> Result<DirParts<'_>, Vec<u8>> {
    split_dir_grant(item)
        .ok_or_else(|| [b"W2N_DIR: `", item, b"` is not of the form HOST[::GUEST][:ro]"].concat())
}

/// What `:ro`, or its absence, says.
pub(crate) fn access(parts: &DirParts<'_>) -> Access {
    if parts.read_only { Access::ReadOnly } else { Access::ReadWrite }
}

/// `KEY=VALUE`, or `KEY` for the host's value, as `--env` has it.
pub(crate) fn parse_variable(item: &[u8]) -> Result<Variable, Vec<u8>> {
    if let Some((key, value)) = split_variable(item) {
        return Ok(Variable { key: key.to_vec(), value: Some(value.to_vec()), inherits: false });
    }
    if item.contains(&b'=') {
        return Err([b"W2N_ENV: `", item, b"` is not of the form KEY=VALUE or KEY"].concat());
    }
    Ok(Variable { key: item.to_vec(), value: host_variable(item), inherits: true })
}

/// Both sides of the first equals sign, if there is a name before it.
pub(crate) fn split_variable(item: &[u8]) -> Option<(&[u8], &[u8])> {
    let equals = item.iter().position(|&byte| byte == b'=').filter(|&at| at > 0)?;
    Some((&item[..equals], &item[equals + 1..]))
}

/// The items of a list with commas between them, in which a backslash takes the next byte as it is.
/// Empty items are left out.
pub fn split_list(list: &[u8]) -> Vec<Vec<u8>> {
    let mut items = vec![Vec::new()];
    let mut bytes = list.iter().copied();
    while let Some(byte) = bytes.next() {
        match (byte, items.last_mut()) {
            (b',', _) => items.push(Vec::new()),
            (b'\\', Some(item)) => item.extend(bytes.next()),
            (_, Some(item)) => item.push(byte),
            (_, None) => {}
        }
    }
    items.retain(|item| !item.is_empty());
    items
}

/// The host's variable of this name.
pub(crate) fn host_variable(name: &[u8]) -> Option<Vec<u8>> {
    std::env::var_os(OsStr::from_bytes(name)).map(OsStringExt::into_vec)
}
