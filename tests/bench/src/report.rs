//! The table on the terminal and the same figures as JSON.
//!
//! The rule: a ratio is time divided by native code's time in the same run; lower is better.

use std::fmt::Write as _;
use std::time::Duration;

use crate::LEVELS;
use crate::measure::Measured;
use crate::startup::Startup;

/// An option as a column's head.
pub fn short(level: &str) -> &str {
    level.rsplit('=').next().unwrap_or(level)
}

/// The head of the table, before any row: rows are printed as they are measured.
pub fn print_header(march: &str) {
    println!(
        "run time: median by the program's own clock; x: ratio to clang-22 -O3 -march={march} (lower is better)"
    );
    print!("{:<12} {:>9}", "program", "native ms");
    for level in LEVELS {
        print!(" {:>7}", format!("{} x", short(level)));
    }
    print!(" {:>10} |", "wasmtime x");
    for level in LEVELS {
        print!(" {:>6}", format!("{} s", short(level)));
    }
    println!(" {:>10} | {:>8} {:>9} {:>9} {:>8}", "wasmtime s", "wasm KB", "native KB", "-O2 KB", "cwasm KB");
}

/// One program.
pub fn print_row(row: &Measured) {
    print!("{:<12} {:>9.1}", row.name, row.native.as_secs_f64() * 1e3);
    for time in &row.ours {
        print!(" {:>7.2}", ratio(*time, row.native));
    }
    print!(" {:>10.2} |", ratio(row.other, row.native));
    for time in &row.compile_times[..LEVELS.len()] {
        print!(" {:>6.2}", time.as_secs_f64());
    }
    print!(" {:>10.2} |", row.compile_times[LEVELS.len()].as_secs_f64());
    // The module, native code, the product at -O2, the second engine.
    let sizes = [0, 1, 2, row.sizes_bytes.len() - 1].map(|index| row.sizes_bytes[index] as f64 / 1e3);
    println!(" {:>8.0} {:>9.0} {:>9.0} {:>8.0}", sizes[0], sizes[1], sizes[2], sizes[3]);
}

/// Geometric means of the ratios.
pub fn print_means(rows: &[Measured]) {
    print!("{:<12} {:>9}", "geomean", "");
    for index in 0..LEVELS.len() {
        print!(" {:>7.2}", geometric_mean(rows, |row| ratio(row.ours[index], row.native)));
    }
    println!(" {:>10.2} |", geometric_mean(rows, |row| ratio(row.other, row.native)));
}

/// Start-up and size of the smallest programs.
pub fn print_startups(startups: &[Startup]) {
    if !startups.is_empty() {
        println!("\n{:<24} {:>13} {:>9}", "smallest programs", "start-exit ms", "size KB");
    }
    for startup in startups {
        let milliseconds = startup.time.as_secs_f64() * 1e3;
        println!("{:<24} {milliseconds:>13.2} {:>9.1}", startup.name, startup.size_bytes as f64 / 1e3);
    }
}

/// All figures, in seconds and bytes. Names are ours and need no escaping.
pub fn to_json(rows: &[Measured], startups: &[Startup]) -> String {
    let mut json = "{\n  \"programs\": [\n".to_owned();
    for (index, row) in rows.iter().enumerate() {
        let by_level = |values: &[Duration]| {
            let pairs = LEVELS.iter().zip(values);
            pairs
                .map(|(level, time)| format!("\"{level}\": {}", time.as_secs_f64()))
                .collect::<Vec<_>>()
                .join(", ")
        };
        let comma = if index + 1 < rows.len() { "," } else { "" };
        let _infallible = writeln!(
            json,
            "    {{\"name\": \"{}\", \"result\": \"{}\", \"native_s\": {}, \"wasm2native_s\": {{{}}}, \"wasmtime_s\": {}, \
             \"compile_s\": {{{}, \"wasmtime\": {}}}, \"size_bytes\": {{\"wasm\": {}, \"native\": {}, \"-O2\": {}, \"wasmtime\": {}}}}}{comma}",
            row.name,
            row.result,
            row.native.as_secs_f64(),
            by_level(&row.ours),
            row.other.as_secs_f64(),
            by_level(&row.compile_times),
            row.compile_times[LEVELS.len()].as_secs_f64(),
            row.sizes_bytes[0],
            row.sizes_bytes[1],
            row.sizes_bytes[2],
            row.sizes_bytes[row.sizes_bytes.len() - 1],
        );
    }
    json += "  ],\n  \"startup\": [\n";
    for (index, startup) in startups.iter().enumerate() {
        let comma = if index + 1 < startups.len() { "," } else { "" };
        let seconds = startup.time.as_secs_f64();
        let _infallible = writeln!(
            json,
            "    {{\"name\": \"{}\", \"seconds\": {seconds}, \"size_bytes\": {}}}{comma}",
            startup.name, startup.size_bytes
        );
    }
    json + "  ]\n}\n"
}

fn ratio(time: Duration, native: Duration) -> f64 {
    time.as_secs_f64() / native.as_secs_f64()
}

fn geometric_mean(rows: &[Measured], ratio_of: impl Fn(&Measured) -> f64) -> f64 {
    (rows.iter().map(|row| ratio_of(row).ln()).sum::<f64>() / rows.len() as f64).exp()
}
