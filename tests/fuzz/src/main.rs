//! `make fuzz`: generated modules compiled without and with optimisation, against another engine.
//!
//! The rule: what counts is calls that were completed and compared; a run with fewer than its floor fails.
//! `w2n-fuzz [--seconds N] [--seed S] [--calls N] [--floor N] [--regress DIR]`, or `w2n-fuzz --replay FILE`.
//! `w2n-fuzz --due-traps N` counts due traps and those that are lost, see [`due`]; `--due-text SEED` shows a module of it.

mod child;
#[cfg(test)]
mod constants;
mod due;
mod generate;
mod observe;
mod parent;
mod plan;
mod reference;
mod regress;
mod report;
mod rewrite;
mod session;
mod shrink;
mod subject;

use std::process::ExitCode;

use child::Subject;
use session::Session;
use subject::Setup;

const USAGE: &str =
    "usage: w2n-fuzz [--seconds N] [--seed S] [--calls N] [--floor N] [--regress DIR] | --replay FILE";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let result = match args.first().map(String::as_str) {
        Some(parent::CHILD) => run_child(&args[1..]),
        Some(due::CHILD) => due::run_child(&args[1..]),
        Some(due::TEXT) => due::print_text(&args[1..]),
        Some("--due-traps") => due::Session::from_args(&args).and_then(|session| session.run()),
        Some("--replay") => replay(&args[1..]),
        _ => Session::from_args(&args).and_then(|session| session.run()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("fuzz: {reason}");
            ExitCode::FAILURE
        }
    }
}

/// `FILE SETUP`, or `SEED COUNT SETUP...`.
fn run_child(args: &[String]) -> Result<(), String> {
    let setups = |texts: &[String]| texts.iter().map(|text| text.parse()).collect::<Result<Vec<Setup>, _>>();
    let number = |text: &String| text.parse::<u64>().map_err(|error| format!("{text}: {error}"));
    parent::limit_time()?;
    match args {
        [file, setup] => {
            let bytes = std::fs::read(file).map_err(|error| format!("{file}: {error}"))?;
            child::run(&[Subject { seed: 0, bytes }], &setups(std::slice::from_ref(setup))?);
        }
        [first, count, rest @ ..] => {
            let first = number(first)?;
            let seeds = first..first + number(count)?;
            let module = |seed| Ok(Subject { seed, bytes: generate::module(seed)? });
            child::run(&seeds.map(module).collect::<Result<Vec<_>, String>>()?, &setups(rest)?);
        }
        _ => return Err(USAGE.to_owned()),
    }
    Ok(())
}

/// Runs a module, binary or text, in every setup.
fn replay(args: &[String]) -> Result<(), String> {
    let [file] = args else { return Err(USAGE.to_owned()) };
    let bytes = wat::parse_file(file).map_err(|error| error.to_string())?;
    let scratch = tempfile::NamedTempFile::new().map_err(|error| error.to_string())?;
    std::fs::write(scratch.path(), bytes).map_err(|error| error.to_string())?;
    let mut failed = 0;
    for setup in Setup::all() {
        let report = parent::run(&[scratch.path().display().to_string(), setup.to_string()])?;
        println!("{setup}: {} calls returned, {} trapped", report.tally.returned, report.tally.trapped);
        for finding in &report.findings {
            println!("{setup}: {}", finding.message);
            failed += 1;
        }
    }
    if failed == 0 { Ok(()) } else { Err(format!("{failed} failures")) }
}
