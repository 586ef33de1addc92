//! What a test gives for an import: nothing, another instance's export, or a Rust closure.
//!
//! Closures and their types are leaked: an instance may be kept alive by its group long after the
//! test has forgotten it, and may then still call them.

use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};

use w2n_abi::{
    HostBytes, HostInstance, IMPORT_EXTERN, IMPORT_HOST_FUNC, IMPORT_LINKED, TrapCode, ValueSlot, W2nApi,
    W2nImport,
};

use super::{Extern, Module, Type, Value};

/// What a host function answers: results, or the words of a trap.
pub type HostResult = Result<Vec<Value>, String>;

/// The definition given for one import.
#[derive(Clone)]
pub struct Import {
    raw: W2nImport,
    /// Keeps the exporting instance alive at least until the import is linked.
    _external: Option<Extern>,
}

/// The closure behind a host function.
type Body = dyn Fn(&[Value]) -> HostResult;

struct HostFunc {
    ty: Type,
    api: &'static W2nApi,
    body: Box<Body>,
}

impl Import {
    /// Nothing: what was linked in, else an unknown import.
    pub fn missing() -> Self {
        // SAFETY: all zero is documented to mean `IMPORT_LINKED`.
        let raw: W2nImport = unsafe { std::mem::zeroed() };
        assert_eq!(raw.kind, IMPORT_LINKED);
        Self { raw, _external: None }
    }

    /// An export of another instance.
    pub fn external(external: &Extern) -> Self {
        let mut import = Self::missing();
        import.raw.kind = IMPORT_EXTERN;
        import.raw.external = *external.raw();
        import._external = Some(external.clone());
        import
    }

    /// A Rust closure of type `ty` for an import of `module`.
    pub fn func(module: &Module, ty: Type, body: impl Fn(&[Value]) -> HostResult + 'static) -> Self {
        let encoding: &'static [u8] = Vec::leak(ty.encode());
        let func = Box::leak(Box::new(HostFunc { ty, api: module.api(), body: Box::new(body) }));
        let mut import = Self::missing();
        import.raw.kind = IMPORT_HOST_FUNC;
        import.raw.callback = Some(call_closure);
        import.raw.env = std::ptr::from_mut(func).cast::<c_void>();
        import.raw.func_type =
            HostBytes { ptr: encoding.as_ptr().cast_mut().cast::<c_void>(), len: encoding.len() as u64 };
        import
    }

    pub(crate) fn to_raw(&self) -> W2nImport {
        self.raw
    }
}

/// The callback of every closure: `env` is its [`HostFunc`].
unsafe extern "C" fn call_closure(
    env: *mut c_void,
    _caller: *mut HostInstance,
    slots: *mut ValueSlot,
) -> u32 {
    // SAFETY: `env` was leaked by `Import::func`.
    let func = unsafe { &*env.cast::<HostFunc>() };
    // SAFETY: the runtime passes as many slots as the type has parameters or results.
    let slots =
        unsafe { std::slice::from_raw_parts_mut(slots, func.ty.params.len().max(func.ty.results.len())) };
    let args: Vec<_> =
        func.ty.params.iter().zip(&*slots).map(|(ty, slot)| Value::from_slot(*ty, *slot)).collect();
    // A panic must not unwind into compiled code.
    let answer = catch_unwind(AssertUnwindSafe(|| (func.body)(&args)))
        .unwrap_or_else(|_| Err("the host function panicked".to_owned()));
    match answer {
        Ok(results) => {
            assert_eq!(results.len(), func.ty.results.len(), "results of a host function");
            for (slot, value) in slots.iter_mut().zip(results) {
                *slot = value.to_slot();
            }
            0
        }
        Err(message) => {
            // SAFETY: the message has the stated length; the runtime copies it.
            let code = unsafe { (func.api.host_error)(message.as_ptr(), message.len() as u64) };
            assert_eq!(code, TrapCode::HostError as u32);
            code
        }
    }
}
