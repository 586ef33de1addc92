//! Standard streams that the program was started without.
//!
//! The rule: numbers 0 to 2 are taken before anything else is opened, so no file of the guest's, and none of
//! the runtime's, can ever get what is written to a standard stream.

use core::ffi::CStr;

/// What stands for a stream that is closed: nothing to read, and what is written is lost.
const NOTHING: &CStr = c"/dev/null";

/// Opens the standard streams that are closed. `None`: the system has nothing to put there.
pub fn open_missing() -> Option<()> {
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
