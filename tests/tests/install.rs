//! `make install`: the compiler, its runtime and the header where others look for them, and C programs that link
//! objects of ours with nothing but these.
//!
//! How: the script installs into a temporary directory; `cc` gets that as its only place to search.

use std::path::Path;
use std::process::Command;

use w2n_tests::command::Bench;
use w2n_tests::program::compiler;

/// The only target there is.
const TRIPLE: &str = "x86_64-unknown-linux-gnu";

/// A directory with an installation in `prefix`, and these files.
fn installed(files: &[(&str, &str)]) -> Bench {
    let bench = Bench::of(files);
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let compiler = compiler().canonicalize().expect("the compiler");
    let mut script = Command::new("sh");
    script.arg("scripts/install.sh").arg(compiler).arg(bench.path("prefix")).arg(TRIPLE);
    let output = script.current_dir(root).output().expect("sh runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    bench
}

/// What makes the result start with glibc 2.28, as docs/src/modules.md has it.
const OLD_GLIBC: &str = "@prefix/lib/wasm2native/old-glibc.txt";

/// What `cc` is told of the installation.
const SEARCH: [&str; 2] = ["-Iprefix/include", "-Lprefix/lib"];

#[test]
fn a_c_program_links_modules_as_objects() {
    let bench = installed(&[
        (
            "lib.wat",
            r#"(module (memory (export "memory") 1) (global $calls (export "calls") (mut i32) (i32.const 0))
            (func (export "add") (param i32 i32) (result i32)
                (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
                (i32.add (local.get 0) (local.get 1)))
            (func (export "load") (param i32) (result i32) (i32.load (local.get 0))))"#,
        ),
        (
            "more.wat",
            r#"(module (func (export "add") (param i32 i32) (result i32) (i32.mul (local.get 0) (local.get 1))))"#,
        ),
        (
            "main.c",
            r#"
            #include "wasm2native.h"
            extern const w2n_module_t w2n_module_lib, w2n_module_more;
            int32_t w2n_lib__add(w2n_instance_t *, int32_t, int32_t);
            int32_t w2n_lib__load(w2n_instance_t *, int32_t);
            int32_t w2n_more__add(w2n_instance_t *, int32_t, int32_t);
            int main(void) {
                static w2n_trap_t trap;
                w2n_instance_t *lib, *more;
                if (!w2n_compatible(&w2n_module_lib)) return 1;
                if (w2n_instantiate(&w2n_module_lib, NULL, 0, &lib, &trap) != 0) return 2;
                if (w2n_instantiate(&w2n_module_more, NULL, 0, &more, &trap) != 0) return 3;
                if (w2n_lib__add(lib, 40, 2) != 42 || w2n_more__add(more, 6, 7) != 42) return 4;
                w2n_lib__load(lib, -1);
                if (w2n_take_trap(&w2n_module_lib, lib, &trap) != W2N_TRAP_MEMORY_OUT_OF_BOUNDS) return 5;
                if (w2n_lib__add(lib, 1, 2) != 3) return 6;
                w2n_instance_drop(&w2n_module_lib, lib);
                w2n_instance_drop(&w2n_module_more, more);
                return 0;
            }"#,
        ),
    ]);
    for options in [&["-O0"][..], &["-O2", "-g0"]] {
        for name in ["lib.wat", "more.wat"] {
            bench.succeeds(&[options, &["-c", name]].concat());
        }
        for link in [&["-lm"][..], &["-lm", "-static"], &["-lm", OLD_GLIBC]] {
            let rest = ["main.c", "lib.o", "more.o", "-lwasm2native", "-o", "main"];
            bench.tool("cc", &[&SEARCH[..], &rest, link].concat());
            bench.answers("main", 0);
        }
        let symbols = bench.tool("nm", &["-D", "main"]);
        let minor = |text: &str| text.split(['.', ')']).next().unwrap_or_default().trim().parse::<u32>().ok();
        let newest = symbols.split("@GLIBC_2.").skip(1).filter_map(|rest| minor(rest.lines().next()?)).max();
        assert!(newest.is_some_and(|newest| newest <= 28), "it asks for glibc 2.{newest:?}");
    }
    bench.tool("ar", &["rcs", "libmodules.a", "lib.o", "more.o"]);
    let rest = ["main.c", "-L.", "-lmodules", "-lwasm2native", "-lm", "-o", "main"];
    bench.tool("cc", &[&SEARCH[..], &rest].concat());
    bench.answers("main", 0);
}

#[test]
fn cc_makes_a_program_of_the_object_of_one() {
    let bench = installed(&[(
        "app.wat",
        r#"(module
        (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
        (memory (export "memory") 1) (func (export "_start") (call $exit (i32.const 42))))"#,
    )]);
    let mut installed = Command::new(bench.path("prefix/bin/wasm2native"));
    let status = installed.args(["-c", "app.wat"]).current_dir(bench.dir()).status();
    assert!(status.expect("the installed compiler runs").success());
    bench.tool("cc", &[&SEARCH[..], &["app.o", "-lwasm2native", "-lm", "-o", "app"]].concat());
    bench.answers("app", 42);
}
