//! Processor time by phase, summed over threads, for `--time-passes`.

use std::sync::atomic::{AtomicU64, Ordering};

use rustix::time::{ClockId, clock_gettime};

/// A phase of the pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Reading the input.
    Read,
    /// Parsing and validation.
    Parse,
    /// Making LLVM IR.
    Emit,
    /// LLVM's passes.
    Optimise,
    /// LLVM's code generation.
    Generate,
    /// Reading line tables and writing the pc map.
    PcMap,
    /// The linker; our time only, since it is a process of its own.
    Link,
}

const PHASES: [(Phase, &str); 7] = [
    (Phase::Read, "read"),
    (Phase::Parse, "parse and validate"),
    (Phase::Emit, "make LLVM IR"),
    (Phase::Optimise, "optimise"),
    (Phase::Generate, "generate code"),
    (Phase::PcMap, "pc map"),
    (Phase::Link, "link"),
];

/// Nanoseconds per phase.
#[derive(Debug, Default)]
pub struct Timing([AtomicU64; PHASES.len()]);

impl Timing {
    /// Runs `work` on the account of `phase`.
    pub fn measure<T>(&self, phase: Phase, work: impl FnOnce() -> T) -> T {
        // The linker works while we wait.
        let clock = if phase == Phase::Link { ClockId::Monotonic } else { ClockId::ThreadCPUTime };
        let now = || {
            let time = clock_gettime(clock);
            time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
        };
        let start = now();
        let result = work();
        self.0[phase as usize].fetch_add(now() - start, Ordering::Relaxed);
        result
    }

    /// One line per phase.
    pub fn table(&self) -> String {
        let lines = PHASES.iter().map(|(phase, name)| {
            let seconds = self.0[*phase as usize].load(Ordering::Relaxed) as f64 / 1e9;
            format!("{seconds:9.3} s  {name}")
        });
        lines.collect::<Vec<_>>().join("\n")
    }
}
