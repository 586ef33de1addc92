//! The block of the book that shows the newest recorded run.
//!
//! The rule: what stands between the two markers is what [`render`] makes of the history, and a tidy test
//! holds that it is.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use w2n_tests::document::Block;

use crate::class::{CLASSES, Class};
use crate::engine::{Engine, compared_engines};
use crate::history;
use crate::record::{Quantity, Record, Setup};
use crate::report::number;

/// The page about speed, from the top of the repository.
pub const PAGE: &str = "docs/src/speed.md";

/// Where the tables stand on it.
pub const BLOCK: Block = Block {
    begin: "<!-- bench: begin; `w2n-bench --table` writes what follows -->\n",
    end: "<!-- bench: end -->\n",
};

/// Puts the newest recorded run below `root` into the page there.
pub fn rewrite(root: &Path) -> Result<(), String> {
    let path = root.join(PAGE);
    let explain = |error: std::io::Error| format!("{}: {error}", path.display());
    let records = history::read(&root.join(history::RECORDED))?;
    let text = fs::read_to_string(&path).map_err(explain)?;
    let text = BLOCK.replaced(&text, &render(records.last()))?;
    fs::write(&path, text).map_err(explain)
}

/// The block for the newest recorded run.
pub fn render(record: Option<&Record>) -> String {
    let Some(record) = record else {
        return "No run is recorded yet.\n".to_owned();
    };
    let mut text = caption(&record.setup);
    if let Some(times) = table(record, Quantity::Times) {
        let _infallible = write!(
            text,
            "\nRun time ({} paired runs of each program on each engine, medians by its own clock):\n\n{times}",
            record.setup.runs
        );
    }
    if let Some(instructions) = table(record, Quantity::Instructions) {
        text += "\nExecuted instructions, which a busy machine does not change:\n\n";
        text += &instructions;
    }
    text
}

fn caption(setup: &Setup) -> String {
    let Setup { date, revision, cpu, march, versions, .. } = setup;
    let day = date.split('T').next().unwrap_or_default();
    let version = |engine: Engine| versions.get(engine.key()).map_or("?", String::as_str);
    format!(
        "Each figure is divided by that of the same source compiled natively by clang {} `-O3 -march={march}`: 1.00 is \
         native speed,\nlower is better. A class has the geometric mean of its programs. wasmtime is {}, wasm2c {} with \
         the same clang behind it.\nThe product and wasm2c compile for the same processor as native code, but for the \
         column `-mcpu=native`, which uses what\nthis machine has, as wasmtime always does. Measured on {day} on {cpu}, \
         revision {revision}.\n",
        version(Engine::Native),
        version(Engine::Wasmtime),
        version(Engine::Wasm2c),
    )
}

/// Classes, then each application, with the engines that have ratios; none if none has.
fn table(record: &Record, quantity: Quantity) -> Option<String> {
    let mut rows = Vec::new();
    for (class, means) in CLASSES.iter().filter_map(|class| Some((class, record.means.get(class)?))) {
        rows.push((format!("**{}** ({})", class.title(), means.programs), means.of(quantity)));
    }
    for row in record.programs.iter().filter(|row| row.class == Class::Application) {
        rows.push((row.name.clone(), row.ratios(quantity)));
    }

    let has_ratio = |engine: &Engine| rows.iter().any(|(_, ratios)| ratios.contains_key(engine.key()));
    let engines: Vec<_> = compared_engines().filter(has_ratio).collect();
    let mut text = "| |".to_owned();
    engines.iter().for_each(|engine| text += &format!(" {} |", head(*engine)));
    text += "\n|---|";
    engines.iter().for_each(|_| text += "---:|");
    text += "\n";
    for (name, ratios) in &rows {
        text += &format!("| {name} |");
        for engine in &engines {
            text += &format!(" {} |", number(ratios.get(engine.key()).copied(), 2));
        }
        text += "\n";
    }
    (!engines.is_empty()).then_some(text)
}

/// A column's head: options in code, peers by name.
fn head(engine: Engine) -> String {
    match engine {
        Engine::Ours(level) => format!("`{level}`"),
        other => other.key().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::tests::record_of;

    #[test]
    fn without_a_run_there_is_no_figure() {
        assert_eq!(render(None), "No run is recorded yet.\n");
    }

    #[test]
    fn classes_and_applications_have_rows() {
        let text = render(Some(&record_of(&[
            ("lu", Class::Numeric, [100, 106]),
            ("rod", Class::Numeric, [100, 106]),
            ("sqlite", Class::Application, [100, 120]),
        ])));
        let rows = "| | `-O3` |\n|---|---:|\n\
                    | **numeric kernels, scalar Wasm** (2) | 1.06 |\n\
                    | **applications** (1) | 1.20 |\n\
                    | sqlite | 1.20 |\n";
        // Of times and of instructions, which are equal here.
        assert_eq!(text.matches(rows).count(), 2, "{text}");
        assert!(text.contains("Measured on 2026-01-02 on a processor, 2 of them, revision abc."), "{text}");
    }

    #[test]
    fn what_was_not_counted_has_no_table() {
        let mut record = record_of(&[("lu", Class::Numeric, [100, 106])]);
        record.programs[0].figures.instructions.clear();
        let text = render(Some(&record.recomputed()));
        assert!(text.contains("Run time") && !text.contains("instructions"), "{text}");
    }
}
