//! Counts executed instructions with valgrind, natively and of the product.
//!
//! The rule: the programs are built without a clock, since valgrind shows no vDSO, and all else is as in
//! the timed build. The count is of the whole process; it is the same in every run.

use std::path::Path;
use std::process::Command;

use w2n_tests::program::compile;

use crate::LEVELS;
use crate::build::{clang, native_options, wasm_options};
use crate::report::short;
use crate::source::Program;

/// Builds and counts `programs`, and prints a table with the ratios to native code.
pub fn run<'p>(programs: impl Iterator<Item = &'p Program>, march: &str, dir: &Path) -> Result<(), String> {
    let march = format!("-march={march}");
    println!("executed instructions, in millions; x: ratio to clang-22 -O3 {march} (lower is better)");
    print!("{:<12} {:>9}", "program", "native M");
    for level in LEVELS {
        print!(" {:>8}", format!("{} x", short(level)));
    }
    println!();
    let mut logarithms = vec![0.0; LEVELS.len()];
    let mut rows = 0;
    for program in programs {
        let counts = count_program(program, &march, dir)?;
        print!("{:<12} {:>9.1}", program.name, counts[0] as f64 / 1e6);
        for (count, logarithm) in counts[1..].iter().zip(&mut logarithms) {
            let ratio = *count as f64 / counts[0] as f64;
            *logarithm += ratio.ln();
            print!(" {ratio:>8.3}");
        }
        println!();
        rows += 1;
    }
    print!("{:<12} {:>9}", "geomean", "");
    for logarithm in logarithms {
        print!(" {:>8.3}", (logarithm / f64::from(rows.max(1))).exp());
    }
    println!();
    Ok(())
}

/// Of native code, then of each level.
fn count_program(program: &Program, march: &str, dir: &Path) -> Result<Vec<u64>, String> {
    let path = |extension: &str| dir.join(format!("{}.counted.{extension}", program.name));
    let without_clock = |mut options: Vec<_>| {
        options.push("-DBENCH_NO_CLOCK");
        options
    };
    clang(program, &without_clock(native_options(march)), &path("native"))?;
    clang(program, &without_clock(wasm_options(program)), &path("wasm"))?;
    let mut counts = vec![count(&path("native"))?];
    for level in LEVELS {
        let executable = path(&level[1..]);
        compile(&path("wasm"), &executable, &["-O3", march, level])?;
        counts.push(count(&executable)?);
    }
    Ok(counts)
}

fn count(executable: &Path) -> Result<u64, String> {
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"]).arg(executable);
    let output = valgrind.output().map_err(|error| format!("cannot run valgrind: {error}"))?;
    let report = String::from_utf8_lossy(&output.stderr);
    let count = report.lines().find_map(|line| {
        line.split_once("I ")?.1.split_once("refs:")?.1.replace(',', "").trim().parse().ok()
    });
    match (output.status.success(), count) {
        (true, Some(count)) => Ok(count),
        _ => Err(format!("{}: {}\n{report}", executable.display(), output.status)),
    }
}
