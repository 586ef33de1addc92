//! Linux: addresses, threads, and what a process was started with.
//!
//! The rule: as for all of `sys`; signals are in `linux_signals.rs`.

use core::ffi::{CStr, c_char, c_int, c_void};
use core::mem::zeroed;
use core::ops::Range;
use core::ptr::{null, null_mut};
use core::sync::atomic::{AtomicU32, Ordering};

use super::Access;

/// What addresses are reserved for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A linear memory.
    Memory,
    /// A stack.
    Stack,
}

/// Addresses of its own, at first inaccessible and backed by nothing; given back when dropped.
pub struct Mapping {
    start: usize,
    len: usize,
}

impl Mapping {
    /// `len` bytes, if the system gives as many.
    pub fn new(len: usize, purpose: Purpose) -> Option<Self> {
        let stack = if purpose == Purpose::Stack { libc::MAP_STACK } else { 0 };
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | stack;
        // SAFETY: a new anonymous mapping touches nothing that exists.
        let start = unsafe { libc::mmap(null_mut(), len, libc::PROT_NONE, flags, -1, 0) };
        (start != libc::MAP_FAILED).then_some(Self { start: start as usize, len })
    }

    /// All of its addresses.
    pub fn range(&self) -> Range<usize> {
        self.start..self.start + self.len
    }

    /// Makes whole pages of it accessible or not: whether the system did so. Async-signal-safe.
    pub fn protect(&self, range: Range<usize>, access: Access) -> bool {
        let own = self.range();
        let is_inside = own.start <= range.start && range.start <= range.end && range.end <= own.end;
        let protection = match access {
            Access::None => libc::PROT_NONE,
            Access::ReadWrite => libc::PROT_READ | libc::PROT_WRITE,
        };
        // SAFETY: the range lies inside the mapping, which is this one's own.
        is_inside && unsafe { libc::mprotect(range.start as *mut c_void, range.len(), protection) } == 0
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the mapping is this one's own. Whoever drops it has made sure that nobody uses its
        // addresses.
        unsafe { libc::munmap(self.start as *mut c_void, self.len) };
    }
}

/// Sleeps until somebody wakes the word up, unless it is not `value` (any more). May wake up for no reason.
#[cold]
#[inline(never)]
pub fn wait_while(word: &AtomicU32, value: u32) {
    let no_limit = null::<libc::timespec>();
    // SAFETY: the kernel only reads the word, which is borrowed.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), FUTEX_WAIT, value, no_limit) };
}

/// Wakes one of those up that sleep at the word.
#[cold]
#[inline(never)]
pub fn wake_one(word: &AtomicU32) {
    // SAFETY: the kernel does not even read the word.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), FUTEX_WAKE, 1) };
}

const FUTEX_WAIT: c_int = libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG;
const FUTEX_WAKE: c_int = libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG;

/// Knows what each thread leaves behind.
pub struct ExitKey {
    /// Number of the system's key, plus one; 0 before there is one.
    number: AtomicU32,
}

impl ExitKey {
    /// One that has not been used yet.
    pub const fn new() -> Self {
        Self { number: AtomicU32::new(0) }
    }

    /// Sees to it that `destroy(left)` is called when the calling thread ends. `None`: the system cannot.
    ///
    /// Nobody else may be in here at the same time; it is always the same function.
    pub fn leave(&self, left: *mut c_void, destroy: unsafe extern "C" fn(*mut c_void)) -> Option<()> {
        let mut key = self.number.load(Ordering::Relaxed).wrapping_sub(1);
        // SAFETY: `key` is valid for writing, and the destructor has the signature that is asked for. The key
        // exists then and is never deleted.
        unsafe {
            if self.number.load(Ordering::Relaxed) == 0 {
                if libc::pthread_key_create(&mut key, Some(destroy)) != 0 {
                    return None;
                }
                self.number.store(key + 1, Ordering::Relaxed);
            }
            (libc::pthread_setspecific(key, left) == 0).then_some(())
        }
    }
}

/// Addresses of the stack that the calling thread was started with. That of the main thread takes a file to
/// know.
pub fn own_stack() -> Option<Range<usize>> {
    // SAFETY: the attributes are initialised by pthread_getattr_np before they are read, then destroyed.
    unsafe {
        let mut attributes: libc::pthread_attr_t = zeroed();
        if libc::pthread_getattr_np(libc::pthread_self(), &mut attributes) != 0 {
            return None;
        }
        let (mut start, mut size) = (null_mut(), 0);
        let status = libc::pthread_attr_getstack(&attributes, &mut start, &mut size);
        libc::pthread_attr_destroy(&mut attributes);
        (status == 0).then_some(start as usize..start as usize + size)
    }
}

/// What stands for a standard stream that is closed: nothing to read, and what is written is lost.
const NOTHING: &CStr = c"/dev/null";

/// Opens the standard streams that are closed. `None`: the system has nothing to put there.
pub fn open_missing_streams() -> Option<()> {
    for stream in [libc::STDIN_FILENO, libc::STDOUT_FILENO, libc::STDERR_FILENO] {
        // SAFETY: plain system calls on a constant string. The lowest free number is that of the stream, as
        // those below it are open.
        let is_there = unsafe {
            libc::fcntl(stream, libc::F_GETFD) != -1 || libc::open(NOTHING.as_ptr(), libc::O_RDWR) == stream
        };
        if !is_there {
            return None;
        }
    }
    Some(())
}

/// Writes to standard error.
pub fn print_error(message: &[u8]) {
    print(libc::STDERR_FILENO, message);
}

/// Writes to standard output.
pub fn print_output(message: &[u8]) {
    print(libc::STDOUT_FILENO, message);
}

fn print(stream: c_int, mut message: &[u8]) {
    while !message.is_empty() {
        // SAFETY: the buffer is valid.
        let written = unsafe { libc::write(stream, message.as_ptr().cast(), message.len()) };
        // Nowhere to say that the stream is gone.
        let Ok(written @ 1..) = usize::try_from(written) else { return };
        message = &message[written..];
    }
}

/// Writes to standard error if it takes anything within `patience_ms`, and ends the process without any of
/// its clean-up. Async-signal-safe.
pub fn give_last_words(words: &[u8], patience_ms: c_int, status: c_int) -> ! {
    let mut stderr = libc::pollfd { fd: libc::STDERR_FILENO, events: libc::POLLOUT, revents: 0 };
    // SAFETY: all three are plain system calls on valid buffers; _exit runs nothing of the process.
    unsafe {
        if libc::poll(&mut stderr, 1, patience_ms) > 0 {
            libc::write(libc::STDERR_FILENO, words.as_ptr().cast(), words.len());
        }
        libc::_exit(status)
    }
}

/// Whether the program has rights of its file that whoever started it lacks.
pub fn has_rights_of_file() -> bool {
    // SAFETY: only reads what the kernel said at the start.
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}

unsafe extern "C" {
    static environ: *const *const c_char;
}

/// The variables of the environment, `NAME=value` each.
pub fn environment() -> impl Iterator<Item = &'static [u8]> {
    // SAFETY: the C library keeps a list of C strings that ends in null, or null. It stays as it is: nobody
    // here changes the environment, and the guest cannot.
    unsafe {
        let list = environ;
        (0..).map_while(move |index| {
            let entry = if list.is_null() { list.cast() } else { *list.add(index) };
            entry.as_ref().map(|entry| CStr::from_ptr(entry).to_bytes())
        })
    }
}
