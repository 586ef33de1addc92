//! The prefix of all symbols of a module. An export `b` of a module with prefix `a` is the C function
//! `a_b`, so no prefix may start a name that the runtime or the C library has.

use std::ffi::OsStr;

/// Words that start functions of the runtime or of the C library: as a prefix they would make an export
/// such as `gettime` of `clock.wasm` stand in for `clock_gettime`, also where the runtime calls it.
const TAKEN_WORDS: [&str; 40] = [
    "aio", "aligned", "argp", "argz", "call", "clock", "cnd", "copy", "dl", "envz", "epoll", "error",
    "eventfd", "get", "if", "inet", "init", "inotify", "main", "malloc", "mq", "mtx", "name", "open",
    "pidfd", "posix", "process", "pthread", "quick", "re", "res", "sched", "sem", "shm", "sync", "thrd",
    "timer", "timerfd", "tss", "w2n",
];

/// The prefix for a module whose file is called `stem`: a C identifier.
///
/// `my app` becomes `my_x20_app`, `2048` becomes `m_2048`, `clock` becomes `m_clock`.
pub fn symbol_prefix(stem: &OsStr) -> String {
    let mut prefix = String::new();
    // Writing to a String cannot fail.
    let _ = w2n_abi::symbol::mangle(stem.as_encoded_bytes(), &mut prefix);
    let starts_with_letter = prefix.starts_with(|c: char| c.is_ascii_alphabetic());
    if taken_word(&prefix).is_some() || !starts_with_letter { format!("m_{prefix}") } else { prefix }
}

/// The word at the start of `prefix` because of which it is not to be used.
pub fn taken_word(prefix: &str) -> Option<&str> {
    let first_word = prefix.split('_').next().unwrap_or_default();
    TAKEN_WORDS.contains(&first_word).then_some(first_word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbol_prefix_is_an_identifier_that_no_library_uses() {
        let prefix = |stem: &str| symbol_prefix(OsStr::new(stem));
        assert_eq!(prefix("app"), "app");
        assert_eq!(prefix("my app"), "my_x20_app");
        assert_eq!(prefix("2048"), "m_2048");
        assert_eq!(prefix("_a"), "m__a");
        assert_eq!(prefix("clock"), "m_clock");
        assert_eq!(prefix("w2n_module"), "m_w2n_module");
    }
}
