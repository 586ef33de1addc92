//! Calls of the host: what reading and writing 4 KiB and asking for the time cost, against native code.
//!
//! The rule: the program measures itself in short rounds and says the best; runs take turns, and the best of
//! all runs counts. A busy machine makes rounds longer, never shorter.

use std::path::Path;
use std::process::Command;

use serde::{Deserialize, Serialize};
use w2n_tests::corpus::run_to_end;
use w2n_tests::program::{compile, fixture};

/// Runs of each program.
const RUNS: usize = 9;

/// Bytes of the file that is read and written: 64 blocks.
const FILE_SIZE_BYTES: usize = 64 * 4096;

/// A kind of call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Call {
    /// What it does.
    pub name: String,
    /// Natively, in nanoseconds.
    pub native_ns: f64,
    /// In the product, in nanoseconds.
    pub ours_ns: f64,
}

/// Builds the program of calls in `work` and measures each kind.
pub fn measure(work: &Path) -> Result<Vec<Call>, String> {
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
    Ok(calls)
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
