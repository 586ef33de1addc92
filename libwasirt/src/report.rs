//! Messages of ours to the user, on standard error.
//!
//! Bytes are put together without `core::fmt`, which would be a tenth of a small program's size.

/// Prints `parts` as one line. An error is ignored: there is nowhere left to report it.
pub fn report(parts: &[&[u8]]) {
    let mut line = parts.concat();
    line.push(b'\n');
    let mut rest = line.as_slice();
    while !rest.is_empty() {
        match rustix::io::write(rustix::stdio::stderr(), rest) {
            Ok(written) => rest = &rest[written.min(rest.len())..],
            Err(rustix::io::Errno::INTR) => {}
            Err(_) => return,
        }
    }
}
