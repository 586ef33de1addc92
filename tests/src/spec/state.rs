//! What the record says about versions of the language, proposals and configurations, as tables of the book.
//!
//! The rule: nothing is known here but the record; a row says what its skipped assertions need.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use super::Totals;
use super::config::Config;
use super::ratchet;
use super::suite::Suite;
use crate::document::Block;

/// The page with the tables, from the top of the repository.
pub const PAGE: &str = "docs/src/support.md";

/// Where they stand on it.
pub const BLOCK: Block = Block {
    begin: "<!-- state: begin; `make bless` writes what follows -->\n",
    end: "<!-- state: end -->\n",
};

/// Folders of the suite with another name than the proposal has in messages.
const NAMES: [(&str, &str); 2] = [("exceptions", "exception-handling"), ("gc", "garbage-collection")];

/// The tables for what is on record.
pub fn render() -> String {
    let mut folders: BTreeMap<String, (usize, Totals)> = BTreeMap::new();
    for (file, configs) in ratchet::read(Suite::Crate) {
        let folder = file.split('/').next().unwrap_or_default().to_owned();
        let (files, totals) = folders.entry(folder).or_default();
        *files += 1;
        let config = Config::ALL[1].to_string();
        totals.add(configs.get(&config).expect("every file is run in it"));
    }
    let mut text = "| version or proposal | state | files | assertions that hold | not tried |\n\
                    |---|---|---:|---:|---:|\n"
        .to_owned();
    let (versions, proposals): (Vec<_>, Vec<_>) =
        folders.iter().partition(|(folder, _)| folder.starts_with("wasm-"));
    for (folder, (files, totals)) in versions.into_iter().chain(proposals) {
        let name = NAMES.iter().find(|(known, _)| known == folder).map_or(folder.as_str(), |(_, name)| name);
        let name = name.replace("wasm-v", "Wasm ");
        let (state, passed, skipped) = (state(&name, totals), totals.passed, totals.skipped_count());
        writeln!(text, "| {name} | {state} | {files} | {passed} | {skipped} |").expect("a string takes all");
    }
    text += "\n| suite | configuration | assertions that hold | that fail | not tried |\n|---|---|---:|---:|---:|\n";
    for suite in Suite::ALL {
        let record = ratchet::read(suite);
        for config in Config::ALL.map(|config| config.to_string()) {
            let mut totals = Totals::default();
            record.values().filter_map(|configs| configs.get(&config)).for_each(|one| totals.add(one));
            let (name, skipped) = (suite.name(), totals.skipped_count());
            let Totals { passed, failed, .. } = totals;
            writeln!(text, "| {name} | `{config}` | {passed} | {failed} | {skipped} |")
                .expect("a string takes all");
        }
    }
    text
}

/// What the skipped assertions of a folder say about the proposal of this name.
fn state(name: &str, totals: &Totals) -> String {
    let needed: BTreeSet<&str> = totals.skipped.keys().flat_map(|reason| needed_proposals(reason)).collect();
    if needed.contains(name) {
        return "refused".to_owned();
    }
    match needed.into_iter().collect::<Vec<_>>()[..] {
        [] if totals.failed > 0 => "assertions fail".to_owned(),
        [] => "compiled".to_owned(),
        ref needed => format!("compiled, but for what needs {}", needed.join(", ")),
    }
}

/// Of `needs the a and b proposals`, `a` and `b`.
fn needed_proposals(reason: &str) -> Vec<&str> {
    let names = reason.strip_prefix("needs the ").and_then(|rest| rest.split_once(" proposal"));
    names.map_or_else(Vec::new, |(names, _)| {
        names.split([',', ' ']).filter(|name| !["", "and"].contains(name)).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn skipped(reasons: &[&str]) -> Totals {
        let skipped = reasons.iter().map(|reason| ((*reason).to_owned(), 2)).collect();
        Totals { passed: 7, failed: 0, skipped }
    }

    #[test]
    fn a_state_is_what_was_skipped() {
        assert_eq!(state("simd", &skipped(&[])), "compiled");
        assert_eq!(state("simd", &skipped(&["a later version of the language allows it"])), "compiled");
        assert_eq!(state("threads", &skipped(&["needs the threads proposal"])), "refused");
        let both = skipped(&["needs the threads and garbage-collection proposals"]);
        assert_eq!(state("simd", &both), "compiled, but for what needs garbage-collection, threads");
        assert_eq!(state("simd", &Totals { failed: 1, ..skipped(&[]) }), "assertions fail");
    }
}
