//! The compiler under limits on processor time and address space, and what it took of both.
//!
//! The rule: a module is compiled or refused within the limits; what ends the compiler from outside is a failure.

use std::io::Read as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use w2n_tests::command::Bench;
use w2n_tests::program::compiler;

/// Processor time for the largest of all modules.
pub const MOST_SECONDS: u64 = 60;

/// Memory that is in use at once.
pub const MOST_MEMORY_BYTES: u64 = 2 << 30;

/// Address space, of which stacks of threads that are hardly used take a part.
const ADDRESS_SPACE_BYTES: u64 = 3_000_000_000;

/// What became of a run.
#[derive(Debug)]
pub struct Run {
    /// The exit status; -1 if a signal ended it.
    pub status: i32,
    /// All of standard error.
    pub said: String,
    /// Processor time.
    pub cpu: Duration,
    /// The most memory that was in use at once.
    pub peak_bytes: u64,
}

/// Compiles `app.wasm` of the bench with one thread.
pub fn compile(bench: &Bench, module: &[u8], options: &[&str], seconds: u64) -> Run {
    bench.write("app.wasm", module);
    let mut command = Command::new(compiler());
    command.arg("-j1").args(options).arg("app.wasm").current_dir(bench.dir()).env_remove("CC");
    limited(&mut command, seconds)
}

/// Runs a command to its end, with limits on its time and address space.
fn limited(command: &mut Command, seconds: u64) -> Run {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let set = move |resource, most: u64| {
        let limit = libc::rlimit { rlim_cur: most, rlim_max: most };
        // SAFETY: the structure lives until the call returns.
        match unsafe { libc::setrlimit(resource, &raw const limit) } {
            0 => Ok(()),
            _ => Err(std::io::Error::last_os_error()),
        }
    };
    let limits = move || {
        set(libc::RLIMIT_CPU, seconds)?;
        set(libc::RLIMIT_AS, ADDRESS_SPACE_BYTES)
    };
    // SAFETY: between fork and exec this makes two system calls and takes no memory.
    unsafe { command.pre_exec(limits) };
    #[expect(clippy::zombie_processes, reason = "wait4 below waits for it")]
    let mut child = command.spawn().expect("the compiler runs");
    let mut said = String::new();
    child.stderr.take().expect("it is piped").read_to_string(&mut said).expect("messages are text");
    let mut status = 0;
    // SAFETY: a structure of numbers is valid when all of them are zero.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: the process is a child of this one that nobody has waited for; both places live until the call is over.
    let pid = unsafe { libc::wait4(child.id() as i32, &raw mut status, 0, &raw mut usage) };
    assert_eq!(pid, child.id() as i32, "{}", std::io::Error::last_os_error());
    let time = |time: libc::timeval| Duration::new(time.tv_sec as u64, time.tv_usec as u32 * 1000);
    Run {
        status: if libc::WIFEXITED(status) { libc::WEXITSTATUS(status) } else { -1 },
        said,
        cpu: time(usage.ru_utime) + time(usage.ru_stime),
        peak_bytes: usage.ru_maxrss as u64 * 1024,
    }
}
