//! What is shipped: outputs say who made them and nothing of where that was made, start on older systems, and
//! come with the notices that they owe.
//!
//! Each output is made by the product and then looked at with binutils.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use w2n_tests::command::Bench;
use w2n_tests::program::compiler;

/// A program with all that needs the larger runtime.
const WASI: &str = r#"(module
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "clock_time_get" (func (param i32 i64 i32) (result i32)))
    (import "wasi_snapshot_preview1" "clock_res_get" (func (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "poll_oneoff" (func (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "random_get" (func (param i32 i32) (result i32)))
    (memory (export "memory") 1)
    (data (i32.const 8) "\10\00\00\00\03\00\00\00hi\n")
    (func (export "_start") (drop (call $write (i32.const 1) (i32.const 8) (i32.const 1) (i32.const 0)))))"#;

/// Answers 42.
const ANSWER: &str = r#"(module (func (export "main") (result i32) i32.const 42))"#;

/// The newest glibc that an output may ask for, with WASI and without: 2.28 is that of Debian 10 and RHEL 8.
const NEWEST_GLIBC: [(&str, (u32, u32)); 2] = [(WASI, (2, 28)), (ANSWER, (2, 16))];

/// Each kind of output, of a module with WASI and of one without.
const OUTPUTS: [&[&str]; 7] = [
    &[],
    &["-static"],
    &["-shared"],
    &["-c"],
    &["-S"],
    &["-emit-llvm"],
    &["-g", "-O0", "--bounds-checks=software"],
];

#[track_caller]
fn tool(bench: &Bench, name: &str, arguments: &[&str]) -> String {
    let output = Command::new(name).args(arguments).current_dir(bench.dir()).output().expect(name);
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Directories of this machine, which built the compiler: the sources, what cargo keeps, and the toolchain.
fn places() -> Vec<PathBuf> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package lies in the project");
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let cargo_home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let of_cargo = cargo_home.or_else(|| Some(home?.join(".cargo"))).expect("cargo has a home");
    let target = compiler().parent().and_then(Path::parent).expect("target/release").to_owned();
    [workspace.to_owned(), of_cargo, target]
        .into_iter()
        .map(|dir| dir.canonicalize().unwrap_or(dir))
        .collect()
}

#[track_caller]
fn assert_names_no_place(path: &Path, places: &[PathBuf]) {
    let bytes = fs::read(path).expect("an output");
    for place in places {
        let needle = place.as_os_str().as_encoded_bytes();
        assert!(needle.len() > 2, "{place:?} is no place of its own");
        let found = bytes.windows(needle.len()).position(|window| window == needle);
        let around =
            found.map(|at| String::from_utf8_lossy(&bytes[at..bytes.len().min(at + 120)]).into_owned());
        assert_eq!(around, None, "in {}", path.display());
    }
}

#[test]
fn no_output_names_a_place_on_the_machine_that_built_the_compiler() {
    let places = places();
    for module in [WASI, ANSWER] {
        let bench = Bench::new(module);
        for flags in OUTPUTS {
            bench.succeeds(&[flags, &["app.wat", "-o", "output"]].concat());
            assert_names_no_place(&bench.path("output"), &places);
        }
    }
}

/// The compiler itself as well; what was compiled before `.cargo/config.toml` was there needs `cargo clean` once.
#[test]
fn the_compiler_names_no_place_on_the_machine_that_built_it() {
    assert_names_no_place(&compiler(), &places());
}

#[test]
fn every_output_says_what_made_it() {
    let bench = Bench::new(WASI);
    let version = String::from_utf8(bench.succeeds(&["--version"]).stdout).expect("text");
    let name = version.lines().next().expect("a line");
    assert!(name.starts_with("wasm2native "), "{name}");
    for flags in OUTPUTS {
        bench.succeeds(&[flags, &["app.wat", "-o", "output"]].concat());
        let said = match fs::read_to_string(bench.path("output")) {
            Ok(text) => text,
            Err(_) => tool(&bench, "readelf", &["-p", ".comment", "output"]),
        };
        assert!(said.contains(name), "{flags:?}");
    }
}

/// Versions of glibc that a dynamic file asks for.
fn versions(bench: &Bench, name: &str) -> Vec<(u32, u32)> {
    let symbols = tool(bench, "nm", &["-D", name]);
    let versions = symbols.split("@GLIBC_").skip(1).filter_map(|rest| {
        let version = rest.split_whitespace().next()?;
        let mut numbers = version.split('.').map(|number| number.parse().ok());
        Some((numbers.next()??, numbers.next()??))
    });
    versions.collect()
}

#[test]
fn programs_and_plugins_start_on_an_older_glibc() {
    for (module, allowed) in NEWEST_GLIBC {
        let bench = Bench::new(module);
        for flags in [&[][..], &["-shared"], &["-O0", "--timeout=5", "--max-memory=64M"]] {
            bench.succeeds(&[flags, &["app.wat", "-o", "output"]].concat());
            let versions = versions(&bench, "output");
            assert!(versions.len() > 10, "{versions:?}");
            let newest = versions.into_iter().max();
            assert!(newest <= Some(allowed), "{flags:?} asks for glibc {newest:?}");
            let needed = tool(&bench, "readelf", &["-d", "output"]);
            assert!(!needed.contains("libgcc"), "{needed}");
        }
    }
}

/// gold and mold keep what the start files ask for though nothing uses it.
#[test]
fn a_linker_that_takes_newer_symbols_is_named() {
    let bench = Bench::new(ANSWER);
    let made_with = |cc: &str, flags: &[&str]| {
        let mut command = bench.command(&[flags, &["app.wat", "-o", "app"]].concat());
        let output = command.env("CC", cc).output().expect("the compiler runs");
        let needed = versions(&bench, "app").into_iter().max().expect("versions");
        (needed, String::from_utf8_lossy(&output.stderr).into_owned())
    };
    for cc in ["cc", "clang-22 -fuse-ld=lld"] {
        let (needed, said) = made_with(cc, &[]);
        assert!(needed <= (2, 28) && said.is_empty(), "{cc}: {needed:?} {said}");
    }
    for (cc, flags) in
        [("cc -fuse-ld=gold", &[][..]), ("cc -fuse-ld=gold", &["-s"]), ("cc -fuse-ld=mold", &["-g"])]
    {
        let (needed, said) = made_with(cc, flags);
        let warning = format!("app needs glibc {}.{} or newer to start", needed.0, needed.1);
        assert!(needed > (2, 28) && said.contains(&warning) && said.contains("GNU ld or lld"), "{said}");
    }
    bench.write("host.c", b"int env_f(void *caller) { return 1; }");
    let (_, said) = made_with("cc -fuse-ld=gold", &["host.c"]);
    assert_eq!(said, "", "C code may ask for what it likes");
}

#[test]
fn constructors_and_exceptions_of_cpp_work_beside_the_runtime() {
    let bench = Bench::new(
        r#"(module (import "env" "f" (func $f (result i32))) (import "wasi_snapshot_preview1" "sched_yield"
            (func (result i32))) (func (export "main") (result i32) call $f))"#,
    );
    bench.write(
        "host.cpp",
        br#"#include <stdexcept>
            struct Number { int value; Number() : value(40) {} ~Number() { value = 0; } };
            static Number number;
            static int thrown(int by) { Number local; if (by) throw std::runtime_error("x"); return local.value; }
            extern "C" int env_f(void *) { try { return thrown(1); } catch (std::exception &) { return number.value + 2; } }"#,
    );
    for flags in [&[][..], &["-static"]] {
        bench.succeeds(&[flags, &["app.wat", "host.cpp"]].concat());
        let status = Command::new(bench.path("app")).status().expect("the program runs");
        assert_eq!(status.code(), Some(42), "{flags:?}");
    }
}

#[test]
fn the_notices_name_every_crate_that_is_linked() {
    let bench = Bench::new(ANSWER);
    let notices = String::from_utf8(bench.succeeds(&["--licenses"]).stdout).expect("text");
    let (runtime, compiler) = notices.split_once("Crates in wasm2native itself:").expect(&notices[..200]);
    for (package, list) in [("wasm2native", compiler), ("w2n-wasi-bundle", runtime)] {
        let mut tree = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
        tree.args(["tree", "-e", "normal,no-proc-macro", "--prefix", "none", "--locked", "--offline"]);
        tree.args(["-f", "{p}|{l}", "-p", package]).current_dir(env!("CARGO_MANIFEST_DIR"));
        let output = tree.output().expect("cargo runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let lines = String::from_utf8_lossy(&output.stdout).into_owned();
        let mut count = 0;
        for line in lines.lines().filter(|line| !line.contains("(/")) {
            let (crate_name, license) = line.trim_end_matches(" (*)").split_once('|').expect(line);
            let expected =
                format!("  {}: {}\n", crate_name.replace(" v", " "), license.trim_end_matches(" (*)"));
            assert!(list.contains(&expected), "{expected} is not in the notices for {package}");
            count += 1;
        }
        assert!(count >= 4, "{lines}");
    }
    assert!(notices.matches("Permission is hereby granted").count() >= 5);
    assert!(notices.contains("Apache License") && notices.contains("standard library of Rust"));
    for place in places() {
        assert!(!notices.contains(&place.display().to_string()), "{place:?} is in the notices");
    }
}

#[test]
fn an_installed_compiler_has_its_runtime_licence_and_notices_beside_it() {
    let bench = Bench::new(ANSWER);
    let prefix = bench.path("prefix");
    let triple = "x86_64-unknown-linux-gnu";
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package lies in the project");
    let mut install = Command::new("sh");
    install.arg("scripts/install.sh").arg(compiler()).arg(&prefix).arg(triple).current_dir(workspace);
    let output = install.output().expect("sh runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let read = |name: &str| fs::read_to_string(prefix.join("share/doc/wasm2native").join(name)).expect(name);
    assert!(read("LICENSE").contains("LLVM Exceptions"));
    assert!(read("NOTICES").contains("rustix "));
    let mut installed = Command::new(prefix.join("bin/wasm2native"));
    let output = installed.args(["-v", "app.wat"]).current_dir(bench.dir()).env_remove("CC").output();
    let output = output.expect("the installed compiler runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    for archive in ["libw2n_rt_bundle.a", "libw2n_glibc.a"] {
        assert!(said.contains(&format!("prefix/lib/wasm2native/{triple}/{archive}")), "{said}");
    }
    let status = Command::new(bench.path("app")).status().expect("the program runs");
    assert_eq!(status.code(), Some(42));
}
