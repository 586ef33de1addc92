//! Processor time by phase, summed over threads, and memory, for `--time-passes`.

use std::sync::atomic::{AtomicU64, Ordering};

use rustix::time::{ClockId, clock_gettime};

use crate::options::ReportOptions;

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

/// What a phase has cost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PhaseCost {
    /// What is done in it.
    pub name: &'static str,
    /// Processor time of all threads; of the linker, which is a process of its own, the time that it took.
    pub seconds: f64,
    /// Most memory that this process had used by its end.
    pub peak_kib: u64,
}

/// Time and memory per phase.
#[derive(Debug, Default)]
pub struct Timing {
    is_counted: bool,
    nanoseconds: [AtomicU64; PHASES.len()],
    /// Most memory that was in use by the end of the phase, in KiB.
    peak_kib: [AtomicU64; PHASES.len()],
}

impl Timing {
    /// Counts, if anybody wants the counts.
    pub fn new(reports: ReportOptions) -> Self {
        Self { is_counted: reports.costs, ..Self::default() }
    }

    /// Runs `work` on the account of `phase`.
    pub fn measure<T>(&self, phase: Phase, work: impl FnOnce() -> T) -> T {
        if !self.is_counted {
            return work();
        }
        // The linker works while we wait.
        let clock = if phase == Phase::Link { ClockId::Monotonic } else { ClockId::ThreadCPUTime };
        let now = || {
            let time = clock_gettime(clock);
            time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
        };
        let start = now();
        let result = work();
        self.nanoseconds[phase as usize].fetch_add(now() - start, Ordering::Relaxed);
        self.peak_kib[phase as usize].fetch_max(peak_memory_kib(), Ordering::Relaxed);
        result
    }

    /// What each phase has cost so far; nothing if it was not counted.
    pub fn costs(&self) -> Vec<PhaseCost> {
        let phases = PHASES.iter().filter(|_| self.is_counted);
        let cost = |(phase, name): &(Phase, &'static str)| PhaseCost {
            name,
            seconds: self.nanoseconds[*phase as usize].load(Ordering::Relaxed) as f64 / 1e9,
            peak_kib: self.peak_kib[*phase as usize].load(Ordering::Relaxed),
        };
        phases.map(cost).collect()
    }
}

/// The most memory this process has used so far, 0 if the system does not tell.
fn peak_memory_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse().ok()).unwrap_or(0)
}
