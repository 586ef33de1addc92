//! Plants each fault of `fixtures/faults` in a copy of the sources and records which tests catch it.
//!
//! The rule: the sources here are never touched. The copy is in `target/faults`, with a target directory
//! of its own, and is kept so that the next run compiles little. Arguments choose faults by a part of their
//! name; only a run of all of them writes `tests/FAULTS.md`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Output};

use w2n_tests::fault::{self, Fault, Test};

/// What a test may take: a fault can make code run for ever.
const TIMEOUT_SECONDS: &str = "600";

/// What has tests that catch faults.
const PACKAGES: [&str; 4] = ["wasm2native", "w2n-tests", "libwasirt", "w2n-genc"];

const HEADING: &str = "# Faults that the tests catch

`make faults` plants each fault of `fixtures/faults/` in a copy of the sources, compiles it, runs a few tests that
should catch it, and writes this table. Before that all these tests have to pass without a fault. Of more than
three tests that failed, three are named.

| fault | file | caught by |
|---|---|---|
";

fn main() -> ExitCode {
    match run(&std::env::args().skip(1).collect::<Vec<_>>()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("plant-faults: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(names: &[String]) -> Result<(), String> {
    let faults: Vec<Fault> = fault::all()
        .into_iter()
        .filter(|fault| names.is_empty() || names.iter().any(|name| fault.name.contains(name)))
        .collect();
    let copy = Copy::make()?;
    let tests: BTreeSet<&Test> = faults.iter().flat_map(|fault| &fault.tests).collect();
    copy.compile(&tests)?;
    for test in tests {
        let failed = copy.failures(test)?;
        if !failed.is_empty() {
            return Err(format!("without any fault {} fails", failed.join(", ")));
        }
    }
    println!("all tests pass without a fault");
    let mut table = HEADING.to_owned();
    let mut missed = Vec::new();
    for fault in &faults {
        let failed = copy.failures_with(fault)?;
        let caught = if failed.is_empty() { "nothing".to_owned() } else { listed(&failed) };
        println!("{}: caught by {caught}", fault.name);
        table += &format!("| {} | `{}` | {caught} |\n", fault.what, fault.file);
        if failed.is_empty() {
            missed.push(fault.name.as_str());
        }
    }
    if !missed.is_empty() {
        return Err(format!("no test catches {}", missed.join(", ")));
    }
    if names.is_empty() {
        let path = repository().join("tests/FAULTS.md");
        fs::write(&path, table).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(())
}

fn listed(failed: &[String]) -> String {
    let shown = failed.iter().take(3).cloned().collect::<Vec<_>>().join(", ");
    if failed.len() > 3 { format!("{shown} and {} more", failed.len() - 3) } else { shown }
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ is in the repository").to_owned()
}

/// A copy of the sources.
struct Copy {
    sources: PathBuf,
    target: PathBuf,
}

impl Copy {
    /// Makes the copy equal to the sources here. What is equal already keeps its time.
    fn make() -> Result<Self, String> {
        let home = std::env::var_os("CARGO_TARGET_DIR").map_or(repository().join("target"), PathBuf::from);
        let copy = Self { sources: home.join("faults/sources"), target: home.join("faults/target") };
        let files = list_files(&repository())?;
        for file in &files {
            let bytes = fs::read(repository().join(file)).map_err(|error| format!("{file}: {error}"))?;
            copy.write(file, &bytes)?;
        }
        if let Ok(old) = fs::read_to_string(copy.sources.join("files")) {
            for file in old.lines().filter(|file| !files.iter().any(|kept| kept == file)) {
                // It may be gone already.
                let _ = fs::remove_file(copy.sources.join(file));
            }
        }
        copy.write("files", files.join("\n").as_bytes())?;
        Ok(copy)
    }

    fn write(&self, file: &str, bytes: &[u8]) -> Result<(), String> {
        let path = self.sources.join(file);
        if fs::read(&path).is_ok_and(|old| old == bytes) {
            return Ok(());
        }
        let directory = path.parent().expect("it is in the copy");
        fs::create_dir_all(directory)
            .and_then(|()| fs::write(&path, bytes))
            .map_err(|error| format!("{}: {error}", path.display()))
    }

    /// The tests that fail with the fault planted; afterwards it is gone again.
    fn failures_with(&self, fault: &Fault) -> Result<Vec<String>, String> {
        let path = repository().join(&fault.file);
        let source = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", fault.file))?;
        self.write(&fault.file, fault.plant(&source)?.as_bytes())?;
        let failed = self.compile(&fault.tests.iter().collect()).and_then(|()| {
            let failed = fault.tests.iter().map(|test| self.failures(test)).collect::<Result<Vec<_>, _>>()?;
            Ok(failed.concat())
        });
        self.write(&fault.file, source.as_bytes())?;
        failed.map_err(|error| format!("{}: {error}", fault.name))
    }

    /// Always for the same packages, so that cargo builds each of them in one way only.
    fn cargo(&self, subcommand: &str) -> Command {
        let mut command = Command::new("timeout");
        command.args([TIMEOUT_SECONDS, "cargo", subcommand, "--release"]).current_dir(&self.sources);
        for package in PACKAGES {
            command.args(["-p", package]);
        }
        command.env("CARGO_TARGET_DIR", &self.target).env("CARGO_INCREMENTAL", "1");
        // The compiler under test is that of the copy.
        command.env_remove("WASM2NATIVE").env_remove("W2N_BLESS").env_remove("INSTA_UPDATE");
        command
    }

    /// Compiles the tests and the compiler that they run. A fault that is no program catches nothing.
    fn compile(&self, tests: &BTreeSet<&Test>) -> Result<(), String> {
        let targets: BTreeSet<_> = tests.iter().map(|test| &test.target).collect();
        let mut command = self.cargo("build");
        command.args(["--bin", "wasm2native"]);
        for target in targets {
            command.args(["--test", target]);
        }
        let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
        let stderr = String::from_utf8_lossy(&output.stderr);
        if output.status.success() { Ok(()) } else { Err(format!("does not compile:\n{stderr}")) }
    }

    /// Which of the tests fail, by name.
    fn failures(&self, test: &Test) -> Result<Vec<String>, String> {
        let mut command = self.cargo("test");
        command.args(["--test", &test.target, "--"]);
        let output =
            command.args(&test.arguments).output().map_err(|error| format!("{command:?}: {error}"))?;
        let stdout = String::from_utf8_lossy(&output.stdout);
        if output.status.success() {
            let has_run = !stdout.contains("ok. 0 passed");
            return if has_run { Ok(Vec::new()) } else { Err(format!("{test:?} runs no test")) };
        }
        let mut failed: Vec<_> = stdout.lines().filter_map(|line| failed_test(test, line)).collect();
        failed.sort();
        failed.dedup();
        if failed.is_empty() {
            let filter = test.arguments.first().map_or_else(String::new, |filter| format!(": {filter}"));
            failed.push(format!("`{}`{filter} (ended by {})", test.target, ending(&output)));
        }
        Ok(failed)
    }
}

/// The test that a line of output says has failed: a function, or a file of the specification's suite.
fn failed_test(test: &Test, line: &str) -> Option<String> {
    let name = line.strip_prefix("test ")?.strip_suffix(" ... FAILED")?.trim_end();
    let name = match test.target.as_str() {
        "spec" => format!("{}.wast", name.split("::").nth(1)?),
        _ => name.to_owned(),
    };
    Some(format!("`{}`: {name}", test.target))
}

/// How a process ended that did not say which of its tests failed.
fn ending(output: &Output) -> String {
    let stderr = String::from_utf8_lossy(&output.stderr);
    let signal = stderr.split_once("(signal: ").and_then(|(_, rest)| rest.split([',', ')']).next());
    signal.map_or_else(|| output.status.to_string(), |signal| format!("signal {signal}"))
}

/// The files of the repository at `root`, without what is ignored.
fn list_files(root: &Path) -> Result<Vec<String>, String> {
    let mut command = Command::new("git");
    command.args(["ls-files", "--cached", "--others", "--exclude-standard", "-z"]).current_dir(root);
    let output = command.output().map_err(|error| format!("git: {error}"))?;
    if !output.status.success() {
        return Err(format!("git: {}", String::from_utf8_lossy(&output.stderr)));
    }
    let files = output.stdout.split(|byte| *byte == 0).filter(|name| !name.is_empty());
    let files = files.map(|name| String::from_utf8_lossy(name).into_owned());
    Ok(files.filter(|file| root.join(file).exists()).collect())
}
