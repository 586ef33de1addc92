//! The guest's function names in the symbol table of what is linked, as profilers and debuggers see them.
//!
//! How: `nm` lists them, `gdb` stops in a guest's function and walks the stack, with each linker that can be had,
//! and names are as strange as a name section allows. Each program also runs and answers what it should.

use std::fs;
use std::process::Command;

use w2n_tests::command::{Bench, holds};

/// A program of a few functions that are not inlined at -O0; `$inner` traps.
const NAMED: &str = r#"(module
    (func $inner (param i32) (result i32) (if (i32.eqz (local.get 0)) (then unreachable)) (i32.const 40))
    (func $middle.part (param i32) (result i32) (i32.add (call $inner (local.get 0)) (i32.const 2)))
    (func (export "main") (result i32) (call $middle.part (i32.const 1)))
    (func (export "fails") (result i32) (call $middle.part (i32.const 0))))"#;

/// C compilers with each of the linkers that Debian has, and whether it keeps names without `-g`: mold 1.10 takes
/// `--strip-debug` for `--strip-all`.
const LINKERS: [(&str, bool); 4] = [
    ("cc -fuse-ld=bfd", true),
    ("cc -fuse-ld=gold", true),
    ("clang-22 -fuse-ld=lld", true),
    ("cc -fuse-ld=mold", false),
];

/// Names of functions as `nm` lists them; what separates them from the rest of the line is fixed.
fn functions(bench: &Bench, file: &str) -> Vec<Vec<u8>> {
    let output = Command::new("nm").args(["--defined-only", file]).current_dir(bench.dir()).output();
    let listed = output.expect("nm runs").stdout;
    let of_code = |line: &&[u8]| line.get(16..19).is_some_and(|kind| [&b" t "[..], b" T "].contains(&kind));
    let lines = listed.split(|byte| *byte == b'\n').filter(of_code);
    lines.map(|line| line[19..].to_vec()).collect()
}

#[track_caller]
fn assert_named(bench: &Bench, file: &str, names: &[&str]) {
    let functions = functions(bench, file);
    for name in names {
        let count = functions.iter().filter(|function| *function == name.as_bytes()).count();
        assert_eq!(count, 1, "`{name}` in {file}");
    }
}

#[test]
fn executables_and_plugins_have_them_unless_stripped() {
    let bench = Bench::new(NAMED);
    for flags in [&["-O0"][..], &["-O0", "-shared"], &["-O0", "-g"], &["-O0", "-static"], &["-O0", "-g0"]] {
        bench.succeeds(&[flags, &["app.wat", "-o", "app"]].concat());
        assert_named(&bench, "app", &["inner", "middle.part"]);
    }
    bench.succeeds(&["-O0", "-s", "app.wat", "-o", "app"]);
    assert!(!fs::read(bench.path("app")).expect("app").windows(7).any(|bytes| bytes == b"\0inner\0"));
    bench.answers("app", 42);
}

/// gold and mold lay out a file in other ways than GNU ld.
#[test]
fn every_linker_leaves_room_for_them() {
    for (cc, keeps_names) in LINKERS {
        let bench = Bench::new(NAMED);
        for flags in [&["-O0"][..], &["-O0", "-g"], &["-O2", "-g"], &["-O0", "-static"], &["-O0", "-shared"]]
        {
            let mut command = bench.command(&[flags, &["app.wat", "-o", "app"]].concat());
            let output = command.env("CC", cc).output().expect("it runs");
            if flags.contains(&"-static") && cc.contains("gold") {
                holds(&output, 1, &["this linker makes no static programs that load anywhere"]);
                continue;
            }
            // lld wants symbols that only what it drops refers to, and the static runtime lacks one.
            if flags.contains(&"-static") && cc.contains("lld") {
                holds(&output, 1, &["undefined symbol: rust_eh_personality"]);
                continue;
            }
            holds(&output, 0, &[]);
            if flags.contains(&"-O0") && (keeps_names || flags.contains(&"-g")) {
                assert_named(&bench, "app", &["inner", "middle.part"]);
            }
            let read = Command::new("readelf").args(["-SlsW", "app"]).current_dir(bench.dir()).output();
            let warned = String::from_utf8_lossy(&read.expect("readelf runs").stderr).into_owned();
            assert_eq!(warned, "", "{cc} {flags:?}");
            if !flags.contains(&"-shared") {
                bench.answers("app", 42);
            }
        }
    }
}

#[test]
fn gdb_finds_functions_and_walks_through_them() {
    let bench = Bench::new(NAMED);
    let gdb = |commands: &[&str]| {
        let mut command = Command::new("gdb");
        command.args(["-q", "-nx", "-batch", "-ex", "set debuginfod enabled off"]);
        command.args(commands.iter().flat_map(|text| ["-ex", text])).arg("./app");
        let output = command.current_dir(bench.dir()).output().expect("gdb runs");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    for flags in [&["-O0"][..], &["-O0", "-g"]] {
        bench.succeeds(&[flags, &["app.wat", "-o", "app"]].concat());
        let said = gdb(&["info functions ^inner$", "break inner", "run", "bt", "continue"]);
        // Without debug information gdb takes the dot for Ada's.
        assert!(said.contains("in inner ()") || said.contains("#0  inner ()"), "{said}");
        assert!(said.contains(" in middle") && said.contains(" in main ()"), "{said}");
        assert!(said.contains("exited with code 052"), "{said}");
    }
    // In a trap the stack is the guest's up to the runtime.
    bench.succeeds(&["-O0", "--entry=fails", "app.wat", "-o", "app"]);
    let said = gdb(&["break w2n_trap", "run", "bt"]);
    let place = |name: &str| said.find(name).unwrap_or_else(|| panic!("no {name} in {said}"));
    assert!(place("w2n_trap") < place("inner") && place("in inner") < place("in middle"), "{said}");
}

/// Binary modules: the text format has no such names.
#[test]
fn strange_names_are_shown_as_a_terminal_can_take_them() {
    let long = "n".repeat(2_000_000);
    let names =
        ["a\0b", "a\nb", "\x1b[31mred", "", "same", "same", "memcpy", &long, "é", "main", "w2n_start"];
    let bench = Bench::of(&[]);
    bench.write("app.wasm", &module_with_names(&names));
    bench.succeeds(&["-O0", "app.wasm", "-o", "app"]);
    bench.answers("app", 42);
    let functions = functions(&bench, "app");
    let count = |name: &str| functions.iter().filter(|function| *function == name.as_bytes()).count();
    assert_eq!(["a_b", "_[31mred", "\u{e9}", "same", "memcpy"].map(count), [0, 1, 1, 0, 0]);
    let expected = ["a_b.app.f0", "a_b.app.f1", "same.app.f4", "same.app.f5", "main.app.f9", "main"];
    assert_eq!(expected.map(count), [1; 6]);
    let longest = functions.iter().map(Vec::len).max().expect("functions");
    assert_eq!(longest, 4096);
    // What is no UTF-8 says nothing at all.
    let mut bytes = module_with_names(&["broken"]);
    let at = bytes.windows(6).rposition(|name| name == b"broken").expect("the name");
    bytes[at] = 0xff;
    bench.write("app.wasm", &bytes);
    bench.succeeds(&["-O0", "app.wasm", "-o", "app"]);
    bench.answers("app", 42);
}

/// A module with a function of each of these names, each of which answers 42, the last one as `main`.
fn module_with_names(names: &[&str]) -> Vec<u8> {
    let leb = |mut number: usize| {
        let mut bytes = Vec::new();
        loop {
            let low = (number & 0x7f) as u8;
            number >>= 7;
            bytes.push(if number > 0 { low | 0x80 } else { low });
            if number == 0 {
                return bytes;
            }
        }
    };
    let sized = |bytes: &[u8]| [leb(bytes.len()), bytes.to_vec()].concat();
    let section = |id: u8, content: &[u8]| [vec![id], sized(content)].concat();
    let count = leb(names.len());
    let bodies = [4, 0, 0x41, 42, 0x0b].repeat(names.len());
    let last = leb(names.len() - 1);
    let map: Vec<u8> = names
        .iter()
        .zip(0..)
        .flat_map(|(name, index)| [leb(index), sized(name.as_bytes())])
        .flatten()
        .collect();
    let functions = section(1, &[count.clone(), map].concat());
    [
        b"\0asm\x01\0\0\0".to_vec(),
        section(1, &[1, 0x60, 0, 1, 0x7f]),
        section(3, &[count.clone(), vec![0; names.len()]].concat()),
        section(7, &[&[1][..], &sized(b"main"), &[0], &last].concat()),
        section(10, &[count, bodies].concat()),
        section(0, &[sized(b"name"), functions].concat()),
    ]
    .concat()
}

/// INV-8, names included.
#[test]
fn threads_change_no_byte_of_a_program_with_names() {
    let func = |number: usize| {
        let next = number + 1;
        let work = "(local.set 0 (i32.add (i32.mul (local.get 0) (i32.const 3)) (i32.const 7)))".repeat(20);
        format!("(func $guest_{number} (param i32) (result i32) {work} (call $guest_{next} (local.get 0)))\n")
    };
    let funcs: String = (0..3000).map(func).collect();
    let text = format!(
        "(module {funcs} (func $guest_3000 (param i32) (result i32) (i32.const 42))
         (func (export \"main\") (result i32) (call $guest_0 (i32.const 1))))"
    );
    let bench = Bench::new(&text);
    let made = |jobs: &str, output: &str, flags: &[&str]| {
        bench.succeeds(&[&[jobs, "-O0", "app.wat", "-o", output], flags].concat());
        fs::read(bench.path(output)).expect("an output")
    };
    for flags in [&[][..], &["-g", "-shared"]] {
        assert!(made("-j1", "one", flags) == made("-j2", "two", flags), "{flags:?}");
        assert_named(&bench, "two", &["guest_0", "guest_2999"]);
    }
}
