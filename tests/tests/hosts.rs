//! Hosts that do what hosts do besides calling: coroutines, signals, a floating-point environment of their own.
//!
//! How: as in `plugin.rs`, hosts of `fixtures/hosts` check what they do and print "ok". Each was seen to
//! fail with a runtime that does not do what it is about.

use std::process::Command;

use w2n_tests::corpus::{self, GREENLET};
use w2n_tests::program::fixture;
use w2n_tests::workshop::{Workshop, says_ok};

/// Runs a host once for each list of further arguments.
fn run_host(source: &str, runs: &[&[&str]]) {
    let workshop = Workshop::new("hosts");
    let (guest, host) = (workshop.plugin("guest", "guest", &[]), workshop.host(source, &[]));
    for arguments in runs {
        says_ok(Command::new(&host).arg(&guest).args(*arguments));
    }
}

/// Interleaved at random, given up in the middle of a call, recursing endlessly, moved between threads.
#[test]
fn coroutines_with_stacks_of_their_own_have_wasm_stacks_of_their_own() {
    run_host("coroutines.c", &[&["ucontext"], &["fiber"]]);
}

/// Greenlets copy their part of the C stack away and back.
#[test]
fn coroutines_that_share_the_stack_of_the_host_do_not_share_that_of_wasm() {
    let workshop = Workshop::new("hosts");
    let package = corpus::fetch(&GREENLET, "greenlet").unwrap_or_else(|reason| panic!("{reason}"));
    let mut python = Command::new("python3");
    python.arg(fixture("hosts/greenlets.py")).arg(workshop.plugin("guest", "guest", &[]));
    says_ok(python.env("PYTHONPATH", package.parent().unwrap()));
}

#[test]
fn calls_in_signal_handlers_are_refused_while_wasm_runs() {
    run_host("handlers.c", &[&["refused"], &["refused", "onstack"]]);
}

#[test]
fn signals_may_come_at_any_point_of_a_call() {
    run_host("handlers.c", &[&["storm"], &["storm", "onstack"]]);
}

#[test]
fn a_handler_on_a_nearly_full_wasm_stack_runs_to_its_end() {
    run_host("handlers.c", &[&["deep"], &["deep", "onstack"]]);
}

#[test]
fn a_signal_without_room_ends_the_call_and_not_the_host() {
    run_host("handlers.c", &[&["lost"], &["lost", "onstack"]]);
}

#[test]
fn faults_of_handlers_are_the_host_s() {
    run_host("handlers.c", &[&["fault"], &["fault", "onstack"]]);
}

#[test]
fn a_signal_stack_that_was_taken_away_is_there_at_the_next_call() {
    run_host("signal_stack.c", &[&[]]);
}

#[test]
fn the_floating_point_environment_is_the_guest_s_own() {
    run_host("rounding.c", &[&[]]);
}
