//! What whoever starts a program controls: its environment, its working directory, signals that are blocked. In
//! a program with rights that its caller lacks, none of it grants anything.
//!
//! How: a program is given a set-user-id or set-group-id bit, or capabilities, and started by nobody. That
//! takes root and a file system that honours such bits.

use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use w2n_abi::{COMPILER_VARIABLES, RUN_VARIABLES};
use w2n_tests::granted::Program;
use w2n_tests::program::{Finished, run};

/// The user and group that are nobody.
const NOBODY: u32 = 65_534;

/// How a program comes to have more rights than its caller.
#[derive(Clone, Copy, Debug)]
enum Right {
    SetUserId,
    SetGroupId,
    Capability,
    /// It does not.
    None,
}

/// Gives the program the right. `Err`: what this machine lacks.
fn give(program: &Program, right: Right) -> Result<(), String> {
    let executable = program.executable();
    let mode = match right {
        Right::SetUserId => 0o4755,
        Right::SetGroupId => 0o2755,
        Right::Capability | Right::None => 0o755,
    };
    for (path, mode) in [(program.dir(), 0o755), (executable, mode)] {
        std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    }
    if let Right::Capability = right {
        let setcap = Command::new("setcap").arg("cap_net_bind_service+ep").arg(executable).status();
        if !setcap.is_ok_and(|status| status.success()) {
            return Err("setcap is not there, or the file system keeps no capabilities".to_owned());
        }
    }
    Ok(())
}

/// Why programs with more rights cannot be tried here: the only reasons there are.
fn lacks() -> Option<&'static str> {
    // SAFETY: only asks.
    if unsafe { libc::geteuid() } != 0 {
        return Some("not run by root");
    }
    let options = Command::new("findmnt").args(["-no", "OPTIONS", "-T"]).arg(std::env::temp_dir()).output();
    let options =
        options.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    options.contains("nosuid").then_some("the directory for temporary files is mounted with nosuid")
}

/// Runs it as nobody, in `dir`.
fn run_as_nobody(program: &Program, dir: &Path, variables: &[(&str, &str)]) -> Finished {
    let mut command = Command::new("setpriv");
    command.args([&format!("--reuid={NOBODY}"), &format!("--regid={NOBODY}"), "--clear-groups"]);
    command.arg(program.executable()).envs(variables.iter().copied()).current_dir(dir);
    run(&mut command, b"").unwrap()
}

#[track_caller]
fn prints(finished: &Finished) -> String {
    assert_eq!(finished.status, Some(0), "{}", String::from_utf8_lossy(&finished.stderr));
    String::from_utf8(finished.stdout.clone()).unwrap()
}

/// All that the variables of a run can say; for a program with more rights none of it is said.
const VARIABLES: [(&str, &str); 12] = [
    ("W2N_DIR", "/etc"),
    ("W2N_ENV", "K=1,GIVEN"),
    ("W2N_TCPLISTEN", "127.0.0.1:1"),
    ("W2N_ALLOW_ESCAPES", "1"),
    ("W2N_HELP", "1"),
    ("W2N_POLICY", "open"),
    ("W2N_MAX_MEMORY", "64K"),
    ("W2N_STACK_SIZE", "none"),
    ("W2N_MAX_FDS", "1"),
    ("W2N_TIMEOUT", "1ms"),
    ("W2N_MISSPELT", "1"),
    ("GIVEN", "by the caller"),
];

#[test]
fn a_program_with_more_rights_than_its_caller_takes_nothing_from_it() {
    if let Some(reason) = lacks() {
        return println!("skipped: {reason}");
    }
    for options in [&["-O0"][..], &["-O0", "--policy=open", "--env", "GIVEN"], &["-O0", "--policy=bound"]] {
        let program = Program::new("given.c", options);
        // The same variables mean something to an ordinary program.
        give(&program, Right::None).unwrap();
        assert_eq!(run_as_nobody(&program, program.dir(), &VARIABLES).status, Some(1));
        for right in [Right::SetUserId, Right::SetGroupId, Right::Capability] {
            if let Err(reason) = give(&program, right) {
                println!("skipped: {right:?}: {reason}");
                continue;
            }
            let finished = run_as_nobody(&program, program.dir(), &VARIABLES);
            assert_eq!(prints(&finished), "", "{right:?} {options:?}");
        }
    }
}

#[test]
fn what_is_baked_in_is_granted_with_the_rights_of_the_program() {
    if let Some(reason) = lacks() {
        return println!("skipped: {reason}");
    }
    let program = Program::new("given.c", &["-O0", "--env", "K=1"]);
    let secret = program.dir().join("data");
    let option = format!("{}::/d", secret.display());
    let absolute = Program::new("given.c", &["-O0", "--dir", &option, "--env", "K=1"]);
    std::fs::set_permissions(program.dir(), PermissionsExt::from_mode(0o755)).unwrap();
    std::fs::set_permissions(&secret, PermissionsExt::from_mode(0o700)).unwrap();
    give(&absolute, Right::None).unwrap();
    let refused = run_as_nobody(&absolute, Path::new("/"), &[]);
    assert_eq!(refused.status, Some(1), "nobody may not open it");
    give(&absolute, Right::SetUserId).unwrap();
    let given = run_as_nobody(&absolute, Path::new("/"), &VARIABLES);
    assert_eq!(prints(&given), "variable K=1\ndirectory /d: file sub\n");
}

/// The caller chooses where that is.
#[test]
fn a_relative_directory_is_refused_in_a_program_with_more_rights() {
    if let Some(reason) = lacks() {
        return println!("skipped: {reason}");
    }
    let program = Program::new("given.c", &["-O0", "--dir", "data"]);
    give(&program, Right::None).unwrap();
    assert_eq!(prints(&run_as_nobody(&program, program.dir(), &[])), "directory data: file sub\n");
    for right in [Right::SetUserId, Right::SetGroupId] {
        give(&program, right).unwrap();
        let finished = run_as_nobody(&program, program.dir(), &[]);
        let message = String::from_utf8(finished.stderr).unwrap();
        assert_eq!((finished.status, finished.stdout), (Some(1), vec![]), "{message}");
        assert!(message.contains("`data` is relative") && message.contains("absolute path"), "{message}");
    }
}

/// Rights that a program gives up are more than its caller has, too: root calls a program of nobody's.
#[test]
fn a_program_with_other_rights_than_its_caller_takes_nothing_from_it() {
    if let Some(reason) = lacks() {
        return println!("skipped: {reason}");
    }
    let program = Program::new("given.c", &["-O0"]);
    chown(program.executable(), Some(NOBODY), Some(NOBODY)).unwrap();
    give(&program, Right::SetUserId).unwrap();
    assert_eq!(program.prints(&VARIABLES), "");
}

#[test]
fn a_misspelt_variable_is_an_error_that_says_what_was_meant() {
    let pages = Program::new("pages.wat", &["-O0", "--sealed"]);
    let given = Program::new("given.c", &["-O0", "--dir", "data"]);
    for (variable, suggestion) in [
        ("W2N_MAXMEMORY", "did you mean W2N_MAX_MEMORY?"),
        ("W2N_MAX_MEMROY", "did you mean W2N_MAX_MEMORY?"),
        ("W2N_MEMORY", "did you mean W2N_MAX_MEMORY?"),
        ("W2N_MAX_FD", "did you mean W2N_MAX_FDS?"),
        ("W2N_TIMEOUTS", "did you mean W2N_TIMEOUT?"),
        ("W2N_STACKSIZE", "did you mean W2N_STACK_SIZE?"),
        ("W2N_STACK", "did you mean W2N_STACK_SIZE?"),
        ("W2N_DIRS", "did you mean W2N_DIR?"),
        ("W2N_TCP_LISTEN", "did you mean W2N_TCPLISTEN?"),
        ("w2n_timeout", "did you mean W2N_TIMEOUT?"),
        ("W2n_Help", "did you mean W2N_HELP?"),
        ("W2N_", "there are W2N_DIR, W2N_ENV, "),
        ("W2N_SOMETHING_ELSE_THAT_IS_LONGER_THAN_ANY_NAME_OF_OURS", "W2N_TIMEOUT; W2N_HELP=1 shows"),
        ("W2N_\u{1b}[2J", "wasm2native: W2N_?[2J: unknown variable"),
    ] {
        for program in [&pages, &given] {
            for more in [&[][..], &[("W2N_HELP", "1")]] {
                let variables = [&[(variable, "1")], more].concat();
                program.is_refused(&variables, &[variable.split('\u{1b}').next().unwrap(), suggestion]);
            }
        }
    }
}

#[test]
fn variables_of_the_compiler_and_of_others_say_nothing_to_a_program() {
    let program = Program::new("given.c", &["-O0"]);
    let ours = COMPILER_VARIABLES.map(|name| (name, "1"));
    assert_eq!(program.prints(&ours), "");
    assert_eq!(
        program.prints(&[("W2N", "1"), ("W2NDIR", "x"), ("MY_W2N_DIR", "x"), ("WASM2NATIVE", "x")]),
        ""
    );
}

/// A list like `execve`'s can have a name twice, and then it is not clear which of the two counts.
#[test]
fn a_variable_that_is_set_twice_is_an_error() {
    let program = Program::new("given.c", &["-O0"]);
    let script = "import os,sys,ctypes\n\
        libc=ctypes.CDLL(None)\n\
        argv=(ctypes.c_char_p*2)(b'program',None)\n\
        env=(ctypes.c_char_p*3)(b'W2N_TIMEOUT=1h',b'W2N_TIMEOUT=1ms',None)\n\
        libc.execve(b'./program',argv,env)\n";
    let finished = run(Command::new("python3").args(["-c", script]).current_dir(program.dir()), b"").unwrap();
    let message = String::from_utf8(finished.stderr).unwrap();
    assert_eq!(finished.status, Some(1), "{message}");
    assert!(message.contains("W2N_TIMEOUT is set twice"), "{message}");
}

/// Every variable that a source file of ours reads is in the list of those that programs pass over.
#[test]
fn the_list_of_the_compilers_variables_is_complete() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let sources = Command::new("grep")
        .args(["-rhoE", "--include=*.rs", "--include=*.sh", "--include=Makefile", "--exclude-dir=target"])
        .args([r#"(var|var_os|getenv)\("W2N_[A-Z_]+"|^\s*W2N_[A-Z_]+=|"W2N_[A-Z_]+"[],]"#])
        .args(["Makefile", "scripts", "tests/src", "tests/bench", "tests/fuzz", "wasm2native"])
        .current_dir(root)
        .output()
        .unwrap();
    let text = String::from_utf8(sources.stdout).unwrap();
    let mut found = 0;
    for line in text.lines() {
        let start = line.find("W2N_").unwrap();
        let name = line[start..].split(['"', '=']).next().unwrap();
        found += 1;
        assert!(COMPILER_VARIABLES.contains(&name) || RUN_VARIABLES.contains(&name), "{name} is in no list");
    }
    assert!(found >= 4, "only {found} were found");
}

/// A shell that blocks signals hands that on.
#[test]
fn a_fault_is_a_trap_where_its_signal_was_blocked() {
    let program = Program::new("faults.wat", &["-O1"]);
    let mut command = Command::new(program.executable());
    // SAFETY: between fork and exec only a system call is made.
    unsafe {
        command.pre_exec(|| {
            let mut all = std::mem::zeroed();
            libc::sigfillset(&mut all);
            libc::sigprocmask(libc::SIG_BLOCK, &all, std::ptr::null_mut());
            Ok(())
        });
    }
    let output = command.output().unwrap();
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(134), "{message}");
    assert!(message.contains("trap: out of bounds memory access"), "{message}");
}
