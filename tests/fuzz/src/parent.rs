//! Starts children, reads what they say, and ends those that hang.
//!
//! The rule: a child that does not come to its end has failed, at the module that it named last.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, setrlimit};

use crate::report::{Finding, Line, Report};

/// Processor time that a child may take; a batch takes some seconds. What counts is not how busy the
/// machine is.
const CPU_SECONDS: u64 = 60;

/// Longest time for a child, for one that waits for something that never comes.
const CHILD_TIMEOUT: Duration = Duration::from_secs(900);

/// First argument of a child.
pub const CHILD: &str = "--child";

/// Lets the system end this process, a child, when it has taken its time. Errors: the system's words.
pub fn limit_time() -> Result<(), String> {
    limit_time_to(CPU_SECONDS)
}

/// The same with another limit.
pub fn limit_time_to(cpu_seconds: u64) -> Result<(), String> {
    let limit = Rlimit { current: Some(cpu_seconds), maximum: Some(cpu_seconds) };
    setrlimit(Resource::Cpu, limit).map_err(|error| format!("limit the time: {error}"))
}

/// Runs this program again with `args` and hears it out. Errors: it does not start, or speaks nonsense.
pub fn run(args: &[String]) -> Result<Report, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut command = Command::new(program);
    command.arg(CHILD).args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().map_err(|error| format!("start a child: {error}"))?;
    let stdout = child.stdout.take().expect("piped");
    let lines = std::thread::spawn(move || -> Vec<Option<Line>> {
        BufReader::new(stdout).lines().map_while(Result::ok).map(|line| Line::parse(&line)).collect()
    });
    let end = wait(&mut child)?;
    let lines = lines.join().map_err(|_| "the reader panicked".to_owned())?;
    let (mut report, mut at, mut is_done) = (Report::default(), None, false);
    for line in lines {
        match line.ok_or("a child said something else than it may")? {
            Line::At(seed, setup) => at = Some((seed, setup)),
            Line::Failed(finding) => report.findings.push(finding),
            Line::Finished(tally) => report.tally.add(tally),
            Line::Done => is_done = true,
        }
    }
    if !is_done {
        let (seed, setup) = at.ok_or_else(|| format!("a child ended before it began: {end}"))?;
        report.findings.push(Finding {
            seed,
            setup,
            step: None,
            message: format!("the process ended: {end}"),
        });
    }
    Ok(report)
}

/// Waits for the end of the child, or makes it; says how it ended.
fn wait(child: &mut Child) -> Result<String, String> {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().map_err(|error| error.to_string())? {
            return Ok(status.to_string());
        }
        if start.elapsed() > CHILD_TIMEOUT {
            child.kill().map_err(|error| error.to_string())?;
            child.wait().map_err(|error| error.to_string())?;
            return Ok(format!("stopped after {} s", CHILD_TIMEOUT.as_secs()));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}
