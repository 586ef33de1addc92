//! Trap codes: fixed numbers and messages, in one list.

/// Calls `$callback!` with every trap code as `Name = number, "message";`.
#[macro_export]
macro_rules! for_each_trap_code {
    ($callback:ident) => {
        $callback! {
            Unreachable = 1, "unreachable";
            MemoryOutOfBounds = 2, "out of bounds memory access";
            TableOutOfBounds = 3, "out of bounds table access";
            UndefinedElement = 4, "undefined element";
            UninitializedElement = 5, "uninitialized element";
            IndirectCallTypeMismatch = 6, "indirect call type mismatch";
            IntegerDivideByZero = 7, "integer divide by zero";
            IntegerOverflow = 8, "integer overflow";
            InvalidConversionToInteger = 9, "invalid conversion to integer";
            StackOverflow = 10, "call stack exhausted";
            HostError = 11, "host function failed";
            Exit = 12, "exit";
            NullReference = 13, "null reference";
            NullFunctionReference = 14, "null function reference";
            Timeout = 20, "time limit exceeded";
            LoopCheck = 21, "loop check failed: the optimiser has changed what a loop does";
        }
    };
}

macro_rules! define_trap_codes {
    ($($name:ident = $number:literal, $message:literal;)*) => {
        /// Why execution ended. 0 is never a trap code: it means success wherever codes are returned.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u32)]
        pub enum TrapCode {
            $(#[doc = $message] $name = $number,)*
        }

        impl TrapCode {
            /// All trap codes.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The code with this number.
            pub fn from_number(number: u32) -> Option<Self> {
                match number { $($number => Some(Self::$name),)* _ => None }
            }

            /// What happened, in the words of the specification's test suite.
            pub fn message(self) -> &'static str {
                match self { $(Self::$name => $message,)* }
            }
        }
    };
}
for_each_trap_code!(define_trap_codes);

/// Exit status of an executable that ended by a trap: what a shell shows for SIGABRT.
pub const TRAP_EXIT_STATUS: i32 = 134;
