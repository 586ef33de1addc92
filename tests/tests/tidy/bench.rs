//! The table of the benchmark in the README is of the newest recorded run, as that was measured.
//!
//! The rule: only figures count. What follows from them is computed again and must be what is written.

use std::fs;

use w2n_bench::record::Record;
use w2n_bench::{history, readme, root};

fn recorded_runs() -> Vec<Record> {
    history::read(&root().join(history::RECORDED)).unwrap_or_else(|reason| panic!("{reason}"))
}

#[test]
fn the_readme_shows_the_newest_recorded_run() {
    let text = fs::read_to_string(root().join("README.md")).expect("the project has a README");
    assert_eq!(
        readme::block(&text).unwrap_or_else(|reason| panic!("{reason}")),
        readme::render(recorded_runs().last()),
        "the table is not edited: run `cargo run --release -p w2n-bench -- --readme`"
    );
}

#[test]
fn recorded_ratios_and_means_follow_from_the_figures() {
    for record in recorded_runs() {
        assert_eq!(record, record.recomputed(), "the run of {}", record.setup.date);
    }
}
