//! Runs the specification's test suite: every file, at -O0 and -O2, with guard pages and software checks.
//!
//! Files about vectors also run with other vector instructions, all others of the newest suite at -O3.
//! Prints a table and fails when any total differs from the record in `tests/ratchet/`. Arguments that are
//! no options choose files by a part of their name; `--config O0-guard` chooses a configuration.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::ExitCode;

use w2n_tests::spec::config::Config;
use w2n_tests::spec::pool::{self, CHILD, DONE, Job, JobResult};
use w2n_tests::spec::ratchet::{self, Results};
use w2n_tests::spec::suite::Suite;
use w2n_tests::spec::superseded::Expected;
use w2n_tests::spec::{Totals, Verdict, script};

/// Failures that are printed for one file; the table counts them all.
const MAX_PRINTED_FAILURES: usize = 5;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if args.first().is_some_and(|arg| arg == CHILD) {
        run_child(&args[1..]);
        return ExitCode::SUCCESS;
    }
    if args.iter().any(|arg| arg == "--list") {
        println!("spec: test");
        return ExitCode::SUCCESS;
    }
    let selection = Selection::from_args(&args);
    let mut total = Totals::default();
    let mut is_as_recorded = true;
    for suite in Suite::ALL {
        let jobs = selection.jobs(suite);
        if jobs.is_empty() {
            println!("suite {}: no files here", suite.name());
            continue;
        }
        let results = pool::run(jobs, print_failures);
        print_table(suite, &results);
        results.iter().for_each(|result| total.add(&result.totals));
        is_as_recorded &= compare(suite, &by_file(&results), &selection);
    }
    println!("{total}");
    if is_as_recorded { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Which files and configurations to run.
struct Selection {
    names: Vec<String>,
    configs: Vec<Config>,
}

impl Selection {
    fn from_args(args: &[String]) -> Self {
        let mut names = Vec::new();
        let mut configs = Vec::new();
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            if arg == "--config" {
                let config = args.next().map_or("", String::as_str).parse();
                configs.push(config.unwrap_or_else(|error: String| panic!("{error}")));
            } else if !arg.starts_with('-') {
                names.push(arg.clone());
            }
        }
        Self { names, configs }
    }

    fn is_partial(&self) -> bool {
        !self.names.is_empty() || !self.configs.is_empty()
    }

    fn jobs(&self, suite: Suite) -> Vec<Job> {
        let is_chosen =
            |file: &str| self.names.is_empty() || self.names.iter().any(|name| file.contains(name.as_str()));
        let files = suite.files().into_iter().filter(|file| is_chosen(&file.name));
        files
            .flat_map(|file| {
                let configs = self.configs_for(suite, &file.name);
                configs.into_iter().map(move |config| Job { suite, file: file.name.clone(), config })
            })
            .collect()
    }

    fn configs_for(&self, suite: Suite, file: &str) -> Vec<Config> {
        if !self.configs.is_empty() {
            return self.configs.clone();
        }
        let is_about_vectors = ["simd", "relaxed"].iter().any(|word| file.contains(word));
        let also = match suite {
            _ if is_about_vectors => &Config::VECTORS[..],
            Suite::Shared | Suite::Regress => &Config::AGGRESSIVE,
            // Mostly the same files once more.
            Suite::Crate => &[],
        };
        Config::ALL.iter().chain(also).copied().collect()
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
        writeln!(stdout, "{}", pool::render_verdict(verdict)).expect("the parent reads");
    };
    let mut expected = Expected::of(suite, &file.name);
    script::run(&file, config, &mut |verdict| say(&expected.judge(verdict)));
    expected.stale().for_each(|verdict| say(&verdict));
    writeln!(stdout, "{DONE}").expect("the parent reads");
}

fn print_failures(result: &JobResult) {
    let Job { suite, file, config } = &result.job;
    let failures = &result.failures;
    for failure in failures.iter().take(MAX_PRINTED_FAILURES) {
        println!("{}: {file}:{failure} [{config}]", suite.name());
    }
    if failures.len() > MAX_PRINTED_FAILURES {
        println!("{}: {file}: {} more [{config}]", suite.name(), failures.len() - MAX_PRINTED_FAILURES);
    }
}

fn print_table(suite: Suite, results: &[JobResult]) {
    let mut files: BTreeMap<&str, (Totals, f64)> = BTreeMap::new();
    for result in results {
        let (totals, seconds) = files.entry(&result.job.file).or_default();
        totals.add(&result.totals);
        *seconds += result.duration.as_secs_f64();
    }
    println!(
        "\n{:<52} {:>8} {:>7} {:>8} {:>7}",
        format!("suite {}", suite.name()),
        "passed",
        "failed",
        "skipped",
        "s"
    );
    for (file, (totals, seconds)) in files {
        let reason = totals.skipped.keys().next().map_or("", String::as_str);
        let skipped = totals.skipped_count();
        println!(
            "{file:<52} {:>8} {:>7} {skipped:>8} {seconds:>7.1}  {reason}",
            totals.passed, totals.failed
        );
    }
    for config in Config::every() {
        let mut totals = Totals::default();
        let chosen = results.iter().filter(|result| result.job.config == config);
        chosen.for_each(|result| totals.add(&result.totals));
        println!("suite {} {config}: {totals}", suite.name());
    }
}

fn by_file(results: &[JobResult]) -> Results {
    let mut by_file = Results::new();
    for result in results {
        let configs = by_file.entry(result.job.file.clone()).or_default();
        configs.insert(result.job.config.to_string(), result.totals.clone());
    }
    by_file
}

/// Holds the results against the record, or makes them the record; false if they differ.
fn compare(suite: Suite, results: &Results, selection: &Selection) -> bool {
    if std::env::var_os("W2N_BLESS").is_some() && selection.configs.is_empty() {
        ratchet::bless(suite, results, selection.is_partial()).expect("write the record");
    }
    let differences = ratchet::differences(suite, results, selection.is_partial());
    for difference in &differences {
        println!("suite {}: {difference}", suite.name());
    }
    if !differences.is_empty() {
        println!(
            "suite {}: {} totals differ from the record; `make bless` accepts them",
            suite.name(),
            differences.len()
        );
    }
    differences.is_empty()
}
