//! The prefix of all symbols of a module, out of the name of its file.

use std::ffi::OsStr;

use crate::emit::{mangled, typed_symbol};
use w2n_abi::symbol::{mangle, mangle_module};

/// The prefix for a module whose file is called `stem`: a C identifier.
///
/// `my app` becomes `my_x20_app`, `2048` becomes `m_2048`.
pub fn symbol_prefix(stem: &OsStr) -> String {
    let mut prefix = String::new();
    // Writing to a String cannot fail.
    let _ = mangle_module(stem.as_encoded_bytes(), &mut prefix);
    starting_with_letter(prefix)
}

/// What C functions are named after that provide imports from `module`. There is nothing to be told apart
/// behind it, so underscores stay.
pub fn c_prefix(module: &str) -> String {
    let mut prefix = String::new();
    // Writing to a String cannot fail.
    let _ = mangle(module.as_bytes(), &mut prefix);
    starting_with_letter(prefix)
}

/// What the C function may be called that provides an import.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CSymbols {
    /// `m_f` for the import `f` of `m`.
    pub short: String,
    /// `w2n_m__f`, as the export `f` of a module `m` is called: for where the C library has the short one.
    pub long: String,
}

impl CSymbols {
    /// Those for the import `name` of `module`.
    pub fn of(module: &str, name: &str) -> Self {
        Self {
            short: format!("{}_{}", c_prefix(module), mangled(name)),
            long: typed_symbol(&symbol_prefix(OsStr::new(module)), name),
        }
    }
}

/// What is wrong with `--module-name=NAME`, if anything.
pub fn module_name_problem(name: &str) -> Option<&'static str> {
    let is_identifier = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && name.starts_with(|c: char| c.is_ascii_alphabetic());
    if !is_identifier {
        return Some("it is not a C identifier: letters, digits and underscores, a letter first");
    }
    (symbol_prefix(OsStr::new(name)) != name)
        .then_some("an underscore in it needs a letter other than `x`, or a digit, behind it")
}

fn starting_with_letter(prefix: String) -> String {
    if prefix.starts_with(|c: char| c.is_ascii_alphabetic()) { prefix } else { format!("m_{prefix}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbol_prefix_is_an_identifier() {
        let prefix = |stem: &str| symbol_prefix(OsStr::new(stem));
        assert_eq!(prefix("app"), "app");
        assert_eq!(prefix("my_app"), "my_app");
        assert_eq!(prefix("my app"), "my_x20_app");
        assert_eq!(prefix("2048"), "m_2048");
        assert_eq!(prefix("_a"), "m__a");
        assert_eq!(prefix("a__b_"), "a_x5f__b_x5f_");
        assert_eq!(prefix("clock"), "clock");
        assert_eq!(c_prefix("a__b_"), "a__b_");
        assert_eq!(c_prefix("2048"), "m_2048");
    }

    #[test]
    fn a_chosen_name_stays_as_it_is() {
        assert!(["app", "my_app2", "a_2"].into_iter().all(|name| module_name_problem(name).is_none()));
        assert!(
            ["a b", "2a", "", "_a", "a_", "a__b", "a_x"]
                .into_iter()
                .all(|name| { module_name_problem(name).is_some() })
        );
    }
}
