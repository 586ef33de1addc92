//! Runs what was built, engine after engine, round after round, so that a busy moment hits all alike.
//!
//! The rule: a result that differs from native code's ends the benchmark.

use std::process::Command;
use std::time::Duration;

use w2n_tests::program::run;

use crate::engine::{ByEngine, Engine};

/// Times of one program.
#[derive(Debug)]
pub struct Measured {
    /// What every engine computed.
    pub result: String,
    /// The median of each engine, in nanoseconds by the program's own clock.
    pub time_ns: ByEngine<u64>,
}

/// Runs the program `name` by each of `engines` in turn, `runs` times. The first engine says what is right.
pub fn measure(name: &str, engines: &mut [(Engine, Command)], runs: usize) -> Result<Measured, String> {
    let mut times = vec![Vec::new(); engines.len()];
    let mut results = Results::new(name);
    for _ in 0..runs {
        for ((engine, command), times) in engines.iter_mut().zip(&mut times) {
            let (result, time) =
                run_once(command).map_err(|why| format!("{name} on {}: {why}", engine.key()))?;
            times.push(time);
            results.compare(*engine, result)?;
        }
    }
    let medians = times.into_iter().map(|times| median(times).as_nanos() as u64);
    let time_ns = engines.iter().map(|(engine, _)| engine.key().to_owned()).zip(medians).collect();
    Ok(Measured { result: results.expected.unwrap_or_default(), time_ns })
}

/// The results of one program, which must be equal.
pub struct Results<'a> {
    program: &'a str,
    /// What the first engine computed.
    pub expected: Option<String>,
}

impl<'a> Results<'a> {
    /// None yet.
    pub fn new(program: &'a str) -> Self {
        Self { program, expected: None }
    }

    /// Takes the next one. Errors: it differs from the first.
    pub fn compare(&mut self, engine: Engine, result: String) -> Result<(), String> {
        let expected = self.expected.get_or_insert_with(|| result.clone());
        match result == *expected {
            true => Ok(()),
            false => {
                Err(format!("{} on {}: result {result}, natively {expected}", self.program, engine.key()))
            }
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_one() {
        let of = |times: &[u64]| median(times.iter().map(|&time| Duration::from_nanos(time)).collect());
        assert_eq!(of(&[9, 1, 5]), Duration::from_nanos(5));
        assert_eq!(of(&[9, 1, 5, 4]), Duration::from_nanos(4));
        assert_eq!(of(&[7]), Duration::from_nanos(7));
    }

    #[test]
    fn another_result_is_an_error_that_names_program_and_engine() {
        let mut results = Results::new("matmul");
        assert!(results.compare(Engine::Native, "1".to_owned()).is_ok());
        assert!(results.compare(Engine::Wasmtime, "1".to_owned()).is_ok());
        let error = results.compare(Engine::Wasm2c, "2".to_owned()).unwrap_err();
        assert_eq!(error, "matmul on wasm2c: result 2, natively 1");
    }

    #[test]
    fn a_program_that_fails_is_an_error_that_says_how() {
        let mut fails = Command::new("sh");
        fails.args(["-c", "echo oops >&2; exit 3"]);
        let error = measure("matmul", &mut [(Engine::Native, fails)], 1).unwrap_err();
        assert_eq!(error, "matmul on native: status Some(3), oops\n");
    }
}
