//! The table of the benchmark in the book is of the newest recorded run, as that was measured.
//!
//! The rule: only figures count. What follows from them is computed again and must be what is written.

use std::fs;

use w2n_bench::record::Record;
use w2n_bench::{history, root, table};

fn recorded_runs() -> Vec<Record> {
    history::read(&root().join(history::RECORDED)).unwrap_or_else(|reason| panic!("{reason}"))
}

#[test]
fn the_book_shows_the_newest_recorded_run() {
    let text = fs::read_to_string(root().join(table::PAGE)).expect("the book has a page about speed");
    assert_eq!(
        table::BLOCK.of(&text).unwrap_or_else(|reason| panic!("{reason}")),
        table::render(recorded_runs().last()),
        "the table is not edited: run `cargo run --release -p w2n-bench -- --table`"
    );
}

#[test]
fn recorded_ratios_and_means_follow_from_the_figures() {
    for record in recorded_runs() {
        assert_eq!(record, record.recomputed(), "the run of {}", record.setup.date);
    }
}
