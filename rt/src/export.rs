//! What the typed C functions of a plugin call, and the trap that one of them left behind.
//!
//! The rule: a typed function has no room for a trap in its result, so the trap stays with the
//! instance until the host takes it or another typed call replaces it.

use w2n_abi::{
    FUNC_TYPE_SEPARATOR, FuncTypeDescriptor, HostFuncRef, HostInstance, HostPointer, LinkError, ValueSlot,
    W2nTrap,
};

use crate::api::{call_func, type_of};
use crate::instance::owner;
use crate::text::bytes;
use crate::{group, thread, trap};

/// Calls `func` of `instance`. After a trap the results are zero and [`take_trap`] answers it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn w2n_call_export(instance: HostPointer, func: HostPointer, slots: *mut ValueSlot) {
    // SAFETY: the typed function passes the instance it was given, a function of it, and slots that
    // have room for the larger of parameters and results.
    unsafe {
        let func = func.cast_const().cast::<HostFuncRef>();
        let report = &raw mut (*owner(instance.cast())).last_trap;
        // Every function of an instance is of a type that its module lists.
        let Some(ty) = type_of(&*func) else { return };
        let _in_runtime = match thread::leave_host() {
            Ok(in_runtime) => in_runtime,
            Err(why) => {
                // The report may be what the interrupted call is about to write.
                if !group::is_in_call(instance.cast()) {
                    trap::report_not_now(report, why);
                }
                return clear_results(ty, slots);
            }
        };
        group::begin_call(instance.cast());
        let status = call_func(&*func, ty, slots, report);
        // Not before the call: a host function may have called typed functions meanwhile.
        (*report).code = status;
        if status != 0 {
            clear_results(ty, slots);
        }
        group::end_call(instance.cast());
    }
}

/// Makes all results of a function of this type zero.
unsafe fn clear_results(ty: &FuncTypeDescriptor<HostPointer>, slots: *mut ValueSlot) {
    // SAFETY: the caller vouches for the slots; encodings are constant data of the module.
    unsafe {
        let encoding = bytes(&ty.encoding);
        let results = encoding.iter().rev().take_while(|code| **code != FUNC_TYPE_SEPARATOR).count();
        for position in 0..results {
            slots.add(position).write(ValueSlot::default());
        }
    }
}

/// See [`w2n_abi::W2nApi::take_trap`].
pub unsafe extern "C" fn take_trap(instance: *mut HostInstance, report: *mut W2nTrap) -> u32 {
    if instance.is_null() {
        return LinkError::InvalidArgument as u32;
    }
    let _in_runtime = match thread::leave_host() {
        Ok(in_runtime) => in_runtime,
        Err(why) => return trap::report_not_now(report, why),
    };
    // SAFETY: the host passes a live instance, and a place to write or null.
    unsafe {
        let last = &mut (*owner(instance)).last_trap;
        let code = last.code;
        if code != 0
            && let Some(report) = report.as_mut()
        {
            core::ptr::copy_nonoverlapping(last, report, 1);
        }
        last.code = 0;
        code
    }
}
