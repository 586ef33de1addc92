//! `make fuzz FUZZ=c`: generated C against native code.
//!
//! `w2n-genc [--csmith] [--seconds N] [--cpu-seconds N] [--seed S] [--enough N] [--floor N] [--failures N]`, or `w2n-genc --only PROGRAM`, or `w2n-genc --print PROGRAM`.

use std::process::ExitCode;
use std::time::Duration;

use w2n_genc::program::Program;
use w2n_genc::session::{Generator, Session};

const USAGE: &str = "usage: w2n-genc [--csmith] [--seconds N] [--cpu-seconds N] [--seed S] [--enough N] [--floor N] [--failures N] | --only PROGRAM | --print PROGRAM";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("genc: {reason}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &[String]) -> Result<(), String> {
    let mut session = Session {
        time_limit: Duration::from_secs(60),
        processor_limit: Duration::MAX,
        seed: 1,
        enough: u64::MAX,
        floor: 1,
        enough_failures: usize::MAX,
        generator: Generator::Ours,
        only: None,
    };
    let mut args = args;
    if let Some((first, rest)) = args.split_first()
        && first == "--csmith"
    {
        (session.generator, args) = (Generator::Csmith, rest);
    }
    for pair in args.chunks(2) {
        let [option, value] = pair else { return Err(USAGE.to_owned()) };
        let number = value.parse::<u64>().map_err(|error| format!("{option} {value}: {error}"))?;
        match option.as_str() {
            "--seconds" => session.time_limit = Duration::from_secs(number),
            "--cpu-seconds" => session.processor_limit = Duration::from_secs(number),
            "--seed" => session.seed = number,
            "--enough" => session.enough = number,
            "--floor" => session.floor = number,
            "--failures" => session.enough_failures = number as usize,
            "--only" => session.only = Some(number),
            "--print" => {
                let program = Program::generate(number);
                print!("{}", program.source(&program.numbers()));
                return Ok(());
            }
            _ => return Err(format!("no option {option}; {USAGE}")),
        }
    }
    session.run()
}
