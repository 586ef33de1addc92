//! References that the host hands to Wasm: elements, globals, arguments, and results of its own functions.
//!
//! The rule: compiled code calls through a reference as its type says and does not look again, so each one
//! that comes from the host is checked here. A function that an instance can reach lives as long as the
//! instance.

use w2n_abi::{
    HostCallback, HostInstance, HostPointer, REF_FUNC_TYPE_SHIFT, REF_NON_NULL, ValueSlot, ValueType,
};

use crate::attach;
use crate::descriptor::{FuncType, identity};
use crate::func::{self, Slots, TypedFunc, instance_of};
use crate::group;
use crate::handle::Instance;
use crate::table::Reference;
use crate::trap::Report;
use crate::types::{self, Operand, Operands, Signature, has_reference};

/// Whether `into` may hold a reference, as what `wanted` says. One to a function of another store, or that
/// another copy of the runtime made, is not taken.
pub fn adopt(into: Instance, wanted: Operand, reference: Reference) -> bool {
    if wanted.ref_type & REF_NON_NULL != 0 && reference.is_null() {
        return false;
    }
    if wanted.ty != ValueType::FuncRef as u8 {
        return true;
    }
    let Some(func) = reference.func() else { return true };
    let Some(instance) = instance_of(func) else { return false };
    let given = func.get().type_id << REF_FUNC_TYPE_SHIFT | REF_NON_NULL;
    if !into.is_at_home_with(instance) || !types::ref_type_matches(given, wanted.ref_type) {
        return false;
    }
    group::link(into, instance);
    true
}

/// Which values of a call.
#[derive(Clone, Copy, PartialEq)]
enum Values {
    Arguments,
    Results,
}

/// Whether `into` may hold the references among the arguments of a call of one of its functions, or the
/// results of one that it imports.
#[inline(never)]
fn adopt_all(into: Instance, which: Values, slots: Slots) -> bool {
    let (types, ids) = (into.module().types(), into.type_ids());
    let position = types.iter().position(|other| core::ptr::eq(other, slots.ty())).unwrap_or(0);
    let group = types[..=position].iter().rposition(|ty| ty.group_len != 0).unwrap_or(0);
    let mut wanted = Operands::parameters(identity(slots.ty()), &ids, ids[group]);
    if which == Values::Results {
        wanted.by_ref().for_each(drop);
        wanted = wanted.results();
    }
    wanted.enumerate().filter(|(_, wanted)| wanted.is_reference()).all(|(position, wanted)| {
        // SAFETY: the slots hold values of these types.
        slots.bits(position).is_some_and(|bits| adopt(into, wanted, unsafe { Reference::new(bits) }))
    })
}

/// Calls a function on behalf of the host.
pub fn call(func: TypedFunc, slots: Slots, report: Report) -> u32 {
    if func.signature.has_references && !func.is_host() && !adopt_all(func.instance, Values::Arguments, slots)
    {
        return report.of_invalid(b"an argument that is no reference of the parameter's type");
    }
    func.call(slots, report)
}

/// A host function whose results are references.
struct CheckedFunc {
    callback: HostPointer,
    env: HostPointer,
    signature: Signature,
}

/// What to call for a host function of type `ty` that `instance` imports, and with which environment:
/// `callback` itself with `env`, or, where references come back, a function that checks them.
pub fn checked(
    instance: Instance,
    callback: HostPointer,
    env: HostPointer,
    ty: &'static FuncType,
) -> (HostPointer, HostPointer) {
    if !has_reference(func::results(ty)) {
        return (callback, env);
    }
    let func = instance.keep(CheckedFunc { callback, env, signature: Signature::of(ty) });
    (call_checked as *const () as HostPointer, func.pointer())
}

unsafe extern "C" fn call_checked(env: HostPointer, caller: *mut HostInstance, slots: *mut ValueSlot) -> u32 {
    // SAFETY: `checked` made the environment, which lives as long as the caller; the callback is what the
    // host gave, called as it was promised, so its slots hold what the type says.
    let (code, slots, instance) = unsafe {
        let func = &*env.cast::<CheckedFunc>();
        let callback = core::mem::transmute::<HostPointer, HostCallback>(func.callback);
        let code = callback(func.env, caller, slots);
        (code, Slots::new(slots, func.signature), Instance::new(caller))
    };
    if code != 0 || instance.is_some_and(|instance| adopt_all(instance, Values::Results, slots)) {
        return code;
    }
    attach::host_error(b"a host function returned a reference of another type")
}
