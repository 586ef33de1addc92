//! What is measured: kernels of our own in `fixtures/bench`, and C libraries out of crates.
//!
//! The rule: sources of others are obtained by cargo, from the registry, at a pinned version.

use std::path::{Path, PathBuf};
use std::process::Command;

use w2n_tests::corpus::run_to_end;
use w2n_tests::program::fixture;

/// A program in C.
#[derive(Debug)]
pub struct Program {
    /// Name in the table; `fixtures/bench/NAME.c` has `kernel`.
    pub name: String,
    /// All its sources.
    pub sources: Vec<PathBuf>,
    /// Options for the C compiler, the same natively and for Wasm.
    pub options: Vec<String>,
    /// Options for Wasm alone.
    pub wasm_options: &'static [&'static str],
}

/// Our own kernels, in the order of the table: dense linear algebra, stencils and filters, dynamic
/// programming, then memory, calls, branches.
const KERNELS: [&str; 28] = [
    "matmul",
    "normal",
    "rank",
    "update",
    "lu",
    "eliminate",
    "orthogonal",
    "covariance",
    "toeplitz",
    "rod",
    "jacobi",
    "waves",
    "heat",
    "relax",
    "implicit",
    "edges",
    "paths",
    "fold",
    "nbody",
    "sha256",
    "sieve",
    "tree",
    "copy",
    "words",
    "dispatch",
    "recursion",
    "quicksort",
    "interpreter",
];

/// Kernels of our own that are about vectors: written with them, or loops that become vectors.
const VECTOR_KERNELS: [&str; 6] =
    ["simd_dot", "simd_matmul", "simd_filter", "simd_utf8", "simd_base64", "simd_swizzle"];

/// A library in C that a crate carries.
struct Library {
    /// Name in the table.
    name: &'static str,
    /// The crate and its version, pinned.
    package: (&'static str, &'static str),
    /// Where the sources are in it.
    dir: &'static str,
    files: &'static [&'static str],
    options: &'static [&'static str],
    /// More of them, for Wasm alone.
    wasm_options: &'static [&'static str],
}

const LIBRARIES: [Library; 5] = [
    Library {
        name: "sqlite",
        package: ("libsqlite3-sys", "=0.40.0"),
        dir: "sqlite3",
        // The small VFS that comes with the crate is the only one that wasi-libc can build; natively too,
        // so that both sides run the same code.
        files: &["sqlite3.c", "wasm32-wasi-vfs.c"],
        options: &[
            "-DSQLITE_THREADSAFE=0",
            "-DSQLITE_OMIT_LOAD_EXTENSION",
            "-DSQLITE_OMIT_WAL",
            "-DSQLITE_OS_OTHER",
            "-DSQLITE_TEMP_STORE=3",
            "-DLONGDOUBLE_TYPE=double",
        ],
        wasm_options: &[],
    },
    Library {
        name: "bzip2",
        package: ("bzip2-sys", "=0.1.13"),
        dir: "bzip2-1.0.8",
        files: &[
            "blocksort.c",
            "huffman.c",
            "crctable.c",
            "randtable.c",
            "compress.c",
            "decompress.c",
            "bzlib.c",
        ],
        options: &["-DBZ_NO_STDIO"],
        wasm_options: &[],
    },
    Library {
        name: "lz4",
        package: ("lz4-sys", "=1.11.1"),
        dir: "liblz4/lib",
        files: &["lz4.c", "lz4hc.c"],
        options: &[],
        wasm_options: &[],
    },
    Library {
        name: "zlib",
        package: ("libz-sys", "=1.1.31"),
        dir: "src/zlib",
        files: &[
            "adler32.c",
            "compress.c",
            "crc32.c",
            "deflate.c",
            "inffast.c",
            "inflate.c",
            "inftrees.c",
            "trees.c",
            "uncompr.c",
            "zutil.c",
        ],
        options: &[],
        wasm_options: &[],
    },
    Library {
        name: "quickjs",
        package: ("rquickjs-sys", "=0.9.0"),
        dir: "quickjs",
        files: &["libregexp.c", "libunicode.c", "cutils.c", "quickjs.c", "libbf.c"],
        // As the crate builds it for WASI, natively too: without threads.
        options: &["-D_GNU_SOURCE", "-DCONFIG_BIGNUM", "-DEMSCRIPTEN=1", "-DCONFIG_VERSION=\"bench\""],
        // There are no rounding modes either, whose names the native headers have.
        wasm_options: &["-DFE_DOWNWARD=0", "-DFE_UPWARD=0"],
    },
];

/// Every program. `scratch` keeps the manifest that asks cargo for the crates.
pub fn programs(scratch: &Path) -> Result<Vec<Program>, String> {
    let kernel = |name: &str| fixture("bench").join(name).with_extension("c");
    let own = |name: &str, wasm_options: &'static [&'static str]| Program {
        name: name.to_owned(),
        sources: vec![kernel(name)],
        options: Vec::new(),
        wasm_options,
    };
    let scalar = KERNELS.iter().map(|name| own(name, &[]));
    let vector = VECTOR_KERNELS.iter().map(|name| own(name, &["-msimd128"]));
    let mut programs: Vec<_> = scalar.chain(vector).collect();
    let metadata = crate_metadata(&scratch.join("sources"))?;
    for library in &LIBRARIES {
        let dir = crate_dir(&metadata, library.package.0)?.join(library.dir);
        let mut sources = vec![kernel(library.name)];
        sources.extend(library.files.iter().map(|file| dir.join(file)));
        let mut options: Vec<_> = library.options.iter().map(|&option| option.to_owned()).collect();
        options.push(format!("-I{}", dir.display()));
        programs.push(Program {
            name: library.name.to_owned(),
            sources,
            options,
            wasm_options: library.wasm_options,
        });
    }
    Ok(programs)
}

/// What cargo knows of the crates of [`LIBRARIES`], which it downloads if need be.
fn crate_metadata(scratch: &Path) -> Result<String, String> {
    let mut manifest =
        "[package]\nname = \"sources\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[workspace]\n[dependencies]\n".to_owned();
    for Library { package: (name, version), .. } in LIBRARIES {
        manifest += &format!("{name} = \"{version}\"\n");
    }
    std::fs::create_dir_all(scratch.join("src")).map_err(|error| error.to_string())?;
    std::fs::write(scratch.join("src/lib.rs"), "").map_err(|error| error.to_string())?;
    std::fs::write(scratch.join("Cargo.toml"), manifest).map_err(|error| error.to_string())?;
    let mut metadata = Command::new("cargo");
    metadata.args(["metadata", "--quiet", "--format-version=1"]).current_dir(scratch);
    run_to_end(&mut metadata)
}

/// Where cargo keeps the sources of a crate.
fn crate_dir(metadata: &str, name: &str) -> Result<PathBuf, String> {
    // Paths of packages, without a JSON parser: "manifest_path":"…/NAME-VERSION/Cargo.toml".
    metadata
        .split("\"manifest_path\":\"")
        .filter_map(|rest| rest.split('"').next())
        .find(|path| path.contains(&format!("/{name}-")))
        .and_then(|path| Path::new(path).parent().map(Path::to_owned))
        .ok_or_else(|| format!("cargo does not say where {name} is"))
}
