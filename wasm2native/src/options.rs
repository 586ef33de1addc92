//! What the user asked for, read once and passed down.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use w2n_abi::{Limits, PolicyWord};

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

/// `-C relaxed-simd=…`: what the operators of relaxed SIMD do where the specification leaves a choice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RelaxedSimd {
    /// What the deterministic profile says: the same on every machine.
    #[default]
    Deterministic,
    /// The fastest instruction of the processor compiled for.
    Native,
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
    /// What relaxed SIMD does.
    pub relaxed_simd: RelaxedSimd,
    /// Debug information.
    pub debug_info: DebugInfo,
    /// `--strict-traps`: after every trap the state is as if all operators before it had run and no other.
    pub strict_traps: bool,
    /// `-C check-loops=1`: loops run twice, as they were and as our passes have changed them, and are
    /// compared.
    pub check_loops: bool,
    /// `-C verify-passes=1`: what each of our passes leaves is verified.
    pub verify_passes: bool,
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

/// A directory that is packed into the executable: `--embed-dir HOST[::GUEST]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmbedDir {
    /// Path on the machine that compiles.
    pub host: String,
    /// Name the guest sees.
    pub guest: String,
}

/// A directory that was packed.
#[derive(Clone, Debug)]
pub struct PackedDir {
    /// Name the guest sees.
    pub guest: String,
    /// Names and contents, laid out as `rt/abi/src/archive.rs` has it.
    pub archive: Vec<u8>,
}

/// `--undefined=…`: what becomes of an imported function that nothing provides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Undefined {
    /// The module is refused.
    #[default]
    Error,
    /// A call of it traps.
    Trap,
}

/// What a produced executable may use of its host, baked in.
#[derive(Clone, Debug)]
pub struct Policy {
    /// `--dir`
    pub dirs: Vec<DirGrant>,
    /// `--env`
    pub env: Vec<EnvGrant>,
    /// `--tcplisten`: `HOST:PORT`
    pub listeners: Vec<String>,
    /// `--allow-escapes`
    pub allow_escapes: bool,
    /// `--max-memory`, `--stack-size`, `--max-fds`, `--timeout`
    pub limits: Limits,
    /// `--policy`, `--sealed`
    pub word: PolicyWord,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            dirs: Vec::new(),
            env: Vec::new(),
            listeners: Vec::new(),
            allow_escapes: false,
            limits: Limits::NONE,
            word: PolicyWord::default(),
        }
    }
}

impl Policy {
    /// Whether anything is granted, limited or said about it.
    pub fn says_something(&self) -> bool {
        let grants = !self.dirs.is_empty() || !self.env.is_empty() || !self.listeners.is_empty();
        grants || self.allow_escapes || self.limits != Limits::NONE || self.word != PolicyWord::Open
    }
}

/// What the linker is to make of the modules.
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
    /// Bytes at hand.
    Bytes {
        /// What stands for the name of a file: a module called `lib.wasm` is known to others as `lib`.
        name: PathBuf,
        /// A module, binary or text.
        bytes: Vec<u8>,
    },
}

impl InputFile {
    /// The file, if it is one.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Path(path) => Some(path),
            Self::Stdin | Self::Bytes { .. } => None,
        }
    }
}

/// An input that is not Wasm and is linked with the modules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NativeInput {
    /// C, for the system's C compiler.
    C(PathBuf),
    /// C++, likewise.
    Cpp(PathBuf),
    /// An object, archive or shared library.
    Object {
        /// Where it is.
        path: PathBuf,
        /// How many modules stand before it on the command line: it may hold one too.
        modules_before: usize,
    },
}

/// `--target`, `-march`, `-mcpu`: the machine to compile for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TargetOptions {
    /// `--target`; `None` is the machine we run on.
    pub triple: Option<String>,
    /// `-march`: the oldest processor the code must run on.
    pub arch: Option<String>,
    /// `-mcpu`: wins over `-march`.
    pub cpu: Option<String>,
}

/// `--emit=…`: what to make.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OutputKind {
    /// An executable: the default.
    #[default]
    Executable,
    /// `-shared`: a plugin.
    SharedLibrary,
    /// `-c`: an object.
    Object,
    /// `-S`: assembly.
    Assembly,
    /// `-emit-llvm`: LLVM IR as text.
    LlvmIr,
    /// `-emit-llvm -c`: LLVM bitcode.
    Bitcode,
}

/// How the output is linked.
#[derive(Clone, Debug, Default)]
pub struct LinkOptions {
    /// `--linker`: the C compiler to link with.
    pub linker: Option<String>,
    /// `-static`: no shared libraries.
    pub is_static: bool,
    /// `-s`: drop symbols.
    pub strip: bool,
    /// `-###`: print the link command instead of running it.
    pub show_only: bool,
    /// What is linked beside the modules.
    pub native: Vec<NativeInput>,
    /// `-l`
    pub libraries: Vec<String>,
    /// `-L`
    pub library_dirs: Vec<PathBuf>,
    /// Flags for the C compiler when it compiles C sources.
    pub c_flags: Vec<OsString>,
    /// `-Wl,…`, `-Xlinker`, `-fuse-ld=`: for the C compiler when it links.
    pub flags: Vec<OsString>,
    /// `--provide`: C functions that guests may import, whoever defines them.
    pub provide: Vec<String>,
}

/// `-o`: where the output goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum OutputFile {
    /// Named after the input, in the working directory.
    #[default]
    Derived,
    /// `-`
    Stdout,
    /// A path.
    Path(PathBuf),
    /// Nowhere: the bytes are handed back.
    Memory,
}

/// Whether a depfile names what is of the system: headers, libraries, the runtime.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SystemFiles {
    /// `-MD`
    #[default]
    Named,
    /// `-MMD`
    LeftOut,
}

/// Whether a depfile has an empty rule for each file, so that one which is gone is no error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phony {
    /// It has none.
    #[default]
    None,
    /// `-MP`
    Added,
}

/// What the rule in a depfile is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DepfileTarget {
    /// `-MT`: words for make as they are.
    AsGiven(OsString),
    /// `-MQ`: a name, to be quoted for make.
    Quoted(OsString),
}

/// `-MD`, `-MMD`: a rule for make that says what the output was made of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DepfileOptions {
    /// `-MF`; named after the output otherwise.
    pub file: OutputFile,
    /// What the rule is for; the output if nothing is said.
    pub targets: Vec<DepfileTarget>,
    /// Whether missing files are forgiven.
    pub phony: Phony,
    /// Whether files of the system are named.
    pub system: SystemFiles,
}

/// What becomes of warnings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Warnings {
    /// They are told.
    #[default]
    Shown,
    /// `-w`: nobody is told.
    Silent,
    /// `-Werror`: each is an error, and nothing is made.
    Errors,
}

/// What is told of a run beside errors and warnings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReportOptions {
    /// `-v`: the steps of the work.
    pub steps: bool,
    /// `--remarks`: what the optimiser did with loops.
    pub remarks: bool,
    /// `--time-passes`: what each phase cost.
    pub costs: bool,
    /// What becomes of warnings.
    pub warnings: Warnings,
}

/// What the surroundings say about a run. The compiler itself asks neither the environment nor where it
/// stands; the programs that it starts inherit both.
#[derive(Clone, Debug)]
pub struct Environment {
    /// `CC`: the C compiler to link with, and its first arguments.
    pub cc: Option<String>,
    /// `PATH`: where a C compiler is looked for when none is named.
    pub path: OsString,
    /// `WASM2NATIVE_RT_DIR`: a directory of runtime archives, instead of those that are embedded.
    pub runtime_dir: Option<PathBuf>,
    /// The compiler's own executable, beside which runtime archives may be installed.
    pub executable: Option<PathBuf>,
    /// `TMPDIR`: where temporary files go.
    pub temp_dir: PathBuf,
    /// Where relative paths begin, which debug information of C sources is not to name.
    pub working_dir: Option<PathBuf>,
}

impl Environment {
    /// That of this process.
    pub fn of_process() -> Self {
        Self {
            cc: std::env::var("CC").ok(),
            path: std::env::var_os("PATH").unwrap_or_default(),
            runtime_dir: std::env::var_os("WASM2NATIVE_RT_DIR").map(PathBuf::from),
            executable: std::env::current_exe().ok(),
            temp_dir: std::env::temp_dir(),
            working_dir: std::env::current_dir().ok(),
        }
    }
}

/// A plain system, whatever the process has.
impl Default for Environment {
    fn default() -> Self {
        Self {
            cc: None,
            path: "/usr/local/bin:/usr/bin:/bin".into(),
            runtime_dir: None,
            executable: None,
            temp_dir: "/tmp".into(),
            working_dir: None,
        }
    }
}

/// Everything one run of the compiler needs to know.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Where the modules come from that are to be compiled.
    pub inputs: Vec<InputFile>,
    /// Where the output goes.
    pub output: OutputFile,
    /// What to make.
    pub output_kind: OutputKind,
    /// With an intermediate output: what it is to become, `None` to tell by the module's exports.
    pub module_kind: Option<ModuleKind>,
    /// How code is made.
    pub code: CodeOptions,
    /// For which machine.
    pub target: TargetOptions,
    /// How it is linked.
    pub link: LinkOptions,
    /// What an executable may use.
    pub policy: Policy,
    /// `--embed-dir`
    pub embed: Vec<EmbedDir>,
    /// `--entry`: the export that an executable runs.
    pub entry: Option<String>,
    /// `--undefined`
    pub undefined: Undefined,
    /// `--module-name`: prefix of all symbols, a C identifier.
    pub module_name: Option<String>,
    /// `-j`: threads; `None` is one per processor.
    pub jobs: Option<usize>,
    /// What is to be said of it to make.
    pub depfile: Option<DepfileOptions>,
    /// Files that the options were read from.
    pub response_files: Vec<PathBuf>,
    /// What is told of it.
    pub reports: ReportOptions,
    /// What the surroundings say.
    pub environment: Environment,
}

impl Options {
    /// The defaults, for one module.
    pub fn new(input: InputFile) -> Self {
        Self { inputs: vec![input], ..Self::default() }
    }
}
