//! Builds the runtime archives that the compiler embeds and links into its outputs, our LLVM passes, and
//! the notices that `--licenses` prints.
//!
//! The archives are built by a nested cargo in a target directory of its own, so that neither waits for
//! the lock of the other, with the flags of the outer build kept away from it. The passes are C++.

#[path = "build/archives.rs"]
mod archives;
#[path = "build/notices.rs"]
mod notices;
#[path = "build/packages.rs"]
mod packages;
#[path = "build/unwinder.rs"]
mod unwinder;

use std::env;
use std::path::PathBuf;
use std::process::Command;

use packages::Packages;

/// Directory of archives to embed instead of building them.
const PREBUILT_VARIABLE: &str = "WASM2NATIVE_RT_DIR";

/// What the outer build sets for itself and must not reach the runtime.
const SCRUBBED: [&str; 9] = [
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTC_WRAPPER",
    "CLIPPY_ARGS",
    "CARGO_ENCODED_RUSTFLAGS",
    "RUSTFLAGS",
    "CARGO_TARGET_DIR",
    "CARGO_BUILD_TARGET_DIR",
    "CARGO_BUILD_TARGET",
    "__CARGO_DEFAULT_LIB_METADATA",
];

fn main() {
    println!("cargo::rerun-if-env-changed={PREBUILT_VARIABLE}");
    let workspace = workspace();
    for path in ["rt", "libwasirt", "Cargo.toml", "Cargo.lock", "wasm2native/build.rs", "wasm2native/build"] {
        println!("cargo::rerun-if-changed={}", workspace.join(path).display());
    }
    let packages = Packages::read();
    let archives = match env::var_os(PREBUILT_VARIABLE) {
        Some(dir) => PathBuf::from(dir),
        None if is_only_linted() => archives::stand_ins(),
        None => archives::build(&packages),
    };
    println!("cargo::rustc-env=W2N_EMBEDDED_RT_DIR={}", archives.display());
    println!("cargo::rustc-env=W2N_NOTICES={}", notices::write(&packages).display());
    if !is_only_linted() {
        build_passes();
    }
}

/// Whether clippy asks, which links nothing and is content with empty archives. Cargo keeps what is made for
/// it apart from all else: so says its wrapper, which is part of the names of directories.
fn is_only_linted() -> bool {
    let wrapper = env::var_os("RUSTC_WORKSPACE_WRAPPER").map(PathBuf::from);
    wrapper.is_some_and(|wrapper| wrapper.file_stem().is_some_and(|name| name == "clippy-driver"))
}

/// Compiles `llvm/` with the flags of the LLVM that llvm-sys has found and links.
fn build_passes() {
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
    build.file("llvm/all.cpp");
    println!("cargo::rerun-if-changed=llvm");
    build.compile("w2n_passes");
}

/// The directory of the workspace.
fn workspace() -> PathBuf {
    let manifest_dir = PathBuf::from(required("CARGO_MANIFEST_DIR"));
    manifest_dir.parent().expect("the package lies in the workspace").to_owned()
}

/// Cargo, in the workspace, without what the outer build set for itself.
fn cargo() -> Command {
    let mut cargo = Command::new(required("CARGO"));
    cargo.current_dir(workspace());
    for name in SCRUBBED {
        cargo.env_remove(name);
    }
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if ["CARGO_FEATURE_", "CARGO_CFG_", "CARGO_PROFILE_"].iter().any(|prefix| text.starts_with(prefix)) {
            cargo.env_remove(&name);
        }
    }
    cargo
}

fn required(name: &str) -> String {
    env::var(name).unwrap_or_else(|error| panic!("cargo sets {name} for build scripts: {error}"))
}
