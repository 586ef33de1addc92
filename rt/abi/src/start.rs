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
    /// Export of the main module to call: `_start`, or `main` of type `() -> ()` or `() -> i32` (its result is the exit status).
    pub entry: Slice<P>,
    /// Baked-in directories: [`DirGrant`].
    pub dirs: Slice<P>,
    /// Baked-in environment: [`EnvGrant`].
    pub env: Slice<P>,
    /// 1: ignore `W2N_DIR` and `W2N_ENV` (`--sealed`).
    pub sealed: u32,
    /// Which of `modules` is the main module.
    pub main: u32,
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
pub struct ImportSource {
    /// The module that exports it, which stands before the importing one in [`StartInfo::modules`];
    /// [`crate::NONE`]: it is the function in [`crate::ImportDescriptor::linked`].
    pub module: u32,
    /// Position in [`crate::ModuleDescriptor::exports`] of that module.
    pub export: u32,
}

/// Export of type `() -> ()` that is called once a module is instantiated, unless it is the main module.
pub const INITIALIZE_EXPORT: &str = "_initialize";

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

/// Environment variable with directories granted at run time.
pub const DIR_VARIABLE: &str = "W2N_DIR";

/// Environment variable with environment granted at run time.
pub const ENV_VARIABLE: &str = "W2N_ENV";
