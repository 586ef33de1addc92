//! The history of runs: JSON Lines, one run a line, the newest last.
//!
//! The rule: lines are appended, never changed.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::Path;

use crate::record::Record;

/// Runs made with `--record`, from the root of the project; it is committed.
pub const RECORDED: &str = "tests/bench/history.jsonl";

/// Other full runs, from the root of the project.
pub const SCRATCH: &str = "target/bench/history.jsonl";

/// Appends `record` to the file at `path`, which is made if need be.
pub fn append(path: &Path, record: &Record) -> Result<(), String> {
    let explain = |error: std::io::Error| format!("{}: {error}", path.display());
    let mut file = OpenOptions::new().create(true).append(true).open(path).map_err(explain)?;
    file.write_all((line(record) + "\n").as_bytes()).map_err(explain)
}

/// All runs in the file at `path`, the newest last. Errors: no file, or a line that is no run.
pub fn read(path: &Path) -> Result<Vec<Record>, String> {
    let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    parse(&text).map_err(|reason| format!("{}:{reason}", path.display()))
}

/// A run as a line, without its end.
fn line(record: &Record) -> String {
    serde_json::to_string(record).expect("a record has nothing that JSON lacks")
}

/// All runs of a history. Errors: the number of a line that is no run, and why it is none.
fn parse(text: &str) -> Result<Vec<Record>, String> {
    let parse_line =
        |(index, line)| serde_json::from_str(line).map_err(|error| format!("{}: {error}", index + 1));
    text.lines().enumerate().map(parse_line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calls::Call;
    use crate::class::Class;
    use crate::record::tests::record_of;
    use crate::startup::Startup;

    fn record(time: u64) -> Record {
        let mut record =
            record_of(&[("lu", Class::Numeric, [3, time]), ("zlib", Class::Application, [7, 9])]);
        record.startups = vec![Startup { name: "C hello".to_owned(), time_ns: 700_000, size_bytes: 14_000 }];
        record.calls = vec![Call { name: "read".to_owned(), native_ns: 0.1 + 0.2, ours_ns: 1.0 / 3.0 }];
        record
    }

    #[test]
    fn a_run_comes_back_as_it_was_written() {
        let line = line(&record(4));
        assert!(!line.contains('\n'));
        assert_eq!(parse(&line), Ok(vec![record(4)]));
    }

    #[test]
    fn a_run_is_added_after_the_others() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("history.jsonl");
        assert!(read(&path).unwrap_err().contains("history.jsonl"));
        append(&path, &record(4)).unwrap();
        append(&path, &record(5)).unwrap();
        assert_eq!(read(&path), Ok(vec![record(4), record(5)]));
    }

    #[test]
    fn a_line_that_is_no_run_is_an_error_that_says_which() {
        let text = format!("{}\n{{\"setup\": 3}}\n", line(&record(4)));
        assert!(parse(&text).unwrap_err().starts_with("2: "));
        let unknown = line(&record(4)).replacen("\"runs\"", "\"laps\":1,\"runs\"", 1);
        assert!(parse(&unknown).unwrap_err().contains("laps"));
    }
}
