//! `make bench`: run time of compiled Wasm against native code and a second engine, in one table.
//!
//! The rule: every program says its own result and time; results must be equal everywhere, or the run
//! fails. Times pass or fail nothing. `w2n-bench [--runs N] [--march CPU] [--instructions] [NAME]...`
//! measures the named programs only, compiled for CPU; with `--instructions` it counts instead of timing,
//! which a busy machine does not change; `calls` alone measures the calls of the host.

mod build;
mod calls;
mod instructions;
mod measure;
mod report;
mod source;
mod startup;

use std::path::Path;
use std::process::ExitCode;

use build::Built;
use measure::Measured;

/// Stands for the calls of the host among the names of programs.
const CALLS: &str = "calls";

/// Timed runs of each program on each engine, unless `--runs` says otherwise. Odd, so that there is a median.
const DEFAULT_RUNS: usize = 5;

/// The processor that native code and the product's are for, unless `--march` says otherwise.
const DEFAULT_MARCH: &str = "x86-64";

/// The options with which the product compiles, in the order of the table. The last one uses what the
/// processor of this machine has, whatever native code is for.
const LEVELS: [&str; 3] = ["-O2", "-O3", "-mcpu=native"];

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("bench: {reason}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), String> {
    let Arguments { runs, march, names, counts_instructions } = arguments()?;
    let output_dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/bench");
    std::fs::create_dir_all(&output_dir).map_err(|error| format!("{}: {error}", output_dir.display()))?;
    let output_dir = output_dir.canonicalize().map_err(|error| error.to_string())?;
    let work = tempfile::tempdir().map_err(|error| error.to_string())?;

    if counts_instructions {
        let programs = source::programs(&output_dir)?;
        let chosen = programs.iter().filter(|program| is_chosen(&names, program));
        return instructions::run(chosen, &march, work.path());
    }
    if names == [CALLS] {
        return calls::measure(work.path(), &output_dir);
    }

    let mut measured = Vec::new();
    report::print_header(&march);
    for program in source::programs(&output_dir)? {
        if !is_chosen(&names, &program) {
            continue;
        }
        let built = Built::new(&program, &march, work.path())?;
        let row = Measured::new(&built, runs)?;
        report::print_row(&row);
        measured.push(row);
    }
    if measured.is_empty() {
        return Err(format!("no program is called {}", names.join(" or ")));
    }
    report::print_means(&measured);

    let startups = if names.is_empty() { startup::measure(work.path())? } else { Vec::new() };
    report::print_startups(&startups);
    if names.is_empty() {
        calls::measure(work.path(), &output_dir)?;
    }
    let json = output_dir.join("latest.json");
    std::fs::write(&json, report::to_json(&measured, &startups)).map_err(|error| error.to_string())?;
    println!("\nwritten: {}", json.display());
    Ok(())
}

fn is_chosen(names: &[String], program: &source::Program) -> bool {
    names.is_empty() || names.contains(&program.name)
}

struct Arguments {
    runs: usize,
    march: String,
    names: Vec<String>,
    counts_instructions: bool,
}

fn arguments() -> Result<Arguments, String> {
    let mut arguments = Arguments {
        runs: DEFAULT_RUNS,
        march: DEFAULT_MARCH.to_owned(),
        names: Vec::new(),
        counts_instructions: false,
    };
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        if arg == "--runs" {
            let number = args.next().and_then(|text| text.parse().ok()).filter(|&number| number > 0);
            arguments.runs = number.ok_or("--runs wants a number above 0")?;
        } else if arg == "--march" {
            arguments.march = args.next().ok_or("--march wants the name of a processor, or native")?;
        } else if arg == "--instructions" {
            arguments.counts_instructions = true;
        } else if arg.starts_with('-') {
            return Err(format!(
                "unknown option {arg}; usage: w2n-bench [--runs N] [--march CPU] [--instructions] [NAME]..."
            ));
        } else {
            arguments.names.push(arg);
        }
    }
    Ok(arguments)
}
