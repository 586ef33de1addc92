//! Functions as the host has them: of what instance and type, and how to call one.
//!
//! The rule: a function reference is written at instantiation and stays as long as its instance, so what it
//! points to is what its fields say.

use w2n_abi::{FUNC_TYPE_SEPARATOR, HostCallback, HostPointer, TrapCode, ValueSlot, VmHostFunc};

use crate::attach;
use crate::descriptor::{FuncType, encoding};
use crate::enter::{self, ArrayEntry};
use crate::handle::{Func, Instance};
use crate::shared::Shared;
use crate::thread::Thread;
use crate::trap::Report;
use crate::types::Signature;

/// A host function, bound to an import.
pub type HostFunc = VmHostFunc<HostPointer>;

/// A function with its instance and its type there.
#[derive(Clone, Copy)]
pub struct TypedFunc {
    func: Func,
    /// The one that it is of; for a host function, the one that imports it.
    pub instance: Instance,
    /// Its type, as the module of `instance` describes it.
    pub signature: Signature,
}

/// Arguments of a call, and then its results.
#[derive(Clone, Copy)]
pub struct Slots {
    first: *mut ValueSlot,
    signature: Signature,
}

impl Slots {
    /// The slots from `first` on.
    ///
    /// # Safety There is one for each parameter of the type, and for each result, which hold values of their
    /// types as long as the call is under way.
    pub unsafe fn new(first: *mut ValueSlot, signature: Signature) -> Self {
        Self { first, signature }
    }

    /// The type of the function.
    pub fn ty(self) -> &'static FuncType {
        self.signature.ty
    }

    /// The bits in a slot, if the type has so many parameters or results.
    pub fn bits(self, position: usize) -> Option<HostPointer> {
        // SAFETY: there are as many.
        (position < self.signature.slot_count)
            .then(|| unsafe { (*self.first.add(position)).bits[0] } as HostPointer)
    }

    /// Makes all results zero.
    pub fn clear_results(self) {
        for position in 0..results(self.signature.ty).len() {
            // SAFETY: there is a slot for each result.
            unsafe { self.first.add(position).write(ValueSlot::default()) };
        }
    }
}

/// Value types of the results of a type.
pub fn results(ty: &FuncType) -> &'static [u8] {
    encoding(ty).rsplit(|code| *code == FUNC_TYPE_SEPARATOR).next().unwrap_or(&[])
}

/// The instance that a function is of; for a host function, the one that imports it.
pub fn instance_of(func: Func) -> Option<Instance> {
    let func = func.get();
    // SAFETY: what a reference points to lives as long as the reference: an instance, or what one has bound
    // to an import of its.
    unsafe {
        match func.is_host {
            0 => Instance::new(func.instance.cast()),
            _ => Instance::new(Shared::new(func.instance.cast::<HostFunc>())?.get().caller.cast()),
        }
    }
}

impl TypedFunc {
    /// The function with its type; `None` only for what is no function.
    pub fn new(func: Func) -> Option<Self> {
        let instance = instance_of(func)?;
        let signature = instance.type_with_id(func.get().type_id)?;
        Some(Self { func, instance, signature })
    }

    /// Whether it is a function of the host.
    pub fn is_host(self) -> bool {
        self.func.get().is_host != 0
    }

    /// Calls it. The arguments are values of its parameters' types, or of functions of the instance's group.
    pub fn call(self, slots: Slots, report: Report) -> u32 {
        let func = self.func.get();
        if self.is_host() {
            return self.call_host(slots, report);
        }
        if self.signature.ty.array_entry.is_null() {
            return report.of_invalid(b"a function that its module never gave away");
        }
        // SAFETY: the module has such an adapter there, for code of this type; the slots were made for it.
        unsafe {
            let entry = core::mem::transmute::<HostPointer, ArrayEntry>(self.signature.ty.array_entry);
            enter::enter(entry, func.code, self.instance, slots.first, report)
        }
    }

    /// A host function that an instance imports and exports again needs no way through Wasm.
    fn call_host(self, slots: Slots, report: Report) -> u32 {
        // SAFETY: a host function has what was bound to the import; the callback is what the host gave,
        // called as it was promised.
        let code = unsafe {
            let bound = self.func.get().instance.cast::<HostFunc>().read();
            let callback = core::mem::transmute::<HostPointer, HostCallback>(bound.callback);
            attach::call_host(|| callback(bound.env, bound.caller.cast(), slots.first))
        };
        if code == 0 {
            return 0;
        }
        report.of_trap(TrapCode::from_number(code).unwrap_or(TrapCode::HostError), Thread::existing())
    }
}
