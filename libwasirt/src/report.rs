//! Messages of ours to the user, and what they are made of.
//!
//! Bytes are put together without `core::fmt`, which would be a tenth of a small program's size.

use rustix::fd::BorrowedFd;
use rustix::stdio;

/// Prints `parts` as one line to standard error. A failure is ignored: there is nowhere left to report it.
pub fn report(parts: &[&[u8]]) {
    let mut line = parts.concat();
    line.push(b'\n');
    print(stdio::stderr(), &line);
}

/// Prints all of `rest`, as far as the stream takes it.
pub(crate) fn print(stream: BorrowedFd<'_>, mut rest: &[u8]) {
    while !rest.is_empty() {
        match rustix::io::write(stream, rest) {
            Ok(written) => rest = &rest[written.min(rest.len())..],
            Err(rustix::io::Errno::INTR) => {}
            Err(_) => return,
        }
    }
}

/// What the host says about its error number.
pub(crate) fn host_message(number: i32) -> Vec<u8> {
    // SAFETY: strerror answers a C string, which stays valid until the next call; we copy it, and no
    // other thread runs before the guest.
    unsafe { core::ffi::CStr::from_ptr(libc::strerror(number)) }.to_bytes().to_vec()
}
