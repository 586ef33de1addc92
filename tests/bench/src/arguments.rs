//! The command line.
//!
//! The rule: what cannot be done is refused here, before anything is built.

use crate::class::CLASSES;
use crate::record::Quantity;

/// What the command line can be.
pub const USAGE: &str = "\
usage: w2n-bench [--runs N] [--march CPU] [--times] [--instructions] [--record] [NAME]...
       w2n-bench --table

Measures how fast compiled Wasm is against native code, wasmtime, and wasm2c with clang.

  NAME            a program, a class of programs, `startup`, or `calls` of the host; without NAME, everything
  --runs N        timed runs of each program on each engine (5)
  --march CPU     what native code, the product and wasm2c compile for (x86-64); `native` for this machine
  --times         measure run time; so it is without --instructions too
  --instructions  count executed instructions, with valgrind
  --record        append the run to tests/bench/history.jsonl and put its table into the book
  --table         measure nothing; put the table of the last recorded run into the book
  --help          print this
";

/// Timed runs of each program on each engine, unless `--runs` says otherwise. Odd, so that there is a median.
const DEFAULT_RUNS: usize = 5;

/// The processor that code is for, unless `--march` says otherwise.
const DEFAULT_MARCH: &str = "x86-64";

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
pub enum Arguments {
    /// A run.
    Measure(Plan),
    /// The table of the book.
    Table,
    /// [`USAGE`].
    Help,
}

/// What a run measures, and where it is kept.
#[derive(Debug, PartialEq, Eq)]
pub struct Plan {
    /// Timed runs of each program on each engine.
    pub runs: usize,
    /// The processor that code is for.
    pub march: String,
    /// Programs and classes; all if there is none.
    pub names: Vec<String>,
    /// What is measured of programs.
    pub quantities: Vec<Quantity>,
    /// Where the run is kept.
    pub history: History,
}

/// Where a run is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum History {
    /// In `target`, if it is a full one.
    Scratch,
    /// In the file that is committed, and in the book.
    Recorded,
}

/// What a run measures beside programs, by the names of the command line.
pub const STARTUP: &str = "startup";
/// The calls of the host.
pub const CALLS: &str = "calls";

impl Plan {
    /// Whether one of the names of something is asked for.
    pub fn wants(&self, names: &[&str]) -> bool {
        self.is_full() || self.names.iter().any(|name| names.contains(&name.as_str()))
    }

    /// Whether everything is asked for.
    pub fn is_full(&self) -> bool {
        self.names.is_empty()
    }

    /// Whether `quantity` is measured.
    pub fn measures(&self, quantity: Quantity) -> bool {
        self.quantities.contains(&quantity)
    }

    /// Errors: a name that is neither one of `programs` nor a class.
    pub fn check_names<'p>(&self, programs: impl Iterator<Item = &'p str>) -> Result<(), String> {
        let known: Vec<_> =
            programs.chain(CLASSES.map(|class| class.key())).chain([STARTUP, CALLS]).collect();
        match self.names.iter().find(|name| !known.contains(&name.as_str())) {
            None => Ok(()),
            Some(name) => {
                Err(format!("no program or class is called {name}; there are: {}", known.join(" ")))
            }
        }
    }
}

/// Reads the arguments after the program's name. Errors: what is wrong with them.
pub fn parse(args: impl Iterator<Item = String>) -> Result<Arguments, String> {
    let mut plan = Plan {
        runs: DEFAULT_RUNS,
        march: DEFAULT_MARCH.to_owned(),
        names: Vec::new(),
        quantities: Vec::new(),
        history: History::Scratch,
    };
    let args: Vec<_> = args.collect();
    if args.iter().any(|arg| arg == "--help") {
        return Ok(Arguments::Help);
    }
    if args.iter().any(|arg| arg == "--table") {
        return if args.len() == 1 { Ok(Arguments::Table) } else { Err("--table stands alone".to_owned()) };
    }
    let mut args = args.into_iter();
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--runs" => {
                let number = args.next().and_then(|text| text.parse().ok()).filter(|&number| number > 0);
                plan.runs = number.ok_or("--runs wants a number above 0")?;
            }
            "--march" => {
                plan.march = args.next().ok_or("--march wants the name of a processor, or native")?
            }
            "--times" => plan.quantities.push(Quantity::Times),
            "--instructions" => plan.quantities.push(Quantity::Instructions),
            "--record" => plan.history = History::Recorded,
            option if option.starts_with('-') => return Err(format!("unknown option {option}")),
            _ => plan.names.push(arg),
        }
    }
    if plan.quantities.is_empty() {
        plan.quantities.push(Quantity::Times);
    }
    let is_complete = plan.is_full() && plan.measures(Quantity::Times);
    if plan.history == History::Recorded && !is_complete {
        return Err("--record wants a full run: times of everything, without names".to_owned());
    }
    Ok(Arguments::Measure(plan))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_words(words: &str) -> Result<Arguments, String> {
        parse(words.split_whitespace().map(str::to_owned))
    }

    fn plan(words: &str) -> Plan {
        match parse_words(words) {
            Ok(Arguments::Measure(plan)) => plan,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn times_are_measured_unless_instructions_alone_are_asked_for() {
        assert_eq!(plan("").quantities, [Quantity::Times]);
        assert_eq!(plan("--instructions").quantities, [Quantity::Instructions]);
        assert!(plan("--instructions --times").measures(Quantity::Times));
    }

    #[test]
    fn only_a_full_run_is_recorded() {
        assert_eq!(plan("--record --times --instructions").history, History::Recorded);
        assert!(parse_words("--record matmul").is_err());
        assert!(parse_words("--record --instructions").is_err());
        assert!(parse_words("--table --record").is_err());
        assert_eq!(parse_words("--table"), Ok(Arguments::Table));
    }

    #[test]
    fn options_have_values() {
        let given = plan("--runs 3 --march native numeric sqlite");
        assert_eq!((given.runs, given.march.as_str()), (3, "native"));
        assert_eq!(given.names, ["numeric", "sqlite"]);
        for wrong in ["--runs", "--runs 0", "--runs x", "--march", "--fast"] {
            assert!(parse_words(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_program_is_chosen_by_its_name_or_its_class() {
        let given = plan("numeric sqlite");
        assert!(given.wants(&["lu", "numeric"]) && given.wants(&["sqlite", "application"]));
        assert!(!given.wants(&["zlib", "application"]) && !given.wants(&["lu-simd128", "numeric-simd128"]));
        assert!(plan("").wants(&["zlib", "application"]));
        assert_eq!(given.check_names(["lu", "sqlite"].into_iter()), Ok(()));
        assert!(given.check_names(["lu"].into_iter()).unwrap_err().contains("called sqlite; there are: lu"));
    }
}
