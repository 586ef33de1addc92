//! How the host of a plugin says what WASI is to its guest: `w2n_wasi_…` of the header, by the same names.
//!
//! The rule: all zero is valid and grants nothing; later versions append, and `size` says what a host knows.

use crate::{HostBytes, HostInstance, HostModule, HostPointer, W2nImport, W2nTrap};

/// [`W2nWasiStream::kind`]: nothing is there: reading answers the end, what is written is dropped.
pub const WASI_STREAM_NONE: u32 = 0;
/// [`W2nWasiStream::kind`]: a descriptor of the host's, which stays its own.
pub const WASI_STREAM_DESCRIPTOR: u32 = 1;
/// [`W2nWasiStream::kind`]: standard input is `bytes`, which are copied; what is written is kept for
/// [`W2nWasiApi::take_output`].
pub const WASI_STREAM_BYTES: u32 = 2;
/// [`W2nWasiStream::kind`]: the host's function reads or writes.
pub const WASI_STREAM_CALLBACK: u32 = 3;

/// [`W2nWasiConfig::flags`]: escape sequences reach a terminal as they are.
pub const WASI_ALLOW_ESCAPES: u32 = 1;

/// A WASI context, for hosts opaque.
#[repr(C)]
#[derive(Debug)]
pub struct HostWasi {
    _opaque: [u8; 0],
}

/// Reads into, or writes from, `len` bytes: how many, 0 at the end, less than 0 for an error (the guest gets
/// IO).
pub type WasiStreamCallback = unsafe extern "C" fn(env: HostPointer, bytes: *mut u8, len: u64) -> i64;

/// The time of a clock (a witx `clockid`) in nanoseconds.
pub type WasiClockCallback = unsafe extern "C" fn(env: HostPointer, clock: u32) -> u64;

/// Fills `len` bytes; 0, or anything else for an error (the guest gets IO).
pub type WasiRandomCallback = unsafe extern "C" fn(env: HostPointer, bytes: *mut u8, len: u64) -> u32;

/// A standard stream.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct W2nWasiStream {
    /// `WASI_STREAM_…`
    pub kind: u32,
    /// [`WASI_STREAM_DESCRIPTOR`]
    pub descriptor: i32,
    /// [`WASI_STREAM_BYTES`], of standard input.
    pub bytes: HostBytes,
    /// [`WASI_STREAM_CALLBACK`]
    pub callback: Option<WasiStreamCallback>,
    /// First argument of `callback`.
    pub env: HostPointer,
}

/// A directory that the guest gets.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct W2nWasiDir {
    /// Its path, a C string.
    pub host: *const u8,
    /// The name that the guest sees, a C string; null for the host's.
    pub guest: *const u8,
    /// 1 if nothing in it may be changed.
    pub read_only: u32,
    /// 0
    pub reserved: u32,
}

/// What a guest gets.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct W2nWasiConfig {
    /// Bytes of this structure as the host knows it.
    pub size: u64,
    /// Arguments, the program's name first: C strings.
    pub args: *const *const u8,
    /// How many.
    pub arg_count: u64,
    /// Variables, `KEY=VALUE` each: C strings. A later one replaces an earlier one.
    pub env: *const *const u8,
    /// How many.
    pub env_count: u64,
    /// Directories, in the order of their descriptors.
    pub dirs: *const W2nWasiDir,
    /// How many.
    pub dir_count: u64,
    /// Standard input, output and error.
    pub streams: [W2nWasiStream; 3],
    /// Descriptors that may be open at a time; 0 for no limit.
    pub max_fds: u64,
    /// [`WASI_ALLOW_ESCAPES`]
    pub flags: u32,
    /// 0
    pub reserved: u32,
    /// The host's clock, or null for those of the machine.
    pub clock: Option<WasiClockCallback>,
    /// First argument of `clock`.
    pub clock_env: HostPointer,
    /// The host's random bytes, or null for the machine's.
    pub random: Option<WasiRandomCallback>,
    /// First argument of `random`.
    pub random_env: HostPointer,
}

/// The functions, in [`crate::ModuleDescriptor::wasi`].
#[repr(C)]
pub struct W2nWasiApi {
    /// [`crate::ABI_VERSION`] of libwasirt.
    pub abi_version: u32,
    /// Bytes of this table: later versions append.
    pub size: u32,
    /// Makes a context; null after a failure, with the reason, not terminated, in `message` (at most
    /// `capacity` bytes, filled up with 0). What the configuration points to is copied.
    pub make:
        unsafe extern "C" fn(config: *const W2nWasiConfig, message: *mut u8, capacity: u64) -> *mut HostWasi,
    /// Gives a context up: closes what the guest has open. Its instances must have been given up before. 0,
    /// or `InvalidArgument` while a call is in the context, which then stays.
    pub discard: unsafe extern "C" fn(wasi: *mut HostWasi) -> u32,
    /// Takes what the guest has written to standard output (1) or error (2) where they are
    /// [`WASI_STREAM_BYTES`]: moves at most `capacity` bytes, answers how many there were.
    pub take_output:
        unsafe extern "C" fn(wasi: *mut HostWasi, stream: u32, buffer: *mut u8, capacity: u64) -> u64,
    /// As [`crate::W2nApi::instantiate`], where each import that is linked to WASI works on `wasi`.
    pub instantiate: unsafe extern "C" fn(
        module: *const HostModule,
        imports: *const W2nImport,
        import_count: u32,
        wasi: *mut HostWasi,
        instance: *mut *mut HostInstance,
        trap: *mut W2nTrap,
    ) -> u32,
}
