//! An executable from `main` to its exit status.
//!
//! The rule: the guest's own arguments pass through untouched; whatever goes wrong is said on standard
//! error, and the instance is left to the end of the process.

use core::ffi::{c_char, c_int};
use core::ptr::null_mut;

use alloc::vec;
use w2n_abi::*;

use crate::api::{call_func, find_export, type_of};
use crate::instance;
use crate::policy;
use crate::text::{Text, bytes};
use crate::trap;

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
        match run(&*info.module.cast(), bytes(&info.entry), env, &mut report) {
            Ok(status) => status,
            Err(status) => finish(status, &report),
        }
    }
}

/// Instantiates, calls the entry; its exit status, or the status that the report explains.
unsafe fn run(
    module: &HostModule,
    entry: &[u8],
    env: HostPointer,
    report: &mut W2nTrap,
) -> Result<c_int, u32> {
    let linked = W2nImport {
        kind: IMPORT_LINKED,
        reserved: 0,
        callback: None,
        env,
        func_type: Slice { ptr: null_mut(), len: 0 },
        external: W2nExtern {
            kind: 0,
            ty: 0,
            flags: 0,
            reserved: 0,
            definition: null_mut(),
            instance: null_mut(),
            func_type: Slice { ptr: null_mut(), len: 0 },
        },
    };
    let imports = vec![linked; module.imports.len as usize];
    let mut instance = null_mut();
    // SAFETY: the module is linked into this executable; linked functions take this environment.
    check(unsafe { instance::instantiate(module, &imports, &mut instance, report) })?;
    if entry != COMMAND_ENTRY {
        // SAFETY: the instance was just made.
        unsafe { initialize_reactor(instance, report) }?;
    }
    // SAFETY: the instance was just made.
    let Some((func, ty)) = (unsafe { exported_func(instance, entry) }) else {
        return Err(trap::report_link_error(report, LinkError::InvalidArgument, b"no such entry function"));
    };
    // SAFETY: the encoding of a type is constant data of the module.
    let returns_status = match unsafe { bytes(&ty.encoding) } {
        [FUNC_TYPE_SEPARATOR] => false,
        [FUNC_TYPE_SEPARATOR, result] if *result == ValueType::I32 as u8 => true,
        _ => {
            let what = b"the entry function must take nothing and return nothing or an i32";
            return Err(trap::report_link_error(report, LinkError::InvalidArgument, what));
        }
    };
    let mut slots = [ValueSlot::default()];
    // SAFETY: the function takes nothing and returns at most one value.
    check(unsafe { call_func(func, ty, slots.as_mut_ptr(), report) })?;
    Ok(if returns_status { slots[0].bits[0] as c_int } else { 0 })
}

/// The function that a live instance exports as `name`, and its type.
///
/// # Safety
/// The caller vouches for the instance, for as long as the result is used.
unsafe fn exported_func<'a>(
    instance: *mut HostInstance,
    name: &[u8],
) -> Option<(&'a HostFuncRef, &'a FuncTypeDescriptor<HostPointer>)> {
    // SAFETY: the caller vouches for the instance; the definition of a function is its reference, in there.
    unsafe {
        let export = find_export(instance, name)
            .filter(|export| export.kind == extern_kind_number(ExternKind::Func))?;
        let func = &*export.definition.cast::<HostFuncRef>();
        Some((func, type_of(func)?))
    }
}

/// Calls a reactor's `_initialize`, if there is one of the right type.
///
/// # Safety
/// The caller vouches for the instance.
unsafe fn initialize_reactor(instance: *mut HostInstance, report: &mut W2nTrap) -> Result<(), u32> {
    // SAFETY: the caller vouches for the instance; the encoding of a type is constant data of its module.
    unsafe {
        match exported_func(instance, symbol::REACTOR_INITIALIZE.as_bytes()) {
            Some((func, ty)) if bytes(&ty.encoding) == [FUNC_TYPE_SEPARATOR] => {
                check(call_func(func, ty, null_mut(), report))
            }
            _ => Ok(()),
        }
    }
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
