//! What an executable is made of besides its module: packed directories, another entry, stubs for imports.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;
use w2n_tests::corpus;
use w2n_tests::program::{Finished, build_c, compile, compiler, fixture, run};

/// Builds the fixture with these options for clang, and compiles it with those for us.
fn build(dir: &Path, name: &str, clang: &[&str], options: &[&str]) -> Result<PathBuf, String> {
    let source = fixture("embedded").join(name);
    let executable = dir.join("program");
    let mut module = source.clone();
    if name.ends_with(".c") {
        module = dir.join("guest.wasm");
        build_c(&source, clang, &module)?;
    }
    compile(&module, &executable, options).map(|()| executable)
}

fn stdout_of(finished: &Finished) -> String {
    String::from_utf8(finished.stdout.clone()).unwrap()
}

/// The tree that `packed.c` wants, in `dir`.
fn make_tree(dir: &Path) {
    std::fs::create_dir_all(dir.join("dir/deeper")).unwrap();
    for (name, text) in
        [("file", "hello world"), ("empty", ""), ("dir/nested", "deep"), ("dir/deeper/x", "x")]
    {
        std::fs::write(dir.join(name), text).unwrap();
    }
    for (name, target) in [
        ("link", "file"),
        ("dir/up", "../file"),
        ("to-dir", "dir"),
        ("dangling", "nothing"),
        ("loop", "loop"),
        ("out", "../../etc"),
    ] {
        symlink(target, dir.join(name)).unwrap();
    }
}

#[test]
fn a_packed_directory_answers_as_a_real_one() {
    let dir = TempDir::new().unwrap();
    let (packed, real) = (dir.path().join("packed"), dir.path().join("real"));
    make_tree(&packed);
    std::fs::create_dir(&real).unwrap();
    std::fs::write(real.join("real"), "").unwrap();
    let option = format!("--embed-dir={}::/lib", packed.display());
    for clang in [&[][..], &["-DSNAPSHOT0"]] {
        let program = build(dir.path(), "packed.c", clang, &["-O1", &option]).unwrap();
        // What was packed is in the executable: the directory can go.
        std::fs::rename(&packed, dir.path().join("gone")).unwrap();
        let finished =
            run(Command::new(&program).env("W2N_DIR", format!("{}::/real", real.display())), b"").unwrap();
        std::fs::rename(dir.path().join("gone"), &packed).unwrap();
        let text = stdout_of(&finished);
        assert_eq!(finished.status, Some(0), "{text}");
        let cases =
            text.trim_end().strip_suffix(" cases, 0 failures").and_then(|count| count.parse::<u32>().ok());
        assert!(cases.is_some_and(|cases| cases >= 110), "{text}");
    }
}

/// The executable depends on names and contents, not on when or in which order the files were made.
#[test]
fn the_same_files_give_the_same_bytes() {
    let make = |names: &[&str]| {
        let dir = TempDir::new().unwrap();
        let packed = dir.path().join("packed");
        std::fs::create_dir(&packed).unwrap();
        for name in names {
            std::fs::write(packed.join(name), name).unwrap();
            let file = std::fs::File::options().write(true).open(packed.join(name)).unwrap();
            file.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
        }
        let option = format!("--embed-dir={}::/lib", packed.display());
        std::fs::read(build(dir.path(), "undefined.wat", &[], &["--undefined=trap", "-O0", &option]).unwrap())
            .unwrap()
    };
    let one = make(&["a", "b", "c"]);
    assert!(one == make(&["c", "a", "b"]));
    assert!(one != make(&["a", "b", "d"]));
}

/// One file that holds an interpreter and its library.
#[test]
fn an_interpreter_and_its_library_are_one_file() {
    let dir = TempDir::new().unwrap();
    let words = dir.path().join("library/words");
    std::fs::create_dir_all(&words).unwrap();
    for (word, meaning) in [("one", "1"), ("two", "2"), ("forty", "40")] {
        std::fs::write(words.join(word), meaning).unwrap();
    }
    let option = format!("--embed-dir={}::/lib", dir.path().join("library").display());
    let program = build(dir.path(), "interpreter.c", &[], &["-O2", &option]).unwrap();
    std::fs::remove_dir_all(dir.path().join("library")).unwrap();
    let finished = run(Command::new(&program).args(["forty", "two"]), b"").unwrap();
    assert_eq!(
        stdout_of(&finished),
        "3 words known, the program means 42\nthe library is closed: Read-only file system\n"
    );
    let finished = run(Command::new(&program).args(["forty", "three"]), b"").unwrap();
    assert_eq!(
        (finished.status, stdout_of(&finished)),
        (Some(1), "three: No such file or directory\n".to_owned())
    );
}

/// Nothing is merged: of two directories with one name the later one is seen, and of two that contain a path
/// the one with the longer name.
#[test]
fn a_granted_directory_hides_a_packed_one_of_its_name() {
    let dir = TempDir::new().unwrap();
    for (name, text) in [("packed/words/one", "1"), ("real/words/one", "100"), ("real/words/two", "200")] {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let option = format!("--embed-dir={}::/lib", dir.path().join("packed").display());
    let program = build(dir.path(), "interpreter.c", &[], &["-O1", &option]).unwrap();
    let sum = |grant: &str| {
        let grant = grant.replace("REAL", &dir.path().join("real").display().to_string());
        let finished = run(Command::new(&program).arg("one").env("W2N_DIR", grant), b"").unwrap();
        stdout_of(&finished).lines().next().unwrap_or_default().to_owned()
    };
    assert_eq!(sum(""), "1 words known, the program means 1");
    assert_eq!(sum("REAL::/lib:ro"), "2 words known, the program means 100");
    assert_eq!(sum("REAL::/lib/:ro"), "2 words known, the program means 100");
    assert_eq!(sum("REAL::/"), "1 words known, the program means 1", "/lib is closer than /");
    assert_eq!(
        sum("REAL/words::/lib/words:ro"),
        "2 words known, the program means 100",
        "/lib/words is closer"
    );
}

#[test]
fn what_cannot_be_packed_is_named() {
    let dir = TempDir::new().unwrap();
    std::fs::create_dir(dir.path().join("packed")).unwrap();
    std::fs::write(dir.path().join("file"), "").unwrap();
    assert!(Command::new("mkfifo").arg(dir.path().join("packed/fifo")).status().unwrap().success());
    for (path, words) in [("packed", "packed/fifo"), ("file", "not a directory"), ("none", "no such file")] {
        let option = format!("--embed-dir={}::/lib", dir.path().join(path).display());
        let reason = build(dir.path(), "undefined.wat", &[], &["--undefined=trap", &option]).unwrap_err();
        assert!(reason.contains(words), "{reason}");
        assert!(!dir.path().join("program").exists());
    }
}

#[test]
fn an_undefined_import_traps_when_it_is_called() {
    let dir = TempDir::new().unwrap();
    let program = build(dir.path(), "undefined.wat", &[], &["-O1", "--undefined=trap"]).unwrap();
    assert_eq!(run(&mut Command::new(&program), b"").unwrap().status, Some(0));
    let finished = run(Command::new(&program).arg("x"), b"").unwrap();
    let message = String::from_utf8(finished.stderr).unwrap();
    assert_eq!(finished.status, Some(134), "{message}");
    let words = "trap: host function failed: the import `rb-js-abi-host.eval js: func() -> ()` is not defined\n  0: func";
    assert!(message.contains(words), "{message}");
    let reason = build(dir.path(), "undefined.wat", &[], &["-O1"]).unwrap_err();
    assert!(reason.contains("rb-js-abi-host"), "{reason}");
    let reason = build(dir.path(), "undefined_memory.wat", &[], &["--undefined=trap"]).unwrap_err();
    assert!(reason.contains("env.memory") && !reason.contains("env.f"), "{reason}");
}

#[test]
fn a_reactor_is_initialised_and_runs_the_export_that_is_named() {
    let dir = TempDir::new().unwrap();
    let clang = ["-mexec-model=reactor"];
    let program = build(dir.path(), "reactor.c", &clang, &["-O1", "--entry=run"]).unwrap();
    let finished = run(&mut Command::new(&program), b"").unwrap();
    assert_eq!((finished.status, stdout_of(&finished)), (Some(42), "state 40\n".to_owned()));
    let reason = build(dir.path(), "reactor.c", &clang, &["-O1"]).unwrap_err();
    assert!(reason.contains("no entry point") && reason.contains("--entry=NAME"), "{reason}");
    let reason = build(dir.path(), "reactor.c", &clang, &["-O1", "--entry=with argument"]).unwrap_err();
    assert!(reason.contains("`with argument`") && reason.contains("(param i32)"), "{reason}");
    let reason = build(dir.path(), "reactor.c", &clang, &["-O1", "--entry=walk"]).unwrap_err();
    assert!(reason.contains("there is no such export"), "{reason}");
}

/// Ruby is a reactor whose host is a browser: with stubs for that, its own parts run.
#[test]
fn ruby_says_its_version() {
    let dir = TempDir::new().unwrap();
    let ruby =
        corpus::fetch(&corpus::RUBY, "package/dist/ruby.wasm").unwrap_or_else(|reason| panic!("{reason}"));
    let program = dir.path().join("ruby");
    let options = ["-O0", "--undefined=trap", "--entry=ruby-show-version: func() -> ()"];
    compile(&ruby, &program, &options).unwrap_or_else(|reason| panic!("{reason}"));
    let finished = run(&mut Command::new(&program), b"").unwrap();
    let text = stdout_of(&finished);
    assert!(text.starts_with("ruby 3.4"), "{text}{}", String::from_utf8_lossy(&finished.stderr));
}

#[test]
fn plugins_have_none_of_this() {
    let dir = TempDir::new().unwrap();
    let module = fixture("embedded").join("undefined.wat");
    for option in ["--embed-dir=/tmp", "--entry=f", "--undefined=trap"] {
        let output = dir.path().join("plugin.so");
        let finished =
            run(Command::new(compiler()).args(["-shared", option]).arg(&module).arg("-o").arg(&output), b"");
        let finished = finished.unwrap();
        assert_eq!(finished.status, Some(2), "{option}");
        assert!(!output.exists());
    }
}
