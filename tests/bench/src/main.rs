//! The command of `make bench`.
//!
//! The rule: 1 for a run that failed, 2 for a command line that is wrong.

use std::process::ExitCode;

use w2n_bench::arguments::{Arguments, USAGE, parse};
use w2n_bench::{root, run, table};

fn main() -> ExitCode {
    let done = match parse(std::env::args().skip(1)) {
        Ok(Arguments::Measure(plan)) => run(&plan),
        Ok(Arguments::Table) => table::rewrite(root()),
        Ok(Arguments::Help) => {
            print!("{USAGE}");
            Ok(())
        }
        Err(reason) => {
            eprint!("bench: {reason}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("bench: {reason}");
            ExitCode::FAILURE
        }
    }
}
