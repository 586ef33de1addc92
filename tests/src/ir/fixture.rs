//! Fixtures: a module whose first comments say what it is about and how it is compiled.
//!
//! `;; operators: i32.add i64.add` names what the module shows. `;; options: bounds-checks=software
//! strict-traps` compiles it with other options than the default.

use std::path::{Path, PathBuf};

use wasm2native::options::{BoundsChecks, CodeOptions, OptLevel};
use wasm2native::wasm;

use super::OperatorInfo;
use crate::program;

/// A file `fixtures/<directory>/…/<name>.wat`.
#[derive(Clone, Debug)]
pub struct Fixture {
    /// Where it is.
    pub path: PathBuf,
    /// What `operators:` names.
    pub operators: Vec<String>,
    options: Vec<String>,
}

/// The fixtures in `fixtures/<directory>`, in the order of their names.
pub fn find_fixtures(directory: &str) -> Vec<Fixture> {
    let directory = program::fixture(directory);
    let entries = std::fs::read_dir(&directory).unwrap_or_else(|error| panic!("{directory:?}: {error}"));
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "wat"))
        .collect();
    paths.sort();
    paths.iter().map(|path| Fixture::read(path)).collect()
}

impl Fixture {
    /// Reads the directives of the module at `path`.
    pub fn read(path: &Path) -> Self {
        let source = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
        let mut fixture = Self { path: path.to_owned(), operators: Vec::new(), options: Vec::new() };
        for line in source.lines().map_while(|line| line.strip_prefix(";; ")) {
            let Some((key, value)) = line.split_once(": ") else { continue };
            let words = value.split_whitespace().map(str::to_owned);
            match key {
                "operators" => fixture.operators.extend(words),
                "options" => fixture.options.extend(words),
                _ => {}
            }
        }
        fixture
    }

    /// Its name: `add`.
    pub fn name(&self) -> String {
        self.path.file_stem().expect("fixtures have names").to_string_lossy().into_owned()
    }

    /// How it is to be compiled, at `opt_level`.
    pub fn code_options(&self, opt_level: OptLevel) -> CodeOptions {
        let mut code = CodeOptions { opt_level, ..CodeOptions::default() };
        for option in &self.options {
            match option.as_str() {
                "bounds-checks=software" => code.bounds_checks = BoundsChecks::Software,
                "strict-traps" => code.strict_traps = true,
                other => panic!("{:?}: no option {other}", self.path),
            }
        }
        code
    }

    /// The module's binary.
    pub fn bytes(&self) -> Vec<u8> {
        wat::parse_file(&self.path).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Names of the module's own functions, in order.
    pub fn func_names(&self) -> Vec<String> {
        let bytes = self.bytes();
        let module = self.parse(&bytes);
        (0..module.bodies.len())
            .map(|defined| {
                let func = module.func_index(wasm::DefinedFuncIndex(defined as u32));
                module.func_name(func).unwrap_or_else(|| panic!("{:?}: a function without name", self.path))
            })
            .map(str::to_owned)
            .collect()
    }

    /// Whether any function of the module contains `operator`.
    pub fn contains(&self, operator: &OperatorInfo) -> bool {
        let bytes = self.bytes();
        self.parse(&bytes).bodies.iter().any(|body| {
            let operators = body.get_operators_reader().expect("a valid body");
            operators.into_iter().any(|found| operator.is_kind_of(&found.expect("a valid operator")))
        })
    }

    fn parse<'a>(&self, bytes: &'a [u8]) -> wasm::Module<'a> {
        wasm::parse(bytes, super::PREFIX).unwrap_or_else(|error| panic!("{:?}: {error}", self.path))
    }
}
