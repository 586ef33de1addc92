//! What a program may use: baked in, and changed by a run, as the tables of `docs/src/options.md` have it.
//!
//! How: the programs of `fixtures/policy` say what they were given; each is built with some options and run
//! with some variables (`granted.rs`). What a run can make of directories under `bound` is in `bound.rs`.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::Stdio;
use std::time::{Duration, Instant};

use w2n_tests::granted::Program;
use w2n_tests::program::run;

#[test]
fn a_plain_program_has_nothing_and_takes_what_a_run_grants() {
    let program = Program::new("given.c", &["-O0"]);
    assert_eq!(program.prints(&[("SECRET", "1")]), "");
    let granted = program.prints(&[("W2N_DIR", "data,other::/o:ro"), ("W2N_ENV", "K=1,L=a\\,b")]);
    assert_eq!(
        granted,
        "variable K=1\nvariable L=a,b\ndirectory data: file sub\ndirectory /o read-only: thing\n"
    );
    program.is_refused(
        &[("W2N_DIR", "missing")],
        &["cannot open the granted directory `missing`", "No such file"],
    );
    program.is_refused(&[("W2N_DIR", "data::")], &["W2N_DIR", "HOST[::GUEST][:ro]"]);
    program.is_refused(&[("W2N_ENV", "=K")], &["W2N_ENV", "`=K`", "KEY=VALUE"]);
}

#[test]
fn a_variable_without_a_value_is_the_hosts() {
    let program = Program::new("given.c", &["-O0"]);
    assert_eq!(
        program.prints(&[("W2N_ENV", "GIVEN,K=1"), ("GIVEN", "/h")]),
        "variable GIVEN=/h\nvariable K=1\n"
    );
    assert_eq!(program.prints(&[("W2N_ENV", "GIVEN"), ("GIVEN", "")]), "variable GIVEN=\n");
    assert_eq!(program.prints(&[("W2N_ENV", "UNSET_HERE")]), "", "as --env UNSET_HERE");
    assert_eq!(program.prints(&[("W2N_ENV", "K=1,K"), ("K", "2")]), "variable K=2\n", "the later one");
    let baked = Program::new("given.c", &["-O0", "--env", "K=1", "--policy=open"]);
    assert_eq!(baked.prints(&[("W2N_ENV", "K"), ("K", "2")]), "variable K=2\n");
}

#[test]
fn a_plain_program_can_be_bound_by_a_run() {
    let program = Program::new("given.c", &["-O0"]);
    assert_eq!(program.prints(&[("W2N_POLICY", "sealed"), ("W2N_DIR", "data"), ("W2N_ENV", "K=1")]), "");
    program
        .is_refused(&[("W2N_POLICY", "bound"), ("W2N_DIR", "data")], &["W2N_DIR", "`data`", "--policy=open"]);
    program.is_refused(&[("W2N_POLICY", "closed")], &["W2N_POLICY", "open, bound or sealed"]);
    program.is_refused(&[("W2N_POLICY", "")], &["W2N_POLICY", "open, bound or sealed"]);
    program.is_refused(&[("W2N_ALLOW_ESCAPES", "no")], &["W2N_ALLOW_ESCAPES: `no` is not 0 or 1"]);
}

#[test]
fn what_is_baked_in_is_the_most_a_run_can_have() {
    let program = Program::new("given.c", &["-O0", "--dir", "data::/d", "--env", "K=1", "--env", "GIVEN"]);
    let all = "variable K=1\nvariable GIVEN=/h\ndirectory /d: file sub\n";
    assert_eq!(program.prints(&[("GIVEN", "/h")]), all);
    assert_eq!(program.prints(&[("W2N_POLICY", "open")]), "variable K=1\ndirectory /d: file sub\n");
    for (dir, printed) in [
        ("", ""),
        ("data", "directory /d: file sub\n"),
        ("data:ro", "directory /d read-only: file sub\n"),
        ("./data/../data/sub/", "directory /d/sub: inner\n"),
        ("data/sub::/d/sub:ro", "directory /d/sub read-only: inner\n"),
    ] {
        assert_eq!(program.prints(&[("W2N_DIR", dir), ("W2N_ENV", "")]), printed, "W2N_DIR={dir}");
    }
    for dir in ["other", "data/..", "data/missing", ".", "/", "data,other"] {
        program.is_refused(&[("W2N_DIR", dir)], &["W2N_DIR", "build it with --dir, or with --policy=open"]);
    }
    for (env, printed) in [
        ("", ""),
        ("K", "variable K=1\n"),
        ("K=1", "variable K=1\n"),
        ("GIVEN=/other", "variable GIVEN=/other\n"),
        ("GIVEN,K", "variable GIVEN=/h\nvariable K=1\n"),
    ] {
        assert_eq!(
            program.prints(&[("W2N_DIR", ""), ("GIVEN", "/h"), ("W2N_ENV", env)]),
            printed,
            "W2N_ENV={env}"
        );
    }
    for env in ["K=2", "L", "L=1"] {
        program
            .is_refused(&[("W2N_ENV", env)], &["W2N_ENV", env, "build it with --env, or with --policy=open"]);
    }
}

/// A link that is swapped in after the check would still have to lie below what was baked in.
#[test]
fn a_link_out_of_what_is_baked_in_is_not_within_it() {
    let program = Program::new("given.c", &["-O0", "--dir", "data"]);
    std::os::unix::fs::symlink("../other", program.dir().join("data/out")).unwrap();
    program.is_refused(&[("W2N_DIR", "data/out")], &["W2N_DIR"]);
}

#[test]
fn read_only_stays_read_only() {
    let program = Program::new("given.c", &["-O0", "--dir", "data:ro"]);
    assert_eq!(program.prints(&[("W2N_DIR", "data")]), "directory data read-only: file sub\n");
}

#[test]
fn an_open_policy_can_be_widened_and_a_sealed_one_not_changed() {
    let variables = [("W2N_DIR", "other"), ("W2N_ENV", "L=2"), ("W2N_POLICY", "open")];
    let program = Program::new("given.c", &["-O0", "--dir", "data", "--env", "K=1", "--policy=open"]);
    let both = "variable K=1\nvariable L=2\ndirectory data: file sub\ndirectory other: thing\n";
    assert_eq!(program.prints(&variables), both);
    for option in ["--sealed", "--policy=sealed"] {
        let program = Program::new("given.c", &["-O0", "--dir", "data", "--env", "K=1", option]);
        assert_eq!(program.prints(&variables), "variable K=1\ndirectory data: file sub\n");
    }
    let program = Program::new("given.c", &["-O0", "--policy=bound"]);
    program.is_refused(&variables[..1], &["W2N_DIR"]);
}

#[test]
fn help_prints_the_policy_and_runs_nothing() {
    let program = Program::new(
        "given.c",
        &[
            "-O0",
            "--dir",
            "data::/d:ro",
            "--env",
            "K=1",
            "--max-memory=64M",
            "--timeout=1.5",
            "--max-fds",
            "20",
        ],
    );
    let mut command = program.command(&[("W2N_HELP", "1"), ("W2N_TIMEOUT", "1")]);
    let finished = run(command.args(["--help", "x"]), b"").unwrap();
    assert_eq!(finished.status, Some(0));
    let text = String::from_utf8(finished.stdout).unwrap();
    for line in [
        "policy: bound: a run may take some of this (W2N_DIR, W2N_ENV, W2N_TCPLISTEN), not more",
        "  memory 64 MiB (W2N_MAX_MEMORY)",
        "  stack 8 MiB (W2N_STACK_SIZE)",
        "  open files 20 (W2N_MAX_FDS)",
        "  time 1 s (W2N_TIMEOUT)",
        "directories:",
        "  data as /d, read-only",
        "environment:",
        "  K=1",
        "listening sockets: none",
        "terminal escapes: made visible",
    ] {
        assert!(text.lines().any(|other| other == line), "no line {line:?} in\n{text}");
    }
    assert!(!text.contains("argument"), "the guest ran");
    // Without the variable the guest has its arguments, whatever they say.
    let finished = run(program.command(&[("W2N_HELP", "0")]).args(["--help", "x"]), b"").unwrap();
    let text = String::from_utf8(finished.stdout).unwrap();
    assert!(text.starts_with("argument --help\nargument x\n"), "{text}");
}

#[test]
fn help_works_without_wasi_too() {
    let text = Program::new("pages.wat", &["-O0", "--max-memory=1M"]).prints(&[("W2N_HELP", "1")]);
    assert!(text.contains("memory 1 MiB"), "{text}");
}

/// Runs a program that never ends by itself; its standard input stays open and empty.
#[track_caller]
fn times_out(program: &Program, variables: &[(&str, &str)], words: &[&str]) {
    let start = Instant::now();
    let mut child = program
        .command(variables)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let _input = child.stdin.take();
    let output = child.wait_with_output().unwrap();
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(134), "{message}");
    assert!(start.elapsed() < Duration::from_secs(60), "after {:?}", start.elapsed());
    for word in words {
        assert!(message.contains(word), "no {word:?} in\n{message}");
    }
}

#[test]
fn an_endless_loop_without_calls_ends_with_a_trap_and_a_backtrace() {
    for level in ["-O0", "-O2"] {
        let program = Program::new("spin.wat", &[level, "--timeout=200ms"]);
        let words =
            ["trap: time limit exceeded: the program ran longer than 200 ms\n", "0: func 0 `spin` at 0x"];
        times_out(&program, &[], &words);
    }
}

#[test]
fn a_run_can_tighten_a_time_limit_and_set_one_where_there_is_none() {
    let program = Program::new("spin.wat", &["--timeout=1h"]);
    times_out(&program, &[("W2N_TIMEOUT", "100ms")], &["longer than 100 ms"]);
    let program = Program::new("spin.wat", &["--timeout=300ms"]);
    times_out(&program, &[("W2N_TIMEOUT", "1h")], &["longer than 300 ms"]);
    let program = Program::new("spin.wat", &["--sealed"]);
    times_out(&program, &[("W2N_TIMEOUT", "0.1")], &["longer than 100 ms"]);
    program.is_refused(&[("W2N_TIMEOUT", "soon")], &["W2N_TIMEOUT: `soon` is not a time"]);
    program.is_refused(&[("W2N_TIMEOUT", "")], &["W2N_TIMEOUT: `` is not a time"]);
}

#[test]
fn time_is_up_in_libc_in_the_runtime_and_in_the_host() {
    for name in ["fill.wat", "grow_nothing.wat", "wait_input.wat", "wait_clock.wat"] {
        let program = Program::new(name, &["-O2", "--timeout=200ms"]);
        times_out(&program, &[], &["trap: time limit exceeded: the program ran longer than 200 ms\n"]);
    }
}

#[test]
fn a_program_that_ends_in_time_does_not_notice() {
    let program = Program::new("depth.wat", &["--timeout=30s"]);
    assert_eq!(program.run(&[]).status, Some(42));
}

#[test]
fn memory_grows_up_to_the_limit() {
    let program = Program::new("pages.wat", &["-O1", "--max-memory=640K"]);
    assert_eq!(program.run(&[]).status, Some(10));
    assert_eq!(program.run(&[("W2N_MAX_MEMORY", "200K")]).status, Some(3), "whole pages");
    assert_eq!(program.run(&[("W2N_MAX_MEMORY", "1G")]).status, Some(10), "not more than was baked in");
    program.is_refused(&[("W2N_MAX_MEMORY", "1K")], &["--max-memory, W2N_MAX_MEMORY"]);
    program.is_refused(&[("W2N_MAX_MEMORY", "much")], &["W2N_MAX_MEMORY: `much` is not a size"]);
    let software = Program::new("pages.wat", &["-O1", "--max-memory=640K", "--bounds-checks=software"]);
    assert_eq!(software.run(&[]).status, Some(10));
    // Elements of 8 bytes; room is made for twice as many each time.
    let program = Program::new("elements.wat", &["-O1", "--max-memory=64K"]);
    let status = program.run(&[]).status;
    assert!(matches!(status, Some(1..=7)), "{status:?}");
    assert_eq!(program.run(&[("W2N_POLICY", "open")]).status, status);
    assert_eq!(Program::new("elements.wat", &["-O1"]).run(&[]).status, Some(100));
}

#[test]
fn a_small_stack_is_full_sooner() {
    let program = Program::new("depth.wat", &["-O0", "--stack-size=64K"]);
    let finished = program.run(&[]);
    assert_eq!(finished.status, Some(134));
    assert!(String::from_utf8_lossy(&finished.stderr).contains("call stack exhausted"));
    let program = Program::new("depth.wat", &["-O0"]);
    assert_eq!(program.run(&[]).status, Some(42));
    assert_eq!(program.run(&[("W2N_STACK_SIZE", "64K")]).status, Some(134));
    assert_eq!(program.run(&[("W2N_STACK_SIZE", "64M")]).status, Some(42));
    program.is_refused(&[("W2N_STACK_SIZE", "1K")], &["W2N_STACK_SIZE"]);
}

#[test]
fn descriptors_are_counted() {
    let program = Program::new("descriptors.c", &["-O1", "--dir", "data", "--max-fds=10"]);
    // The three streams and the directory count.
    assert_eq!(program.prints(&[]), "6 more, then errno 33\none closed, one opened: 0\n");
    assert!(program.prints(&[("W2N_MAX_FDS", "5")]).starts_with("1 more, then errno 33\n"));
    program.is_refused(&[("W2N_MAX_FDS", "3")], &["--max-fds"]);
}

#[test]
fn a_socket_is_granted_and_serves() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    for (options, variables) in
        [(vec!["--tcplisten", &address], vec![]), (vec![], vec![("W2N_TCPLISTEN", address.as_str())])]
    {
        let program = Program::new("server.c", &[&["-O1"], options.as_slice()].concat());
        let child = program.command(&variables).stdout(Stdio::piped()).spawn().unwrap();
        let mut client = connect(&address);
        client.write_all(b"hello").unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        assert_eq!(answer, "HELLO");
        let output = child.wait_with_output().unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), "served, closed: 0\n");
    }
    let program = Program::new("given.c", &["-O0", "--tcplisten", &address, "--dir", "data"]);
    assert_eq!(program.prints(&[]), "directory data: file sub\nsocket 4\n", "sockets follow directories");
    assert_eq!(program.prints(&[("W2N_TCPLISTEN", "")]), "directory data: file sub\n");
    program.is_refused(&[("W2N_TCPLISTEN", "127.0.0.1:1")], &["W2N_TCPLISTEN", "--tcplisten"]);
    keeps_its_place(&address);
    let _taken = TcpListener::bind(&address).unwrap();
    program.is_refused(&[], &["cannot listen on", "in use"]);
}

/// A guest tells sockets apart by their order, so one that is left out leaves a gap, which no file fills.
#[track_caller]
fn keeps_its_place(address: &str) {
    let other = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let program = Program::new("given.c", &["-O0", "--tcplisten", address, "--tcplisten", &other]);
    assert_eq!(program.prints(&[]), "socket 3\nsocket 4\n");
    let swapped = format!("{other},{address}");
    assert_eq!(program.prints(&[("W2N_TCPLISTEN", &swapped)]), "socket 3\nsocket 4\n");
    let help = program.prints(&[("W2N_TCPLISTEN", &swapped), ("W2N_HELP", "1")]);
    let in_order = format!("listening sockets:\n  {address}\n  {other}\n");
    assert!(help.contains(&in_order), "no {in_order} in {help}");
    assert_eq!(program.prints(&[("W2N_TCPLISTEN", address)]), "socket 3\n");
    assert_eq!(program.prints(&[("W2N_TCPLISTEN", &other)]), "socket 4\n");
}

fn connect(address: &str) -> TcpStream {
    let start = Instant::now();
    loop {
        match TcpStream::connect(address) {
            Ok(client) => return client,
            Err(error) => assert!(start.elapsed() < Duration::from_secs(60), "{error}"),
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}
