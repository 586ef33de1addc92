//! A run: programs until the time is over, or enough kernels were compared, or enough have failed.
//!
//! The rule: what counts is a kernel that printed, in one setup, what native code prints.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::compare::{self, Failure};
use crate::csmith::{self, Outcome};
use crate::program::Program;
use crate::reduce::reduce;
use crate::setup::{Guest, setups};

/// Program seeds of one `--seed`.
const SEEDS_PER_RUN: u64 = 1 << 24;

/// Where failures go.
const FAILURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/genc");

/// Kernels that clang may compile wrongly with wide arithmetic: so many, and one of so many.
const FEW: u64 = 2;
const KERNELS_PER_FORGIVEN: u64 = 100;

/// Who makes the programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Generator {
    /// This crate.
    Ours,
    /// csmith; a program counts as one kernel.
    Csmith,
}

/// What a run is to do.
#[derive(Debug)]
pub struct Session {
    /// After which no program is started.
    pub time_limit: Duration,
    /// Likewise, of processor time, its own and that of all it has run.
    pub processor_limit: Duration,
    /// Which programs.
    pub seed: u64,
    /// Comparisons after which it ends before its time.
    pub enough: u64,
    /// Comparisons without which it fails.
    pub floor: u64,
    /// Failures after which it ends.
    pub enough_failures: usize,
    /// Whose programs.
    pub generator: Generator,
    /// The only program, to see its failure again.
    pub only: Option<u64>,
}

/// What came of it.
#[derive(Debug, Default)]
struct Total {
    programs: u64,
    kernels: u64,
    comparisons: u64,
    /// Programs that take natively too long.
    slow: u64,
    /// Kernels that clang compiled wrongly, see [`compare::forgive_wide_arithmetic`].
    forgiven: u64,
    failures: Vec<String>,
}

impl Session {
    /// Runs it and prints what was compared. Errors: failures, or too few comparisons.
    pub fn run(&self) -> Result<(), String> {
        let start = Instant::now();
        if let Some(program) = self.only {
            let scratch = tempfile::tempdir().map_err(|error| error.to_string())?;
            let total = Mutex::new(Total::default());
            self.run_one(program, scratch.path(), &total)?;
            return self.verdict(total, start);
        }
        let (next, total) = (AtomicU64::new(0), Mutex::new(Total::default()));
        let workers = std::thread::available_parallelism().map_or(1, |count| count.get());
        std::thread::scope(|scope| {
            let work = || -> Result<(), String> {
                let scratch = tempfile::tempdir().map_err(|error| error.to_string())?;
                while self.is_in_time(start)? && self.wants_more(&total) {
                    let seed = self.seed * SEEDS_PER_RUN + next.fetch_add(1, Ordering::Relaxed);
                    self.run_one(seed, scratch.path(), &total)?;
                }
                Ok(())
            };
            let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
            workers.into_iter().try_for_each(|worker| worker.join().expect("no worker panics"))
        })?;
        self.verdict(total, start)
    }

    fn is_in_time(&self, start: Instant) -> Result<bool, String> {
        Ok(start.elapsed() < self.time_limit && processor_time()? < self.processor_limit)
    }

    fn verdict(&self, total: Mutex<Total>, start: Instant) -> Result<(), String> {
        let total = total.into_inner().expect("no worker panics");
        println!(
            "genc: seed {}: {} programs with {} kernels, {} comparisons equal, {} too slow, {} kernels that clang compiled wrongly, in {:.1} s, {:.1} s of processor time",
            self.seed,
            total.programs,
            total.kernels,
            total.comparisons,
            total.slow,
            total.forgiven,
            start.elapsed().as_secs_f64(),
            processor_time()?.as_secs_f64()
        );
        if !total.failures.is_empty() {
            return Err(format!("{} failures:\n{}", total.failures.len(), total.failures.join("\n")));
        }
        if total.forgiven > FEW + total.kernels / KERNELS_PER_FORGIVEN {
            return Err(format!("{} kernels are not what native code computes, at -O0", total.forgiven));
        }
        if total.comparisons < self.floor {
            return Err(format!("only {} comparisons, the floor is {}", total.comparisons, self.floor));
        }
        Ok(())
    }

    fn run_one(&self, seed: u64, dir: &Path, total: &Mutex<Total>) -> Result<(), String> {
        if self.generator == Generator::Ours {
            return run_program(seed, dir, total);
        }
        let outcome = csmith::run(seed, dir, Path::new(FAILURES))?;
        let mut total = total.lock().expect("no worker panics");
        match outcome {
            Outcome::Equal(comparisons) => {
                total.programs += 1;
                total.kernels += 1;
                total.comparisons += comparisons;
            }
            Outcome::Slow => total.slow += 1,
            Outcome::Failed(report) => {
                println!("genc: {report}");
                total.failures.push(report);
            }
        }
        Ok(())
    }

    fn wants_more(&self, total: &Mutex<Total>) -> bool {
        let total = total.lock().expect("no worker panics");
        total.comparisons < self.enough && total.failures.len() < self.enough_failures
    }
}

/// Processor time of this process and of its children that have ended.
fn processor_time() -> Result<Duration, String> {
    const PATH: &str = "/proc/self/stat";
    let stat = std::fs::read_to_string(PATH).map_err(|error| format!("{PATH}: {error}"))?;
    // What follows the name, which is in parentheses; the 14th field to the 17th count hundredths of seconds.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_ascii_whitespace();
    let hundredths: u64 = fields.skip(11).take(4).filter_map(|field| field.parse::<u64>().ok()).sum();
    Ok(Duration::from_millis(hundredths * 10))
}

/// Compiles and compares the program of `seed`. Errors: the generator's, or the machine's.
fn run_program(seed: u64, dir: &Path, total: &Mutex<Total>) -> Result<(), String> {
    let program = Program::generate(seed);
    let guest = Guest::choose(seed);
    let source = program.source(&program.numbers());
    let mut expected = compare::native(dir, &source).map_err(|error| format!("program {seed}: {error}"))?;
    let module = compare::guest(dir, &guest).map_err(|error| format!("program {seed}: {error}"))?;
    let forgiven = match guest.has_wide_arithmetic() {
        true => compare::forgive_wide_arithmetic(dir, &module, &mut expected),
        false => 0,
    };
    for options in setups(seed) {
        let outcome = compare::ours(dir, &module, options, &expected);
        let failed = match &outcome {
            Ok(()) => 0,
            Err(Failure::Different(numbers)) => numbers.len(),
            Err(Failure::Ended(_)) => expected.len(),
        };
        let report = match &outcome {
            Ok(()) => None,
            Err(failure) => Some(keep(seed, &program, failure, &guest, options)?),
        };
        let mut total = total.lock().expect("no worker panics");
        total.comparisons += (expected.len() - failed) as u64;
        if let Some(report) = report {
            println!("genc: {report}");
            total.failures.push(report);
        }
    }
    let mut total = total.lock().expect("no worker panics");
    total.programs += 1;
    total.kernels += expected.len() as u64;
    total.forgiven += forgiven;
    Ok(())
}

/// Writes what failed, whole and small; answers where, and how to see it.
fn keep(
    seed: u64,
    program: &Program,
    failure: &Failure,
    guest: &Guest,
    options: &[&str],
) -> Result<String, String> {
    let dir: PathBuf = Path::new(FAILURES).join(format!("{seed}{}", options.concat()));
    let explain = |error: std::io::Error| format!("{}: {error}", dir.display());
    std::fs::create_dir_all(&dir).map_err(explain)?;
    std::fs::write(dir.join("whole.c"), program.source(&program.numbers())).map_err(explain)?;
    let numbers = reduce(program, failure, guest, options, &dir);
    let small = dir.join("small.c");
    std::fs::write(&small, program.source(&numbers)).map_err(explain)?;
    let report = format!(
        "{}: kernels {numbers:?} of program {seed}, clang {}, ours {}: {failure:?}",
        small.display(),
        guest.options.join(" "),
        options.join(" ")
    );
    std::fs::write(dir.join("report.txt"), &report).map_err(explain)?;
    Ok(report)
}
