//! The ways in which the functions are compiled: all levels with guard pages.

use wasm2native::options::{CodeOptions, OptLevel, TargetOptions};

/// One way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setup {
    /// What it is called on the command line of a child.
    pub name: &'static str,
    level: OptLevel,
    accesses: Accesses,
    processor: Option<&'static str>,
}

/// `--strict-traps` or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Accesses {
    Strict,
    Relaxed,
}

impl Setup {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::new("O2", OptLevel::O2, Accesses::Relaxed, None),
        Self::new("O3", OptLevel::O3, Accesses::Relaxed, None),
        Self::new("O2-native", OptLevel::O2, Accesses::Relaxed, Some("native")),
        Self::new("O1", OptLevel::O1, Accesses::Relaxed, None),
        Self::new("Os", OptLevel::Os, Accesses::Relaxed, None),
        Self::new("O2-strict", OptLevel::O2, Accesses::Strict, None),
        Self::new("Oz", OptLevel::Oz, Accesses::Relaxed, None),
        Self::new("O0", OptLevel::O0, Accesses::Relaxed, None),
    ];

    const fn new(
        name: &'static str,
        level: OptLevel,
        accesses: Accesses,
        processor: Option<&'static str>,
    ) -> Self {
        Self { name, level, accesses, processor }
    }

    /// The setup of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|setup| setup.name == name)
    }

    /// The compiler's options for it.
    pub fn code_options(self) -> CodeOptions {
        let strict_traps = self.accesses == Accesses::Strict;
        CodeOptions { opt_level: self.level, strict_traps, ..CodeOptions::default() }
    }

    /// The processor that it is compiled for.
    pub fn target(self) -> TargetOptions {
        TargetOptions { cpu: self.processor.map(str::to_owned), ..TargetOptions::default() }
    }
}
