//! Processor time by phase, summed over threads, and memory, for `--time-passes`.

use std::sync::atomic::{AtomicU64, Ordering};

use rustix::time::{ClockId, clock_gettime};

use super::console::Console;

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

/// Time and memory per phase.
#[derive(Debug, Default)]
pub struct Timing {
    is_shown: bool,
    nanoseconds: [AtomicU64; PHASES.len()],
    /// Most memory that was in use by the end of the phase, in KiB.
    peak_kib: [AtomicU64; PHASES.len()],
}

impl Timing {
    /// Counts, if `console` is to show the counts.
    pub fn new(console: &Console) -> Self {
        Self { is_shown: console.shows_times(), ..Self::default() }
    }

    /// Runs `work` on the account of `phase`.
    pub fn measure<T>(&self, phase: Phase, work: impl FnOnce() -> T) -> T {
        if !self.is_shown {
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

    /// One line per phase.
    pub fn table(&self) -> String {
        let lines = PHASES.iter().map(|(phase, name)| {
            let seconds = self.nanoseconds[*phase as usize].load(Ordering::Relaxed) as f64 / 1e9;
            let mebibytes = self.peak_kib[*phase as usize].load(Ordering::Relaxed) / 1024;
            format!("{seconds:9.3} s {mebibytes:6} MiB  {name}")
        });
        lines.collect::<Vec<_>>().join("\n")
    }
}

/// The most memory this process has used so far, 0 if the system does not tell.
fn peak_memory_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse().ok()).unwrap_or(0)
}
