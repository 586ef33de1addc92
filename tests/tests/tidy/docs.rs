//! The documents: the README is short and begins with a program, the book is whole, links and paths lead
//! somewhere, and what a program writes into a page is what it would write now.
//!
//! The rule: what pages show being done is done in `tests/tests/docs.rs`; here only text is looked at.

use std::fs;

use w2n_tests::document::{self, chapters, links, read, root};
use w2n_tests::spec::state;

/// Lines that the README may have.
const MAX_README_LINES: usize = 149;

/// Folders that pages name paths in.
const FOLDERS: [&str; 7] = ["docs/", "fixtures/", "libwasirt/", "rt/", "scripts/", "tests/", "wasm2native/"];

#[test]
fn the_readme_is_short_and_has_tables_last() {
    let text = read("README.md");
    assert!(text.lines().count() <= MAX_README_LINES, "{} lines", text.lines().count());
    let place = |what: &str| text.find(what).unwrap_or_else(|| panic!("the README lacks {what:?}"));
    let parts =
        ["\n## Why\n", "\n## A first program\n", "\n```c\n", "\n## How it works\n", "\n| "].map(place);
    assert!(parts.is_sorted(), "{parts:?}");
}

#[test]
fn every_chapter_is_in_the_summary() {
    let summary = read("docs/src/SUMMARY.md");
    let mut listed: Vec<_> = links(&summary).into_iter().map(str::to_owned).collect();
    listed.push("SUMMARY.md".to_owned());
    listed.sort();
    assert_eq!(listed, chapters());
}

#[test]
fn links_lead_somewhere() {
    for page in document::all() {
        let folder = root().join(&page).parent().expect("a page is in a folder").to_owned();
        let text = read(&page);
        let broken: Vec<_> = links(&text)
            .into_iter()
            .map(|target| target.split('#').next().unwrap_or_default())
            .filter(|target| !folder.join(target).exists())
            .collect();
        assert!(broken.is_empty(), "{page}: {broken:?}");
    }
}

#[test]
fn paths_that_pages_name_exist() {
    let pages = document::all().into_iter().filter(|page| page.contains("docs/") || page == "README.md");
    for page in pages {
        let text = read(&page);
        let quoted = text.split('`').skip(1).step_by(2);
        let is_path = |word: &&str| {
            let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
            FOLDERS.iter().any(|folder| word.starts_with(folder)) && word.chars().all(is_plain)
        };
        let missing: Vec<_> = quoted.filter(is_path).filter(|path| !root().join(path).exists()).collect();
        assert!(missing.is_empty(), "{page}: {missing:?}");
    }
}

#[test]
fn the_state_of_proposals_is_that_on_record() {
    let text = read(state::PAGE);
    let rendered = state::render();
    if std::env::var_os("W2N_BLESS").is_some() {
        let text = state::BLOCK.replaced(&text, &rendered).unwrap_or_else(|reason| panic!("{reason}"));
        fs::write(root().join(state::PAGE), text).expect("the page can be written");
        return;
    }
    let block = state::BLOCK.of(&text).unwrap_or_else(|reason| panic!("{reason}"));
    assert_eq!(block, rendered, "the tables are not edited: run `make bless`");
}
