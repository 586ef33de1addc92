//! The runtime functions that compiled code calls, in one list.
//!
//! They run on the Wasm stack and, but for the two that are `noreturn`, never trap: those that can
//! fail answer the number of a trap code, and compiled code traps where the operator stands. So no
//! frame of the runtime is ever resumed over.

/// Calls `$callback!` with each runtime function:
/// `Name: "symbol" (parameters) -> result [attributes];`
///
/// Types: `ptr`, `i32`, `i64`, and `void`. Attributes: `noreturn` and `cold` as in LLVM. All are
/// `nounwind` and never call back into Wasm code, but for `host_call`.
#[macro_export]
macro_rules! for_each_rt_function {
    ($callback:ident) => {
        $callback! {
            /// Ends the activation: `(instance, trap code)`.
            Trap: "w2n_trap" (instance: ptr, code: i32) -> void [noreturn cold];
            /// Ends the activation for an access that failed a software check:
            /// `(instance, memory index, address, length in bytes)`.
            TrapMemory: "w2n_trap_memory" (instance: ptr, memory: i32, address: i64, length: i64) -> void [noreturn cold];
            /// `memory.grow`: `(instance, memory index, pages)`; old size in pages, or -1.
            MemoryGrow: "w2n_memory_grow" (instance: ptr, memory: i32, delta_pages: i64) -> i64 [];
            /// `table.grow`: `(instance, table index, initial value, elements)`; old size, or -1.
            TableGrow: "w2n_table_grow" (instance: ptr, table: i32, value: ptr, delta: i64) -> i64 [];
            /// `table.fill`: `(instance, table index, start, value, length)`; trap code or 0.
            TableFill: "w2n_table_fill" (instance: ptr, table: i32, start: i64, value: ptr, length: i64) -> i32 [];
            /// `table.copy`: `(instance, destination table, source table, destination, source, length)`; trap
            /// code or 0.
            TableCopy: "w2n_table_copy" (instance: ptr, destination_table: i32, source_table: i32, destination: i64, source: i64, length: i64) -> i32 [];
            /// `table.init`: `(instance, table index, segment index, destination, source, length)`; trap code
            /// or 0.
            TableInit: "w2n_table_init" (instance: ptr, table: i32, segment: i32, destination: i64, source: i64, length: i64) -> i32 [];
            /// `elem.drop`: `(instance, segment index)`.
            ElemDrop: "w2n_elem_drop" (instance: ptr, segment: i32) -> void [];
            /// Before a loop that is run twice (`-C check-loops=1`): the check, or null if there is no stack
            /// for it.
            LoopCheckBegin: "w2n_loop_check_begin" () -> ptr [];
            /// Before each store of either loop: `(check, address, length in bytes)`.
            LoopCheckStore: "w2n_loop_check_store" (check: ptr, address: ptr, length: i64) -> void [];
            /// Between the two: takes back what the first has stored. `(check)`.
            LoopCheckSwap: "w2n_loop_check_swap" (check: ptr) -> void [];
            /// Behind them: `(check, whether their values differ)`; trap code or 0.
            LoopCheckEnd: "w2n_loop_check_end" (check: ptr, differs: i32) -> i32 [cold];
            /// Calls a host function on the host's stack: `(VmHostFunc, slots)`. Traps if it fails.
            HostCall: "w2n_host_call" (function: ptr, slots: ptr) -> void [];
        }
    };
}

/// Type of a parameter or result of a runtime function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RtType {
    /// A pointer.
    Ptr,
    /// 32-bit integer.
    I32,
    /// 64-bit integer.
    I64,
    /// No result.
    Void,
}

/// Facts about a runtime function that the optimiser may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RtAttribute {
    /// Never returns.
    NoReturn,
    /// Rarely called.
    Cold,
}

macro_rules! rt_type {
    (ptr) => {
        RtType::Ptr
    };
    (i32) => {
        RtType::I32
    };
    (i64) => {
        RtType::I64
    };
    (void) => {
        RtType::Void
    };
}
macro_rules! rt_attribute {
    (noreturn) => {
        RtAttribute::NoReturn
    };
    (cold) => {
        RtAttribute::Cold
    };
}
macro_rules! define_rt_functions {
    ($(
        $(#[$doc:meta])*
        $name:ident: $symbol:literal ($($param:ident: $ty:ident),*) -> $result:ident [$($attribute:ident)*];
    )*) => {
        /// A function of the runtime that compiled code calls.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum RtFunc { $($(#[$doc])* $name,)* }

        impl RtFunc {
            /// All runtime functions.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// Its symbol.
            pub fn symbol(self) -> &'static str {
                match self { $(Self::$name => $symbol,)* }
            }

            /// Types of its parameters.
            pub fn parameters(self) -> &'static [RtType] {
                match self { $(Self::$name => &[$(rt_type!($ty)),*],)* }
            }

            /// Type of its result.
            pub fn result(self) -> RtType {
                match self { $(Self::$name => rt_type!($result),)* }
            }

            /// Its attributes.
            pub fn attributes(self) -> &'static [RtAttribute] {
                match self { $(Self::$name => &[$(rt_attribute!($attribute)),*],)* }
            }
        }
    };
}
for_each_rt_function!(define_rt_functions);
