//! What is measured: kernels of our own in `fixtures/bench`, and C libraries out of crates.
//!
//! The rule: sources of others are obtained by cargo, from the registry, at a pinned version.

use std::path::{Path, PathBuf};
use std::process::Command;

use w2n_tests::corpus::run_to_end;
use w2n_tests::program::fixture;

use crate::class::Class;

/// A program in C.
#[derive(Debug)]
pub struct Program {
    /// Name in the table.
    pub name: String,
    /// `fixtures/bench/SOURCE.c` has `kernel`. Programs of one source are one program natively.
    pub source: &'static str,
    /// What it is about.
    pub class: Class,
    /// All its sources.
    pub sources: Vec<PathBuf>,
    /// Options for the C compiler, the same natively and for Wasm.
    pub options: Vec<String>,
    /// Options for Wasm alone.
    pub wasm_options: Vec<&'static str>,
}

/// Kernels of our own over arrays of numbers: dense linear algebra, stencils and filters, dynamic programming.
const NUMERIC_KERNELS: [&str; 18] = [
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
];

/// Kernels of our own that are about vectors: written with them, or loops that become vectors.
const VECTOR_KERNELS: [&str; 6] =
    ["simd_dot", "simd_matmul", "simd_filter", "simd_utf8", "simd_base64", "simd_swizzle"];

/// Our other kernels: memory, calls, branches.
const OTHER_KERNELS: [&str; 10] = [
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

/// Every program, class after class. `scratch` keeps the manifest that asks cargo for the crates.
pub fn programs(scratch: &Path) -> Result<Vec<Program>, String> {
    let mut programs = Vec::new();
    let of_class = |names: &[&'static str], class| names.iter().map(move |name| own(name, class)).collect();
    let kernels: [Vec<_>; 4] = [
        of_class(&NUMERIC_KERNELS, Class::Numeric),
        of_class(&NUMERIC_KERNELS, Class::NumericSimd128),
        of_class(&VECTOR_KERNELS, Class::Vector),
        of_class(&OTHER_KERNELS, Class::Other),
    ];
    programs.extend(kernels.into_iter().flatten());
    let metadata = crate_metadata(&scratch.join("sources"))?;
    for library in &LIBRARIES {
        let dir = crate_dir(&metadata, library.package.0)?.join(library.dir);
        let mut program = own(library.name, Class::Application);
        program.sources.extend(library.files.iter().map(|file| dir.join(file)));
        program.options.extend(library.options.iter().map(|&option| option.to_owned()));
        program.options.push(format!("-I{}", dir.display()));
        program.wasm_options.extend(library.wasm_options);
        programs.push(program);
    }
    Ok(programs)
}

/// A program that is all in `fixtures/bench/SOURCE.c`.
fn own(source: &'static str, class: Class) -> Program {
    let name = match class {
        // `matmul-simd128`, beside `matmul` of the scalar class.
        Class::NumericSimd128 => format!("{source}-simd128"),
        _ => source.to_owned(),
    };
    let sources = vec![fixture("bench").join(source).with_extension("c")];
    Program { name, source, class, sources, options: Vec::new(), wasm_options: class.wasm_options().to_vec() }
}

/// What cargo knows of the crates of [`LIBRARIES`], which it downloads if need be.
fn crate_metadata(scratch: &Path) -> Result<serde_json::Value, String> {
    let mut manifest =
        "[package]\nname = \"sources\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[workspace]\n[dependencies]\n".to_owned();
    for Library { package: (name, version), .. } in LIBRARIES {
        manifest += &format!("{name} = \"{version}\"\n");
    }
    std::fs::create_dir_all(scratch.join("src")).map_err(|error| error.to_string())?;
    std::fs::write(scratch.join("src/lib.rs"), "").map_err(|error| error.to_string())?;
    std::fs::write(scratch.join("Cargo.toml"), manifest).map_err(|error| error.to_string())?;
    let mut cargo = Command::new("cargo");
    cargo.args(["metadata", "--quiet", "--format-version=1"]).current_dir(scratch);
    serde_json::from_str(&run_to_end(&mut cargo)?).map_err(|error| format!("cargo metadata: {error}"))
}

/// Where cargo keeps the sources of a crate.
fn crate_dir(metadata: &serde_json::Value, name: &str) -> Result<PathBuf, String> {
    let packages = metadata["packages"].as_array().into_iter().flatten();
    packages
        .filter(|package| package["name"] == name)
        .find_map(|package| Some(Path::new(package["manifest_path"].as_str()?).parent()?.to_owned()))
        .ok_or_else(|| format!("cargo does not say where {name} is"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_variants_of_a_numeric_kernel_are_one_source() {
        let (scalar, simd) = (own("lu", Class::Numeric), own("lu", Class::NumericSimd128));
        assert_eq!((scalar.name.as_str(), simd.name.as_str()), ("lu", "lu-simd128"));
        assert_eq!(scalar.sources, simd.sources);
        assert!(scalar.wasm_options.is_empty());
        assert_eq!(simd.wasm_options, ["-msimd128"]);
    }

    #[test]
    fn every_kernel_has_its_source() {
        let kernels = NUMERIC_KERNELS.iter().chain(&VECTOR_KERNELS).chain(&OTHER_KERNELS);
        for name in kernels {
            let source = &own(name, Class::Other).sources[0];
            assert!(source.is_file(), "{}", source.display());
        }
    }

    /// Arrays that a numeric kernel reads only, or has done with: `source array`.
    const INPUTS: [&str; 15] = [
        "edges in",
        "eliminate original",
        "fold sequence",
        "lu original",
        "matmul a",
        "matmul b",
        "normal a",
        "normal x",
        "orthogonal original",
        "paths original",
        "rank a",
        "rank b",
        "toeplitz r",
        "update a",
        "update at",
    ];

    #[test]
    fn numeric_kernels_compare_all_arrays_that_they_write() {
        let mut unfolded = Vec::new();
        for name in NUMERIC_KERNELS {
            let text = std::fs::read_to_string(fixture(&format!("bench/{name}.c"))).unwrap();
            let globals = text.lines().filter(|line| line.starts_with("static ") && line.ends_with("];"));
            let arrays: Vec<&str> = globals
                .flat_map(str::split_whitespace)
                .filter_map(|word| Some(word.split_once('[')?.0))
                .collect();
            let is_folded = |array: &str| {
                let call = |function: &str| text.contains(&format!("{function}({array}, sizeof {array})"));
                call("hash_bytes") || call("observe")
            };
            assert!(arrays.iter().any(|array| is_folded(array)), "{name}: {arrays:?}");
            unfolded.extend(
                arrays.into_iter().filter(|array| !is_folded(array)).map(|array| format!("{name} {array}")),
            );
        }
        unfolded.sort();
        assert_eq!(unfolded, INPUTS);
    }
}
