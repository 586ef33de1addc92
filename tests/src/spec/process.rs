//! Runs a file in a process of its own, under a watchdog.
//!
//! A child prints one line per verdict as it goes ([`render_verdict`]), and [`DONE`] at the end, so a
//! crash or a hang costs the rest of its file and nothing more.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::config::Config;
use super::suite::Suite;
use super::{Totals, Verdict};

/// Longest time for one file; the slowest takes a few seconds on an idle machine.
const FILE_TIMEOUT: Duration = Duration::from_secs(120);

/// First argument of a child.
pub const CHILD: &str = "--child";

/// Last line of a child that came to the end of its file.
pub const DONE: &str = "done";

/// One file in one configuration.
#[derive(Clone, Debug)]
pub struct Job {
    /// Suite of the file.
    pub suite: Suite,
    /// Its name in the suite.
    pub file: String,
    /// How its modules are compiled.
    pub config: Config,
}

/// What became of a job.
#[derive(Clone, Debug)]
pub struct JobResult {
    /// The job.
    pub job: Job,
    /// Counts.
    pub totals: Totals,
    /// `line: message` of each failure.
    pub failures: Vec<String>,
    /// Time it took.
    pub duration: Duration,
}

/// A verdict as a child's output line. Newlines in messages are dropped.
pub fn render_verdict(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Pass => "pass".to_owned(),
        Verdict::Fail(line, message) => format!("fail {line}: {}", message.replace('\n', " ")),
        Verdict::Skip(reason) => format!("skip {}", reason.replace('\n', " ")),
    }
}

/// Runs `job` in this program, started again.
pub fn run(job: Job) -> JobResult {
    let start = Instant::now();
    let mut child = Command::new(std::env::current_exe().expect("the path of this program"))
        .args([CHILD, job.suite.name(), &job.file, &job.config.to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("start this program again");
    let stdout = child.stdout.take().expect("piped");
    let mut stderr = child.stderr.take().expect("piped");
    let (mut totals, mut failures, mut is_done) = (Totals::default(), Vec::new(), false);
    let mut complaints = String::new();
    let mut end = String::new();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut bytes = Vec::new();
            // A child that is killed has said all it will say.
            let _ = stderr.read_to_end(&mut bytes);
            complaints = String::from_utf8_lossy(&bytes).into_owned();
        });
        scope.spawn(|| {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                is_done |= count(&line, &mut totals, &mut failures);
            }
        });
        end = wait(&mut child, start);
    });
    if !is_done {
        totals.failed += 1;
        let last = complaints.lines().rev().take(3).collect::<Vec<_>>();
        let last = last.into_iter().rev().collect::<Vec<_>>().join(" / ");
        failures.push(format!("the process ended early: {end} after {} passes: {last}", totals.passed));
    }
    JobResult { job, totals, failures, duration: start.elapsed() }
}

/// Counts a line of output; true for the last one.
fn count(line: &str, totals: &mut Totals, failures: &mut Vec<String>) -> bool {
    let (verdict, rest) = line.split_once(' ').unwrap_or((line, ""));
    match verdict {
        "pass" => totals.passed += 1,
        "fail" => {
            totals.failed += 1;
            failures.push(rest.to_owned());
        }
        "skip" => *totals.skipped.entry(rest.to_owned()).or_default() += 1,
        DONE => return true,
        _ => failures.push(format!("unexpected output: {line}")),
    }
    false
}

/// Waits for the end of the child, or makes it; says how it ended.
fn wait(child: &mut Child, start: Instant) -> String {
    loop {
        if let Some(status) = child.try_wait().expect("wait for a child") {
            return status.to_string();
        }
        if start.elapsed() > FILE_TIMEOUT {
            child.kill().expect("stop a child");
            child.wait().expect("wait for a child");
            return format!("stopped after {} s", FILE_TIMEOUT.as_secs());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}
