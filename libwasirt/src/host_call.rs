//! The C symbols `w2n_wasi_<name>`, made from the ABI's lists: thin wrappers over the typed functions. Where
//! snapshot 0 differs, its function is `w2n_wasi0_<name>`.
//!
//! Rule: nothing may refer to all of them. Each is a symbol of its own, so that the linker drops those
//! that a module does not import, together with what only they use.

use core::ffi::c_void;

use w2n_abi::{TrapCode, ValueSlot, VmInstance, for_each_wasi_function, for_each_wasi_snapshot0_function};

use crate::context::Context;
use crate::errno::Errno;
use crate::guest::GuestMemory;
use crate::memory_place::Word;

/// The slots of a call: arguments on entry, the result in slot 0 afterwards.
struct Slots {
    next: *const ValueSlot,
    result: *mut ValueSlot,
}

impl Slots {
    fn next_bits(&mut self) -> u64 {
        // SAFETY: `define_host_functions` reads as many slots as the function has parameters, and the
        // caller of the host function provides them.
        unsafe {
            let bits = (*self.next).bits[0];
            self.next = self.next.add(1);
            bits
        }
    }

    fn i32(&mut self) -> u32 {
        self.next_bits() as u32
    }

    fn i64(&mut self) -> u64 {
        self.next_bits()
    }
}

/// Results, by the type in the list.
mod answer {
    use super::{Errno, Slots, TrapCode};

    /// An errno in slot 0; never a trap.
    pub fn i32(slots: &Slots, result: Result<(), Errno>) -> u32 {
        let number = result.err().map_or(0, |errno| errno as u64);
        // SAFETY: every WASI function but proc_exit has at least one slot: that of its result.
        unsafe { (*slots.result).bits[0] = number };
        0
    }

    /// No result: the guest ends, with the status in slot 0 if it is `proc_exit` that ends it. The
    /// runtime keeps the status, since the slots are gone when the trap is reported.
    pub fn void(slots: &Slots, ending: TrapCode) -> u32 {
        // SAFETY: `proc_exit`, the only function without a result, has a slot for its argument.
        let status = unsafe { (*slots.result).bits[0] } as u32;
        match ending {
            TrapCode::Exit => w2n_rt::exit(status.cast_signed()),
            other => other as u32,
        }
    }
}

/// What a host function works on, from its raw arguments.
///
/// # Safety
/// `env` points to a context that lives for `'call`; `caller` is a live instance; no Rust reference into its
/// memory is used meanwhile.
unsafe fn enter<'call>(
    env: *mut c_void,
    caller: *mut VmInstance<Word>,
    slots: *mut ValueSlot,
) -> (&'call Context, GuestMemory<'call>, Slots) {
    // SAFETY: as the caller vouches.
    unsafe {
        let context = &*env.cast::<Context>();
        let memory = context.known_places.memory_of(caller);
        (context, memory, Slots { next: slots, result: slots })
    }
}

macro_rules! define_host_functions {
    ($prefix:literal, $functions:path; $($name:ident($($param:ident),*) -> $result:ident;)*) => {
        use $functions as functions;
        $(
            /// The WASI function of this name as an array-call host function.
            ///
            /// # Safety
            /// `env` points to a context, of which other threads may make calls at the same time; `caller` is
            /// the live instance that calls; `slots` holds the arguments, and room for the result.
            #[unsafe(export_name = concat!($prefix, stringify!($name)))]
            pub unsafe extern "C" fn $name(
                env: *mut c_void,
                caller: *mut VmInstance<Word>,
                slots: *mut ValueSlot,
            ) -> u32 {
                #[allow(unused_mut, reason = "sched_yield has no parameters")]
                // SAFETY: the caller keeps this function's contract, which is that of `enter`.
                let (context, memory, mut slots) = unsafe { enter(env, caller, slots) };
                let result = functions::$name(context, memory $(, slots.$param().into())*);
                answer::$result(&slots, result)
            }
        )*
    };
}

/// The functions of preview 1.
pub mod preview1 {
    use super::*;

    macro_rules! define {
        ($($list:tt)*) => { define_host_functions!("w2n_wasi_", crate::functions; $($list)*); };
    }
    for_each_wasi_function!(define);
}

/// The functions of snapshot 0 that are not those of preview 1.
pub mod snapshot0 {
    use super::*;

    macro_rules! define {
        ($($list:tt)*) => { define_host_functions!("w2n_wasi0_", crate::snapshot0; $($list)*); };
    }
    for_each_wasi_snapshot0_function!(define);
}
