//! What the typed C functions of a plugin call, and the trap that one of them left behind.
//!
//! The rule: a typed function has no room for a trap in its result, so the trap stays with the
//! instance until the host takes it or another typed call replaces it.

use w2n_abi::{FUNC_TYPE_SEPARATOR, HostFuncRef, HostInstance, HostPointer, LinkError, ValueSlot, W2nTrap};

use crate::api::{call_func, type_of};
use crate::group;
use crate::instance::owner;
use crate::text::bytes;

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
        group::begin_call(instance.cast());
        let status = call_func(&*func, ty, slots, report);
        // Not before the call: a host function may have called typed functions meanwhile.
        (*report).code = status;
        if status != 0 {
            let encoding = bytes(&ty.encoding);
            let results = encoding.iter().rev().take_while(|code| **code != FUNC_TYPE_SEPARATOR).count();
            for position in 0..results {
                slots.add(position).write(ValueSlot::default());
            }
        }
        group::end_call(instance.cast());
    }
}

/// See [`w2n_abi::W2nApi::take_trap`].
pub unsafe extern "C" fn take_trap(instance: *mut HostInstance, trap: *mut W2nTrap) -> u32 {
    if instance.is_null() {
        return LinkError::InvalidArgument as u32;
    }
    // SAFETY: the host passes a live instance, and a place to write or null.
    unsafe {
        let last = &mut (*owner(instance)).last_trap;
        let code = last.code;
        if code != 0
            && let Some(trap) = trap.as_mut()
        {
            core::ptr::copy_nonoverlapping(last, trap, 1);
        }
        last.code = 0;
        code
    }
}
