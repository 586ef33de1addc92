//! WASI as a guest sees it: C programs that call its functions directly, run as real executables.
//!
//! How: each program of `fixtures/wasi` checks errnos, results and, with sentinels around every result, that
//! nothing else was written; its last line says how many cases it had and how many failed. It gets one empty
//! directory twice: as `rw` at descriptor 3, and read-only as `ro` at 4.

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;
use w2n_abi::symbol::WASI_PREFIX;
use w2n_tests::program::{Script, build_c, compile, fixture, run};

/// All programs, with the number of cases that each must at least have had.
const PROGRAMS: [(&str, u32); 5] =
    [("streams.c", 60), ("descriptors.c", 120), ("transfer.c", 55), ("paths.c", 150), ("poll.c", 45)];

/// Builds `source` with `defines`, compiles and runs it; the number of its cases.
fn cases_of(name: &str, defines: &[&str], options: &[&str]) -> u32 {
    let source = fixture("wasi").join(name);
    let script = Script::directives(&source).unwrap();
    let dir = TempDir::new().unwrap();
    let (guest, executable) = (dir.path().join("guest.wasm"), dir.path().join("program"));
    build_c(&source, defines, &guest).unwrap_or_else(|reason| panic!("{reason}"));
    compile(&guest, &executable, options).unwrap_or_else(|reason| panic!("{reason}"));
    let granted = TempDir::new().unwrap();
    let mut command = Command::new(&executable);
    command.args(&script.args).env("W2N_ENV", script.env.join(",")).env("W2N_DIR", grants(granted.path()));
    let finished = run(&mut command, b"input").unwrap();
    let stdout = String::from_utf8_lossy(&finished.stdout).into_owned();
    let stderr = String::from_utf8_lossy(&finished.stderr);
    let summary = stdout.lines().last().and_then(|line| line.split_once(" cases, 0 failures"));
    let (Some((cases, "")), Some(0)) = (summary, finished.status) else {
        panic!("{name} {defines:?} ended with {:?}:\n{stdout}{stderr}", finished.status);
    };
    cases.parse().unwrap()
}

fn grants(dir: &Path) -> String {
    format!("{0}::rw,{0}::ro:ro", dir.display())
}

fn has_its_cases(name: &str) {
    let least = PROGRAMS.iter().find(|(known, _)| *known == name).expect("a program of the list").1;
    for (defines, options) in [(&[][..], "-O1"), (&["-DSNAPSHOT0"][..], "-O0")] {
        let cases = cases_of(name, defines, &[options]);
        assert!(cases >= least, "{name} {defines:?} had only {cases} cases");
    }
}

#[test]
fn arguments_environment_clocks_and_streams() {
    has_its_cases("streams.c");
}

#[test]
fn descriptors() {
    has_its_cases("descriptors.c");
}

#[test]
fn transfer_of_bytes_and_entries() {
    has_its_cases("transfer.c");
}

#[test]
fn paths() {
    has_its_cases("paths.c");
}

#[test]
fn poll() {
    has_its_cases("poll.c");
}

/// What is not imported is not linked: the size of a program does not depend on how much of WASI there is.
#[test]
fn a_small_program_links_only_what_it_imports() {
    /// What 450 KB, stripped, may become with all of WASI: 10 % more.
    const MAX_SIZE_BYTES: usize = 495_000;
    let dir = TempDir::new().unwrap();
    let source = dir.path().join("hello.c");
    std::fs::write(&source, "#include <stdio.h>\nint main(void) { puts(\"hello\"); return 0; }\n").unwrap();
    let (guest, executable) = (dir.path().join("guest.wasm"), dir.path().join("program"));
    build_c(&source, &[], &guest).unwrap_or_else(|reason| panic!("{reason}"));
    compile(&guest, &executable, &["-O2"]).unwrap_or_else(|reason| panic!("{reason}"));
    let bytes = std::fs::read(&executable).unwrap();
    let has_symbol = |name: &str| {
        let symbol = format!("\0{WASI_PREFIX}{name}\0");
        bytes.windows(symbol.len()).any(|window| window == symbol.as_bytes())
    };
    assert!(has_symbol("fd_write"), "the symbols of the executable can be seen");
    for name in ["path_open", "path_rename", "poll_oneoff", "sock_accept", "random_get", "fd_readdir"] {
        assert!(!has_symbol(name), "{name} is linked, but not imported");
    }
    assert!(Command::new("strip").arg(&executable).status().unwrap().success());
    let size_bytes = std::fs::metadata(&executable).unwrap().len() as usize;
    assert!(size_bytes <= MAX_SIZE_BYTES, "{size_bytes} bytes");
}

/// Every program of `fixtures/wasi` has a test here, and together they have the cases that were promised.
#[test]
fn no_program_is_forgotten() {
    let this_file = include_str!("wasi.rs");
    for entry in std::fs::read_dir(fixture("wasi")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(name.ends_with(".h") || this_file.contains(&name), "no test runs {name}");
    }
    assert!(PROGRAMS.iter().map(|(_, least)| least).sum::<u32>() >= 400);
}
