//! A run: batches of modules until the time is over or enough calls were compared.
//!
//! The rule: a failure is written, made small, and written again; it never stops the run.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::generate;
use crate::parent;
use crate::regress::script;
use crate::report::{Finding, Report};
use crate::shrink::shrink;
use crate::subject::Setup;

/// Modules of one child, and of each shared object that it makes.
const BATCH_MODULES: u64 = 32;

/// Module seeds of one `--seed`: enough for weeks.
const SEEDS_PER_RUN: u64 = 1 << 32;

/// Failures that are made small in one run; more are of one cause, as a rule.
const MAX_SHRUNK: usize = 5;

/// Longest time for making one of them small.
const SHRINK_TIME_LIMIT: Duration = Duration::from_secs(120);

/// What a run is to do.
#[derive(Debug)]
pub struct Session {
    time_limit: Duration,
    seed: u64,
    /// Calls after which it ends before its time.
    enough_calls: u64,
    /// Calls without which it fails.
    floor_calls: u64,
    /// Where the scripts of failures go.
    regress: PathBuf,
}

/// Where the modules of failures go.
const MODULES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/fuzz");

impl Session {
    /// Reads the command line. Errors: an option that there is not, or a value that is no number.
    pub fn from_args(args: &[String]) -> Result<Self, String> {
        let mut session = Self {
            time_limit: Duration::from_secs(60),
            seed: 1,
            enough_calls: u64::MAX,
            floor_calls: 1,
            regress: PathBuf::from(MODULES),
        };
        for pair in args.chunks(2) {
            let [option, value] = pair else { return Err(format!("{} wants a value", pair[0])) };
            let number = || value.parse::<u64>().map_err(|error| format!("{option} {value}: {error}"));
            match option.as_str() {
                "--seconds" => session.time_limit = Duration::from_secs(number()?),
                "--seed" => session.seed = number()?,
                "--calls" => session.enough_calls = number()?,
                "--floor" => session.floor_calls = number()?,
                "--regress" => session.regress = PathBuf::from(value),
                _ => return Err(format!("no option {option}; {}", crate::USAGE)),
            }
        }
        Ok(session)
    }

    /// Runs it and prints what was compared. Errors: failures, or too few calls.
    pub fn run(&self) -> Result<(), String> {
        let start = Instant::now();
        let batches = AtomicU64::new(0);
        let total = Mutex::new(Report::default());
        let workers = std::thread::available_parallelism().map_or(1, |count| count.get());
        std::thread::scope(|scope| {
            let work = || -> Result<(), String> {
                while start.elapsed() < self.time_limit && self.wants_more(&total) {
                    let report = self.run_batch(batches.fetch_add(1, Ordering::Relaxed))?;
                    let mut total = total.lock().expect("no worker panics");
                    total.tally.add(report.tally);
                    total.findings.extend(report.findings);
                }
                Ok(())
            };
            let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
            workers.into_iter().try_for_each(|worker| worker.join().expect("no worker panics"))
        })?;
        let total = total.into_inner().expect("no worker panics");
        self.print(&total, start.elapsed());
        self.write_findings(&total.findings)?;
        self.verdict(&total)
    }

    fn wants_more(&self, total: &Mutex<Report>) -> bool {
        total.lock().expect("no worker panics").tally.returned < self.enough_calls
    }

    fn run_batch(&self, batch: u64) -> Result<Report, String> {
        let first = self.seed.wrapping_mul(SEEDS_PER_RUN).wrapping_add(batch * BATCH_MODULES);
        let setups = Setup::pair(batch);
        let mut report = parent::run(&batch_args(first, BATCH_MODULES, &setups))?;
        if report.findings.iter().any(|finding| finding.seed.is_none()) {
            // The compiler took the process with it: which module was it?
            report = Report::default();
            for seed in first..first + BATCH_MODULES {
                let alone = parent::run(&batch_args(seed, 1, &setups))?;
                report.tally.add(alone.tally);
                let named = |finding| Finding { seed: Some(seed), ..finding };
                report.findings.extend(alone.findings.into_iter().map(named));
            }
        }
        Ok(report)
    }

    fn print(&self, total: &Report, duration: Duration) {
        let tally = &total.tally;
        println!(
            "fuzz: seed {}: {} modules, {} calls returned and {} trapped alike, in {:.1} s",
            self.seed,
            tally.modules,
            tally.returned,
            tally.trapped,
            duration.as_secs_f64()
        );
        println!(
            "fuzz: {} modules left at a trap that need not be kept, {} at the end of a stack",
            tally.parted, tally.exhausted
        );
    }

    fn verdict(&self, total: &Report) -> Result<(), String> {
        if !total.findings.is_empty() {
            return Err(format!("{} failures", total.findings.len()));
        }
        if total.tally.returned < self.floor_calls {
            return Err(format!("only {} calls, the floor is {}", total.tally.returned, self.floor_calls));
        }
        Ok(())
    }

    /// Writes each module that failed, and the scripts of the first few.
    fn write_findings(&self, findings: &[Finding]) -> Result<(), String> {
        for directory in [Path::new(MODULES), &self.regress] {
            std::fs::create_dir_all(directory).map_err(|error| cannot_write(directory, &error))?;
        }
        for (index, finding) in findings.iter().enumerate() {
            println!("fuzz: {}: {}", finding.setup, finding.message);
            let seed = finding.seed.ok_or("a failure of no module")?;
            let bytes = generate::module(seed)?;
            let stem = Path::new(MODULES).join(format!("fuzz_{seed}"));
            write(&stem.with_extension("wasm"), &bytes)?;
            if index < MAX_SHRUNK {
                let path = stem.with_extension("small.wasm");
                let deadline = Instant::now() + SHRINK_TIME_LIMIT;
                let mut trial = |bytes: &[u8]| try_alone(bytes, finding.setup, &path);
                let (small, finding) = shrink(&bytes, finding, deadline, &mut trial);
                write(&path, &small)?;
                let path = self.regress.join(format!("fuzz_{seed}.wast"));
                write(&path, script(&small, &finding)?.as_bytes())?;
                println!("fuzz: {}: {}", path.display(), finding.message);
            }
        }
        Ok(())
    }
}

fn batch_args(first: u64, count: u64, setups: &[Setup]) -> Vec<String> {
    let numbers = [first.to_string(), count.to_string()];
    numbers.into_iter().chain(setups.iter().map(Setup::to_string)).collect()
}

/// What `bytes` does wrong in one setup, in a child that reads it from `path`.
fn try_alone(bytes: &[u8], setup: Setup, path: &Path) -> Option<Finding> {
    write(path, bytes).ok()?;
    let report = parent::run(&[path.display().to_string(), setup.to_string()]).ok()?;
    report.findings.into_iter().next()
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), String> {
    std::fs::write(path, bytes).map_err(|error| cannot_write(path, &error))
}

fn cannot_write(path: &Path, error: &std::io::Error) -> String {
    format!("write {}: {error}", path.display())
}
