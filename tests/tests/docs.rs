//! What the documents show is done: the files of a page are written, its commands are run in order, and they
//! must print what the page says they do.
//!
//! How: each page has a directory of its own, with the compiler on `PATH`; a command that fails ends the test.

use std::fs;
use std::path::Path;
use std::process::Command;

use w2n_tests::document::{self, Step};
use w2n_tests::program::{compiler, run};

/// Does all steps of a page; how many commands were run.
#[track_caller]
fn follow(page: &str) -> usize {
    let dir = tempfile::tempdir().unwrap();
    // For the header that pages about hosts include from here.
    std::os::unix::fs::symlink(document::root().join("rt"), dir.path().join("rt")).unwrap();
    let mut commands = 0;
    for step in document::steps(&document::read(page)) {
        match step {
            Step::File(name, content) => fs::write(dir.path().join(name), content).unwrap(),
            Step::Run(script, expected) => {
                commands += script.lines().count();
                let printed = run_script(dir.path(), &script, page);
                if let Some(expected) = expected {
                    assert_eq!(printed, expected, "{page}:\n{script}");
                }
            }
        }
    }
    commands
}

fn run_script(dir: &Path, script: &str, page: &str) -> String {
    let compiler_dir = compiler().canonicalize().unwrap().parent().unwrap().to_owned();
    let path = format!("{}:{}", compiler_dir.display(), std::env::var("PATH").unwrap());
    let mut shell = Command::new("sh");
    shell.current_dir(dir).env("PATH", path).args(["-e", "-c", script]);
    let finished = run(&mut shell, b"").unwrap();
    let stderr = String::from_utf8_lossy(&finished.stderr);
    assert_eq!(finished.status, Some(0), "{page}:\n{script}\n{stderr}");
    String::from_utf8_lossy(&finished.stdout).into_owned()
}

#[test]
fn the_first_program_of_the_readme_works() {
    assert_eq!(follow("README.md"), 6);
}

#[test]
fn the_guide_works() {
    assert!(follow("docs/src/guide.md") >= 9);
}

#[test]
fn the_plugins_of_the_page_work() {
    let page = "docs/src/plugins.md";
    assert_eq!(follow(page), 7);
    let steps = document::steps(&document::read(page));
    let hosts = steps.iter().filter_map(|step| match step {
        Step::File(name, content) if name == "host.c" => Some(content),
        _ => None,
    });
    let bodies: Vec<_> = hosts.filter_map(|host| host.split_once("int main(void) {\n")).collect();
    assert_eq!(bodies.len(), 1);
    assert!(bodies[0].1.lines().count() <= 11, "that is more than ten lines");
}

/// No page shows commands that nobody runs.
#[test]
fn pages_with_commands_are_followed() {
    let has_commands = |page: &String| {
        document::steps(&document::read(page)).iter().any(|step| matches!(step, Step::Run(..)))
    };
    let pages: Vec<_> = document::all().into_iter().filter(has_commands).collect();
    assert_eq!(pages, ["README.md", "docs/src/guide.md", "docs/src/plugins.md"]);
}
