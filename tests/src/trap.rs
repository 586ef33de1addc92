//! Fixtures of traps: modules that die, and what their first comments say must be printed then.
//!
//! The rule: a fixture names functions and operators. Function indices and byte offsets are computed here
//! from the module's bytes, and standard error must be equal to the last byte.
//!
//! ```text
//! ;; levels: -O0 -O2      the levels to compile at; both bounds checks are tried at each
//! ;; calls: memset        the optimised code must call these (guard pages)
//! ;; plugin: yes          runs `run` of a plugin whose host functions all fail: "disk on fire"
//! ;; run: a b             a case, and its arguments; without such a line there is one case
//! ;; exit: 7              status, unless it traps (134)
//! ;; trap: unreachable    what follows "wasm2native: trap: "
//! ;; guard: …, software: … the same for one kind of bounds checks; `guard~:`: how it starts
//! ;; in: leaf i32.load 2  a frame: function, operator, which of several; innermost first
//! ;; in-guard: …, in-software: … a frame with one kind of bounds checks
//! ;; cycle: rec call      the frames of endless recursion: all are one of these
//! ```

mod expect;

use std::path::{Path, PathBuf};
use std::process::Command;

use w2n_abi::TRAP_EXIT_STATUS;

use crate::program::{self, Finished};
pub use expect::{Frame, Places};

/// The two kinds of bounds checks, as `--bounds-checks=` spells them.
pub const BOUNDS_CHECKS: [&str; 2] = ["guard", "software"];

/// A fixture.
#[derive(Debug)]
pub struct TrapFixture {
    /// Where it is.
    pub path: PathBuf,
    /// `-O0`, …
    pub levels: Vec<String>,
    /// What the optimised code must call.
    pub calls: Vec<String>,
    /// Whether it is a plugin, with one case.
    pub is_plugin: bool,
    /// How it is run.
    pub cases: Vec<Case>,
}

/// One run and its end.
#[derive(Clone, Debug, Default)]
pub struct Case {
    args: Vec<String>,
    exit_status: i32,
    /// What each kind of bounds checks prints behind "wasm2native: trap: "; `None`: it does not trap.
    messages: [Option<Message>; 2],
    frames: [Vec<Frame>; 2],
    cycle: Vec<Frame>,
}

/// A trap's message.
#[derive(Clone, Debug)]
enum Message {
    Exactly(String),
    StartsWith(String),
}

impl TrapFixture {
    /// Reads `fixtures/trap/<name>.wat`. Panics if its comments make no sense.
    pub fn read(name: &str) -> Self {
        let path = program::fixture("trap").join(name).with_extension("wat");
        let source = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
        let words = |value: &str| value.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let levels = vec!["-O0".to_owned(), "-O2".to_owned()];
        let mut fixture = Self { path, levels, calls: vec![], is_plugin: false, cases: vec![] };
        for line in source.lines().map_while(|line| line.strip_prefix(";; ")) {
            // Prose has blanks before its colons.
            let Some((key, value)) = line.split_once(": ").filter(|(key, _)| !key.contains(' ')) else {
                continue;
            };
            match key {
                "levels" => fixture.levels = words(value),
                "calls" => fixture.calls = words(value),
                "plugin" => fixture.is_plugin = value == "yes",
                "run" => fixture.cases.push(Case { args: words(value), ..Case::default() }),
                _ => fixture.case().read_line(key, value),
            }
        }
        assert!(!fixture.cases.is_empty(), "{:?} says nothing", fixture.path);
        fixture
    }

    fn case(&mut self) -> &mut Case {
        if self.cases.is_empty() {
            self.cases.push(Case::default());
        }
        self.cases.last_mut().expect("there is one")
    }

    /// Compiles it for `level` and `bounds`, runs all cases, and answers what is not as it must be.
    pub fn differences(&self, level: &str, bounds: &str) -> Vec<String> {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let executable = dir.path().join("program");
        let bounds_checks = format!("--bounds-checks={bounds}");
        if let Err(reason) = program::compile(&self.path, &executable, &[level, &bounds_checks]) {
            return vec![reason];
        }
        let places = Places::of(&self.path);
        let differ = |case: &Case| {
            let finished = program::run(Command::new(&executable).args(&case.args), b"");
            let difference = case.difference(&finished.expect("the program can be run"), bounds, &places);
            difference.map(|difference| format!("{level} {bounds_checks} {:?}: {difference}", case.args))
        };
        self.cases.iter().filter_map(differ).collect()
    }

    /// Which of `calls` the code for `level` with guard pages lacks.
    pub fn missing_calls(&self, level: &str) -> Vec<&str> {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let assembly = dir.path().join("program.s");
        program::compile(&self.path, &assembly, &[level, "-S"]).unwrap_or_else(|reason| panic!("{reason}"));
        let text = std::fs::read_to_string(&assembly).expect("readable assembly");
        let is_called =
            |name: &str| text.contains(&format!("{name}@PLT")) || text.contains(&format!("*{name}@"));
        self.calls.iter().map(String::as_str).filter(|name| !is_called(name)).collect()
    }
}

impl Case {
    fn read_line(&mut self, key: &str, value: &str) {
        let exactly = || Some(Message::Exactly(value.to_owned()));
        match key {
            "exit" => self.exit_status = value.parse().unwrap_or_else(|_| panic!("exit: {value}")),
            "trap" => self.messages = [exactly(), exactly()],
            "guard" => self.messages[0] = exactly(),
            "guard~" => self.messages[0] = Some(Message::StartsWith(value.to_owned())),
            "software" => self.messages[1] = exactly(),
            "in" => self.frames.iter_mut().for_each(|frames| frames.push(Frame::read(value))),
            "in-guard" => self.frames[0].push(Frame::read(value)),
            "in-software" => self.frames[1].push(Frame::read(value)),
            "cycle" => self.cycle.push(Frame::read(value)),
            _ => panic!("{key}: {value}"),
        }
    }

    /// Whether the message begins with `words` under either kind of bounds checks.
    pub fn traps_with(&self, words: &str) -> bool {
        self.messages.iter().flatten().any(|message| match message {
            Message::Exactly(text) | Message::StartsWith(text) => text.starts_with(words),
        })
    }

    /// Whether it ends by itself with a status that is not 0.
    pub fn exits(&self) -> bool {
        self.messages.iter().all(Option::is_none) && self.exit_status != 0
    }

    /// What of `finished` is not as it must be.
    fn difference(&self, finished: &Finished, bounds: &str, places: &Places) -> Option<String> {
        let position = BOUNDS_CHECKS.iter().position(|known| *known == bounds).expect("a kind of checks");
        let status = if self.messages[position].is_some() { TRAP_EXIT_STATUS } else { self.exit_status };
        if finished.status != Some(status) {
            return Some(format!("{finished:?}, expected status {status}"));
        }
        let said = String::from_utf8_lossy(&finished.stderr);
        self.report_difference(&said, position, places)
    }

    /// What of a report is not as it must be; `bounds` is a position in [`BOUNDS_CHECKS`].
    fn report_difference(&self, said: &str, bounds: usize, places: &Places) -> Option<String> {
        let message = self.messages[bounds].as_ref();
        let (first, rest) = said.split_once('\n').unwrap_or((said, ""));
        let said_message = first.strip_prefix("wasm2native: trap: ");
        let is_right = match (message, said_message) {
            (Some(Message::Exactly(text)), Some(said)) => said == text,
            (Some(Message::StartsWith(text)), Some(said)) => said.starts_with(text),
            (message, _) => message.is_none() && said.is_empty(),
        };
        if !is_right {
            return Some(format!("expected {message:?}, but it said:\n{said}"));
        }
        let difference = match self.cycle.is_empty() {
            true => places.backtrace_difference(&self.frames[bounds], rest),
            false => places.cycle_difference(&self.cycle, rest),
        };
        difference.map(|difference| format!("{difference}\nit said:\n{said}"))
    }

    /// What of a plugin's report is not as it must be.
    pub fn plugin_difference(&self, said: &str, path: &Path) -> Option<String> {
        self.report_difference(said, 0, &Places::of(path))
    }
}
