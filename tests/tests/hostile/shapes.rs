//! Modules made by hand, each at a limit or beyond it: counts, sizes, depths.
//!
//! The compiler runs as a command with limits on its time and address space, at -O0 and at -O2. What is within the
//! limits must compile and answer; what is beyond them must be refused at the place where it is.

use std::process::{Command, Output};

use w2n_tests::command::{Bench, holds};
use w2n_tests::program::compiler;

use crate::encode::*;

/// What must become of a module.
#[derive(Clone, Copy, Debug)]
enum Outcome {
    /// The program compiles and exits with this status.
    Answers(i32),
    /// The program compiles; what it does is not looked at.
    Compiles,
    /// It is refused, with these words.
    Refused(&'static str),
}
use Outcome::{Answers, Compiles, Refused};

/// Seconds of processor time after which the compiler hangs; each module takes a few at most.
const CPU_LIMIT: &str = "--cpu=60";

/// Bytes of address space.
const MEMORY_LIMIT: &str = "--as=3000000000";

/// Runs the compiler on `module` with these limits; the program is called `app`.
pub fn compile(bench: &Bench, module: &[u8], options: &[&str]) -> Output {
    bench.write("app.wasm", module);
    let mut command = Command::new("prlimit");
    command.args([CPU_LIMIT, MEMORY_LIMIT]).arg(compiler()).arg("-j1").args(options).arg("app.wasm");
    command.current_dir(bench.dir()).env_remove("CC").output().expect("prlimit runs")
}

#[track_caller]
fn check(name: &str, module: &[u8], outcome: Outcome) {
    for level in ["-O0", "-O2"] {
        check_at(level, &format!("{name} at {level}"), module, outcome);
    }
}

#[track_caller]
fn check_at(level: &str, name: &str, module: &[u8], outcome: Outcome) {
    let bench = Bench::new("");
    let output = compile(&bench, module, &[level]);
    match outcome {
        Refused(words) => {
            let said = holds(&output, 1, &["app.wasm: ", words]);
            assert_eq!(said.lines().count(), 1, "{name}: {said}");
            assert_eq!(bench.files(), ["app.wasm", "app.wat"], "{name}");
        }
        Compiles | Answers(_) => {
            let said = holds(&output, 0, &[]);
            assert!(said.is_empty(), "{name}: {said}");
        }
    }
    if let Answers(status) = outcome {
        let run = Command::new(bench.path("app")).status().expect("the program runs");
        assert_eq!(run.code(), Some(status), "{name}");
    }
}

/// `main` with these local declarations and code.
fn main_with(locals: &[Vec<u8>], code: Vec<u8>) -> Vec<u8> {
    Program { locals: locals.to_vec(), code, ..Program::default() }.encode()
}

#[test]
fn counts_that_are_not_there_are_refused_before_memory_is_taken_for_them() {
    let most = leb(u32::MAX.into());
    let types = section(Section::Type, &vector(&[func_type(&[], &[I32])]));
    let after_types = |id, content: &[u8]| module(&[types.clone(), section(id, &[&most, content].concat())]);
    for (name, module, words) in [
        ("types", module(&[section(Section::Type, &most)]), "types count exceeds limit"),
        ("imports", after_types(Section::Import, &[]), "imports count exceeds limit"),
        ("functions", after_types(Section::Function, &[0]), "functions count exceeds limit"),
        ("tables", after_types(Section::Table, &[]), "tables"),
        ("memories", after_types(Section::Memory, &[]), "memories"),
        ("globals", after_types(Section::Global, &[]), "globals count exceeds limit"),
        ("exports", after_types(Section::Export, &[]), "exports count exceeds limit"),
        ("elements", after_types(Section::Element, &[]), "element segments count exceeds limit"),
        ("data", after_types(Section::Data, &[]), "data segments count exceeds limit"),
        ("data count", after_types(Section::DataCount, &[]), "too many data segments"),
        ("section", [HEADER, &[1], &most].concat(), "unexpected end-of-file"),
        (
            "data bytes",
            module(&[section(Section::Data, &[vec![1, 1], most.clone()].concat())]),
            "end-of-file",
        ),
    ] {
        check(name, &module, Refused(words));
    }
}

#[test]
fn locals_are_limited() {
    let group = |count: u64| [leb(count), vec![I32]].concat();
    for (name, locals, outcome) in [
        ("one group", vec![group(u32::MAX.into())], Refused("too many locals")),
        ("two groups that overflow", vec![group(1), group(u32::MAX.into())], Refused("too many locals")),
        ("one too many", vec![group(50_001)], Refused("in func 0")),
        ("all", vec![group(50_000)], Answers(42)),
    ] {
        check(name, &main_with(&locals, Vec::new()), outcome);
    }
    let set_all = (0..50_000).flat_map(|local| [i32_const(7), vec![LOCAL_SET], leb(local)].concat());
    let code = set_all.chain([vec![LOCAL_GET], leb(49_999)].concat()).collect();
    check("all of them used", &main_with(&[group(50_000)], code), Answers(7));
}

#[test]
fn a_thousand_parameters_and_results_are_passed_and_no_more() {
    let many = [I32; 1001];
    let with_type = |params: &[u8], results: &[u8], code: Vec<u8>, body: Vec<u8>| {
        let types = vec![func_type(params, results)];
        Program { types, code, funcs: vec![(1, body)], ..Program::default() }.encode()
    };
    let ones = i32_const(1).repeat(1000);
    let call_and_add = [ones, vec![CALL, 1], vec![I32_ADD; 999]].concat();
    let give_back: Vec<u8> = (0..1000).flat_map(|local| [vec![LOCAL_GET], leb(local)].concat()).collect();
    let all = with_type(&many[..1000], &many[..1000], call_and_add, body(&[], &give_back));
    check("all", &all, Answers(1000 % 256));
    let params = with_type(&many, &[], Vec::new(), body(&[], &[]));
    check("a parameter too many", &params, Refused("function params size is out of bounds"));
    let results = with_type(&[], &many, Vec::new(), body(&[], &[UNREACHABLE]));
    check("a result too many", &results, Refused("function returns size is out of bounds"));
}

#[test]
fn branch_tables_may_be_huge_but_not_lie() {
    let table = |count: u64, targets: usize| {
        let head = [vec![BLOCK, EMPTY], i32_const(0), vec![BR_TABLE], leb(count)].concat();
        let code = [head, vec![0; targets + 1], vec![END], i32_const(42)].concat();
        main_with(&[], code)
    };
    check("many targets", &table(300_000, 300_000), Answers(42));
    check("fewer than it says", &table(u32::MAX.into(), 5), Refused("br_table size is out of bounds"));
}

/// Deeper than any recursion on a thread's stack could follow.
const DEPTH: usize = 100_000;

#[test]
fn nesting_does_not_overflow_our_stack() {
    let nested = |open: &[u8], inside: &[u8], close: &[u8]| {
        main_with(&[], [open.repeat(DEPTH), inside.to_vec(), close.repeat(DEPTH)].concat())
    };
    let answer = i32_const(42);
    let then = |open: &[u8]| main_with(&[], [open.repeat(DEPTH), vec![END; DEPTH], answer.clone()].concat());
    let if_true = [i32_const(1), vec![IF, I32]].concat();
    let otherwise = [vec![ELSE], i32_const(7), vec![END]].concat();
    check("blocks", &then(&[BLOCK, EMPTY]), Answers(42));
    check("loops", &then(&[LOOP, EMPTY]), Answers(42));
    check("ifs with results", &nested(&if_true, &answer, &otherwise), Answers(42));
    check("operands", &nested(&i32_const(1), &i32_const(0), &[I32_ADD]), Answers((DEPTH % 256) as i32));
    let dead = [vec![UNREACHABLE], [BLOCK, EMPTY].repeat(DEPTH), vec![END; DEPTH]].concat();
    check("blocks that are never reached", &main_with(&[], dead), Compiles);
    let branches = (0..DEPTH as u64).flat_map(|depth| [i32_const(0), vec![BR_IF], leb(depth)].concat());
    let inside = [branches.collect(), vec![END; DEPTH], answer.clone()].concat();
    check("branches out of each", &nested(&[BLOCK, EMPTY], &inside, &[]), Answers(42));
    check("blocks that do not end", &main_with(&[], [BLOCK, EMPTY].repeat(DEPTH)), Refused("in func 0"));
}

#[test]
fn nesting_of_the_text_form_does_not_either() {
    let bench = Bench::new("");
    let folded = "(block ".repeat(DEPTH) + &")".repeat(DEPTH);
    bench.write("app.wat", format!(r#"(module (func (export "main") {folded}))"#).as_bytes());
    bench.succeeds(&["-O0", "app.wat", "-o", "app"]);
    bench.write("open.wat", "(".repeat(1_000_000).as_bytes());
    bench.fails(&["open.wat"], 1, &["open.wat: expected", "open.wat:1:2"]);
    bench.write("comment.wat", "(;".repeat(1_000_000).as_bytes());
    let said = bench.fails(&["comment.wat"], 1, &["unterminated block comment"]);
    assert!(said.len() < 1000, "a line of megabytes is shown");
}

#[test]
fn bodies_of_megabytes_compile() {
    let add_one = [i32_const(1), vec![I32_ADD]].concat();
    let code = [i32_const(42), add_one.repeat(1 << 20)].concat();
    check("3 MiB of additions", &main_with(&[], code), Answers(42));
    let too_large = main_with(&[], [i32_const(42), add_one.repeat(2_600_000)].concat());
    check("more than engines take", &too_large, Refused("function body size count exceeds limit"));
}

#[test]
fn many_small_things_compile() {
    let passive = section(Section::Data, &repeated(100_000, &[1, 0]));
    let data_count = section(Section::DataCount, &leb(100_000));
    let data = Program { before_code: vec![data_count], at_end: vec![passive], ..Program::default() };
    check("data segments", &data.encode(), Answers(42));
    let zero_global = [vec![I32, 1], i32_const(0), vec![END]].concat();
    let globals = section(Section::Global, &repeated(50_000, &zero_global));
    check("globals", &Program { before_exports: vec![globals], ..Program::default() }.encode(), Answers(42));
    let exports = (0..10_000).map(|index| func_export(&format!("export{index}"), 0)).collect();
    check("exports", &Program { exports, ..Program::default() }.encode(), Answers(42));
    let types = (0..1000).map(|number| func_type(&bits_as_types(number), &[])).collect();
    check("types", &Program { types, ..Program::default() }.encode(), Answers(42));
    let funcs = vec![(0, body(&[], &i32_const(1))); 5000];
    check("functions", &Program { funcs, ..Program::default() }.encode(), Answers(42));
}

/// Different types for different numbers.
fn bits_as_types(number: u32) -> Vec<u8> {
    (0..10).map(|bit| if number >> bit & 1 == 0 { I32 } else { I64 }).collect()
}
