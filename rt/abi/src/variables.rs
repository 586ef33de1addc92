//! The environment variables of a produced program, and those that it passes over.
//!
//! Rule: a name that begins with [`VARIABLE_PREFIX`] is in one of the two lists here, or it is an error: a
//! limit that is misspelt would be none.

/// What the names of all variables begin with that say something to a produced program.
pub const VARIABLE_PREFIX: &str = "W2N_";

/// Variables that a run can set.
pub const RUN_VARIABLES: [&str; 10] = [
    DIR_VARIABLE,
    ENV_VARIABLE,
    LISTEN_VARIABLE,
    ESCAPES_VARIABLE,
    POLICY_VARIABLE,
    HELP_VARIABLE,
    MAX_MEMORY_VARIABLE,
    STACK_SIZE_VARIABLE,
    MAX_FDS_VARIABLE,
    TIMEOUT_VARIABLE,
];

/// Variables of the compiler, its tests and whoever runs these. They say nothing to a program, which must be
/// able to run where they are set.
pub const COMPILER_VARIABLES: [&str; 8] = [
    "W2N_BLESS",
    "W2N_CACHE_DIR",
    "W2N_CORPUS_DIR",
    "W2N_FAULT_LIBRARY",
    "W2N_FAULT_REFERENCE",
    "W2N_FAULT_SUBJECT",
    "W2N_LOOP_MODULES",
    "W2N_PLANTED_FAULT",
];

/// Environment variable with directories granted at run time.
pub const DIR_VARIABLE: &str = "W2N_DIR";

/// Environment variable with environment granted at run time.
pub const ENV_VARIABLE: &str = "W2N_ENV";

/// Environment variable with addresses to listen on, granted at run time.
pub const LISTEN_VARIABLE: &str = "W2N_TCPLISTEN";

/// Environment variable: `1` lets escapes through to a terminal, `0` does not.
pub const ESCAPES_VARIABLE: &str = "W2N_ALLOW_ESCAPES";

/// Environment variable with a [`crate::PolicyWord`].
pub const POLICY_VARIABLE: &str = "W2N_POLICY";

/// Environment variable that asks for the policy instead of a run.
pub const HELP_VARIABLE: &str = "W2N_HELP";

/// Environment variable for [`crate::Limits::memory_bytes`].
pub const MAX_MEMORY_VARIABLE: &str = "W2N_MAX_MEMORY";

/// Environment variable for [`crate::Limits::stack_bytes`].
pub const STACK_SIZE_VARIABLE: &str = "W2N_STACK_SIZE";

/// Environment variable for [`crate::Limits::descriptors`].
pub const MAX_FDS_VARIABLE: &str = "W2N_MAX_FDS";

/// Environment variable for [`crate::Limits::time_ns`].
pub const TIMEOUT_VARIABLE: &str = "W2N_TIMEOUT";
