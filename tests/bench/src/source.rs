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
    pub wasm_options: Vec<String>,
}

/// Our own kernels, in the order of the table: numeric loops first, then memory, calls, branches.
const KERNELS: [&str; 12] = [
    "matmul",
    "jacobi",
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

/// The crates that carry C sources, pinned.
const CRATES: [(&str, &str); 2] = [("libsqlite3-sys", "=0.40.0"), ("bzip2-sys", "=0.1.13")];

/// Every program. `scratch` keeps the manifest that asks cargo for the crates.
pub fn programs(scratch: &Path) -> Result<Vec<Program>, String> {
    let kernel = |name: &&str, wasm_options: &[&str]| Program {
        name: (*name).to_owned(),
        sources: Vec::new(),
        options: Vec::new(),
        wasm_options: wasm_options.iter().map(|option| (*option).to_owned()).collect(),
    };
    let scalar = KERNELS.iter().map(|name| kernel(name, &[]));
    let vector = VECTOR_KERNELS.iter().map(|name| kernel(name, &["-msimd128"]));
    let mut programs: Vec<_> = scalar.chain(vector).collect();
    let [sqlite, bzip2] = crate_dirs(&scratch.join("sources"))?;
    programs.push(sqlite_program(&sqlite.join("sqlite3")));
    programs.push(bzip2_program(&bzip2.join("bzip2-1.0.8")));
    for program in &mut programs {
        program.sources.insert(0, fixture("bench").join(&program.name).with_extension("c"));
    }
    Ok(programs)
}

fn sqlite_program(dir: &Path) -> Program {
    // The small VFS that comes with the crate is the only one that wasi-libc can build; natively too, so
    // that both sides run the same code.
    let options = [
        "-DSQLITE_THREADSAFE=0",
        "-DSQLITE_OMIT_LOAD_EXTENSION",
        "-DSQLITE_OMIT_WAL",
        "-DSQLITE_OS_OTHER",
        "-DSQLITE_TEMP_STORE=3",
        "-DLONGDOUBLE_TYPE=double",
    ];
    let mut options: Vec<_> = options.iter().map(|&option| option.to_owned()).collect();
    options.push(format!("-I{}", dir.display()));
    Program {
        name: "sqlite".to_owned(),
        sources: vec![dir.join("sqlite3.c"), dir.join("wasm32-wasi-vfs.c")],
        options,
        wasm_options: Vec::new(),
    }
}

fn bzip2_program(dir: &Path) -> Program {
    let files =
        ["blocksort.c", "huffman.c", "crctable.c", "randtable.c", "compress.c", "decompress.c", "bzlib.c"];
    Program {
        name: "bzip2".to_owned(),
        sources: files.iter().map(|file| dir.join(file)).collect(),
        options: vec!["-DBZ_NO_STDIO".to_owned(), format!("-I{}", dir.display())],
        wasm_options: Vec::new(),
    }
}

/// Where cargo keeps the sources of [`CRATES`], which it downloads if need be.
fn crate_dirs(scratch: &Path) -> Result<[PathBuf; 2], String> {
    let mut manifest =
        "[package]\nname = \"sources\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[workspace]\n[dependencies]\n".to_owned();
    for (name, version) in CRATES {
        manifest += &format!("{name} = \"{version}\"\n");
    }
    std::fs::create_dir_all(scratch.join("src")).map_err(|error| error.to_string())?;
    std::fs::write(scratch.join("src/lib.rs"), "").map_err(|error| error.to_string())?;
    std::fs::write(scratch.join("Cargo.toml"), manifest).map_err(|error| error.to_string())?;
    let mut metadata = Command::new("cargo");
    metadata.args(["metadata", "--quiet", "--format-version=1"]).current_dir(scratch);
    let metadata = run_to_end(&mut metadata)?;

    let find = |name: &str| {
        // Paths of packages, without a JSON parser: "manifest_path":"…/NAME-VERSION/Cargo.toml".
        metadata
            .split("\"manifest_path\":\"")
            .filter_map(|rest| rest.split('"').next())
            .find(|path| path.contains(&format!("/{name}-")))
            .and_then(|path| Path::new(path).parent().map(Path::to_owned))
            .ok_or_else(|| format!("cargo does not say where {name} is"))
    };
    Ok([find(CRATES[0].0)?, find(CRATES[1].0)?])
}
