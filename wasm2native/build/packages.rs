//! What is linked into the compiler and into its outputs, as `cargo metadata` knows it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde_json::Value;

use super::{cargo, required};

/// A crate of somebody else's.
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The licence as its manifest states it.
    pub license: String,
    /// Where its sources are.
    pub dir: PathBuf,
}

/// The crates that are linked.
pub struct Packages {
    /// Those in the compiler.
    pub of_compiler: Vec<Package>,
    /// Those in the runtime, which goes into what the compiler makes.
    pub of_runtime: Vec<Package>,
}

/// The package of the compiler.
const COMPILER: &str = "wasm2native";

/// The packages of the runtime's archives.
pub const BUNDLES: [&str; 2] = ["w2n-rt-bundle", "w2n-wasi-bundle"];

impl Packages {
    /// Asks cargo, at first without the network: nearly always all is there.
    pub fn read() -> Self {
        let metadata = metadata(&["--offline"]).or_else(|_| metadata(&[]));
        let metadata =
            metadata.unwrap_or_else(|said| panic!("`cargo metadata` failed; try `cargo fetch`: {said}"));
        Self { of_compiler: linked(&metadata, &[COMPILER]), of_runtime: linked(&metadata, &BUNDLES) }
    }

    /// All, of both.
    pub fn iter(&self) -> impl Iterator<Item = &Package> {
        self.of_compiler.iter().chain(&self.of_runtime)
    }
}

fn metadata(flags: &[&str]) -> Result<Value, String> {
    let mut command = cargo();
    command.args(["metadata", "--format-version", "1", "--locked", "--filter-platform", &required("TARGET")]);
    let output = command.args(flags).output().expect("cargo can be run again");
    match output.status.success() {
        true => serde_json::from_slice(&output.stdout).map_err(|error| error.to_string()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

/// The crates of others that are linked into the packages `roots`, by name and version.
fn linked(metadata: &Value, roots: &[&str]) -> Vec<Package> {
    let packages: BTreeMap<&str, &Value> =
        items(&metadata["packages"]).map(|package| (text(&package["id"]), package)).collect();
    let nodes: BTreeMap<&str, &Value> =
        items(&metadata["resolve"]["nodes"]).map(|node| (text(&node["id"]), node)).collect();
    let mut open: Vec<&str> = packages
        .iter()
        .filter(|(_, package)| roots.contains(&text(&package["name"])))
        .map(|(id, _)| *id)
        .collect();
    let mut seen = BTreeSet::new();
    while let Some(id) = open.pop() {
        if is_proc_macro(packages[id]) || !seen.insert(id) {
            continue;
        }
        let is_linked = |dep: &&Value| items(&dep["dep_kinds"]).any(|kind| kind["kind"].is_null());
        open.extend(items(&nodes[id]["deps"]).filter(is_linked).map(|dep| text(&dep["pkg"])));
    }
    // What has no source is a member of the workspace.
    let foreign = seen.iter().map(|id| packages[id]).filter(|package| !package["source"].is_null());
    let mut found: Vec<_> = foreign.map(package).collect();
    found.sort_by(|left, right| (&left.name, &left.version).cmp(&(&right.name, &right.version)));
    found
}

/// Runs in the compiler of Rust, and is not linked.
fn is_proc_macro(package: &Value) -> bool {
    items(&package["targets"]).any(|target| items(&target["kind"]).any(|kind| kind == "proc-macro"))
}

fn package(package: &Value) -> Package {
    let manifest = PathBuf::from(text(&package["manifest_path"]));
    Package {
        name: text(&package["name"]).to_owned(),
        version: text(&package["version"]).to_owned(),
        license: package["license"].as_str().unwrap_or("see its text").to_owned(),
        dir: manifest.parent().expect("a manifest lies in a directory").to_owned(),
    }
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
