//! `w2n_wasi_init`: what a program may use, from what was baked in and from the variables of this run.
//!
//! Rule: a grant that cannot be honoured ends the program before the guest runs; it is never skipped.

use core::ffi::{c_char, c_void};
use std::ffi::OsStr;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{CWD, Mode, OFlags};
use rustix::stdio;
use w2n_abi::{
    DIR_VARIABLE, DirGrant, DirParts, ENV_VARIABLE, ESCAPES_VARIABLE, EmbeddedDir, EnvGrant, LISTEN_VARIABLE,
    NO_LIMIT, PolicyWord, Privilege, Slice, StartInfo, split_dir_grant,
};

use crate::context::Context;
use crate::embedded::{Archive, EmbeddedFile};
use crate::fd_table::Descriptor;
use crate::guest::{Word, c_bytes, elements};
use crate::listen::listen;
use crate::narrow;
use crate::path::{GuestPath, resolve};
use crate::report::{describe, report};
use crate::terminal::Escapes;
use crate::types::{Access, Rights};

/// See [`StartInfo::wasi_init`]: the context of a program, or null after a message.
///
/// # Safety
/// `info` is the start information of the program; `argv` holds `argc` C strings.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn w2n_wasi_init(
    info: *const StartInfo<Word>,
    argc: i32,
    argv: *const *const c_char,
) -> *mut c_void {
    // SAFETY: the caller vouches for all three.
    let (info, grants) = unsafe { (&*info, Grants::from_start_info(&*info, argc, argv)) };
    // A guest has no signals: a write to a closed pipe answers PIPE, here as in any other WASI host, and one
    // past the limit of file sizes answers FBIG.
    // SAFETY: sets dispositions of the process, which is ours: plugins have no start information.
    unsafe {
        libc::signal(libc::SIGPIPE, libc::SIG_IGN);
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
    }
    let made = grants.for_this_run().and_then(|grants| match info.help {
        0 => grants.into_context(),
        _ => {
            describe(&grants);
            Ok(Context::default())
        }
    });
    match made {
        Ok(context) => Box::into_raw(Box::new(context)).cast(),
        Err(message) => {
            report(&[b"wasm2native: ", &message]);
            core::ptr::null_mut()
        }
    }
}

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

impl Grants {
    /// # Safety
    /// The slices of `info` describe constant arrays; `argv` holds `argc` C strings.
    unsafe fn from_start_info(info: &StartInfo<Word>, argc: i32, argv: *const *const c_char) -> Self {
        let max_fds = info.limits.descriptors;
        let privilege = match info.privilege {
            0 => Privilege::OfCaller,
            _ => Privilege::OfFile,
        };
        // SAFETY: the caller vouches for the arrays and for the strings in them.
        unsafe {
            Self {
                args: (0..argc.max(0) as usize).map(|index| c_bytes(*argv.add(index)).to_vec()).collect(),
                env: elements::<EnvGrant<Word>>(&info.env)
                    .iter()
                    .map(|grant| baked_variable(grant, privilege))
                    .collect(),
                embedded: elements::<EmbeddedDir<Word>>(&info.embedded)
                    .iter()
                    .zip(0..)
                    .map(|(dir, number)| Packed {
                        guest: elements(&dir.guest).to_vec(),
                        archive: Archive::new(elements(&dir.archive), number),
                    })
                    .collect(),
                dirs: elements::<DirGrant<Word>>(&info.dirs).iter().map(|grant| baked_dir(grant)).collect(),
                listeners: elements::<Slice<Word>>(&info.listeners)
                    .iter()
                    .map(|address| Some(elements::<u8>(address).to_vec()))
                    .collect(),
                escapes: if info.allow_escapes == 0 { Escapes::Shown } else { Escapes::Passed },
                max_fds: (max_fds != NO_LIMIT).then(|| usize::try_from(max_fds).unwrap_or(usize::MAX)),
                word: PolicyWord::from_number(info.policy),
                privilege,
                run: RunVariables {
                    dirs: host_variable(DIR_VARIABLE.as_bytes()),
                    env: host_variable(ENV_VARIABLE.as_bytes()),
                    listeners: host_variable(LISTEN_VARIABLE.as_bytes()),
                    escapes: host_variable(ESCAPES_VARIABLE.as_bytes()),
                },
            }
        }
    }

    /// What the policy's word makes of the variables of this run. The error is a message for the user.
    pub fn for_this_run(mut self) -> Result<Self, Vec<u8>> {
        let run = core::mem::take(&mut self.run);
        match self.word {
            PolicyWord::Sealed => {}
            PolicyWord::Open => {
                let env = split_list(&run.env.unwrap_or_default());
                self.env.extend(env.iter().map(|item| parse_variable(item)).collect::<Result<Vec<_>, _>>()?);
                let dirs = split_list(&run.dirs.unwrap_or_default());
                self.dirs.extend(dirs.iter().map(|item| parse_dir(item)).collect::<Result<Vec<_>, _>>()?);
                self.listeners.extend(split_list(&run.listeners.unwrap_or_default()).into_iter().map(Some));
                self.escapes = narrow::escapes(run.escapes.as_deref())?.unwrap_or(self.escapes);
            }
            PolicyWord::Bound => narrow::narrow(&mut self, &run)?,
        }
        Ok(self)
    }

    /// Opens what is granted. The error is a message for the user.
    pub fn into_context(self) -> Result<Context, Vec<u8>> {
        let mut context = Context { escapes: self.escapes, ..Context::default() };
        for argument in &self.args {
            context.args.push(&[argument]);
        }
        for (index, variable) in self.env.iter().enumerate() {
            let is_replaced = self.env[index + 1..].iter().any(|later| later.key == variable.key);
            if let (false, Some(value)) = (is_replaced, &variable.value) {
                context.environ.push(&[&variable.key, b"=", value]);
            }
        }
        add_stdio(&mut context);
        self.add_directories(&mut context)?;
        for address in &self.listeners {
            match address {
                Some(address) => context.fds.push(Some(Descriptor::socket(listen(address)?))),
                None => context.fds.reserve(),
            }
        }
        if let Some(max_fds) = self.max_fds {
            if context.fds.open_count() > max_fds {
                return Err(
                    b"--max-fds: the standard streams and what is granted are more than that".to_vec()
                );
            }
            context.fds.limit(max_fds);
        }
        context.hint.can_grant = self.word == PolicyWord::Open;
        Ok(context)
    }

    /// Of several directories with one name the last one counts: what is granted hides what is packed, and
    /// what a run grants hides what was baked in. Nothing is merged.
    fn add_directories(&self, context: &mut Context) -> Result<(), Vec<u8>> {
        let is_hidden = |name: &[u8], later: &[Dir]| later.iter().any(|dir| same_name(&dir.guest, name));
        for (index, packed) in self.embedded.iter().enumerate() {
            let later = &self.embedded[index + 1..];
            if later.iter().any(|other| same_name(&other.guest, &packed.guest))
                || is_hidden(&packed.guest, &self.dirs)
            {
                continue;
            }
            let Some(root) = EmbeddedFile::root(packed.archive.clone()) else {
                return Err([b"the packed directory `", packed.guest.as_slice(), b"` is damaged"].concat());
            };
            context.hint.dir_granted = true;
            context.fds.push(Some(Descriptor::embedded_preopen(root, packed.guest.clone())));
        }
        for (index, dir) in self.dirs.iter().enumerate() {
            if !is_hidden(&dir.guest, &self.dirs[index + 1..]) {
                self.add_dir(context, dir)?;
            }
        }
        Ok(())
    }

    fn add_dir(&self, context: &mut Context, dir: &Dir) -> Result<(), Vec<u8>> {
        if self.privilege == Privilege::OfFile && !dir.host.starts_with(b"/") {
            let parts: [&[u8]; 3] = [
                b"the granted directory `",
                &dir.host,
                b"` is relative, and the caller of a program with rights of its own chooses the working \
                directory; build it with an absolute path",
            ];
            return Err(parts.concat());
        }
        let directory = open_dir(context.resolver, dir).map_err(|error| {
            let reason = host_message(error);
            [b"cannot open the granted directory `", dir.host.as_slice(), b"`: ", &reason].concat()
        })?;
        context.hint.dir_granted = true;
        context.fds.push(Some(Descriptor::preopen(directory, dir.guest.clone(), dir.access)));
        Ok(())
    }
}

fn add_stdio(context: &mut Context) {
    let streams = [
        (stdio::stdin(), Rights::FD_READ),
        (stdio::stdout(), Rights::FD_WRITE),
        (stdio::stderr(), Rights::FD_WRITE),
    ];
    for (file, direction) in streams {
        match Descriptor::stdio(file, direction) {
            Some(descriptor) => context.fds.push(Some(descriptor.with_escapes(context.escapes))),
            // Nobody can tell what it is. A file of the guest's must not take its place.
            None => context.fds.reserve(),
        }
    }
}

/// Whether two names are the same but for slashes at the end.
fn same_name(one: &[u8], other: &[u8]) -> bool {
    let trim = |name: &[u8]| name.iter().rposition(|&byte| byte != b'/').map_or(0, |last| last + 1);
    one[..trim(one)] == other[..trim(other)]
}

/// The directory, or the host's error number.
fn open_dir(resolver: resolve::Resolver, dir: &Dir) -> Result<OwnedFd, i32> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let opened = rustix::fs::openat(CWD, dir.host.as_slice(), flags, Mode::empty());
    let base = opened.map_err(|error| error.raw_os_error())?;
    if dir.below.is_empty() {
        return Ok(base);
    }
    // What is granted was made smaller: it must lie below what was baked in when it is opened, too.
    GuestPath::from_bytes(&dir.below)
        .and_then(|below| resolve::open(resolver, base.as_fd(), &below, flags, Mode::empty()))
        .map_err(|_| libc::ENOENT)
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
fn parse_variable(item: &[u8]) -> Result<Variable, Vec<u8>> {
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

/// # Safety
/// The slices of `grant` describe constant bytes.
unsafe fn baked_dir(grant: &DirGrant<Word>) -> Dir {
    // SAFETY: as the caller vouches.
    let (host, guest) = unsafe { (elements(&grant.host).to_vec(), elements(&grant.guest).to_vec()) };
    let access = if grant.read_only == 0 { Access::ReadWrite } else { Access::ReadOnly };
    Dir { host, below: Vec::new(), guest, access }
}

/// # Safety
/// The slices of `grant` describe constant bytes.
unsafe fn baked_variable(grant: &EnvGrant<Word>, privilege: Privilege) -> Variable {
    // SAFETY: as the caller vouches.
    let (key, value) = unsafe { (elements::<u8>(&grant.key), elements::<u8>(&grant.value)) };
    let inherits = grant.inherit != 0;
    let value = match (inherits, privilege) {
        (false, _) => Some(value.to_vec()),
        (true, Privilege::OfCaller) => host_variable(key),
        // It would be the caller's. The C library's secure_getenv answers so, too.
        (true, Privilege::OfFile) => None,
    };
    Variable { key: key.to_vec(), value, inherits }
}

fn host_variable(name: &[u8]) -> Option<Vec<u8>> {
    std::env::var_os(OsStr::from_bytes(name)).map(OsStringExt::into_vec)
}

/// What the host says about its error number.
pub(crate) fn host_message(number: i32) -> Vec<u8> {
    // SAFETY: strerror answers a C string, which stays valid until the next call; we copy it, and no
    // other thread runs before the guest.
    unsafe { c_bytes(libc::strerror(number)) }.to_vec()
}
