//! `w2n_wasi_init`: what a program may use, from what was baked in and from the variables of this run.
//!
//! Rule: a grant that cannot be honoured ends the program before the guest runs; it is never skipped.

use core::ffi::{CStr, c_char, c_void};

use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{CWD, Mode, OFlags};
use w2n_abi::{
    DIR_VARIABLE, DirGrant, ENV_VARIABLE, ESCAPES_VARIABLE, EmbeddedDir, EnvGrant, LISTEN_VARIABLE, NO_LIMIT,
    PolicyWord, Privilege, Slice, StartInfo,
};

use crate::config::{Config, Directory, InputConfig, OutputConfig, Preopen};
use crate::context::{ConfigError, Context};
use crate::describe::describe;
use crate::embedded::{Archive, EmbeddedFile};
use crate::grant::{
    Dir, Grants, Packed, RunVariables, Variable, host_variable, parse_dir, parse_variable, same_name,
    split_list,
};
use crate::guest_path::GuestPath;
use crate::hint::Advice;
use crate::listen::listen;
use crate::memory_place::Word;
use crate::narrow;
use crate::path::resolve;
use crate::report::{host_message, report};
use crate::terminal::Escapes;
use crate::types::Access;

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
                args: (0..argc.max(0) as usize)
                    .map(|index| CStr::from_ptr(*argv.add(index)).to_bytes().to_vec())
                    .collect(),
                env: info
                    .env
                    .elements::<EnvGrant<Word>>()
                    .iter()
                    .map(|grant| baked_variable(grant, privilege))
                    .collect(),
                embedded: info
                    .embedded
                    .elements::<EmbeddedDir<Word>>()
                    .iter()
                    .zip(0..)
                    .map(|(dir, number)| Packed {
                        guest: dir.guest.elements().to_vec(),
                        archive: Archive::new(dir.archive.elements(), number),
                    })
                    .collect(),
                dirs: info.dirs.elements::<DirGrant<Word>>().iter().map(|grant| baked_dir(grant)).collect(),
                listeners: info
                    .listeners
                    .elements::<Slice<Word>>()
                    .iter()
                    .map(|address| Some(address.elements::<u8>().to_vec()))
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
        let mut preopens = Vec::new();
        self.open_packed(&mut preopens)?;
        self.open_directories(&mut preopens)?;
        let listeners = self.listeners.iter().map(|address| address.as_deref().map(listen).transpose());
        let config = Config {
            listeners: listeners.collect::<Result<_, _>>()?,
            args: self.args,
            env: self.env.into_iter().map(|variable| (variable.key, variable.value)).collect(),
            stdin: InputConfig::Inherited,
            stdout: OutputConfig::Inherited,
            stderr: OutputConfig::Inherited,
            preopens,
            max_fds: self.max_fds,
            escapes: self.escapes,
            advice: if self.word == PolicyWord::Open { Advice::RunOrBuild } else { Advice::Build },
            ..Config::default()
        };
        Context::new(config).map_err(|error| match error {
            ConfigError::TooManyDescriptors => {
                b"--max-fds: the standard streams and what is granted are more than that".to_vec()
            }
        })
    }

    /// Of several directories with one name the last one counts: what is granted hides what is packed, and
    /// what a run grants hides what was baked in. Nothing is merged.
    fn is_hidden(name: &[u8], later: &[Dir]) -> bool {
        later.iter().any(|dir| same_name(&dir.guest, name))
    }

    fn open_packed(&self, preopens: &mut Vec<Preopen>) -> Result<(), Vec<u8>> {
        for (index, packed) in self.embedded.iter().enumerate() {
            let later = &self.embedded[index + 1..];
            if later.iter().any(|other| same_name(&other.guest, &packed.guest))
                || Self::is_hidden(&packed.guest, &self.dirs)
            {
                continue;
            }
            let Some(root) = EmbeddedFile::root(packed.archive.clone()) else {
                return Err([b"the packed directory `", packed.guest.as_slice(), b"` is damaged"].concat());
            };
            preopens.push(Preopen::new(Directory::Packed(root), packed.guest.clone()));
        }
        Ok(())
    }

    fn open_directories(&self, preopens: &mut Vec<Preopen>) -> Result<(), Vec<u8>> {
        for (index, dir) in self.dirs.iter().enumerate() {
            if !Self::is_hidden(&dir.guest, &self.dirs[index + 1..]) {
                let directory = Directory::Host(self.open_granted(dir)?, dir.access);
                preopens.push(Preopen::new(directory, dir.guest.clone()));
            }
        }
        Ok(())
    }

    fn open_granted(&self, dir: &Dir) -> Result<OwnedFd, Vec<u8>> {
        if self.privilege == Privilege::OfFile && !dir.host.starts_with(b"/") {
            let parts: [&[u8]; 3] = [
                b"the granted directory `",
                &dir.host,
                b"` is relative, and the caller of a program with rights of its own chooses the working \
                directory; build it with an absolute path",
            ];
            return Err(parts.concat());
        }
        open_dir(resolve::Resolver::default(), dir).map_err(|error| {
            let reason = host_message(error);
            [b"cannot open the granted directory `", dir.host.as_slice(), b"`: ", &reason].concat()
        })
    }
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
    GuestPath::from_bytes(dir.below.clone())
        .and_then(|below| resolve::open(resolver, base.as_fd(), &below, flags, Mode::empty()))
        .map_err(|_| libc::ENOENT)
}

/// # Safety
/// The slices of `grant` describe constant bytes.
unsafe fn baked_dir(grant: &DirGrant<Word>) -> Dir {
    // SAFETY: as the caller vouches.
    let (host, guest) = unsafe { (grant.host.elements().to_vec(), grant.guest.elements().to_vec()) };
    let access = if grant.read_only == 0 { Access::ReadWrite } else { Access::ReadOnly };
    Dir { host, below: Vec::new(), guest, access }
}

/// # Safety
/// The slices of `grant` describe constant bytes.
unsafe fn baked_variable(grant: &EnvGrant<Word>, privilege: Privilege) -> Variable {
    // SAFETY: as the caller vouches.
    let (key, value) = unsafe { (grant.key.elements::<u8>(), grant.value.elements::<u8>()) };
    let inherits = grant.inherit != 0;
    let value = match (inherits, privilege) {
        (false, _) => Some(value.to_vec()),
        (true, Privilege::OfCaller) => host_variable(key),
        // It would be the caller's. The C library's secure_getenv answers so, too.
        (true, Privilege::OfFile) => None,
    };
    Variable { key: key.to_vec(), value, inherits }
}
