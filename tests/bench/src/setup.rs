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

use crate::arguments::{History, Plan};
use crate::engine::Engine;
use crate::record::{Quantity, Setup};

const UNKNOWN: &str = "unknown";

/// What git puts behind the revision when files differ from it.
const DIRTY: &str = "-dirty";

/// Of the project at `root`. Errors: a run that is to be recorded is of no revision that others can see.
pub fn find_out(root: &Path, plan: &Plan) -> Result<Setup, String> {
    let mut git = Command::new("git");
    git.args(["describe", "--always", "--exclude=*", "--abbrev=12", "--dirty"]).current_dir(root);
    let revision = run_to_end(&mut git).map_or(UNKNOWN.to_owned(), |text| text.trim().to_owned());
    if plan.history == History::Recorded {
        check_revision(&revision)?;
    }
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

fn check_revision(revision: &str) -> Result<(), String> {
    if revision == UNKNOWN || revision.ends_with(DIRTY) {
        return Err(format!("--record wants a commit that was measured, and this is {revision}"));
    }
    Ok(())
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

    #[test]
    fn only_a_commit_is_recorded() {
        assert!(check_revision("0123456789ab").is_ok());
        assert!(check_revision("0123456789ab-dirty").is_err());
        assert!(check_revision(UNKNOWN).is_err());
    }
}
