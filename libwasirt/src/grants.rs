//! `w2n_wasi_init`: what a program may use, from what was baked in and from `W2N_DIR` and `W2N_ENV`.
//!
//! Rule: a grant that cannot be honoured ends the program before the guest runs; it is never skipped.

use core::ffi::{c_char, c_void};
use std::os::unix::ffi::OsStringExt;

use rustix::fs::{CWD, Mode, OFlags};
use rustix::stdio;
use w2n_abi::{DIR_VARIABLE, DirGrant, ENV_VARIABLE, EnvGrant, StartInfo};

use crate::context::Context;
use crate::fd_table::Descriptor;
use crate::guest::{Word, c_bytes, elements};
use crate::report::report;
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
    let grants = unsafe { Grants::from_start_info(&*info, argc, argv) };
    // A guest has no signals: a write to a closed pipe answers PIPE, here as in any other WASI host, and one
    // past the limit of file sizes answers FBIG.
    // SAFETY: sets dispositions of the process, which is ours: plugins have no start information.
    unsafe {
        libc::signal(libc::SIGPIPE, libc::SIG_IGN);
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
    }
    match grants.into_context() {
        Ok(context) => Box::into_raw(Box::new(context)).cast(),
        Err(message) => {
            report(&[b"wasm2native: ", &message]);
            core::ptr::null_mut()
        }
    }
}

/// A directory to be granted.
#[derive(Debug, PartialEq, Eq)]
pub struct Dir {
    /// Path on the host.
    pub host: Vec<u8>,
    /// Name the guest sees.
    pub guest: Vec<u8>,
    /// `:ro`
    pub access: Access,
}

/// Everything a program is given.
#[derive(Debug, Default)]
pub struct Grants {
    /// Arguments, the program's name first.
    pub args: Vec<Vec<u8>>,
    /// Variables; a later one replaces an earlier one of the same name.
    pub env: Vec<(Vec<u8>, Vec<u8>)>,
    /// Directories that are baked in.
    pub dirs: Vec<Dir>,
    /// Value of `W2N_DIR`, unless sealed.
    pub dir_variable: Option<Vec<u8>>,
    /// Value of `W2N_ENV`, unless sealed.
    pub env_variable: Option<Vec<u8>>,
    /// Nothing can be granted at run time.
    pub sealed: bool,
}

impl Grants {
    /// # Safety
    /// The slices of `info` describe constant arrays; `argv` holds `argc` C strings.
    unsafe fn from_start_info(info: &StartInfo<Word>, argc: i32, argv: *const *const c_char) -> Self {
        let sealed = info.sealed != 0;
        let at_run_time = |name: &str| (!sealed).then(|| host_variable(name)).flatten();
        // SAFETY: the caller vouches for the arrays and for the strings in them.
        unsafe {
            Self {
                args: (0..argc.max(0) as usize).map(|index| c_bytes(*argv.add(index)).to_vec()).collect(),
                env: elements::<EnvGrant<Word>>(&info.env)
                    .iter()
                    .filter_map(|grant| baked_variable(grant))
                    .collect(),
                dirs: elements::<DirGrant<Word>>(&info.dirs).iter().map(|grant| baked_dir(grant)).collect(),
                dir_variable: at_run_time(DIR_VARIABLE),
                env_variable: at_run_time(ENV_VARIABLE),
                sealed,
            }
        }
    }

    /// Opens what is granted. The error is a message for the user.
    pub fn into_context(mut self) -> Result<Context, Vec<u8>> {
        let mut context = Context::default();
        for argument in &self.args {
            context.args.push(&[argument]);
        }
        for item in split_list(&self.env_variable.unwrap_or_default()) {
            let equals = item.iter().position(|&byte| byte == b'=').filter(|&at| at > 0);
            let Some(equals) = equals else {
                return Err([b"W2N_ENV: `", item.as_slice(), b"` is not of the form KEY=VALUE"].concat());
            };
            self.env.push((item[..equals].to_vec(), item[equals + 1..].to_vec()));
        }
        for (index, (key, value)) in self.env.iter().enumerate() {
            if !self.env[index + 1..].iter().any(|(later, _)| later == key) {
                context.environ.push(&[key, b"=", value]);
            }
        }
        add_stdio(&mut context);
        for item in split_list(&self.dir_variable.unwrap_or_default()) {
            self.dirs.push(parse_dir(&item));
        }
        for dir in self.dirs {
            add_dir(&mut context, dir)?;
        }
        context.hint.sealed = self.sealed;
        Ok(context)
    }
}

fn add_stdio(context: &mut Context) {
    let streams = [
        (stdio::stdin(), Rights::FD_READ),
        (stdio::stdout(), Rights::FD_WRITE),
        (stdio::stderr(), Rights::FD_WRITE),
    ];
    for (file, direction) in streams {
        context.fds.push(Descriptor::stdio(file, direction));
    }
}

fn add_dir(context: &mut Context, dir: Dir) -> Result<(), Vec<u8>> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let opened = rustix::fs::openat(CWD, dir.host.as_slice(), flags, Mode::empty());
    let directory = opened.map_err(|error| {
        let reason = host_message(error.raw_os_error());
        [b"cannot open the granted directory `", dir.host.as_slice(), b"`: ", &reason].concat()
    })?;
    context.hint.dir_granted = true;
    context.fds.push(Some(Descriptor::preopen(directory, dir.guest, dir.access)));
    Ok(())
}

/// `HOST[::GUEST][:ro]`; without `::GUEST` the guest sees the host's name.
pub fn parse_dir(item: &[u8]) -> Dir {
    // `HOST::ro` names the guest directory `ro`: the colon before a suffix must not be the second of two.
    let (names, access) = match item.strip_suffix(b":ro") {
        Some(names) if !names.ends_with(b":") => (names, Access::ReadOnly),
        _ => (item, Access::ReadWrite),
    };
    let separator = names.windows(2).position(|pair| pair == b"::");
    let (host, guest) = match separator {
        Some(at) => (&names[..at], &names[at + 2..]),
        None => (names, names),
    };
    Dir { host: host.to_vec(), guest: guest.to_vec(), access }
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
    let access = if grant.read_only != 0 { Access::ReadOnly } else { Access::ReadWrite };
    // SAFETY: as the caller vouches.
    unsafe { Dir { host: elements(&grant.host).to_vec(), guest: elements(&grant.guest).to_vec(), access } }
}

/// # Safety
/// The slices of `grant` describe constant bytes.
unsafe fn baked_variable(grant: &EnvGrant<Word>) -> Option<(Vec<u8>, Vec<u8>)> {
    // SAFETY: as the caller vouches.
    let (key, value) = unsafe { (elements::<u8>(&grant.key), elements::<u8>(&grant.value)) };
    let value = match grant.inherit {
        0 => value.to_vec(),
        _ => host_variable(core::str::from_utf8(key).ok()?)?,
    };
    Some((key.to_vec(), value))
}

fn host_variable(name: &str) -> Option<Vec<u8>> {
    std::env::var_os(name).map(OsStringExt::into_vec)
}

/// What the host says about its error number.
fn host_message(number: i32) -> Vec<u8> {
    // SAFETY: strerror answers a C string, which stays valid until the next call; we copy it, and no
    // other thread runs before the guest.
    unsafe { c_bytes(libc::strerror(number)) }.to_vec()
}
