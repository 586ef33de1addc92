//! The ways in which the suite's modules are compiled.

use std::fmt;
use std::str::FromStr;

use wasm2native::options::{BoundsChecks, CodeOptions, OptLevel, RelaxedSimd, TargetOptions};

/// Which vector instructions may be used, and for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vectors {
    /// Those that every x86-64 has.
    Baseline,
    /// `-march=x86-64-v2`
    V2,
    /// `-march=x86-64-v3`
    V3,
    /// `-C relaxed-simd=native`
    BaselineRelaxed,
    /// `-march=x86-64-v3 -C relaxed-simd=native`
    V3Relaxed,
}

/// One way: how much is optimised, who checks bounds, which vector instructions there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// `-O0`, `-O2` or `-O3`
    pub opt_level: OptLevel,
    /// `--bounds-checks=…`
    pub bounds_checks: BoundsChecks,
    /// `-march=…`, `-C relaxed-simd=…`
    pub vectors: Vectors,
}

impl Config {
    /// Those that every file is run in, and that have totals on record.
    pub const ALL: [Self; 4] = [
        Self::new(OptLevel::O0, BoundsChecks::Guard, Vectors::Baseline),
        Self::new(OptLevel::O2, BoundsChecks::Guard, Vectors::Baseline),
        Self::new(OptLevel::O0, BoundsChecks::Software, Vectors::Baseline),
        Self::new(OptLevel::O2, BoundsChecks::Software, Vectors::Baseline),
    ];

    /// Those that files about vectors are run in too; the totals must be the same.
    pub const VECTORS: [Self; 5] = [
        Self::new(OptLevel::O2, BoundsChecks::Guard, Vectors::V2),
        Self::new(OptLevel::O0, BoundsChecks::Guard, Vectors::V3),
        Self::new(OptLevel::O2, BoundsChecks::Guard, Vectors::V3),
        Self::new(OptLevel::O2, BoundsChecks::Guard, Vectors::BaselineRelaxed),
        Self::new(OptLevel::O2, BoundsChecks::Guard, Vectors::V3Relaxed),
    ];

    /// Those that files not about vectors are run in too; the totals must be those of -O2.
    pub const AGGRESSIVE: [Self; 1] = [Self::new(OptLevel::O3, BoundsChecks::Guard, Vectors::Baseline)];

    /// All of them.
    pub fn every() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().chain(Self::VECTORS).chain(Self::AGGRESSIVE)
    }

    const fn new(opt_level: OptLevel, bounds_checks: BoundsChecks, vectors: Vectors) -> Self {
        Self { opt_level, bounds_checks, vectors }
    }

    /// The configuration whose totals are on record: the same for every machine.
    pub fn on_record(self) -> Self {
        let opt_level = match self.opt_level {
            OptLevel::O3 => OptLevel::O2,
            other => other,
        };
        Self { vectors: Vectors::Baseline, opt_level, ..self }
    }

    /// The processor to compile for.
    pub fn target(self) -> TargetOptions {
        let arch = match self.vectors {
            Vectors::Baseline | Vectors::BaselineRelaxed => None,
            Vectors::V2 => Some("x86-64-v2".to_owned()),
            Vectors::V3 | Vectors::V3Relaxed => Some("x86-64-v3".to_owned()),
        };
        TargetOptions { arch, ..TargetOptions::default() }
    }

    /// The compiler's options for it.
    pub fn code_options(self) -> CodeOptions {
        let relaxed_simd = match self.vectors {
            Vectors::Baseline | Vectors::V2 | Vectors::V3 => RelaxedSimd::Deterministic,
            Vectors::BaselineRelaxed | Vectors::V3Relaxed => RelaxedSimd::Native,
        };
        CodeOptions {
            opt_level: self.opt_level,
            bounds_checks: self.bounds_checks,
            relaxed_simd,
            verify_passes: true,
            ..CodeOptions::default()
        }
    }
}

/// `O2-guard`, `O2-guard-v3-relaxed`
impl fmt::Display for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let checks = match self.bounds_checks {
            BoundsChecks::Guard => "guard",
            BoundsChecks::Software => "software",
        };
        let vectors = match self.vectors {
            Vectors::Baseline => "",
            Vectors::V2 => "-v2",
            Vectors::V3 => "-v3",
            Vectors::BaselineRelaxed => "-relaxed",
            Vectors::V3Relaxed => "-v3-relaxed",
        };
        write!(f, "{:?}-{checks}{vectors}", self.opt_level)
    }
}

impl FromStr for Config {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let named = Self::every().find(|config| config.to_string() == text);
        named.ok_or_else(|| format!("no configuration `{text}`; try {}", Self::ALL[0]))
    }
}
