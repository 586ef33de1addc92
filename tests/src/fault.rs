//! Deliberate faults of the product, which the tests have to catch: `fixtures/faults/*.fault`.
//!
//! A file names the fault, the source file, and the tests that should catch it, then what is there and
//! what it becomes. The rule: what is there has to be in the file exactly once, so that a fault that no
//! longer fits fails loudly.

use std::path::Path;

use crate::program;

/// One fault.
#[derive(Clone, Debug)]
pub struct Fault {
    /// Name of its file.
    pub name: String,
    /// What is wrong, in words.
    pub what: String,
    /// The source file, from the top of the repository.
    pub file: String,
    /// What should catch it.
    pub tests: Vec<Test>,
    is: String,
    becomes: String,
}

/// Tests of one target: `trapdoor a_shift`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Test {
    /// Test target of the tests or of libwasirt.
    pub target: String,
    /// Arguments of the target: filters.
    pub arguments: Vec<String>,
}

/// All faults, in the order of their names. Panics on a file that is not understood.
pub fn all() -> Vec<Fault> {
    let directory = program::fixture("faults");
    let entries = std::fs::read_dir(&directory).unwrap_or_else(|error| panic!("{directory:?}: {error}"));
    let mut faults: Vec<_> = entries.map(|entry| Fault::read(&entry.expect("an entry").path())).collect();
    faults.sort_by(|left, right| left.name.cmp(&right.name));
    faults
}

impl Fault {
    fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
        Self::parse(path, &text).unwrap_or_else(|| panic!("{path:?}: not a fault"))
    }

    fn parse(path: &Path, text: &str) -> Option<Self> {
        let (head, change) = text.split_once("--- is\n")?;
        let (is, becomes) = change.split_once("\n--- becomes\n")?;
        let values = |key: &str| {
            let lines = head.lines().filter_map(|line| line.split_once(": "));
            lines.filter(|(found, _)| *found == key).map(|(_, value)| value.to_owned()).collect::<Vec<_>>()
        };
        let tests = values("test").iter().map(|line| Test::parse(line)).collect::<Option<Vec<_>>>()?;
        let name = path.file_stem()?.to_str()?.to_owned();
        let (what, file) = (values("what").pop()?, values("file").pop()?);
        let becomes = becomes.trim_end().to_owned();
        (!tests.is_empty()).then(|| Self { name, what, file, tests, is: is.to_owned(), becomes })
    }

    /// The text of the source file with the fault in it. Errors when it does not fit.
    pub fn plant(&self, source: &str) -> Result<String, String> {
        match source.matches(&self.is).count() {
            1 => Ok(source.replace(&self.is, &self.becomes)),
            count => Err(format!(
                "fixtures/faults/{}.fault: what it replaces is {count} times in {}, not once",
                self.name, self.file
            )),
        }
    }
}

impl Test {
    fn parse(line: &str) -> Option<Self> {
        let mut words = line.split_whitespace().map(str::to_owned);
        Some(Self { target: words.next()?, arguments: words.collect() })
    }
}
