//! The machine we compile for: `TARGET` with Linux and glibc; everything else is refused with the reason.
//!
//! Call [`initialise`] before anything else of LLVM is used.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::sync::Once;

use inkwell::OptimizationLevel;
use inkwell::attributes::AttributeLoc;
use inkwell::module::Module;
use inkwell::targets::{CodeModel, RelocMode, Target, TargetMachine, TargetTriple};

use crate::arch::TARGET;
use crate::error::{CompileError, Result};
use crate::options::{OptLevel, TargetOptions};

/// The triple of the only target there is.
pub const DEFAULT_TRIPLE: &str = TARGET.triple;

unsafe extern "C" {
    /// Calls `visit(state, name)` for each processor of a target that has all of `features`
    /// (`llvm/processors.h`).
    fn w2n_visit_cpus(
        triple: *const c_char,
        features: *const c_char,
        visit: extern "C" fn(*mut c_void, *const c_char),
        state: *mut c_void,
    );
}

/// The processors that `-march` takes, in the order of LLVM's table. LLVM only warns about a name it does not
/// know and then compiles for something else, so names are checked.
fn known_cpus() -> Vec<String> {
    extern "C" fn collect(names: *mut c_void, name: *const c_char) {
        // SAFETY: `names` is the vector below, which nothing else uses during the call.
        unsafe { &mut *names.cast::<Vec<String>>() }.push(text(name));
    }
    let triple = CString::new(DEFAULT_TRIPLE).unwrap_or_default();
    let mut names = Vec::new();
    // SAFETY: both texts are C strings, and `collect` takes what `names` points to.
    unsafe {
        w2n_visit_cpus(triple.as_ptr(), TARGET.required_features.as_ptr(), collect, (&raw mut names).cast());
    }
    names
}

/// A target that was checked: machines for it can be made in any thread.
#[derive(Clone, Debug)]
pub struct TargetSpec {
    cpu: String,
    features: String,
}

unsafe extern "C" {
    /// Adds a pass to code generation, see `llvm/access_locations.h`.
    fn w2n_keep_access_locations();
}

/// Makes LLVM ready: the back end and the options that only its command line has. The first call does
/// it, later ones nothing.
pub fn initialise() {
    static LLVM_READY: Once = Once::new();
    LLVM_READY.call_once(initialise_llvm);
}

fn initialise_llvm() {
    (TARGET.initialise)();
    // SAFETY: `initialise` calls this once, before any code is generated.
    unsafe { w2n_keep_access_locations() };
    super::diagnostics::install_fatal_error_handler();
    let arguments = [
        c"wasm2native".as_ptr(),
        // Widening an i32 induction variable breaks the count-to-zero exit test of guest loops, and with
        // it the trip count.
        c"-indvars-widen-indvars=false".as_ptr(),
    ];
    let count = arguments.len() as c_int;
    // SAFETY: `arguments` holds C strings; `initialise` is called before LLVM is used (the caller's duty)
    // and waits for the first call, so no other thread uses LLVM yet.
    unsafe { llvm_sys::support::LLVMParseCommandLineOptions(count, arguments.as_ptr(), std::ptr::null()) };
}

/// Version of the LLVM we run with, such as `22.1.8`.
pub fn llvm_version() -> String {
    let (mut major, mut minor, mut patch) = (0, 0, 0);
    // SAFETY: the three pointers are valid for writes.
    unsafe { llvm_sys::core::LLVMGetVersion(&mut major, &mut minor, &mut patch) };
    format!("{major}.{minor}.{patch}")
}

impl TargetSpec {
    /// Checks what the user asked for. Everything but Linux on our processors is an error that
    /// names what is missing.
    pub fn resolve(options: &TargetOptions) -> Result<Self> {
        if let Some(triple) = &options.triple {
            check_triple(triple)?;
        }
        if !TARGET.is_host || !cfg!(target_os = "linux") {
            let message = format!("this build of wasm2native makes code for {} Linux only", TARGET.title);
            return Err(CompileError::machine(message));
        }
        let cpu = options.cpu.as_deref().or(options.arch.as_deref()).unwrap_or(TARGET.baseline_cpu);
        if cpu == "native" {
            let cpu = TargetMachine::get_host_cpu_name().to_string();
            let features = TargetMachine::get_host_cpu_features().to_string();
            return Ok(Self { cpu, features });
        }
        check_cpu(cpu)?;
        Ok(Self { cpu: cpu.to_owned(), features: String::new() })
    }

    /// The triple as it names directories of runtimes.
    pub fn triple(&self) -> &'static str {
        DEFAULT_TRIPLE
    }

    /// Tells LLVM for which processors the code of `module` should be fast. A C compiler that compiles for
    /// the baseline has those of today in mind, not the first of their kind.
    pub fn tune(&self, module: &Module<'_>) {
        if self.cpu != TARGET.baseline_cpu {
            return;
        }
        let generic = module.get_context().create_string_attribute("tune-cpu", "generic");
        for function in module.get_functions().filter(|function| function.count_basic_blocks() > 0) {
            function.add_attribute(AttributeLoc::Function, generic);
        }
    }

    /// The processor, for `-v`.
    pub fn cpu(&self) -> &str {
        &self.cpu
    }

    /// A machine for position-independent code. Machines do not cross threads: one each.
    pub fn machine(&self, level: OptLevel) -> Result<TargetMachine> {
        let triple = TargetTriple::create(DEFAULT_TRIPLE);
        let target = Target::from_triple(&triple).map_err(|error| {
            CompileError::internal(format!("LLVM has no target {DEFAULT_TRIPLE}: {error}"))
        })?;
        let level = match level {
            OptLevel::O0 => OptimizationLevel::None,
            OptLevel::O1 => OptimizationLevel::Less,
            OptLevel::O2 | OptLevel::Os | OptLevel::Oz => OptimizationLevel::Default,
            OptLevel::O3 => OptimizationLevel::Aggressive,
        };
        target
            .create_target_machine(
                &triple,
                &self.cpu,
                &self.features,
                level,
                RelocMode::PIC,
                CodeModel::Default,
            )
            .ok_or_else(|| CompileError::internal(format!("LLVM makes no machine for {DEFAULT_TRIPLE}")))
    }
}

fn check_triple(triple: &str) -> Result<()> {
    let mut parts = triple.split('-');
    let arch = parts.next().unwrap_or_default();
    let rest: Vec<&str> = parts.collect();
    let is_linux = rest.contains(&"linux") || rest.is_empty();
    let is_glibc = match rest.last() {
        Some(&"linux") | None => true,
        Some(environment) => *environment == "gnu",
    };
    if TARGET.is_called(arch) && is_linux && is_glibc {
        return Ok(());
    }
    let missing = if TARGET.is_called(arch) {
        "no runtime for it is installed"
    } else {
        "its LLVM back end is not in this build and no runtime for it is installed"
    };
    let error = CompileError::machine(format!("target `{triple}`: {missing}"));
    Err(match arch {
        "wasm32" | "wasm64" => error.hint("--target is the machine that the output runs on, not the input's"),
        _ => error.hint(format!("this build makes code for {DEFAULT_TRIPLE} only")),
    })
}

/// How alike two names must be for one to be suggested.
const SUGGESTION_LIKENESS: f64 = 0.8;

fn check_cpu(cpu: &str) -> Result<()> {
    let known = known_cpus();
    if known.iter().any(|name| name == cpu) {
        return Ok(());
    }
    let likeness = |name: &&String| strsim::jaro_winkler(name, cpu);
    let similar = known.iter().filter(|name| likeness(name) >= SUGGESTION_LIKENESS);
    let nearest = similar.max_by(|left, right| likeness(left).total_cmp(&likeness(right)));
    let error = CompileError::usage(format!("unknown processor `{cpu}`"));
    Err(match nearest {
        Some(name) => error.hint(format!("did you mean -march={name}?")),
        None => error.hint(format!(
            "take one that `llc -mcpu=help` lists, such as {}, or native",
            TARGET.cpu_examples
        )),
    })
}

/// The text of a C string from LLVM, for messages.
pub(super) fn text(pointer: *const c_char) -> String {
    if pointer.is_null() {
        return String::new();
    }
    // SAFETY: LLVM's messages are C strings, valid during the call that passes them.
    unsafe { CStr::from_ptr(pointer) }.to_string_lossy().into_owned()
}
