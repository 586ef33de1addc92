//! Classes of programs, each with a geometric mean of its own.
//!
//! The rule: what a class contains is decided by what its programs do, never by how they fare.

use serde::{Deserialize, Serialize};

/// What a program is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// Loops over arrays of numbers, from scalar Wasm.
    Numeric,
    /// The same kernels, from Wasm that clang vectorised with `-msimd128`.
    NumericSimd128,
    /// Kernels about vectors: written with them, or loops that become vectors.
    Vector,
    /// Memory, calls, branches.
    Other,
    /// C libraries that people use.
    Application,
}

/// All of them, in the order of the tables.
pub const CLASSES: [Class; 5] =
    [Class::Numeric, Class::NumericSimd128, Class::Vector, Class::Other, Class::Application];

impl Class {
    /// Its name on the command line and on the terminal.
    pub fn key(self) -> &'static str {
        match self {
            Class::Numeric => "numeric",
            Class::NumericSimd128 => "numeric-simd128",
            Class::Vector => "vector",
            Class::Other => "other",
            Class::Application => "application",
        }
    }

    /// Its name for readers.
    pub fn title(self) -> &'static str {
        match self {
            Class::Numeric => "numeric kernels, scalar Wasm",
            Class::NumericSimd128 => "numeric kernels, `-msimd128`",
            Class::Vector => "vector kernels, `-msimd128`",
            Class::Other => "other kernels",
            Class::Application => "applications",
        }
    }

    /// Options for clang when it makes Wasm of a program of this class.
    pub fn wasm_options(self) -> &'static [&'static str] {
        match self {
            Class::NumericSimd128 | Class::Vector => &["-msimd128"],
            Class::Numeric | Class::Other | Class::Application => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_call_a_class_as_the_command_line_does() {
        for class in CLASSES {
            assert_eq!(serde_json::to_value(class).unwrap(), class.key());
        }
    }
}
