//! References that the host hands to Wasm: elements, globals, arguments, and results of its own functions.
//!
//! The rule: compiled code calls through a reference as its type says and does not look again, so each one
//! that comes from the host is checked here. A function that an instance can reach lives as long as the
//! instance.

use alloc::boxed::Box;
use alloc::vec::Vec;

use w2n_abi::{
    FUNC_TYPE_SEPARATOR, FuncTypeDescriptor, HostCallback, HostFuncRef, HostInstance, HostPointer,
    REF_FUNC_TYPE_SHIFT, REF_NON_NULL, ValueSlot, ValueType,
};

use crate::api::{host_error, instance_of};
use crate::group;
use crate::instance::{self, func_types};
use crate::text::bytes;
use crate::types::{self, Operand, Operands};

type FuncType = FuncTypeDescriptor<HostPointer>;

/// Whether `into` may hold a reference, as what `wanted` says. One to a function that another copy of the
/// runtime made is not taken: its type ids mean something else here.
///
/// # Safety
/// The instance is alive. The reference is null, a function of a live instance, or if `wanted` is no
/// reference to a function any word.
pub unsafe fn adopt(into: *mut HostInstance, wanted: Operand, reference: HostPointer) -> bool {
    if wanted.ref_type & REF_NON_NULL != 0 && reference.is_null() {
        return false;
    }
    if wanted.ty != ValueType::FuncRef as u8 {
        return true;
    }
    // SAFETY: the caller vouches for instance and reference.
    unsafe {
        let Some(func) = reference.cast::<HostFuncRef>().as_ref() else { return true };
        let instance = instance_of(func);
        let is_foreign = instance::descriptor(instance).api != instance::descriptor(into).api;
        let given = func.type_id << REF_FUNC_TYPE_SHIFT | REF_NON_NULL;
        if is_foreign || !types::ref_type_matches(given, wanted.ref_type) {
            return false;
        }
        group::link(into, instance);
        true
    }
}

/// Whether `into` may hold the references among the arguments in `slots` for a function of type `ty`.
///
/// # Safety
/// As [`adopt`], for each slot; the type is one of the instance's module.
pub unsafe fn adopt_arguments(into: *mut HostInstance, ty: &FuncType, slots: *const ValueSlot) -> bool {
    // SAFETY: the caller vouches for all of it.
    unsafe {
        let is_any = has_reference(bytes(&ty.encoding));
        !is_any || adopt_all(into, parameters(into, ty), slots)
    }
}

/// As [`adopt_arguments`], for results.
unsafe fn adopt_results(into: *mut HostInstance, ty: &FuncType, slots: *const ValueSlot) -> bool {
    // SAFETY: as there.
    unsafe {
        let mut parameters = parameters(into, ty);
        parameters.by_ref().for_each(drop);
        adopt_all(into, parameters.results(), slots)
    }
}

unsafe fn adopt_all(into: *mut HostInstance, wanted: Operands<'_>, slots: *const ValueSlot) -> bool {
    // SAFETY: the caller has a slot for each operand.
    wanted.enumerate().all(|(position, wanted)| unsafe {
        !wanted.is_reference() || adopt(into, wanted, (*slots.add(position)).bits[0] as HostPointer)
    })
}

/// The parameters of a type of the instance's module.
unsafe fn parameters<'a>(instance: *mut HostInstance, ty: &FuncType) -> Operands<'a> {
    // SAFETY: the caller vouches for the instance; identities are constant data of its module.
    let (types, ids, identity) = unsafe {
        let types = func_types(instance::descriptor(instance));
        (types, instance::type_ids(instance), bytes(&ty.identity))
    };
    let position = types.iter().position(|other| core::ptr::eq(other, ty)).unwrap_or(0);
    let group = types[..=position].iter().rposition(|ty| ty.group_len != 0).unwrap_or(0);
    Operands::parameters(identity, ids, ids[group])
}

fn has_reference(codes: &[u8]) -> bool {
    codes.iter().any(|code| Operand { ty: *code, ref_type: 0 }.is_reference())
}

/// A host function whose results are references.
pub struct CheckedFunc {
    callback: HostPointer,
    env: HostPointer,
    ty: *const FuncType,
}

/// What to call for a host function of type `ty`, and with which environment: `callback` itself with `env`,
/// or, where references come back, a function that checks them. What that one needs goes to `keep`.
#[expect(clippy::vec_box, reason = "The environment is the address of the element.")]
pub fn checked(
    callback: HostPointer,
    env: HostPointer,
    ty: &FuncType,
    keep: &mut Vec<Box<CheckedFunc>>,
) -> (HostPointer, HostPointer) {
    // SAFETY: the encoding is constant data of a loaded module.
    let results = unsafe { bytes(&ty.encoding) }.rsplit(|code| *code == FUNC_TYPE_SEPARATOR).next();
    if !has_reference(results.unwrap_or(&[])) {
        return (callback, env);
    }
    let mut func = Box::new(CheckedFunc { callback, env, ty });
    let env = (&raw mut *func).cast();
    keep.push(func);
    (call_checked as *const () as HostPointer, env)
}

unsafe extern "C" fn call_checked(env: HostPointer, caller: *mut HostInstance, slots: *mut ValueSlot) -> u32 {
    // SAFETY: `checked` made the environment, which lives as long as the caller; the callback is what the
    // host gave, called as it was promised; the type is one of the caller's module.
    unsafe {
        let func = &*env.cast::<CheckedFunc>();
        let callback = core::mem::transmute::<HostPointer, HostCallback>(func.callback);
        let code = callback(func.env, caller, slots);
        if code != 0 || adopt_results(caller, &*func.ty, slots) {
            return code;
        }
        const WORDS: &[u8] = b"a host function returned a reference of another type";
        host_error(WORDS.as_ptr(), WORDS.len() as u64)
    }
}
