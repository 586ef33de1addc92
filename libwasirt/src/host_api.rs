//! `w2n_wasi_api`: how the host of a plugin makes the context that its guest's WASI works on.
//!
//! Rule: thin. What a host gives is checked and copied into a [`Config`]; a mistake is a sentence, never a
//! guess.

use core::ffi::{CStr, c_char, c_void};
use core::mem::offset_of;
use core::sync::atomic::{AtomicU32, Ordering};
use std::sync::Arc;

use rustix::fd::{BorrowedFd, OwnedFd};
use rustix::fs::{CWD, Mode, OFlags};
use w2n_abi::*;

use crate::config::{Config, Directory, InputConfig, OutputConfig, Preopen};
use crate::context::{ConfigError, Context};
use crate::entropy::Entropy;
use crate::errno::Errno;
use crate::hint::Advice;
use crate::signals::Signals;
use crate::stream::OutputBuffer;
use crate::terminal::Escapes;
use crate::time::Clocks;
use crate::types::Access;

/// What [`ModuleDescriptor::wasi`] of plugins points to.
#[unsafe(no_mangle)]
#[allow(non_upper_case_globals, reason = "the symbol that compiled modules name")]
pub static w2n_wasi_api: W2nWasiApi = W2nWasiApi {
    abi_version: ABI_VERSION,
    size: size_of::<W2nWasiApi>() as u32,
    make,
    discard,
    take_output,
    instantiate,
};

/// Most that is kept of what a guest writes to one stream; then the guest gets NOSPC.
const MAX_KEPT_BYTES: usize = 1 << 30;

/// A context as its host has it.
#[repr(C)]
struct Wasi {
    /// First, so that it is what the imports are bound with.
    context: Context,
    /// Of standard input (never), output and error, where they are kept.
    outputs: [Option<OutputBuffer>; 3],
    /// Functions of the host that the guest has called and that have not returned.
    calls_out: Arc<AtomicU32>,
}

const _: () = assert!(offset_of!(Wasi, context) == 0);

/// Why there is no context: a sentence.
type Refusal = Vec<u8>;

unsafe extern "C" fn make(config: *const W2nWasiConfig, message: *mut u8, capacity: u64) -> *mut HostWasi {
    // SAFETY: the host passes a configuration whose pointers are valid, or null.
    match unsafe { context(config) } {
        Ok(wasi) => Box::into_raw(Box::new(wasi)).cast(),
        Err(refusal) => {
            if !message.is_null() {
                let len = refusal.len().min(usize::try_from(capacity).unwrap_or(usize::MAX));
                // SAFETY: the host passes a buffer of `capacity` bytes.
                unsafe {
                    message.write_bytes(0, capacity as usize);
                    message.copy_from_nonoverlapping(refusal.as_ptr(), len);
                }
            }
            core::ptr::null_mut()
        }
    }
}

unsafe extern "C" fn discard(wasi: *mut HostWasi) -> u32 {
    // SAFETY: the host passes what `make` answered, and gives it up now, or null.
    unsafe {
        let Some(kept) = wasi.cast::<Wasi>().as_ref() else { return 0 };
        if kept.calls_out.load(Ordering::Acquire) != 0 {
            return LinkError::InvalidArgument as u32;
        }
        drop(Box::from_raw(wasi.cast::<Wasi>()));
    }
    0
}

unsafe extern "C" fn take_output(wasi: *mut HostWasi, stream: u32, buffer: *mut u8, capacity: u64) -> u64 {
    // SAFETY: the host passes what `make` answered, or null.
    let wasi = unsafe { wasi.cast::<Wasi>().as_ref() };
    let Some(output) = wasi.and_then(|wasi| wasi.outputs.get(stream as usize)?.as_ref()) else { return 0 };
    let room = if buffer.is_null() { 0 } else { usize::try_from(capacity).unwrap_or(usize::MAX) };
    let (taken, count) = output.take_first(room);
    // SAFETY: the host passes a buffer of `capacity` bytes, and no more than that was taken.
    unsafe { buffer.copy_from_nonoverlapping(taken.as_ptr(), taken.len()) };
    count as u64
}

unsafe extern "C" fn instantiate(
    module: *const HostModule,
    imports: *const W2nImport,
    import_count: u32,
    wasi: *mut HostWasi,
    instance: *mut *mut HostInstance,
    trap: *mut W2nTrap,
) -> u32 {
    let api = &w2n_rt::api::w2n_api;
    // SAFETY: the host passes what `w2n_api.instantiate` wants, which checks it once more; a module's imports
    // are as many as it says.
    unsafe {
        let count = if module.is_null() { 0 } else { (api.import_count)(module) };
        if import_count > count || (imports.is_null() && import_count != 0) {
            return (api.instantiate)(module, imports, import_count, instance, trap);
        }
        let given: &[W2nImport] =
            if import_count == 0 { &[] } else { core::slice::from_raw_parts(imports, import_count as usize) };
        let with_context = |import: &W2nImport| match (import.kind, import.env.is_null()) {
            (IMPORT_LINKED, true) => W2nImport { env: wasi.cast(), ..*import },
            _ => *import,
        };
        let nothing = core::iter::repeat_n(&W2nImport::LINKED, count as usize - given.len());
        let all: Vec<_> = given.iter().chain(nothing).map(with_context).collect();
        (api.instantiate)(module, all.as_ptr(), count, instance, trap)
    }
}

/// The context that a configuration asks for.
///
/// # Safety
/// The configuration is null, or its pointers are valid for what it says of them.
unsafe fn context(config: *const W2nWasiConfig) -> Result<Wasi, Refusal> {
    // SAFETY: as the caller vouches; the size is looked at before anything else is.
    let config = unsafe { config.as_ref() }.ok_or(b"the configuration is null")?;
    if config.size < size_of::<W2nWasiConfig>() as u64 {
        return Err(b"the configuration's size is not sizeof(w2n_wasi_config_t)".to_vec());
    }
    let calls_out = Arc::new(AtomicU32::new(0));
    let calls = &calls_out;
    let mut outputs = [const { None }; 3];
    let [stdin, stdout, stderr] = &config.streams;
    // SAFETY: as the caller vouches.
    let config = unsafe {
        Config {
            args: strings(config.args, config.arg_count, "argument")?,
            env: variables(config)?,
            stdin: input(stdin, calls)?,
            stdout: output(stdout, calls, &mut outputs[1])?,
            stderr: output(stderr, calls, &mut outputs[2])?,
            preopens: array(config.dirs, config.dir_count, "directories")?
                .iter()
                .map(|dir| directory(dir))
                .collect::<Result<_, _>>()?,
            max_fds: match config.max_fds {
                0 => None,
                limit => Some(usize::try_from(limit).unwrap_or(usize::MAX)),
            },
            clocks: clocks(config, calls),
            entropy: entropy(config, calls),
            escapes: match config.flags & WASI_ALLOW_ESCAPES {
                0 => Escapes::Shown,
                _ => Escapes::Passed,
            },
            advice: Advice::None,
            signals: Signals::OfHost,
            ..Config::default()
        }
    };
    let context = Context::new(config).map_err(|error| match error {
        ConfigError::TooManyDescriptors => {
            b"max_fds: the standard streams and the directories are more than that".to_vec()
        }
    })?;
    Ok(Wasi { context, outputs, calls_out })
}

/// An array of the host's.
///
/// # Safety
/// `first` is null, or holds `count` values.
unsafe fn array<'a, T>(first: *const T, count: u64, what: &str) -> Result<&'a [T], Refusal> {
    if count == 0 {
        return Ok(&[]);
    }
    if first.is_null() {
        return Err(format!("the array of {what} is null, and is to have {count} of them").into());
    }
    // SAFETY: as the caller vouches.
    Ok(unsafe { core::slice::from_raw_parts(first, count as usize) })
}

/// # Safety
/// `first` is null, or holds `count` C strings.
unsafe fn strings(first: *const *const u8, count: u64, what: &str) -> Result<Vec<Vec<u8>>, Refusal> {
    // SAFETY: as the caller vouches.
    let pointers = unsafe { array(first, count, &format!("{what}s")) }?;
    let strings = pointers.iter().enumerate().map(|(number, string)| {
        // SAFETY: as the caller vouches.
        unsafe { c_string(*string) }.ok_or_else(|| format!("{what} {number} is null").into())
    });
    strings.collect()
}

/// # Safety
/// `string` is null or a C string.
unsafe fn c_string(string: *const u8) -> Option<Vec<u8>> {
    // SAFETY: as the caller vouches.
    (!string.is_null()).then(|| unsafe { CStr::from_ptr(string.cast::<c_char>()) }.to_bytes().to_vec())
}

/// A name and its value, as [`Config::env`] has them.
type Variable = (Vec<u8>, Option<Vec<u8>>);

/// # Safety
/// The variables are null, or as many as the configuration says.
unsafe fn variables(config: &W2nWasiConfig) -> Result<Vec<Variable>, Refusal> {
    // SAFETY: as the caller vouches.
    let variables = unsafe { strings(config.env, config.env_count, "variable") }?;
    let split = |variable: Vec<u8>| match variable.iter().position(|&byte| byte == b'=').filter(|at| *at > 0)
    {
        Some(at) => Ok((variable[..at].to_vec(), Some(variable[at + 1..].to_vec()))),
        None => Err([b"the variable `", variable.as_slice(), b"` is not of the form KEY=VALUE"].concat()),
    };
    variables.into_iter().map(split).collect()
}

/// # Safety
/// The strings are null or C strings.
unsafe fn directory(dir: &W2nWasiDir) -> Result<Preopen, Refusal> {
    // SAFETY: as the caller vouches.
    let (host, guest) = unsafe { (c_string(dir.host), c_string(dir.guest)) };
    let host = host.ok_or(b"the path of a directory is null")?;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let opened = rustix::fs::openat(CWD, host.as_slice(), flags, Mode::empty()).map_err(|error| {
        let reason = std::io::Error::from(error).to_string();
        [b"cannot open the directory `", host.as_slice(), b"`: ", reason.as_bytes()].concat()
    })?;
    let access = match dir.read_only {
        0 => Access::ReadWrite,
        1 => Access::ReadOnly,
        _ => return Err(b"read_only of a directory is neither 0 nor 1".to_vec()),
    };
    Ok(Preopen::new(Directory::Host(opened, access), guest.unwrap_or(host)))
}

/// A function of the host's and what it wants to be called with; a call that is under way is counted.
struct Callback<F> {
    function: F,
    env: *mut c_void,
    calls_out: Arc<AtomicU32>,
}

// SAFETY: the header says that a context is used by one thread at a time, and its host knows which.
unsafe impl<F> Send for Callback<F> {}
// SAFETY: as above.
unsafe impl<F> Sync for Callback<F> {}

impl<F> Callback<F> {
    fn new(function: F, env: *mut c_void, calls_out: &Arc<AtomicU32>) -> Self {
        Self { function, env, calls_out: Arc::clone(calls_out) }
    }

    fn call<R>(&self, call: impl FnOnce(&F, *mut c_void) -> R) -> R {
        self.calls_out.fetch_add(1, Ordering::AcqRel);
        let result = call(&self.function, self.env);
        self.calls_out.fetch_sub(1, Ordering::AcqRel);
        result
    }
}

impl Callback<WasiStreamCallback> {
    fn of(stream: &W2nWasiStream, calls_out: &Arc<AtomicU32>) -> Result<Self, Refusal> {
        let function = stream.callback.ok_or(b"the callback of a stream is null")?;
        Ok(Self::new(function, stream.env, calls_out))
    }

    fn transfer(&self, bytes: *mut u8, len: usize) -> Result<usize, Errno> {
        // SAFETY: the host passed the function for this; the bytes are ours and as many as that.
        let count = self.call(|function, env| unsafe { function(env, bytes, len as u64) });
        usize::try_from(count).map_err(|_| Errno::Io)
    }
}

/// # Safety
/// The bytes are as many as the stream says.
unsafe fn input(stream: &W2nWasiStream, calls: &Arc<AtomicU32>) -> Result<InputConfig, Refusal> {
    Ok(match stream.kind {
        WASI_STREAM_NONE => InputConfig::Bytes(Vec::new()),
        WASI_STREAM_DESCRIPTOR => InputConfig::Descriptor(descriptor(stream.descriptor)?),
        WASI_STREAM_BYTES => {
            // SAFETY: as the caller vouches.
            let bytes = unsafe { array(stream.bytes.ptr.cast::<u8>(), stream.bytes.len, "bytes") }?;
            InputConfig::Bytes(bytes.to_vec())
        }
        WASI_STREAM_CALLBACK => {
            let callback = Callback::of(stream, calls)?;
            InputConfig::Callback(Box::new(move |bytes| callback.transfer(bytes.as_mut_ptr(), bytes.len())))
        }
        _ => return Err(no_such_stream(stream)),
    })
}

fn output(
    stream: &W2nWasiStream,
    calls: &Arc<AtomicU32>,
    kept: &mut Option<OutputBuffer>,
) -> Result<OutputConfig, Refusal> {
    Ok(match stream.kind {
        WASI_STREAM_NONE => OutputConfig::Callback(Box::new(|bytes| Ok(bytes.len()))),
        WASI_STREAM_DESCRIPTOR => OutputConfig::Descriptor(descriptor(stream.descriptor)?),
        WASI_STREAM_BYTES => OutputConfig::Buffer(kept.insert(OutputBuffer::new(MAX_KEPT_BYTES)).clone()),
        WASI_STREAM_CALLBACK => {
            let callback = Callback::of(stream, calls)?;
            OutputConfig::Callback(Box::new(move |bytes| {
                callback.transfer(bytes.as_ptr().cast_mut(), bytes.len())
            }))
        }
        _ => return Err(no_such_stream(stream)),
    })
}

fn no_such_stream(stream: &W2nWasiStream) -> Refusal {
    format!("there is no kind {} of stream", stream.kind).into()
}

/// A duplicate: the host's own stays the host's.
fn descriptor(number: i32) -> Result<OwnedFd, Refusal> {
    let not_open = |error: std::io::Error| format!("descriptor {number} of a stream: {error}").into_bytes();
    if number < 0 {
        return Err(not_open(std::io::Error::from_raw_os_error(libc::EBADF)));
    }
    // SAFETY: the number may be closed, which the call answers; nobody closes it meanwhile, since it is the
    // host that is calling.
    let borrowed = unsafe { BorrowedFd::borrow_raw(number) };
    rustix::io::fcntl_dupfd_cloexec(borrowed, 0).map_err(|error| not_open(error.into()))
}

fn clocks(config: &W2nWasiConfig, calls: &Arc<AtomicU32>) -> Clocks {
    let Some(function) = config.clock else { return Clocks::Host };
    let callback = Callback::new(function, config.clock_env, calls);
    Clocks::Callback(Box::new(move |clock| {
        // SAFETY: the host passed the function for this.
        callback.call(|function, env| unsafe { function(env, clock.number()) })
    }))
}

fn entropy(config: &W2nWasiConfig, calls: &Arc<AtomicU32>) -> Entropy {
    let Some(function) = config.random else { return Entropy::Host };
    let callback = Callback::new(function, config.random_env, calls);
    Entropy::Callback(Box::new(move |bytes| {
        // SAFETY: the host passed the function for this; the bytes are ours and as many as that.
        let call = |function: &WasiRandomCallback, env| unsafe {
            function(env, bytes.as_mut_ptr(), bytes.len() as u64)
        };
        match callback.call(call) {
            0 => Ok(()),
            _ => Err(Errno::Io),
        }
    }))
}
