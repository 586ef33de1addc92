//! An executable from `main` to its exit status: instances of its modules, each linked with those before
//! it, then the entry of the main module.
//!
//! The rule: the guest's own arguments pass through untouched; whatever goes wrong is said on standard
//! error, and the instances are left to the end of the process.

use core::ffi::{c_char, c_int};

use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use w2n_abi::*;

use crate::descriptor::{Module, encoding};
use crate::external::{self, Definition, External};
use crate::func::{Slots, TypedFunc};
use crate::handle::Instance;
use crate::shared::elements;
use crate::store::Store;
use crate::text::Text;
use crate::trap::{self, Report};
use crate::{api, attach, deadline, instance, policy, reference, sys};

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
    if sys::open_missing_streams().is_none() {
        sys::print_error(b"wasm2native: a standard stream is closed, and there is no /dev/null\n");
        return START_FAILED_STATUS;
    }
    // Faults of the guest become traps also where whoever started the program had blocked their signals.
    sys::unblock_faults();
    let mut buffer = [0; POLICY_BYTES];
    let mut text = Text::new(&mut buffer);
    // SAFETY: the compiler emits the call with valid constant data.
    let Some(info) = policy::of_this_run(unsafe { &*info }, &mut text) else {
        sys::print_error(text.written());
        return START_FAILED_STATUS;
    };
    let store = if info.help != 0 {
        policy::describe(&info, &mut text);
        sys::print_output(text.written());
        Store::new(&Limits::NONE)
    } else {
        store_within(&info.limits)
    };
    let Some(store) = store else {
        sys::print_error(b"wasm2native: the limits cannot be set on this machine\n");
        return START_FAILED_STATUS;
    };
    if !info.wasi_init.is_null() {
        // SAFETY: the compiler puts the address of such a function there, and `argv` is that of `main`.
        let env = unsafe { core::mem::transmute::<HostPointer, WasiInit>(info.wasi_init)(&info, argc, argv) };
        if env.is_null() {
            return START_FAILED_STATUS;
        }
        store.set_linked_env(env);
    }
    if info.help != 0 {
        return 0;
    }
    let mut report = W2nTrap::EMPTY;
    // SAFETY: nobody else uses the report before `run` has returned, and it is of modules of this executable.
    match unsafe { run(&info, &store, Report::new(&mut report)) } {
        Ok(status) => status,
        Err(status) => finish(status, &report),
    }
}

/// The store of an executable, whose time begins now. `None`: this machine cannot keep to these limits.
fn store_within(limits: &Limits) -> Option<Arc<Store>> {
    let store = Store::new(limits)?;
    if limits.time_ns != NO_LIMIT {
        deadline::arm(&store)?;
    }
    Some(store)
}

/// Instantiates all modules, calls the entry; its exit status, or the status that the report explains.
///
/// # Safety
/// The info is what the compiler has put into this executable.
unsafe fn run(info: &StartInfo<HostPointer>, store: &Arc<Store>, report: Report) -> Result<c_int, u32> {
    // SAFETY: the compiler emits the slices.
    let (modules, entry) =
        unsafe { (elements::<LinkedModule<HostPointer>>(&info.modules), elements(&info.entry)) };
    let mut instances = Vec::with_capacity(modules.len());
    for (position, linked) in modules.iter().enumerate() {
        // SAFETY: it is a module of this executable.
        let instance = unsafe { instantiate(linked, &instances, store, report) }?;
        if position != info.main as usize || entry != COMMAND_ENTRY {
            initialize(instance, report)?;
        }
        instances.push(instance);
    }
    if info.entry.ptr.is_null() {
        return Ok(0);
    }
    let main = instances.get(info.main as usize);
    let Some(func) = main.and_then(|main| find_func(*main, entry)) else {
        return Err(report.of_invalid(b"no such entry function"));
    };
    call_entry(func, report)
}

/// An instance of the module, its imports bound to exports of `instances` or to what was linked in.
///
/// # Safety
/// The compiler has put the module into this executable.
unsafe fn instantiate(
    linked: &LinkedModule<HostPointer>,
    instances: &[Instance],
    store: &Arc<Store>,
    report: Report,
) -> Result<Instance, u32> {
    // SAFETY: the compiler emits module and sources.
    let (module, sources) = unsafe {
        (Module::new(linked.module.cast()), elements::<ImportSource<HostPointer>>(&linked.sources))
    };
    let Some(module) = module.filter(|module| api::fits(*module)) else {
        return Err(api::report_misfit(report));
    };
    let env = store.linked_env();
    let mut imports = Vec::with_capacity(sources.len());
    for source in sources {
        let exporter = instances.get(source.module as usize);
        imports.push(match exporter.and_then(|exporter| external::at(*exporter, source.export)) {
            Some(external) => W2nImport { kind: IMPORT_EXTERN, external, ..linked_import(env) },
            None if source.callback.is_null() => linked_import(env),
            None => {
                // SAFETY: the compiler puts the address of such a function there.
                let callback = unsafe { core::mem::transmute::<HostPointer, HostCallback>(source.callback) };
                W2nImport { kind: IMPORT_HOST_FUNC, callback: Some(callback), ..linked_import(env) }
            }
        });
    }
    // SAFETY: the compiler has checked the types of the callbacks; the rest are exports of live instances.
    unsafe { instance::instantiate(module, store, &imports, report) }
}

/// An import that is the function linked in for it.
fn linked_import(env: HostPointer) -> W2nImport {
    W2nImport { env, ..W2nImport::LINKED }
}

/// Calls the function by which a library or a reactor initialises itself, if it has one of the right type.
fn initialize(instance: Instance, report: Report) -> Result<(), u32> {
    match find_func(instance, symbol::REACTOR_INITIALIZE.as_bytes()) {
        Some(func) if encoding(func.signature.ty) == [FUNC_TYPE_SEPARATOR] => call(func, report).map(drop),
        _ => Ok(()),
    }
}

/// The exported function of that name.
fn find_func(instance: Instance, name: &[u8]) -> Option<TypedFunc> {
    // SAFETY: the live instance exports it.
    match unsafe { External::new(&external::find(instance, name)?) }?.definition {
        Definition::Func(func) => TypedFunc::new(func),
        _ => None,
    }
}

/// Calls the entry function: the exit status of the program.
fn call_entry(func: TypedFunc, report: Report) -> Result<c_int, u32> {
    let returns_status = match encoding(func.signature.ty) {
        [FUNC_TYPE_SEPARATOR] => false,
        [FUNC_TYPE_SEPARATOR, result] if *result == ValueType::I32 as u8 => true,
        _ => {
            return Err(
                report.of_invalid(b"the entry function must take nothing and return nothing or an i32")
            );
        }
    };
    let result = call(func, report)?;
    Ok(if returns_status { result.bits[0] as c_int } else { 0 })
}

/// Calls a function that takes nothing and returns at most one value.
fn call(func: TypedFunc, report: Report) -> Result<ValueSlot, u32> {
    let mut slot = ValueSlot::default();
    // SAFETY: one slot is enough.
    let status = reference::call(func, unsafe { Slots::new(&mut slot, func.signature) }, report);
    if status == 0 { Ok(slot) } else { Err(status) }
}

/// Says that an import is not there; called by the stub that the compiler put in its place.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn w2n_undefined_import(name: *const u8, len: u64) -> u32 {
    let mut buffer = [0; MESSAGE_WORDS_BYTES];
    let mut text = Text::new(&mut buffer);
    text.push(b"the import ");
    // SAFETY: the stub passes a name that the compiler has put beside it.
    text.push_name(unsafe { elements(&Slice { ptr: name.cast_mut().cast(), len }) });
    text.push(b" is not defined");
    attach::host_error(text.written())
}

/// The exit status for a program that ended early, after saying why.
fn finish(status: u32, report: &W2nTrap) -> c_int {
    if status == TrapCode::Exit as u32 {
        return report.exit_status;
    }
    let mut buffer = vec![0; MESSAGE_BYTES];
    let mut text = Text::new(&mut buffer);
    trap::render(report, &mut text);
    sys::print_error(text.written());
    if TrapCode::from_number(status).is_some() { TRAP_EXIT_STATUS } else { START_FAILED_STATUS }
}
