//! Loops as clang makes them of C do what the same C does natively.
//!
//! How: each program of `fixtures/regress/loops` prints the hashes of what its loops have left in memory. It is
//! compiled natively, and to Wasm with each of the `clang:` lines of its first comment; that goes through the
//! product at every level, with software checks too, and the output must be the native one. What our passes
//! leave is verified meanwhile, checked loops must find nothing, and valgrind watches the compiler itself.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use w2n_tests::corpus::run_to_end;
use w2n_tests::program::{build_c, compile, compiler, fixture};

/// Options of the product.
const SETUPS: [&[&str]; 7] = [
    &["-O0"],
    &["-O1"],
    &["-O2"],
    &["-O3", "-mcpu=native"],
    &["-Os"],
    &["-O2", "--bounds-checks=software"],
    &["-O3", "-C", "check-loops=1"],
];

fn source(name: &str) -> PathBuf {
    fixture("regress/loops").join(name)
}

/// The `clang:` lines of the program's first comment.
fn clang_options(source: &Path) -> Vec<String> {
    let text = fs::read_to_string(source).unwrap();
    let lines = text.lines().map_while(|line| line.strip_prefix("// "));
    let options: Vec<_> = lines.filter_map(|line| line.strip_prefix("clang: ")).map(str::to_owned).collect();
    assert!(!options.is_empty(), "{} names no options for clang", source.display());
    options
}

/// What the program at `source` prints when it is compiled natively.
fn native_output(source: &Path, dir: &Path) -> String {
    let executable = dir.join("native");
    let mut clang = Command::new("clang-22");
    clang.args(["-O1", "-ffp-contract=off", "-w"]).arg(source).arg("-o").arg(&executable);
    run_to_end(&mut clang).unwrap_or_else(|reason| panic!("{reason}"));
    run_to_end(&mut Command::new(executable)).unwrap_or_else(|reason| panic!("{reason}"))
}

/// Compares every build of the program with the native one.
fn does_what_it_does_natively(name: &str) {
    let dir = tempfile::tempdir().unwrap();
    let source = source(name);
    let expected = native_output(&source, dir.path());
    assert!(expected.lines().count() >= 5, "{name} prints next to nothing");
    let (module, executable) = (dir.path().join("module.wasm"), dir.path().join("program"));
    for clang in clang_options(&source) {
        let options: Vec<_> = clang.split(' ').chain(["-w"]).collect();
        build_c(&source, &options, &module).unwrap_or_else(|reason| panic!("{name} {clang}: {reason}"));
        for setup in SETUPS {
            let build = format!("{name}, clang {clang}, {setup:?}");
            let options = [setup, &["-C", "verify-passes=1"]].concat();
            compile(&module, &executable, &options).unwrap_or_else(|reason| panic!("{build}: {reason}"));
            let output = run_to_end(&mut Command::new(&executable));
            let output = output.unwrap_or_else(|reason| panic!("{build}: {reason}"));
            for (line, expected) in output.lines().zip(expected.lines()) {
                assert_eq!(line, expected, "{build}");
            }
            assert_eq!(output.len(), expected.len(), "{build}");
        }
    }
}

#[test]
fn addresses_and_indices_carried_from_the_iteration_before() {
    does_what_it_does_natively("carried_address.c");
}

#[test]
fn exit_tests_on_what_addresses_are_made_of() {
    does_what_it_does_natively("exit_test_is_index.c");
}

#[test]
fn recurrences_of_more_than_64_bits() {
    does_what_it_does_natively("wide_recurrence.c");
}

/// Status of valgrind where it found something.
const FOUND: &str = "99";

/// Memory that was freed is mostly still there, so that a pass which looks at it does its work unnoticed.
#[test]
fn passes_use_no_memory_that_was_freed() {
    let dir = tempfile::tempdir().unwrap();
    let module = dir.path().join("kernels.wasm");
    let mut clang = Command::new("clang-22");
    clang.args([
        "-w",
        "-Wno-deprecated",
        "--target=wasm32-wasi",
        "--no-wasm-opt",
        "-O2",
        "-mwide-arithmetic",
    ]);
    clang.args(["-DKERNELS_ONLY", "-nostdlib", "-Wl,--no-entry", "-Wl,--export-all"]);
    clang.args(["exit_test_is_index.c", "wide_recurrence.c"].map(source));
    run_to_end(clang.arg("-o").arg(&module)).unwrap_or_else(|reason| panic!("{reason}"));
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["-q", "--undef-value-errors=no"]).arg(format!("--error-exitcode={FOUND}"));
    valgrind.arg(compiler()).args(["-O3", "--remarks", "-c"]).arg(&module);
    let output = valgrind.arg("-o").arg(dir.path().join("kernels.o")).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {errors}", output.status);
    for pass in ["wrap-versioning: ", "alias-versioning: "] {
        assert!(errors.contains(pass), "{pass}had nothing to do:\n{errors}");
    }
}
