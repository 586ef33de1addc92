//! Counts executed instructions with valgrind.
//!
//! The rule: the programs are built without a clock, since valgrind shows no vDSO, and all else is as in
//! the timed build. The count is of the whole process; it is the same in every run and on a busy machine, so
//! programs are built and counted side by side.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;

use crate::build::{Clock, Workshop};
use crate::engine::{ByEngine, ENGINES, Engine};
use crate::measure::Results;
use crate::parallel::for_each_in_parallel;
use crate::progress::Progress;
use crate::source::Program;

/// What one program executes.
#[derive(Clone, Debug)]
pub struct Counted {
    /// What every engine computed.
    pub result: String,
    /// Executed instructions of each engine that can be counted.
    pub instructions: ByEngine<u64>,
}

/// Builds and counts `programs` in `dir`: counts by the program's name.
pub fn count_all(
    programs: &[&Program],
    march: &str,
    dir: &Path,
) -> Result<BTreeMap<String, Counted>, String> {
    let workshop = Workshop::new(&dir.join("counted"), march, Clock::Absent)?;
    let progress = Progress::new(workshop.input_count(programs) + programs.len());
    workshop.build_inputs(programs, &progress)?;
    let counts = Mutex::new(BTreeMap::new());
    for_each_in_parallel(programs, |program| {
        progress.say(&format!("counting instructions: {}", program.name));
        let counted = count_program(&workshop, program)?;
        counts.lock().expect("no counter panicked").insert(program.name.clone(), counted);
        Ok(())
    })?;
    progress.clear();
    Ok(counts.into_inner().expect("no counter panicked"))
}

fn count_program(workshop: &Workshop, program: &Program) -> Result<Counted, String> {
    let mut results = Results::new(&program.name);
    let mut instructions = BTreeMap::new();
    for engine in ENGINES.into_iter().filter(|engine| engine.is_countable()) {
        let executable = match engine {
            Engine::Native => workshop.native(program),
            _ => workshop.compile(engine, program)?.path,
        };
        let (result, count) =
            count(&executable).map_err(|why| format!("{} on {}: {why}", program.name, engine.key()))?;
        results.compare(engine, result)?;
        instructions.insert(engine.key().to_owned(), count);
    }
    Ok(Counted { result: results.expected.unwrap_or_default(), instructions })
}

/// The result that `executable` prints, and how many instructions it executes.
fn count(executable: &Path) -> Result<(String, u64), String> {
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"]).arg(executable);
    let output = valgrind.output().map_err(|error| format!("cannot run valgrind: {error}"))?;
    let report = String::from_utf8_lossy(&output.stderr);
    match (output.status.success(), counted_in(&report)) {
        (true, Some(count)) => Ok((String::from_utf8_lossy(&output.stdout).trim().to_owned(), count)),
        _ => Err(format!("{} under valgrind: {}\n{report}", executable.display(), output.status)),
    }
}

/// The number in valgrind's line `==9== I   refs:      1,234`.
fn counted_in(report: &str) -> Option<u64> {
    report
        .lines()
        .find_map(|line| line.split_once("I ")?.1.split_once("refs:")?.1.replace(',', "").trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_is_found_in_the_report() {
        let report = "==7== Cachegrind, a profiler\n0\n==7== \n==7== I   refs:      870,592,074\n";
        assert_eq!(counted_in(report), Some(870_592_074));
        assert_eq!(counted_in("==7== Cachegrind\n"), None);
    }
}
