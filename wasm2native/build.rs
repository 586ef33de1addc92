//! Builds the runtime archives that the compiler embeds and links into its outputs, and the notices that
//! `--licenses` prints.
//!
//! The archives are built by a nested cargo in a target directory of its own, so that neither waits for
//! the lock of the other, with the flags of the outer build kept away from it.

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
}

/// Whether clippy asks, which links nothing and is content with empty archives. Cargo keeps what is made for
/// it apart from all else: so says its wrapper, which is part of the names of directories.
fn is_only_linted() -> bool {
    let wrapper = env::var_os("RUSTC_WORKSPACE_WRAPPER").map(PathBuf::from);
    wrapper.is_some_and(|wrapper| wrapper.file_stem().is_some_and(|name| name == "clippy-driver"))
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
