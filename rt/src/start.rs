//! An executable from `main` to its exit status: instances of its modules, each linked with those before
//! it, then the entry of the main module.
//!
//! The rule: the guest's own arguments pass through untouched; whatever goes wrong is said on standard
//! error, and the instances are left to the end of the process.

use core::ffi::{c_char, c_int};
use core::ptr::null_mut;

use alloc::vec;
use alloc::vec::Vec;
use w2n_abi::*;

use crate::api::{call_func, export_number, find_export, type_of};
use crate::instance::{self, slice};
use crate::text::{Text, bytes};
use crate::{policy, streams, trap};

/// Exit status when the program could not even start.
const START_FAILED_STATUS: c_int = 1;

/// Room for a message with a backtrace of [`MAX_TRAP_FRAMES`] frames; C++ and Rust names are long.
const MESSAGE_BYTES: usize = 64 << 10;

/// Room for what the policy says about limits, or for a complaint about a variable.
const POLICY_BYTES: usize = 1024;

/// Room for the name of an undefined import.
const MESSAGE_WORDS_BYTES: usize = 256;

/// The entry of a command, which needs no initialisation before it.
const COMMAND_ENTRY: &[u8] = b"_start";

type WasiInit = unsafe extern "C" fn(*const StartInfo<HostPointer>, c_int, *mut *mut c_char) -> HostPointer;

/// See [`symbol::START`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn w2n_start(
    argc: c_int,
    argv: *mut *mut c_char,
    info: *const StartInfo<HostPointer>,
) -> c_int {
    // SAFETY: the compiler emits the call with valid constant data, and `argv` is that of `main`.
    unsafe {
        if streams::open_missing().is_none() {
            print(
                libc::STDERR_FILENO,
                b"wasm2native: a standard stream is closed, and there is no /dev/null\n",
            );
            return START_FAILED_STATUS;
        }
        unblock_faults();
        let mut buffer = [0; POLICY_BYTES];
        let mut text = Text::new(&mut buffer);
        let Some(info) = policy::of_this_run(&*info, &mut text) else {
            let len = text.written_len();
            print(libc::STDERR_FILENO, &buffer[..len]);
            return START_FAILED_STATUS;
        };
        if info.help != 0 {
            policy::describe(&info, &mut text);
            let len = text.written_len();
            print(libc::STDOUT_FILENO, &buffer[..len]);
        } else if policy::enforce(&info).is_none() {
            print(libc::STDERR_FILENO, b"wasm2native: the limits cannot be set on this machine\n");
            return START_FAILED_STATUS;
        }
        let mut env = null_mut();
        if !info.wasi_init.is_null() {
            env = core::mem::transmute::<HostPointer, WasiInit>(info.wasi_init)(&info, argc, argv);
            if env.is_null() {
                return START_FAILED_STATUS;
            }
        }
        if info.help != 0 {
            return 0;
        }
        let mut report = W2nTrap::EMPTY;
        match run(&info, env, &mut report) {
            Ok(status) => status,
            Err(status) => finish(status, &report),
        }
    }
}

/// Lets faults of the guest become traps where whoever started the program had blocked their signals, which
/// a program inherits.
fn unblock_faults() {
    // SAFETY: an empty set is written before it is read.
    unsafe {
        let mut faults: libc::sigset_t = core::mem::zeroed();
        libc::sigemptyset(&mut faults);
        libc::sigaddset(&mut faults, libc::SIGSEGV);
        libc::sigaddset(&mut faults, libc::SIGBUS);
        libc::pthread_sigmask(libc::SIG_UNBLOCK, &faults, null_mut());
    }
}

/// Instantiates all modules, calls the entry; its exit status, or the status that the report explains.
unsafe fn run(info: &StartInfo<HostPointer>, env: HostPointer, report: &mut W2nTrap) -> Result<c_int, u32> {
    // SAFETY: the compiler emits the slices, of modules that are linked into this executable.
    let (modules, entry) = unsafe { (slice::<LinkedModule<HostPointer>>(&info.modules), bytes(&info.entry)) };
    let mut instances = Vec::with_capacity(modules.len());
    for (position, linked) in modules.iter().enumerate() {
        // SAFETY: as above, and the instances stay alive.
        let instance = unsafe { instantiate(linked, &instances, env, report) }?;
        if position != info.main as usize || entry != COMMAND_ENTRY {
            // SAFETY: the instance was just made.
            unsafe { initialize(instance, report) }?;
        }
        instances.push(instance);
    }
    if info.entry.ptr.is_null() {
        return Ok(0);
    }
    let main = instances.get(info.main as usize).copied();
    // SAFETY: the instance is alive.
    let Some(func) = main.and_then(|main| unsafe { find_func(main, entry) }) else {
        return Err(trap::report_link_error(report, LinkError::InvalidArgument, b"no such entry function"));
    };
    // SAFETY: the function is one of a live instance.
    unsafe { call_entry(func, report) }
}

/// An instance of the module, its imports bound to exports of `instances` or to what was linked in.
unsafe fn instantiate(
    linked: &LinkedModule<HostPointer>,
    instances: &[*mut HostInstance],
    env: HostPointer,
    report: &mut W2nTrap,
) -> Result<*mut HostInstance, u32> {
    // SAFETY: the caller vouches for the module and its sources.
    let (module, sources) = unsafe {
        (&*linked.module.cast::<HostModule>(), slice::<ImportSource<HostPointer>>(&linked.sources))
    };
    let mut imports = Vec::with_capacity(sources.len());
    for source in sources {
        let external = instances.get(source.module as usize).and_then(|exporter| {
            // SAFETY: the caller vouches for the instances.
            unsafe { export_number(*exporter, source.export) }
        });
        imports.push(match external {
            Some(external) => W2nImport { kind: IMPORT_EXTERN, external, ..linked_import(env) },
            None if source.callback.is_null() => linked_import(env),
            None => {
                // SAFETY: the compiler puts the address of such a function there.
                let callback = unsafe { core::mem::transmute::<HostPointer, HostCallback>(source.callback) };
                W2nImport { kind: IMPORT_HOST_FUNC, callback: Some(callback), ..linked_import(env) }
            }
        });
    }
    let mut instance = null_mut();
    // SAFETY: the module is linked into this executable; linked functions take this environment.
    check(unsafe { instance::instantiate(module, &imports, &mut instance, report) })?;
    Ok(instance)
}

/// An import that is the function linked in for it.
fn linked_import(env: HostPointer) -> W2nImport {
    let no_bytes = Slice { ptr: null_mut(), len: 0 };
    W2nImport {
        kind: IMPORT_LINKED,
        reserved: 0,
        callback: None,
        env,
        func_type: no_bytes,
        external: W2nExtern {
            kind: 0,
            ty: 0,
            flags: 0,
            ref_type: 0,
            definition: null_mut(),
            instance: null_mut(),
            func_type: no_bytes,
        },
    }
}

/// Calls the function by which a library or a reactor initialises itself, if it has one of the right type.
///
/// # Safety
/// The caller vouches for the instance.
unsafe fn initialize(instance: *mut HostInstance, report: &mut W2nTrap) -> Result<(), u32> {
    // SAFETY: the caller vouches for the instance; the encoding of a type is constant data.
    unsafe {
        let Some(func) = find_func(instance, symbol::REACTOR_INITIALIZE.as_bytes()) else { return Ok(()) };
        match type_of(func) {
            Some(ty) if bytes(&ty.encoding) == [FUNC_TYPE_SEPARATOR] => {
                check(call_func(func, ty, [ValueSlot::default()].as_mut_ptr(), report))
            }
            _ => Ok(()),
        }
    }
}

/// The exported function of that name.
unsafe fn find_func<'a>(instance: *mut HostInstance, name: &[u8]) -> Option<&'a HostFuncRef> {
    // SAFETY: the caller vouches for the instance.
    let found = unsafe { find_export(instance, name) }?;
    let is_func = found.kind == extern_kind_number(ExternKind::Func);
    // SAFETY: the definition of a function is its reference, in the live instance.
    is_func.then(|| unsafe { &*found.definition.cast::<HostFuncRef>() })
}

/// Calls the entry function: the exit status of the program.
unsafe fn call_entry(func: &HostFuncRef, report: &mut W2nTrap) -> Result<c_int, u32> {
    // SAFETY: the caller vouches for the function; the encoding of a type is constant data of the module.
    let ty = unsafe { type_of(func) };
    // SAFETY: as above.
    let encoding = ty.map(|ty| unsafe { bytes(&ty.encoding) });
    let (Some(ty), Some([FUNC_TYPE_SEPARATOR, results @ ..])) = (ty, encoding) else {
        return Err(wrong_entry_type(report));
    };
    let returns_status = match results {
        [] => false,
        [result] if *result == ValueType::I32 as u8 => true,
        _ => return Err(wrong_entry_type(report)),
    };
    let mut slots = [ValueSlot::default()];
    // SAFETY: the function takes nothing and returns at most one value.
    check(unsafe { call_func(func, ty, slots.as_mut_ptr(), report) })?;
    Ok(if returns_status { slots[0].bits[0] as c_int } else { 0 })
}

fn wrong_entry_type(report: &mut W2nTrap) -> u32 {
    let what = b"the entry function must take nothing and return nothing or an i32";
    trap::report_link_error(report, LinkError::InvalidArgument, what)
}

/// Says that an import is not there; called by the stub that the compiler put in its place.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn w2n_undefined_import(name: *const u8, len: u64) -> u32 {
    let mut buffer = [0; MESSAGE_WORDS_BYTES];
    let mut text = Text::new(&mut buffer);
    text.push(b"the import ");
    text.push_name(&Slice { ptr: name.cast_mut().cast(), len });
    text.push(b" is not defined");
    let len = text.written_len();
    // SAFETY: the words are in the buffer.
    unsafe { crate::host_error(buffer.as_ptr(), len as u64) }
}

fn check(status: u32) -> Result<(), u32> {
    if status == 0 { Ok(()) } else { Err(status) }
}

/// The exit status for a program that ended early, after saying why.
fn finish(status: u32, report: &W2nTrap) -> c_int {
    if status == TrapCode::Exit as u32 {
        return report.exit_status;
    }
    let mut buffer = vec![0; MESSAGE_BYTES];
    let mut text = Text::new(&mut buffer);
    trap::render(report, &mut text);
    let len = text.written_len();
    print(libc::STDERR_FILENO, &buffer[..len]);
    if TrapCode::from_number(status).is_some() { TRAP_EXIT_STATUS } else { START_FAILED_STATUS }
}

fn print(stream: c_int, mut message: &[u8]) {
    while !message.is_empty() {
        // SAFETY: the buffer is valid.
        let written = unsafe { libc::write(stream, message.as_ptr().cast(), message.len()) };
        // Nowhere to say that the stream is gone.
        let Ok(written @ 1..) = usize::try_from(written) else { return };
        message = &message[written..];
    }
}
