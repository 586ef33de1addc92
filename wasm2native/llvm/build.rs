//! Compiles the passes with the flags of the LLVM that llvm-sys has found and links.

use std::env;
use std::path::PathBuf;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=.");
    if is_only_linted() {
        return;
    }
    let llvm_config = required("DEP_LLVM_22_CONFIG_PATH");
    let output = Command::new(&llvm_config).arg("--cxxflags").output();
    let output = output.unwrap_or_else(|error| panic!("{llvm_config} cannot be run: {error}"));
    let flags = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut build = cc::Build::new();
    // The assertions of the headers stay on in what is ours, in every build: they cost next to nothing here.
    // The library does without (`--assertion-mode` is off), and the layout of what it shares with us does not
    // depend on `NDEBUG`, but on `LLVM_ENABLE_ABI_BREAKING_CHECKS` in its own configuration header.
    build.cpp(true).debug(false).flag("-UNDEBUG");
    build.warnings(true).extra_warnings(true).warnings_into_errors(true);
    // What LLVM and the C++ library use of each other is theirs to bring up to date.
    build.flag("-Wno-deprecated-declarations");
    for flag in flags.split_whitespace() {
        // The headers of LLVM are not ours to be warned about.
        match flag.strip_prefix("-I") {
            Some(dir) => build.flag("-isystem").flag(dir),
            None => build.flag(flag),
        };
    }
    build.file("all.cpp").compile("w2n_passes");
}

/// Whether clippy asks, which links nothing. Cargo keeps what is made for it apart from all else: so says its
/// wrapper, which is part of the names of directories.
fn is_only_linted() -> bool {
    let wrapper = env::var_os("RUSTC_WORKSPACE_WRAPPER").map(PathBuf::from);
    wrapper.is_some_and(|wrapper| wrapper.file_stem().is_some_and(|name| name == "clippy-driver"))
}

fn required(name: &str) -> String {
    env::var(name).unwrap_or_else(|error| panic!("cargo sets {name} for build scripts: {error}"))
}
