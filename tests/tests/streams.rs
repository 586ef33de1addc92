//! Standard streams that are closed, and FIFOs: programs as they are started by a shell, beside other processes.
//!
//! How: `fixtures/policy/streams.c` logs what it finds at 0 to 2 into a file, which must have nothing else;
//! `fixtures/policy/fifo.c` says what each of its calls answered, while a thread is at the other end. It is
//! also compiled natively, and must say the same.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use w2n_tests::granted::Program;
use w2n_tests::program::{fixture, run};

/// Every choice of closed streams, as a shell has it.
fn redirections() -> impl Iterator<Item = String> {
    (0..8u32).map(|closed| {
        let closing = ["<&-", ">&-", "2>&-"].into_iter().enumerate();
        closing
            .filter(|(stream, _)| closed & (1 << stream) != 0)
            .map(|(_, text)| format!("{text} "))
            .collect()
    })
}

#[test]
fn a_file_never_becomes_a_standard_stream() {
    let program = Program::new("streams.c", &["-O1", "--dir", "."]);
    for closed in redirections() {
        for (argument, status) in [("", 0), ("trap", 134)] {
            let finished = program.shell(&format!("./program '{argument}' {closed}"));
            assert_eq!(finished.status, Some(status), "{closed}");
            let log = std::fs::read_to_string(program.dir().join("log")).unwrap();
            assert_eq!(log, "log is 4; streams 0 0 0; input 0, 0 bytes; entries 0\n", "{closed}{argument}");
            let (stdout, stderr) = (finished.stdout, String::from_utf8(finished.stderr).unwrap());
            let output: &[u8] =
                if closed.contains(" >&-") || closed.starts_with(">&-") { b"" } else { b"guest's output\n" };
            assert_eq!(stdout, output, "{closed}");
            let is_silent = closed.contains("2>&-");
            assert_eq!(stderr.starts_with("guest's diagnostic\n"), !is_silent, "{closed}{stderr}");
            assert_eq!(stderr.contains("trap: unreachable"), !is_silent && status == 134, "{closed}{stderr}");
        }
    }
}

/// As in every POSIX system, and in other WASI hosts.
#[test]
fn a_stream_that_the_guest_closed_itself_is_a_number_like_any_other() {
    let program = Program::new("streams.c", &["-O1", "--dir", "."]);
    let finished = program.shell("./program close");
    assert_eq!((finished.status, finished.stdout), (Some(0), vec![]));
    let log = std::fs::read_to_string(program.dir().join("log")).unwrap();
    assert!(log.starts_with("log is 1; streams 0 0 0;"), "{log}");
}

/// Messages of ours go nowhere either, and a refusal is still one.
#[test]
fn a_refusal_without_a_stream_for_it_is_still_one() {
    let program = Program::new("streams.c", &["-O1", "--dir", "data", "--dir", "."]);
    for closed in redirections() {
        for script in ["W2N_DIR=/etc ./program", "W2N_MAXFDS=3 ./program", "W2N_MAX_FDS=1 ./program"] {
            let finished = program.shell(&format!("{script} {closed}"));
            assert_eq!(finished.status, Some(1), "{script} {closed}");
        }
        assert_eq!(program.shell(&format!("W2N_HELP=1 ./program {closed}")).status, Some(0), "{closed}");
    }
    for untouched in ["data/file", "other/thing"] {
        assert_eq!(std::fs::read_to_string(program.dir().join(untouched)).unwrap(), "text");
    }
}

/// A directory as standard input opens no way into it.
#[test]
fn a_directory_as_input_is_not_granted() {
    const NOTCAPABLE: u32 = 76;
    let program = Program::new("streams.c", &["-O1", "--dir", "."]);
    assert_eq!(program.shell("./program '' list <data").status, Some(0));
    let log = std::fs::read_to_string(program.dir().join("log")).unwrap();
    assert!(log.ends_with(&format!("entries {NOTCAPABLE}\n")), "{log}");
}

/// Where a test is run, and what is compared: the product's program, and a native one.
struct Sides {
    program: Program,
    native: PathBuf,
}

impl Sides {
    fn new(options: &[&str]) -> Self {
        let dir = TempDir::new().unwrap();
        for made in [
            Command::new("mkfifo").arg(dir.path().join("p")),
            Command::new("ln").args(["-s", "p"]).arg(dir.path().join("link")),
        ] {
            assert!(made.status().unwrap().success());
        }
        let native = dir.path().join("native");
        let clang = Command::new("clang-22").arg(fixture("policy/fifo.c")).arg("-o").arg(&native).status();
        assert!(clang.unwrap().success());
        let program = Program::in_dir(dir, "fifo.c", options);
        Self { program, native }
    }

    fn fifo(&self) -> PathBuf {
        self.program.dir().join("p")
    }

    /// What both programs say to these steps, while `other_end` does its part.
    #[track_caller]
    fn say(&self, steps: &str, other_end: impl Fn(&Path) + Sync) -> String {
        let [native, ours] = [&self.native, self.program.executable()].map(|executable| {
            std::thread::scope(|scope| {
                scope.spawn(|| other_end(&self.fifo()));
                let mut command = Command::new(executable);
                let finished = run(command.arg(steps).current_dir(self.program.dir()), b"").unwrap();
                assert_eq!(
                    finished.status,
                    Some(0),
                    "{steps}: {}",
                    String::from_utf8_lossy(&finished.stdout)
                );
                String::from_utf8(finished.stdout).unwrap()
            })
        });
        assert_eq!(ours, native, "{steps}");
        ours
    }
}

/// What passes between two things that the other end does: no result depends on it.
const MOMENT: Duration = Duration::from_millis(200);

fn nobody(_: &Path) {}

/// Opens the FIFO for writing after a moment, and writes each text after another.
fn writer(fifo: &Path, texts: &[&str]) {
    sleep(MOMENT);
    let mut end = File::options().write(true).open(fifo).unwrap();
    for text in texts {
        sleep(MOMENT);
        end.write_all(text.as_bytes()).unwrap();
    }
    sleep(MOMENT);
}

/// Opens the FIFO for reading after a moment, and reads all of it slowly.
fn reader(fifo: &Path) {
    sleep(MOMENT);
    let mut end = File::open(fifo).unwrap();
    let mut buffer = [0; 50_000];
    while end.read(&mut buffer).unwrap() > 0 {
        sleep(MOMENT / 10);
    }
}

#[test]
fn a_fifo_waits_for_its_other_end_and_for_data() {
    let sides = Sides::new(&["-O1", "--dir", ".::/"]);
    let said = sides.say("rE", |fifo| writer(fifo, &["hi\n", "again\n"]));
    assert_eq!(said, "open: 0\nread: 3\nread: 6\nread: 0\n");
    assert_eq!(sides.say("rpe", |fifo| writer(fifo, &["hi\n"])), "open: 0\npoll: 1\nread: 3\n");
    assert_eq!(
        sides.say("rpE", |fifo| writer(fifo, &[])),
        "open: 0\npoll: 1\nread: 0\n",
        "the writer has gone"
    );
    assert_eq!(sides.say("wo", reader), "open: 0\nwrite: 200000\n", "all of it, as nothing interrupts");
}

#[test]
fn nothing_waits_that_was_asked_not_to() {
    let sides = Sides::new(&["-O1", "--dir", ".::/"]);
    assert_eq!(sides.say("Re", nobody), "open: 0\nread: 0\n", "without a writer a FIFO is at its end");
    assert_eq!(sides.say("Rme", nobody), "open: 0\nclear: 0\nread: 0\n");
    assert_eq!(sides.say("W", nobody), "open: ENXIO\n");
    assert_eq!(sides.say("be", |fifo| writer(fifo, &["hi\n"])), "open: 0\nread: 3\n");
    assert_eq!(sides.say("bne", nobody), "open: 0\nset: 0\nread: EAGAIN\n");
    assert_eq!(sides.say("bno", nobody), "open: 0\nset: 0\nwrite: 65536\n", "as much as there is room for");
    let said = sides.say("bneme", |fifo| writer(fifo, &["hi\n"]));
    assert_eq!(said, "open: 0\nset: 0\nread: EAGAIN\nclear: 0\nread: 3\n");
}

#[test]
fn looking_at_a_fifo_waits_for_nobody() {
    let said = Sides::new(&["-O1", "--dir", ".::/"]).say("s", nobody);
    for line in ["stat: 0", "as a directory: ENOTDIR", "made anew: EEXIST", "through a link: ELOOP"] {
        assert!(said.lines().any(|other| other == line), "no {line} in\n{said}");
    }
}

#[test]
fn a_time_limit_ends_every_wait_for_a_fifo() {
    let sides = Sides::new(&["-O1", "--dir", ".::/", "--timeout=300ms"]);
    for steps in ["r", "w", "be", "bp", "boo"] {
        let start = Instant::now();
        let mut command = sides.program.command(&[]);
        let output = command.arg(steps).stdin(Stdio::null()).output().unwrap();
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(134), "{steps}: {message}");
        assert!(message.contains("trap: time limit exceeded"), "{steps}: {message}");
        assert!(start.elapsed() < Duration::from_secs(60), "{steps}: {:?}", start.elapsed());
    }
}
