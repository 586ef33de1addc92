//! The runtime archives: built by a nested cargo, without a path of this machine and without an unwinder,
//! and beside them what programs need to start on an older C library.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::packages::{BUNDLES, Packages};
use super::{cargo, required, unwinder, workspace};

/// Profile in the workspace's Cargo.toml.
const PROFILE: &str = "rt";

/// The archive of `rt/glibc`.
const OLD_SYMBOLS: &str = "w2n_glibc";

/// Between flags in `CARGO_ENCODED_RUSTFLAGS`.
const FLAG_SEPARATOR: &str = "\x1f";

/// Builds all of them; the directory they are in, which is called like the target.
pub fn build(packages: &Packages) -> PathBuf {
    let (out_dir, triple) = (PathBuf::from(required("OUT_DIR")), required("TARGET"));
    let target_dir = out_dir.join("rt-target");
    let mut cargo = cargo();
    cargo.args(["build", "--locked", "--quiet", "--profile", PROFILE, "--target", &triple, "--target-dir"]);
    cargo.arg(&target_dir).args(BUNDLES.iter().flat_map(|bundle| ["-p", bundle]));
    cargo.env("CARGO_ENCODED_RUSTFLAGS", path_flags(packages).join(FLAG_SEPARATOR));
    let status = cargo.status().expect("cargo can be run again");
    assert!(status.success(), "building the runtime failed: {cargo:?}");
    let archives = directory(&out_dir, &triple);
    for bundle in BUNDLES {
        let name = file_name(bundle);
        let built = target_dir.join(&triple).join(PROFILE).join(&name);
        let mut bytes = fs::read(&built).unwrap_or_else(|error| panic!("{}: {error}", built.display()));
        unwinder::detach(&mut bytes);
        write(&archives.join(name), &bytes);
    }
    build_old_symbols(&archives);
    archives
}

/// Empty archives with the names of the real ones, for a build that links nothing.
pub fn stand_ins() -> PathBuf {
    let archives = directory(Path::new(&required("OUT_DIR")), &required("TARGET"));
    BUNDLES.iter().for_each(|bundle| write(&archives.join(file_name(bundle)), b""));
    write(&archives.join(format!("lib{OLD_SYMBOLS}.a")), b"");
    archives
}

fn file_name(bundle: &str) -> String {
    format!("lib{}.a", bundle.replace('-', "_"))
}

fn directory(out_dir: &Path, triple: &str) -> PathBuf {
    let archives = out_dir.join("archives").join(triple);
    fs::create_dir_all(&archives).unwrap_or_else(|error| panic!("{}: {error}", archives.display()));
    archives
}

/// Flags that leave no path of this machine in what panics say: places in a crate are below `crates/`.
fn path_flags(packages: &Packages) -> Vec<String> {
    let flag = |from: &Path, to: &str| format!("--remap-path-prefix={}={to}", from.display());
    let crates = packages.of_runtime.iter().map(|package| {
        let to = format!("crates/{}-{}", package.name, package.version);
        flag(&package.dir, &to)
    });
    let sysroot = Command::new(required("RUSTC")).args(["--print", "sysroot"]).output().expect("rustc runs");
    let sysroot = PathBuf::from(String::from_utf8_lossy(&sysroot.stdout).trim());
    // Of several that fit the last counts.
    [flag(&sysroot, "rust"), flag(&workspace(), "wasm2native")].into_iter().chain(crates).collect()
}

/// `rt/glibc` as an archive of its own, since static executables do without.
fn build_old_symbols(archives: &Path) {
    let mut build = cc::Build::new();
    build.file(workspace().join("rt/glibc/old_symbols.c")).out_dir(archives).cargo_metadata(false);
    build.opt_level(2).debug(false).pic(true).warnings_into_errors(false);
    build.flag("-ffunction-sections").flag("-fvisibility=hidden").flag("-fno-stack-protector");
    build.compile(OLD_SYMBOLS);
}

fn write(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}
