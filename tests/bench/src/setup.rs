//! The circumstances of a run: when, on what machine, of which revision.
//!
//! The rule: what cannot be found out is called unknown, not guessed.

use std::collections::BTreeMap;
use std::fs;
use std::num::NonZero;
use std::path::Path;
use std::process::Command;
use std::thread;

use w2n_tests::corpus::{WABT, WASMTIME, run_to_end};

use crate::arguments::Plan;
use crate::engine::Engine;
use crate::record::{Quantity, Setup};

const UNKNOWN: &str = "unknown";

/// Of the project at `root`.
pub fn find_out(root: &Path, plan: &Plan) -> Result<Setup, String> {
    let mut git = Command::new("git");
    git.args(["describe", "--always", "--exclude=*", "--abbrev=12", "--dirty"]).current_dir(root);
    let revision = run_to_end(&mut git).map_or(UNKNOWN.to_owned(), |text| text.trim().to_owned());
    let date = run_to_end(Command::new("date").args(["-u", "+%Y-%m-%dT%H:%M:%SZ"]))?.trim().to_owned();
    let clang = run_to_end(Command::new("clang-22").arg("-dumpversion"))?.trim().to_owned();
    let versions = [
        (Engine::Native, clang),
        (Engine::Wasmtime, WASMTIME.version().to_owned()),
        (Engine::Wasm2c, WABT.version().to_owned()),
    ];
    Ok(Setup {
        date,
        revision,
        cpu: cpu(&fs::read_to_string("/proc/cpuinfo").unwrap_or_default()),
        march: plan.march.clone(),
        runs: if plan.measures(Quantity::Times) { plan.runs } else { 0 },
        versions: versions
            .map(|(engine, version)| (engine.key().to_owned(), version))
            .into_iter()
            .collect::<BTreeMap<_, _>>(),
    })
}

/// `AMD EPYC, 2 threads`.
fn cpu(cpuinfo: &str) -> String {
    let model = cpuinfo.lines().find(|line| line.starts_with("model name"));
    let name = model.and_then(|line| line.split_once(": ")).map_or(UNKNOWN, |(_, name)| name.trim());
    format!("{name}, {} threads", thread::available_parallelism().map_or(1, NonZero::get))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processor_has_a_name() {
        let text = "processor\t: 0\nmodel name\t: Some CPU @ 2 GHz\nmodel name\t: Other\n";
        assert!(cpu(text).starts_with("Some CPU @ 2 GHz, "));
        assert!(cpu("").starts_with("unknown, "));
    }
}
