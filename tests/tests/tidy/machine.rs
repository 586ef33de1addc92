//! Nothing in the project is true of one machine or one network only: no path of a checkout or a home
//! directory, and no host but a few that mean something to everybody.
//!
//! The rule: no list of places is kept here. What a path begins with where people keep their files is known of
//! every Linux and macOS, and where this checkout stands is asked when the test runs.

use std::path::{Component, Path};

use super::source::{Problem, SourceFile};

/// Directories that hold files of somebody, on whatever machine.
const SOMEBODYS: [&str; 8] = ["root", "home", "Users", "mnt", "media", "srv", "builds", "workspace"];

/// Directories that hold the same on every machine, in one of which the checkout may be.
const EVERYBODYS: [&str; 6] = ["usr", "opt", "tmp", "var", "run", "src"];

/// Endings of names of hosts.
const HOST_ENDINGS: [&str; 5] = [".com", ".org", ".net", ".io", ".golang"];

/// Hosts that may be named, and why.
const HOSTS: &[(&str, &str)] = &[
    ("www.apache.org", "in the text of the licence"),
    ("www.rust-lang.org", "where the licences of Rust's library are"),
    ("www.w3.org", "the name space of SVG"),
    ("example.org", "belongs to nobody"),
];

/// No absolute path leads to where somebody keeps files, or to where this checkout is.
///
/// Fixtures are programs: their paths are those that a guest sees.
pub fn paths_of_a_machine(file: &SourceFile) -> Vec<Problem> {
    let here = first_directory(Path::new(env!("CARGO_MANIFEST_DIR")));
    paths_below(file, here.filter(|_| !file.is_in("fixtures")))
}

fn paths_below(file: &SourceFile, here: Option<&str>) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (number, line) in file.text.lines().enumerate() {
        for (position, _) in line.match_indices('/') {
            let (before, rest) = (&line[..position], &line[position + 1..]);
            let is_absolute = !before.ends_with(|c: char| c.is_alphanumeric() || "._-/})>*".contains(c));
            let Some((first, _)) = rest.split_once('/').filter(|_| is_absolute) else { continue };
            if SOMEBODYS.contains(&first) || here == Some(first) {
                let message = format!("/{first}/ is a path of one machine");
                problems.push(Problem::new(number + 1, message));
            }
        }
        // Not absolute to us, but somewhere.
        if line.contains(concat!("\"/t", "mp/")) {
            problems.push(Problem::new(number + 1, "a path that may not be there: tempfile makes one"));
        }
    }
    problems
}

/// Where the directory at `path` is, below the root, unless it is where things are on every machine.
fn first_directory(path: &Path) -> Option<&str> {
    let first = path.components().find_map(|component| match component {
        Component::Normal(name) => name.to_str(),
        _ => None,
    });
    first.filter(|first| !EVERYBODYS.contains(first))
}

/// No host is named but [`HOSTS`]: package managers know theirs, and others may be gone tomorrow.
pub fn hosts(file: &SourceFile) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (number, line) in file.text.lines().enumerate() {
        let is_in_host = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
        for word in line.split(|c: char| !is_in_host(c)) {
            let word = word.trim_matches('.');
            let is_host = HOST_ENDINGS.iter().any(|ending| word.ends_with(ending));
            if is_host && !HOSTS.iter().any(|(known, _)| *known == word) {
                problems.push(Problem::new(number + 1, format!("{word} is a host that we do not name")));
            }
        }
    }
    problems
}

/// Hosts that no file names any more.
pub fn stale_hosts(files: &[SourceFile]) -> Vec<String> {
    let is_named = |host: &str| {
        let others = files.iter().filter(|file| !file.path.ends_with("tidy/machine.rs"));
        others.into_iter().any(|file| file.text.contains(host))
    };
    let stale = HOSTS.iter().filter(|(host, reason)| reason.is_empty() || !is_named(host));
    stale.map(|(host, _)| (*host).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: String) -> SourceFile {
        SourceFile::new(path, text)
    }

    #[test]
    fn a_path_of_somebody_is_found() {
        for first in SOMEBODYS {
            let text = format!("some `/{first}/x` text\n");
            assert_eq!(paths_below(&file("a.md", text), None).len(), 1, "{first}");
            assert_eq!(
                paths_below(&file("a.md", format!("a/{first}/x of ours\n")), None).len(),
                0,
                "{first}"
            );
        }
        assert_eq!(paths_below(&file("a.md", "/usr/lib/x and /dev/null\n".to_owned()), None).len(), 0);
        assert_eq!(paths_below(&file("a.c", concat!("f(\"/t", "mp/x\")\n").to_owned()), None).len(), 1);
    }

    #[test]
    fn the_place_of_the_checkout_is_found() {
        let text = || "see /yard/7/project/notes\n".to_owned();
        assert_eq!(first_directory(Path::new("/yard/7/project")), Some("yard"));
        assert_eq!(first_directory(Path::new("/usr/src/project")), None);
        assert_eq!(paths_below(&file("a.md", text()), Some("yard")).len(), 1);
        assert_eq!(paths_below(&file("a.md", text()), None).len(), 0);
    }

    #[test]
    fn a_host_is_found() {
        let registry = concat!("get it from pypi", ".org/simple\n");
        assert_eq!(hosts(&file("a.md", registry.to_owned())).len(), 1);
        assert_eq!(hosts(&file("a.md", concat!("https://a.b", ".io.\n").to_owned())).len(), 1);
        assert_eq!(hosts(&file("a.rs", "std::io, a.iops, b.committed, example.org\n".to_owned())).len(), 0);
        assert_eq!(stale_hosts(&[]).len(), HOSTS.len());
    }
}
