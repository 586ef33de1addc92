//! Runs what was built, engine after engine, round after round, so that a busy moment hits all alike.
//!
//! The rule: a result that differs from native code's ends the benchmark.

use std::process::Command;
use std::time::Duration;

use w2n_tests::corpus::second_engine;
use w2n_tests::program::run;

use crate::LEVELS;
use crate::build::Built;

/// Times of one program.
#[derive(Debug)]
pub struct Measured {
    /// Its name.
    pub name: String,
    /// What every engine computed.
    pub result: String,
    /// Native code: the median.
    pub native: Duration,
    /// The product, one per [`LEVELS`]: the median.
    pub ours: Vec<Duration>,
    /// The second engine: the median.
    pub other: Duration,
    /// Compile times of the product, one per [`LEVELS`], and of the second engine.
    pub compile_times: Vec<Duration>,
    /// Sizes in bytes: the module, native code, the product's per [`LEVELS`], the second engine's.
    pub sizes_bytes: Vec<u64>,
}

impl Measured {
    /// Runs all of `built`, `runs` times each.
    pub fn new(built: &Built, runs: usize) -> Result<Self, String> {
        let mut engines = vec![("native".to_owned(), Command::new(&built.native.path))];
        for (level, output) in LEVELS.iter().zip(&built.ours) {
            engines.push((format!("wasm2native {level}"), Command::new(&output.path)));
        }
        let mut other = second_engine("run")?;
        other.arg("--compiled").arg(&built.other.path);
        engines.push(("the second engine".to_owned(), other));

        let mut times = vec![Vec::new(); engines.len()];
        let mut expected: Option<String> = None;
        for _ in 0..runs {
            for ((engine, command), times) in engines.iter_mut().zip(&mut times) {
                let (result, time) =
                    run_once(command).map_err(|why| format!("{} on {engine}: {why}", built.name))?;
                times.push(time);
                let expected = expected.get_or_insert_with(|| result.clone());
                if result != *expected {
                    return Err(format!("{} on {engine}: result {result}, natively {expected}", built.name));
                }
            }
        }

        let mut medians: Vec<_> = times.into_iter().map(median).collect();
        let native = medians.remove(0);
        let other = medians.pop().unwrap_or_default();
        let outputs = || built.ours.iter().chain([&built.other]);
        Ok(Self {
            name: built.name.clone(),
            result: expected.unwrap_or_default(),
            native,
            ours: medians,
            other,
            compile_times: outputs().map(|output| output.compile_time).collect(),
            sizes_bytes: [&built.module, &built.native]
                .into_iter()
                .chain(outputs())
                .map(|o| o.size_bytes)
                .collect(),
        })
    }
}

/// What the program printed as its result, and the time it took by its own clock.
fn run_once(command: &mut Command) -> Result<(String, Duration), String> {
    let finished = run(command, b"")?;
    let stderr = String::from_utf8_lossy(&finished.stderr);
    let nanoseconds = stderr.trim().parse();
    match (finished.status, nanoseconds) {
        (Some(0), Ok(nanoseconds)) => {
            let result = String::from_utf8_lossy(&finished.stdout).trim().to_owned();
            Ok((result, Duration::from_nanos(nanoseconds)))
        }
        _ => Err(format!("status {:?}, {stderr}", finished.status)),
    }
}

/// The middle one; of an even number the lower of the two.
pub fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times.get(times.len().saturating_sub(1) / 2).copied().unwrap_or_default()
}
