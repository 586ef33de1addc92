//! The ways in which the suite's modules are compiled.

use std::fmt;
use std::str::FromStr;

use wasm2native::options::{BoundsChecks, CodeOptions, OptLevel};

/// One way: how much is optimised, and who checks bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// `-O0` or `-O2`
    pub opt_level: OptLevel,
    /// `--bounds-checks=…`
    pub bounds_checks: BoundsChecks,
}

impl Config {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self { opt_level: OptLevel::O0, bounds_checks: BoundsChecks::Guard },
        Self { opt_level: OptLevel::O2, bounds_checks: BoundsChecks::Guard },
        Self { opt_level: OptLevel::O0, bounds_checks: BoundsChecks::Software },
        Self { opt_level: OptLevel::O2, bounds_checks: BoundsChecks::Software },
    ];

    /// The compiler's options for it.
    pub fn code_options(self) -> CodeOptions {
        CodeOptions { opt_level: self.opt_level, bounds_checks: self.bounds_checks, ..CodeOptions::default() }
    }
}

/// `O2-guard`
impl fmt::Display for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let checks = match self.bounds_checks {
            BoundsChecks::Guard => "guard",
            BoundsChecks::Software => "software",
        };
        write!(f, "{:?}-{checks}", self.opt_level)
    }
}

impl FromStr for Config {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let named = Self::ALL.into_iter().find(|config| config.to_string() == text);
        named.ok_or_else(|| format!("no configuration `{text}`; try {}", Self::ALL[0]))
    }
}
