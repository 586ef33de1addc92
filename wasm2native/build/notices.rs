//! The notices of what is linked into the compiler and its outputs, which their licences ask for.
//!
//! The rule: the same sources give the same text, whoever builds it and where.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use super::packages::{Package, Packages};
use super::required;

/// How the names of files begin that hold a licence or a notice.
const FILE_NAMES: [&str; 6] = ["LICENSE", "LICENCE", "COPYING", "COPYRIGHT", "NOTICE", "UNLICENSE"];

/// What is linked and is no crate.
const OTHERS: &str = "\
Also linked:
  into the compiler: LLVM (Apache-2.0 WITH LLVM-exception, the licence of wasm2native itself), as a shared library
  into both: the standard library of Rust (MIT OR Apache-2.0; https://www.rust-lang.org/policies/licenses)
";

/// Writes them to a file, whose path is the answer.
pub fn write(packages: &Packages) -> PathBuf {
    let mut text =
        String::from("wasm2native is under Apache-2.0 WITH LLVM-exception. It contains work of others.\n\n");
    list(&mut text, "Crates in what wasm2native makes (the runtime):", &packages.of_runtime);
    list(&mut text, "Crates in wasm2native itself:", &packages.of_compiler);
    text.push_str(OTHERS);
    // Equal texts once, in the order of the first crate that has each.
    let mut texts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for package in packages.iter() {
        for words in texts_of(&package.dir) {
            let named = format!("{} {}", package.name, package.version);
            let names = texts.entry(words).or_default();
            if !names.contains(&named) {
                names.push(named);
            }
        }
    }
    let mut texts: Vec<_> = texts.into_iter().map(|(words, names)| (names, words)).collect();
    texts.sort();
    for (names, words) in texts {
        let _ = write!(text, "\n{}\nOf {}:\n\n{}\n", "-".repeat(80), names.join(", "), words.trim_end());
    }
    let path = Path::new(&required("OUT_DIR")).join("NOTICES");
    fs::write(&path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    path
}

fn list(text: &mut String, title: &str, packages: &[Package]) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{title}");
    for Package { name, version, license, .. } in packages {
        let _ = writeln!(text, "  {name} {version}: {license}");
    }
    text.push('\n');
}

/// The licences and notices in a directory, in the order of their names.
fn texts_of(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display()));
    let mut paths: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    let is_notice = |path: &&PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_uppercase();
        path.is_file() && FILE_NAMES.iter().any(|start| name.starts_with(start))
    };
    paths.iter().filter(is_notice).filter_map(|path| fs::read_to_string(path).ok()).collect()
}
