//! The list of runtime functions in `w2n_abi`, held against their definitions.
//!
//! The rule: a definition whose type differs from the list does not compile. The functions in assembly
//! have no type of their own; they are declared here from the list.

use w2n_abi::{HostPointer, for_each_rt_function};

/// The definitions under the names of [`w2n_abi::RtFunc`].
#[allow(non_snake_case, reason = "the names are those of the list")]
mod definition {
    pub use crate::builtins::{
        w2n_elem_drop as ElemDrop, w2n_memory_grow as MemoryGrow, w2n_table_copy as TableCopy,
        w2n_table_fill as TableFill, w2n_table_grow as TableGrow, w2n_table_init as TableInit,
    };
    pub use crate::loop_check::{
        w2n_loop_check_begin as LoopCheckBegin, w2n_loop_check_end as LoopCheckEnd,
        w2n_loop_check_store as LoopCheckStore, w2n_loop_check_swap as LoopCheckSwap,
    };
    pub use w2n_host_call as HostCall;
    pub use w2n_trap as Trap;
    pub use w2n_trap_memory as TrapMemory;

    use super::HostPointer;

    unsafe extern "C" {
        pub fn w2n_trap(instance: HostPointer, code: u32);
        pub fn w2n_trap_memory(instance: HostPointer, memory: u32, address: u64, length: u64);
        pub fn w2n_host_call(function: HostPointer, slots: HostPointer);
    }
}

macro_rules! parameter {
    (ptr) => {
        HostPointer
    };
    (i32) => {
        u32
    };
    (i64) => {
        u64
    };
}

/// Integers have no sign in Wasm, but -1 is easier to answer as a signed one.
macro_rules! func {
    (($($ty:ident),*) void) => { unsafe extern "C" fn($(parameter!($ty)),*) };
    (($($ty:ident),*) ptr) => { unsafe extern "C" fn($(parameter!($ty)),*) -> HostPointer };
    (($($ty:ident),*) i32) => { unsafe extern "C" fn($(parameter!($ty)),*) -> u32 };
    (($($ty:ident),*) i64) => { unsafe extern "C" fn($(parameter!($ty)),*) -> i64 };
}

macro_rules! check_definitions {
    ($(
        $(#[$doc:meta])*
        $name:ident: $symbol:literal ($($param:ident: $ty:ident),*) -> $result:ident [$($attribute:ident)*];
    )*) => {
        /// Addresses of the runtime functions: type-checked, and kept by the linker.
        pub static DEFINITIONS: Definitions = Definitions { $($name: definition::$name,)* };

        /// One field for each line of the list.
        #[allow(non_snake_case, missing_docs, reason = "the names are those of the list")]
        pub struct Definitions { $(pub $name: func!(($($ty),*) $result),)* }
    };
}
for_each_rt_function!(check_definitions);
