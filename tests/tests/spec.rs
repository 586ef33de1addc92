//! Runs the specification's test suite: every file, at -O0 and -O2, with guard pages and software checks.
//!
//! Files about vectors also run with other vector instructions, all others of the newest suite at -O3. Each
//! file in a configuration is a test, `shared::i32::O2-guard`, which fails when its totals differ from the
//! record in `tests/ratchet/`; the arguments are those of cargo's own tests. A table of the totals comes last.

use std::io::Write;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};

use libtest_mimic::{Arguments, Failed, FormatSetting, Trial};
use w2n_tests::spec::config::Config;
use w2n_tests::spec::process::{self, CHILD, DONE, Job, JobResult};
use w2n_tests::spec::ratchet::{self, Results};
use w2n_tests::spec::suite::Suite;
use w2n_tests::spec::superseded::Expected;
use w2n_tests::spec::{Totals, Verdict, script, table};

/// Failures that are printed for one file; the table counts them all.
const MAX_PRINTED_FAILURES: usize = 5;

/// The results of the tests that have run.
type Finished = Arc<Mutex<Vec<JobResult>>>;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if args.first().is_some_and(|arg| arg == CHILD) {
        run_child(&args[1..]);
        return ExitCode::SUCCESS;
    }
    let mut args = Arguments::from_args();
    let is_partial = args.filter.is_some() || !args.skip.is_empty() || args.ignored;
    if !is_partial && !args.quiet && !args.list {
        // Thousands of lines say nothing that the table does not.
        args.format.get_or_insert(FormatSetting::Terse);
    }
    let finished = Finished::default();
    let mut trials: Vec<_> = Suite::ALL.into_iter().flat_map(|suite| trials(suite, &finished)).collect();
    trials.extend(Suite::ALL.map(nothing_is_gone));
    let conclusion = libtest_mimic::run(&args, trials);
    if !args.list {
        let results = finished.lock().expect("no test panics with it");
        Suite::ALL.into_iter().for_each(|suite| report(suite, &results, is_partial));
        let mut total = Totals::default();
        results.iter().for_each(|result| total.add(&result.totals));
        println!("{total}");
    }
    conclusion.exit_code()
}

fn is_blessing() -> bool {
    std::env::var_os("W2N_BLESS").is_some()
}

/// The tests of `suite`: a file in a configuration each.
fn trials(suite: Suite, finished: &Finished) -> Vec<Trial> {
    let record = Arc::new(ratchet::read(suite));
    let files = suite.files().into_iter();
    let jobs = files.flat_map(|file| {
        let configs = configs_for(suite, &file.name).into_iter();
        configs.map(move |config| Job { suite, file: file.name.clone(), config })
    });
    jobs.map(|job| {
        let (record, finished) = (Arc::clone(&record), Arc::clone(finished));
        Trial::test(name(&job), move || run(job, &record, &finished))
    })
    .collect()
}

/// `shared::simd/simd_lane::O2-guard-v3`
fn name(Job { suite, file, config }: &Job) -> String {
    let file = file.strip_suffix(".wast").unwrap_or(file);
    format!("{}::{file}::{config}", suite.name())
}

fn configs_for(suite: Suite, file: &str) -> Vec<Config> {
    let is_about_vectors = ["simd", "relaxed"].iter().any(|word| file.contains(word));
    let also = match suite {
        _ if is_about_vectors => &Config::VECTORS[..],
        Suite::Shared | Suite::Regress => &Config::AGGRESSIVE,
        // Mostly the same files once more.
        Suite::Crate => &[],
    };
    Config::ALL.iter().chain(also).copied().collect()
}

/// Fails for totals that are not those on record, unless these are being replaced.
fn run(job: Job, record: &Results, finished: &Finished) -> Result<(), Failed> {
    let result = process::run(job);
    let Job { suite, file, config } = &result.job;
    let shown = result.failures.iter().take(MAX_PRINTED_FAILURES);
    let mut lines: Vec<_> = shown.map(|failure| format!("{}: {file}:{failure}", suite.name())).collect();
    if result.failures.len() > MAX_PRINTED_FAILURES {
        lines.push(format!("and {} more", result.failures.len() - MAX_PRINTED_FAILURES));
    }
    let difference = ratchet::difference(record, file, *config, &result.totals);
    finished.lock().expect("no test panics with it").push(result);
    match difference {
        Some(difference) if !is_blessing() => {
            lines.push(difference);
            Err(lines.join("\n").into())
        }
        _ => Ok(()),
    }
}

/// `shared::nothing_is_gone`: all files on record are in the suite.
fn nothing_is_gone(suite: Suite) -> Trial {
    Trial::test(format!("{}::nothing_is_gone", suite.name()), move || {
        let gone = ratchet::gone(&ratchet::read(suite), suite);
        if gone.is_empty() || is_blessing() {
            return Ok(());
        }
        Err(format!("on record, but not in the suite: {}", gone.join(", ")).into())
    })
}

/// Prints the table of `suite`, and makes the results the record where that is asked for.
fn report(suite: Suite, results: &[JobResult], is_partial: bool) {
    let results: Vec<_> = results.iter().filter(|result| result.job.suite == suite).collect();
    if results.is_empty() {
        println!("suite {}: no file has run", suite.name());
        return;
    }
    table::print(suite, &results);
    if is_blessing() {
        let mut by_file = Results::new();
        for result in results {
            let configs = by_file.entry(result.job.file.clone()).or_default();
            configs.insert(result.job.config.to_string(), result.totals.clone());
        }
        ratchet::bless(suite, &by_file, is_partial).expect("write the record");
    }
}

/// `--child <suite> <file> <configuration>`: runs one file and prints a line per verdict.
fn run_child(args: &[String]) {
    let [suite, name, config] = args else { panic!("{CHILD} takes a suite, a file and a configuration") };
    let suite = Suite::ALL.into_iter().find(|known| known.name() == suite).expect("a known suite");
    let file = suite.files().into_iter().find(|file| file.name == *name).expect("a file of the suite");
    let config = config.parse().expect("a known configuration");
    // Line by line, so that a crash loses nothing that was said before.
    let mut stdout = std::io::stdout().lock();
    let mut say = |verdict: &Verdict| {
        writeln!(stdout, "{}", process::render_verdict(verdict)).expect("the parent reads");
    };
    let mut expected = Expected::of(suite, &file.name);
    script::run(&file, config, &mut |verdict| say(&expected.judge(verdict)));
    expected.stale().for_each(|verdict| say(&verdict));
    writeln!(stdout, "{DONE}").expect("the parent reads");
}
