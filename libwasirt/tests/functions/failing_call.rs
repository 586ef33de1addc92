//! Threads in which one system call of the host fails, by a seccomp filter.

/// Runs `body` in a thread in which the host answers `errno` to the system call `number`, on what `prepare`
/// made in that thread while the host still worked.
pub fn with_failing_call<T, R: Send>(
    number: i64,
    errno: i32,
    prepare: impl FnOnce() -> T + Send,
    body: impl FnOnce(T) -> R + Send,
) -> R {
    let run = move || {
        let prepared = prepare();
        fail_call(number, errno);
        body(prepared)
    };
    std::thread::scope(|scope| scope.spawn(run).join())
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// Installs a seccomp filter for the calling thread: load the number of the system call; if it is `number`,
/// answer `errno`; else go on.
fn fail_call(number: i64, errno: i32) {
    let instruction = |code: u32, jt, jf, k| libc::sock_filter { code: code as u16, jt, jf, k };
    let mut program = [
        instruction(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        instruction(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 0, 1, number as u32),
        instruction(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ERRNO | errno as u32),
        instruction(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let filter = libc::sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };
    // SAFETY: the program outlives the call that copies it; both calls change this thread alone.
    unsafe {
        assert_eq!(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
        let mode = libc::SECCOMP_SET_MODE_FILTER;
        assert_eq!(
            libc::syscall(libc::SYS_seccomp, mode, 0, &raw const filter),
            0,
            "no seccomp on this host"
        );
    }
}
