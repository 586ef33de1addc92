//! Calls of the host: what reading and writing 4 KiB and asking for the time cost, against native code.
//!
//! The rule: the program measures itself in short rounds and says the best; runs take turns, and the best of
//! all runs counts. A busy machine makes rounds longer, never shorter.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use w2n_tests::corpus::run_to_end;
use w2n_tests::program::{compile, fixture};

/// Runs of each program.
const RUNS: usize = 9;

/// Bytes of the file that is read and written: 64 blocks.
const FILE_SIZE_BYTES: usize = 64 * 4096;

/// A kind of call: nanoseconds natively and in the product.
struct Call {
    name: String,
    native_ns: f64,
    ours_ns: f64,
}

/// Measures, prints a table and writes `calls.json` to `output_dir`.
pub fn measure(work: &Path, output_dir: &Path) -> Result<(), String> {
    let source = fixture("bench/calls.c");
    let (module, native, ours) =
        (work.join("calls.wasm"), work.join("calls.native"), work.join("calls.ours"));
    let clang = |options: &[&str], out: &Path| {
        run_to_end(Command::new("clang-22").args(["-O3", "-w"]).args(options).arg(&source).arg("-o").arg(out))
            .map(drop)
    };
    clang(&[], &native)?;
    clang(&["--target=wasm32-wasi", "--no-wasm-opt"], &module)?;
    compile(&module, &ours, &["-O2"])?;
    std::fs::write(work.join("data"), vec![0; FILE_SIZE_BYTES]).map_err(|error| error.to_string())?;

    let mut calls: Vec<Call> = Vec::new();
    for _ in 0..RUNS {
        let native_times = times(Command::new(&native).current_dir(work))?;
        let our_times = times(Command::new(&ours).env("W2N_DIR", format!("{}::/", work.display())))?;
        for ((name, native_ns), (_, ours_ns)) in native_times.into_iter().zip(our_times) {
            match calls.iter_mut().find(|call| call.name == name) {
                Some(call) => {
                    call.native_ns = call.native_ns.min(native_ns);
                    call.ours_ns = call.ours_ns.min(ours_ns);
                }
                None => calls.push(Call { name, native_ns, ours_ns }),
            }
        }
    }
    print(&calls);
    let path = output_dir.join("calls.json");
    std::fs::write(&path, to_json(&calls)).map_err(|error| format!("{}: {error}", path.display()))
}

/// What the program says: a name and a time per line.
fn times(command: &mut Command) -> Result<Vec<(String, f64)>, String> {
    let output = run_to_end(command)?;
    output
        .lines()
        .map(|line| {
            let (name, time) = line.split_once(' ').ok_or_else(|| format!("no time in {line:?}"))?;
            Ok((name.to_owned(), time.parse().map_err(|_| format!("no number in {line:?}"))?))
        })
        .collect()
}

fn print(calls: &[Call]) {
    println!("\n{:<24} {:>13} {:>9} {:>7}", "calls of the host", "native ns", "ours ns", "x");
    for Call { name, native_ns, ours_ns } in calls {
        println!("{name:<24} {native_ns:>13.1} {ours_ns:>9.1} {:>7.2}", ours_ns / native_ns);
    }
}

fn to_json(calls: &[Call]) -> String {
    let mut json = "[\n".to_owned();
    for (index, Call { name, native_ns, ours_ns }) in calls.iter().enumerate() {
        let comma = if index + 1 < calls.len() { "," } else { "" };
        let _infallible = writeln!(
            json,
            "  {{\"name\": \"{name}\", \"native_ns\": {native_ns}, \"wasm2native_ns\": {ours_ns}}}{comma}"
        );
    }
    json + "]\n"
}
