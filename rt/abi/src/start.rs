//! What an executable carries beside its modules: how they are linked, how to start, and what they may
//! use of the host.

use crate::Slice;

/// Argument of [`crate::symbol::START`], emitted by the compiler into every executable.
#[repr(C)]
#[derive(Debug)]
pub struct StartInfo<P> {
    /// [`LinkedModule`]: all modules, in the order of instantiation.
    pub modules: Slice<P>,
    /// `extern "C" fn(*const StartInfo, argc: i32, argv) -> *mut c_void`, or null when no module
    /// imports anything from WASI. Its answer is the `env` of all linked host functions; null: the
    /// policy could not be set up (the reason was printed), exit with status 1.
    pub wasi_init: P,
    /// Export of the main module to call: `_start`, or `main` or another of type `() -> ()` or `() -> i32`
    /// (its result is the exit status). Where it is not `_start`, its export
    /// [`crate::symbol::REACTOR_INITIALIZE`] is called first. Null: the start function of the main module has
    /// done all.
    pub entry: Slice<P>,
    /// Baked-in directories: [`DirGrant`].
    pub dirs: Slice<P>,
    /// Baked-in environment: [`EnvGrant`].
    pub env: Slice<P>,
    /// Addresses to listen on, `HOST:PORT`: [`Slice`] of bytes each.
    pub listeners: Slice<P>,
    /// Packed directories: [`crate::EmbeddedDir`].
    pub embedded: Slice<P>,
    /// What the program may use of the machine.
    pub limits: Limits,
    /// [`PolicyWord`]
    pub policy: u32,
    /// Which of `modules` is the main module.
    pub main: u32,
    /// 1: what the guest writes to a terminal reaches it as it is (`--allow-escapes`).
    pub allow_escapes: u32,
    /// 1: print what the program may use, and run nothing. 0 in the executable; the runtime sets it in its
    /// copy, for `wasi_init` to see.
    pub help: u32,
    /// [`Privilege`]. 0 in the executable, and set by the runtime, as `help` is.
    pub privilege: u32,
    /// Zero.
    pub reserved: u32,
}

/// A module of an executable.
#[repr(C)]
#[derive(Debug)]
pub struct LinkedModule<P> {
    /// `*const ModuleDescriptor`
    pub module: P,
    /// [`ImportSource`], one for each import of the module, in its order.
    pub sources: Slice<P>,
}

/// What an import is resolved by.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct ImportSource<P> {
    /// The module that exports it, which stands before the importing one in [`StartInfo::modules`];
    /// [`crate::NONE`]: it is a linked host function.
    pub module: u32,
    /// Position in [`crate::ModuleDescriptor::exports`] of that module.
    pub export: u32,
    /// Callback of the host function, for a module that was compiled before it was known what its imports are
    /// bound to; null: it is the one in [`crate::ImportDescriptor::linked`].
    pub callback: P,
}

/// Upper bounds, each [`NO_LIMIT`] or a number.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of all linear memories and tables together (`--max-memory`).
    pub memory_bytes: u64,
    /// Bytes of the stack that Wasm code runs on (`--stack-size`).
    pub stack_bytes: u64,
    /// Descriptors that the guest has open at a time (`--max-fds`).
    pub descriptors: u64,
    /// Nanoseconds of wall clock from start to end (`--timeout`).
    pub time_ns: u64,
}

/// A limit that is none.
pub const NO_LIMIT: u64 = u64::MAX;

impl Limits {
    /// No limits.
    pub const NONE: Self =
        Self { memory_bytes: NO_LIMIT, stack_bytes: NO_LIMIT, descriptors: NO_LIMIT, time_ns: NO_LIMIT };
}

/// What a run may do about the policy that was baked in (`--policy`). A run can choose a stricter word, never
/// a laxer one; limits can be tightened under each of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u32)]
pub enum PolicyWord {
    /// Widen it, and set limits anew.
    #[default]
    Open = 0,
    /// Only take some of it.
    Bound = 1,
    /// Nothing: the variables that grant are ignored.
    Sealed = 2,
}

impl PolicyWord {
    /// Word by word, as an option or a variable has it.
    pub const NAMES: [(&str, Self); 3] =
        [("open", Self::Open), ("bound", Self::Bound), ("sealed", Self::Sealed)];

    /// The word with this number; what is no word counts as the strictest.
    pub fn from_number(number: u32) -> Self {
        match number {
            0 => Self::Open,
            1 => Self::Bound,
            _ => Self::Sealed,
        }
    }

    /// How it is written.
    pub fn name(self) -> &'static str {
        Self::NAMES[self as usize].0
    }
}

/// Whether a program has rights that its caller lacks: then its variables and its working directory are not
/// taken from the caller.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u32)]
pub enum Privilege {
    /// It may what its caller may.
    #[default]
    OfCaller = 0,
    /// It is set-user-id, set-group-id or has capabilities of its file.
    OfFile = 1,
}

/// `--dir HOST[::GUEST][:ro]`
#[repr(C)]
#[derive(Debug)]
pub struct DirGrant<P> {
    /// Path on the host, relative to the working directory at start unless absolute.
    pub host: Slice<P>,
    /// Name the guest sees.
    pub guest: Slice<P>,
    /// 1: nothing below can be changed.
    pub read_only: u32,
    /// Zero.
    pub reserved: u32,
}

/// The parts of `HOST[::GUEST][:ro]`, as the option and the variable have it.
pub struct DirParts<'text> {
    /// Path on the host.
    pub host: &'text [u8],
    /// Name the guest sees, if one is given.
    pub guest: Option<&'text [u8]>,
    /// `:ro`
    pub read_only: bool,
}

/// Takes `HOST[::GUEST][:ro]` apart; `None` if a path is empty.
///
/// `a:b::/c:ro` is (`a:b`, `/c`, read-only); `a::ro` names the guest directory `ro`.
pub fn split_dir_grant(text: &[u8]) -> Option<DirParts<'_>> {
    // The colon before the suffix must not be the second of two.
    let (names, read_only) = match text.strip_suffix(b":ro") {
        Some(names) if !names.ends_with(b":") => (names, true),
        _ => (text, false),
    };
    let (host, guest) = match names.windows(2).position(|pair| pair == b"::") {
        Some(at) => (&names[..at], Some(&names[at + 2..])),
        None => (names, None),
    };
    let is_empty = host.is_empty() || guest.is_some_and(<[u8]>::is_empty);
    (!is_empty).then_some(DirParts { host, guest, read_only })
}

/// `--env K[=V]`
#[repr(C)]
#[derive(Debug)]
pub struct EnvGrant<P> {
    /// Name of the variable.
    pub key: Slice<P>,
    /// Its value, unless `inherit`.
    pub value: Slice<P>,
    /// 1: the value is that of the host's variable at start; absent if that is unset.
    pub inherit: u32,
    /// Zero.
    pub reserved: u32,
}

/// Smallest stack that Wasm code can run on.
pub const MIN_STACK_BYTES: u64 = 64 << 10;
