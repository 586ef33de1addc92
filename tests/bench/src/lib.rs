//! `make bench`: how fast compiled Wasm is, in one place.
//!
//! The rule: every program says its own result and time; results must be equal everywhere, or the run
//! fails. Times pass or fail nothing. Everything is built before anything is timed.

pub mod arguments;
pub mod calls;
pub mod class;
pub mod engine;
pub mod history;
pub mod mean;
pub mod record;
pub mod report;
pub mod startup;
pub mod table;

mod build;
mod instructions;
mod measure;
mod parallel;
mod peers;
mod progress;
mod setup;
mod source;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use arguments::{CALLS, History, Plan, STARTUP};
use build::{Clock, Workshop, size_bytes};
use engine::{ENGINES, Engine, compared_engines};
use progress::Progress;
use record::{Figures, Quantity, Record, Row};
use source::Program;

/// The root of the project.
pub fn root() -> &'static Path {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.ancestors().nth(2).expect("the package is two folders below the root")
}

/// Measures what `plan` asks for, prints it and keeps it. Errors: what failed, or differed from native code.
pub fn run(plan: &Plan) -> Result<(), String> {
    let setup = setup::find_out(root(), plan)?;
    let output_dir = root().join("target/bench");
    fs::create_dir_all(&output_dir).map_err(|error| format!("{}: {error}", output_dir.display()))?;
    let programs = source::programs(&output_dir)?;
    plan.check_names(programs.iter().map(|program| program.name.as_str()))?;
    let wanted = |program: &&Program| plan.wants(&[&program.name, program.class.key()]);
    let programs: Vec<_> = programs.iter().filter(wanted).collect();

    let work = tempfile::tempdir().map_err(|error| error.to_string())?;
    let measures = |quantity| plan.measures(quantity) && !programs.is_empty();
    let mut rows = match measures(Quantity::Times) {
        true => time_all(&programs, plan, work.path())?,
        false => Vec::new(),
    };
    let startups = if plan.wants(&[STARTUP]) { startup::measure(work.path())? } else { Vec::new() };
    let calls = if plan.wants(&[CALLS]) { calls::measure(work.path())? } else { Vec::new() };
    if measures(Quantity::Instructions) {
        rows = with_instructions(rows, &programs, plan, work.path())?;
    }

    let record = Record::new(setup, rows, startups, calls);
    print_all(&record);
    keep(&record, plan, &output_dir)
}

/// Builds `programs` for every engine, then times them and prints a row for each.
fn time_all(programs: &[&Program], plan: &Plan, work: &Path) -> Result<Vec<Row>, String> {
    let workshop = Workshop::new(&work.join("timed"), &plan.march, Clock::Read)?;
    // A step is an input, a build of another engine, or the runs of a program.
    let steps = workshop.input_count(programs) + programs.len() * (compared_engines().count() + 1);
    let progress = Progress::new(steps);
    workshop.build_inputs(programs, &progress)?;
    let mut built = Vec::new();
    for &program in programs {
        built.push(compile_all(&workshop, program, &progress)?);
    }

    progress.clear();
    println!("{}", report::time_header(&plan.march));
    let mut rows = Vec::new();
    for (program, (mut figures, mut engines)) in programs.iter().zip(built) {
        progress.say(&format!("running {}", program.name));
        let measured = measure::measure(&program.name, &mut engines, plan.runs)?;
        figures.time_ns = measured.time_ns;
        let row = Row::new(&program.name, program.class, measured.result, figures);
        progress.clear();
        println!("{}", report::time_row(&row));
        rows.push(row);
    }
    Ok(rows)
}

/// One program for every engine, one build after the other: how long they take, how large and how to run
/// what they make.
fn compile_all(
    workshop: &Workshop,
    program: &Program,
    progress: &Progress,
) -> Result<(Figures, Vec<(Engine, Command)>), String> {
    let native = workshop.native(program);
    let mut figures = Figures::default();
    let mut add_size = |key: &str, size| figures.size_bytes.insert(key.to_owned(), size);
    add_size("wasm", size_bytes(&workshop.module(program))?);
    add_size(Engine::Native.key(), size_bytes(&native)?);
    let mut engines = vec![(Engine::Native, Command::new(native))];
    for engine in compared_engines() {
        progress.say(&format!("{}: {}", engine.key(), program.name));
        let output = workshop.compile(engine, program)?;
        let compile_ns = output.compile_time.as_nanos() as u64;
        figures.compile_ns.insert(engine.key().to_owned(), compile_ns);
        figures.size_bytes.insert(engine.key().to_owned(), output.size_bytes);
        let command = match engine {
            Engine::Wasmtime => peers::wasmtime(&output.path)?,
            _ => Command::new(&output.path),
        };
        engines.push((engine, command));
    }
    assert_eq!(engines.len(), ENGINES.len(), "every engine runs every program");
    Ok((figures, engines))
}

/// `rows` with what `programs` execute; new rows where there are none.
fn with_instructions(
    rows: Vec<Row>,
    programs: &[&Program],
    plan: &Plan,
    work: &Path,
) -> Result<Vec<Row>, String> {
    let mut counts = instructions::count_all(programs, &plan.march, work)?;
    let mut timed: BTreeMap<_, _> = rows.into_iter().map(|row| (row.name.clone(), row)).collect();
    let mut rows = Vec::new();
    for program in programs {
        let counted = counts.remove(&program.name).expect("every program was counted");
        let mut figures = timed.remove(&program.name).map(|row| row.figures).unwrap_or_default();
        figures.instructions = counted.instructions;
        rows.push(Row::new(&program.name, program.class, counted.result, figures));
    }
    Ok(rows)
}

/// What was not printed yet.
fn print_all(record: &Record) {
    let mut tables = Vec::new();
    if record.has(Quantity::Times) {
        tables.push(report::time_means(record));
    }
    if record.has(Quantity::Instructions) {
        tables.push(report::instruction_table(record));
    }
    if !record.startups.is_empty() {
        tables.push(report::startup_table(&record.startups));
    }
    if !record.calls.is_empty() {
        tables.push(report::call_table(&record.calls));
    }
    print!("{}", tables.join("\n"));
}

/// Writes the run where the plan says.
fn keep(record: &Record, plan: &Plan, output_dir: &Path) -> Result<(), String> {
    let latest = output_dir.join("latest.json");
    let text = serde_json::to_string_pretty(record).map_err(|error| error.to_string())?;
    fs::write(&latest, text + "\n").map_err(|error| format!("{}: {error}", latest.display()))?;
    println!("\nwritten: {}", latest.display());
    match plan.history {
        History::Recorded => {
            history::append(&root().join(history::RECORDED), record)?;
            table::rewrite(root())?;
            println!("recorded: {} and {}, to be committed", history::RECORDED, table::PAGE);
        }
        History::Scratch if plan.is_full() => history::append(&root().join(history::SCRATCH), record)?,
        History::Scratch => {}
    }
    Ok(())
}
