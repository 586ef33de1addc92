//! The tables on the terminal.
//!
//! The rule: a ratio is time (or a count) divided by native code's in the same run; lower is better.

use std::fmt::Write as _;

use crate::calls::Call;
use crate::class::CLASSES;
use crate::engine::{COMPARED, Engine, compared_engines};
use crate::record::{Quantity, Record, Row};
use crate::startup::Startup;

/// Sizes that are shown: the module, then executables.
const SIZES: [&str; 5] = ["wasm", "native", "-O2", "wasmtime", "wasm2c"];

/// Width of the first column.
const NAME_WIDTH: usize = 19;

/// The head of the table of times, before any row: rows are printed as they are measured.
pub fn time_header(march: &str) -> String {
    let mut head = format!(
        "run time: median by the program's own clock; x: ratio to clang-22 -O3 -march={march} (lower is better)\n\
         {:<NAME_WIDTH$} {:>9}",
        "program", "native ms"
    );
    push_heads(&mut head, compared_engines(), "x");
    head += " |";
    push_heads(&mut head, compared_engines(), "s");
    head += " |";
    for key in SIZES {
        let _infallible = write!(head, " {:>11}", format!("{key} KB"));
    }
    head
}

/// Times, compile times and sizes of one program.
pub fn time_row(row: &Row) -> String {
    let native_ms = row.figures.time_ns.get(Engine::Native.key()).map(|&time| time as f64 / 1e6);
    let mut line = format!("{:<NAME_WIDTH$} {:>9}", row.name, number(native_ms, 1));
    push_columns(&mut line, compared_engines(), |key| row.time_ratio.get(key).copied(), 2);
    line += " |";
    let compile_s = |key: &str| row.figures.compile_ns.get(key).map(|&time| time as f64 / 1e9);
    push_columns(&mut line, compared_engines(), compile_s, 2);
    line += " |";
    for key in SIZES {
        let size_kb = row.figures.size_bytes.get(key).map(|&size| size as f64 / 1e3);
        let _infallible = write!(line, " {:>11}", number(size_kb, 0));
    }
    line
}

/// Geometric means of times, and the programs on which a peer is faster.
pub fn time_means(record: &Record) -> String {
    means(record, Quantity::Times, compared_engines(), 2) + &slower_than_peers(record)
}

/// Geometric means, class by class.
fn means(
    record: &Record,
    quantity: Quantity,
    engines: impl Iterator<Item = Engine> + Clone,
    places: usize,
) -> String {
    let mut text = String::from("geometric means\n");
    for (class, means) in CLASSES.iter().filter_map(|class| Some((class, record.means.get(class)?))) {
        let _infallible = write!(text, "{:<NAME_WIDTH$} {:>9}", class.key(), format!("({})", means.programs));
        push_columns(&mut text, engines.clone(), |key| means.of(quantity).get(key).copied(), places);
        text += "\n";
    }
    text
}

/// Where a peer is ahead of the product.
fn slower_than_peers(record: &Record) -> String {
    let mut text = String::new();
    for peer in [Engine::Wasmtime, Engine::Wasm2c] {
        let is_slower = |row: &&Row| row.time_ratio.get(COMPARED.key()) > row.time_ratio.get(peer.key());
        let names: Vec<_> =
            record.programs.iter().filter(is_slower).map(|program| program.name.as_str()).collect();
        let names = if names.is_empty() { "nowhere".to_owned() } else { names.join(", ") };
        let _infallible = writeln!(text, "{} slower than {}: {names}", COMPARED.key(), peer.key());
    }
    text
}

/// Executed instructions of all programs, and their means.
pub fn instruction_table(record: &Record) -> String {
    let mut text = format!(
        "executed instructions, in millions; x: ratio to clang-22 -O3 -march={} (lower is better)\n\
         {:<NAME_WIDTH$} {:>9}",
        record.setup.march, "program", "native M"
    );
    push_heads(&mut text, countable_engines(), "x");
    text += "\n";
    for row in &record.programs {
        let millions =
            row.figures.instructions.get(Engine::Native.key()).map(|&instructions| instructions as f64 / 1e6);
        let _infallible = write!(text, "{:<NAME_WIDTH$} {:>9}", row.name, number(millions, 1));
        push_columns(&mut text, countable_engines(), |key| row.instruction_ratio.get(key).copied(), 3);
        text += "\n";
    }
    text + &means(record, Quantity::Instructions, countable_engines(), 3)
}

/// Start-up and size of the smallest programs.
pub fn startup_table(startups: &[Startup]) -> String {
    let mut text = format!("{:<24} {:>13} {:>9}\n", "smallest programs", "start-exit ms", "size KB");
    for Startup { name, time_ns, size_bytes } in startups {
        let (milliseconds, size_kb) = (*time_ns as f64 / 1e6, *size_bytes as f64 / 1e3);
        let _infallible = writeln!(text, "{name:<24} {milliseconds:>13.2} {size_kb:>9.1}");
    }
    text
}

/// Calls of the host.
pub fn call_table(calls: &[Call]) -> String {
    let mut text = format!("{:<24} {:>13} {:>9} {:>7}\n", "calls of the host", "native ns", "ours ns", "x");
    for Call { name, native_ns, ours_ns } in calls {
        let _infallible =
            writeln!(text, "{name:<24} {native_ns:>13.1} {ours_ns:>9.1} {:>7.2}", ours_ns / native_ns);
    }
    text
}

/// Everyone whose instructions are counted, but native code.
fn countable_engines() -> impl Iterator<Item = Engine> + Clone {
    compared_engines().filter(|engine| engine.is_countable())
}

/// The value in the column of each of `engines`.
fn push_columns(
    line: &mut String,
    engines: impl Iterator<Item = Engine>,
    value_of: impl Fn(&str) -> Option<f64>,
    places: usize,
) {
    for engine in engines {
        let _infallible = write!(line, " {:>10}", number(value_of(engine.key()), places));
    }
}

fn push_heads(line: &mut String, engines: impl Iterator<Item = Engine>, unit: &str) {
    for engine in engines {
        let _infallible = write!(line, " {:>10}", format!("{} {unit}", engine.short()));
    }
}

/// A dash stands for what was not measured.
pub fn number(value: Option<f64>, places: usize) -> String {
    value.map_or("-".to_owned(), |value| format!("{value:.places$}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::class::Class;
    use crate::engine::ByEngine;
    use crate::record::tests::record_of;
    use crate::record::{Figures, Row};

    #[test]
    fn rows_are_as_wide_as_their_head() {
        let record = record_of(&[("lu", Class::Numeric, [2_000_000, 3_000_000])]);
        let (head, row) = (time_header("x86-64"), time_row(&record.programs[0]));
        assert_eq!(head.lines().last().unwrap().len(), row.len());
        assert!(row.starts_with("lu                        2.0          -       1.50          - "), "{row}");
    }

    #[test]
    fn means_are_told_apart_by_class() {
        let record = record_of(&[("lu", Class::Numeric, [2, 3]), ("zlib", Class::Application, [1, 1])]);
        let means = time_means(&record);
        let row_of = |class: &str| means.lines().find(|line| line.starts_with(class)).unwrap();
        assert!(row_of("numeric").contains(" 1.50 "), "{means}");
        assert!(row_of("application").contains(" 1.00 "), "{means}");
    }

    #[test]
    fn programs_on_which_a_peer_is_faster_are_named() {
        let mut record = record_of(&[]);
        for (name, wasm2c) in [("slow", 110), ("fast", 130)] {
            let time_ns = [("native", 100), ("-O3", 120), ("wasm2c", wasm2c), ("wasmtime", 200)]
                .map(|(key, time)| (key.to_owned(), time));
            let figures = Figures { time_ns: ByEngine::from(time_ns), ..Figures::default() };
            record.programs.push(Row::new(name, Class::Other, String::new(), figures));
        }
        let text = slower_than_peers(&record);
        assert_eq!(text, "-O3 slower than wasmtime: nowhere\n-O3 slower than wasm2c: slow\n");
    }
}
