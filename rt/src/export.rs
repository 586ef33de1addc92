//! What the typed C functions of a plugin call, and the trap that one of them left behind.
//!
//! The rule: a typed function has no room for a trap in its result, so the trap stays with the
//! instance until the host takes it or another typed call replaces it.

use w2n_abi::{HostFuncRef, HostInstance, HostPointer, LinkError, ValueSlot, W2nTrap};

use crate::attach;
use crate::func::{Slots, TypedFunc};
use crate::handle::Instance;
use crate::shared::Shared;
use crate::trap::Report;
use crate::{group, reference};

/// Calls `func` of `instance`. After a trap the results are zero and [`take_trap`] answers it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn w2n_call_export(instance: HostPointer, func: HostPointer, slots: *mut ValueSlot) {
    // SAFETY: the typed function passes the instance it was given, a function of it, and slots that have room
    // for the larger of parameters and results.
    let called = unsafe {
        let func = Shared::new(func.cast::<HostFuncRef>()).and_then(TypedFunc::new);
        func.and_then(|func| Some((Instance::new(instance.cast())?, func, Slots::new(slots, func.signature))))
    };
    // Every function of an instance is of a type that its module lists.
    let Some((instance, func, slots)) = called else { return };
    let last_trap = instance.owner().with(|owner| owner.last_trap);
    // SAFETY: it is there as long as the instance, which `begin_call` keeps.
    let report = unsafe { Report::new(last_trap.as_ptr()) };
    let _in_runtime = match attach::leave_host() {
        Ok(in_runtime) => in_runtime,
        Err(why) => {
            // The report may be what the interrupted call is about to write.
            if !group::is_in_call(instance) {
                report.of_refusal(why);
            }
            return slots.clear_results();
        }
    };
    group::begin_call(instance);
    let status = reference::call(func, slots, report);
    // Not before the call: a host function may have called typed functions meanwhile.
    last_trap.with(|report| report.code = status);
    if status != 0 {
        slots.clear_results();
    }
    group::end_call(instance);
}

/// See [`w2n_abi::W2nApi::take_trap`].
pub unsafe extern "C" fn take_trap(instance: *mut HostInstance, report: *mut W2nTrap) -> u32 {
    // SAFETY: the host passes a live instance or null.
    let Some(instance) = (unsafe { Instance::new(instance) }) else {
        return LinkError::InvalidArgument as u32;
    };
    let _in_runtime = match attach::leave_host() {
        Ok(in_runtime) => in_runtime,
        // SAFETY: the host passes a place to write or null.
        Err(why) => return unsafe { Report::new(report) }.of_refusal(why),
    };
    instance.owner().with(|owner| owner.last_trap).with(|last| {
        if last.code != 0 && !report.is_null() {
            // SAFETY: the host passes a place to write.
            unsafe { core::ptr::copy_nonoverlapping(last, report, 1) };
        }
        core::mem::take(&mut last.code)
    })
}
