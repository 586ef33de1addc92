//! What one run measured: a line of the history.
//!
//! The rule: counts of nanoseconds, bytes and instructions are what was measured; ratios and means follow
//! from them, and stand beside them for whoever reads the file without this program.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::calls::Call;
use crate::class::Class;
use crate::engine::{ByEngine, Engine};
use crate::mean::{self, Means};
use crate::startup::Startup;

/// What is measured of programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantity {
    /// Run time.
    Times,
    /// Executed instructions.
    Instructions,
}

/// A run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// When, where, how and of what.
    pub setup: Setup,
    /// Each program that was measured.
    pub programs: Vec<Row>,
    /// Geometric means of the ratios of each class.
    pub means: BTreeMap<Class, Means>,
    /// Start-up and size of the smallest programs.
    pub startups: Vec<Startup>,
    /// Calls of the host.
    pub calls: Vec<Call>,
}

/// The circumstances of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Setup {
    /// When it began: `2026-11-26T08:15:00Z`.
    pub date: String,
    /// Of the product: what `git describe --always --dirty` says.
    pub revision: String,
    /// Name of the processor, and how many there are.
    pub cpu: String,
    /// What native code, the product and wasm2c compiled for.
    pub march: String,
    /// Timed runs of each program on each engine; 0 when instructions alone were counted.
    pub runs: usize,
    /// Versions of the other engines and of the native compiler.
    pub versions: ByEngine<String>,
}

/// What was measured of a program; what was not is empty.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Figures {
    /// Medians by the program's own clock, in nanoseconds.
    pub time_ns: ByEngine<u64>,
    /// Executed instructions.
    pub instructions: ByEngine<u64>,
    /// How long compilers took on the wall, in nanoseconds.
    pub compile_ns: ByEngine<u64>,
    /// Sizes of executables in bytes, of wasmtime's code, and of the module as `wasm`.
    pub size_bytes: ByEngine<u64>,
}

/// A program and what follows from its figures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// Its name.
    pub name: String,
    /// Its class.
    pub class: Class,
    /// What every engine computed.
    pub result: String,
    /// What was measured.
    pub figures: Figures,
    /// Times divided by native code's.
    pub time_ratio: ByEngine<f64>,
    /// Instructions divided by native code's.
    pub instruction_ratio: ByEngine<f64>,
}

impl Row {
    /// A program with its ratios.
    pub fn new(name: &str, class: Class, result: String, figures: Figures) -> Self {
        let time_ratio = rounded(ratios(&figures.time_ns));
        let instruction_ratio = rounded(ratios(&figures.instructions));
        Self { name: name.to_owned(), class, result, figures, time_ratio, instruction_ratio }
    }

    /// Its ratios of `quantity`.
    pub fn ratios(&self, quantity: Quantity) -> &ByEngine<f64> {
        match quantity {
            Quantity::Times => &self.time_ratio,
            Quantity::Instructions => &self.instruction_ratio,
        }
    }
}

impl Record {
    /// A run with its means.
    pub fn new(setup: Setup, programs: Vec<Row>, startups: Vec<Startup>, calls: Vec<Call>) -> Self {
        let means = mean::by_class(&programs);
        Self { setup, programs, means, startups, calls }
    }

    /// Whether any program has figures of `quantity`.
    pub fn has(&self, quantity: Quantity) -> bool {
        self.programs.iter().any(|row| !row.ratios(quantity).is_empty())
    }

    /// The same figures with ratios and means computed anew.
    pub fn recomputed(&self) -> Self {
        let row = |row: &Row| Row::new(&row.name, row.class, row.result.clone(), row.figures.clone());
        let programs = self.programs.iter().map(row).collect();
        Self::new(self.setup.clone(), programs, self.startups.clone(), self.calls.clone())
    }
}

/// Each engine's value divided by native code's; none without that.
pub fn ratios(values: &ByEngine<u64>) -> ByEngine<f64> {
    let Some(&native) = values.get(Engine::Native.key()) else { return BTreeMap::new() };
    let others = values.iter().filter(|(key, _)| *key != Engine::Native.key());
    others.map(|(key, &value)| (key.clone(), value as f64 / native as f64)).collect()
}

/// Ratios to four places, more than any clock gives.
pub fn rounded(ratios: ByEngine<f64>) -> ByEngine<f64> {
    ratios.into_iter().map(|(key, ratio)| (key, (ratio * 1e4).round() / 1e4)).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A run of programs with these classes and times: of native code, then of `-O3`.
    pub fn record_of(programs: &[(&str, Class, [u64; 2])]) -> Record {
        let row = |&(name, class, [native, ours]): &(&str, Class, [u64; 2])| {
            let values = ByEngine::from([("native".to_owned(), native), ("-O3".to_owned(), ours)]);
            let figures = Figures { time_ns: values.clone(), instructions: values, ..Figures::default() };
            Row::new(name, class, "00ff".to_owned(), figures)
        };
        let setup = Setup {
            date: "2026-01-02T03:04:05Z".to_owned(),
            revision: "abc".to_owned(),
            cpu: "a processor, 2 of them".to_owned(),
            march: "x86-64".to_owned(),
            runs: 5,
            versions: ByEngine::from([("wasmtime".to_owned(), "1.2".to_owned())]),
        };
        Record::new(setup, programs.iter().map(row).collect(), Vec::new(), Vec::new())
    }

    #[test]
    fn ratios_are_to_native_code() {
        let record = record_of(&[("lu", Class::Numeric, [3, 4])]);
        assert_eq!(record.programs[0].time_ratio, ByEngine::from([("-O3".to_owned(), 1.3333)]));
    }

    #[test]
    fn there_is_no_ratio_without_native_code() {
        assert_eq!(ratios(&ByEngine::from([("-O3".to_owned(), 7)])), ByEngine::new());
    }

    #[test]
    fn a_changed_ratio_does_not_survive_being_recomputed() {
        let record = record_of(&[("lu", Class::Numeric, [3, 4])]);
        assert_eq!(record.recomputed(), record);
        let mut edited = record.clone();
        edited.programs[0].time_ratio.insert("-O3".to_owned(), 0.5);
        assert_eq!(edited.recomputed(), record);
    }
}
