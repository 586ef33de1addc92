//! What the user asked for, read once and passed down.

use std::path::PathBuf;

/// `-O…`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OptLevel {
    /// `-O0`: compile fast.
    O0,
    /// `-O1`
    O1,
    /// `-O2`: the default.
    #[default]
    O2,
    /// `-O3`
    O3,
    /// `-Os`: small.
    Os,
    /// `-Oz`: smaller.
    Oz,
}

/// `--bounds-checks=…`: how a memory access out of bounds is caught.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BoundsChecks {
    /// Guard pages around a memory: no instruction spent.
    #[default]
    Guard,
    /// A compare before every access.
    Software,
}

/// What to leave in the output for debuggers and backtraces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DebugInfo {
    /// `-g0`: nothing, backtraces show addresses only.
    None,
    /// Default: the map of code addresses to functions and offsets that backtraces need.
    #[default]
    PcMap,
    /// `-g`: DWARF line tables too (the line is the offset in the module).
    Full,
}

/// How code is made, the same for every function of a module.
#[derive(Clone, Debug, Default)]
pub struct CodeOptions {
    /// Optimisation level.
    pub opt_level: OptLevel,
    /// How accesses are checked.
    pub bounds_checks: BoundsChecks,
    /// Debug information.
    pub debug_info: DebugInfo,
    /// `--strict-traps`: memory accesses trap exactly in the order written.
    pub strict_traps: bool,
    /// Keep value and block names (for `-emit-llvm` and tests); costs time.
    pub keep_ir_names: bool,
}

/// A directory the produced program may use: `--dir HOST[::GUEST][:ro]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirGrant {
    /// Path on the host.
    pub host: String,
    /// Name the guest sees.
    pub guest: String,
    /// `:ro`
    pub read_only: bool,
}

/// An environment variable the produced program sees: `--env K[=V]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvGrant {
    /// Name.
    pub key: String,
    /// Value; `None` takes the host's value at run time.
    pub value: Option<String>,
}

/// What a produced executable may use of its host, baked in.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// `--dir`
    pub dirs: Vec<DirGrant>,
    /// `--env`
    pub env: Vec<EnvGrant>,
    /// `--sealed`
    pub sealed: bool,
}

/// What the linker is to make of the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModuleKind {
    /// An executable: imports are linked by name, `main` is emitted.
    Executable,
    /// A plugin: imports come from the host at instantiation, typed entries are exported.
    Plugin,
}

/// Where a module comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InputFile {
    /// `-`
    Stdin,
    /// A path.
    Path(PathBuf),
}
