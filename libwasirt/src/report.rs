//! Messages of ours to the user: errors and hints on standard error, the policy on standard output.
//!
//! Bytes are put together without `core::fmt`, which would be a tenth of a small program's size.

use rustix::fd::BorrowedFd;
use rustix::stdio;

use crate::grants::{Dir, Grants};
use crate::terminal::Escapes;
use crate::types::Access;

/// Prints `parts` as one line to standard error. A failure is ignored: there is nowhere left to report it.
pub fn report(parts: &[&[u8]]) {
    let mut line = parts.concat();
    line.push(b'\n');
    print(stdio::stderr(), &line);
}

fn print(stream: BorrowedFd<'_>, mut rest: &[u8]) {
    while !rest.is_empty() {
        match rustix::io::write(stream, rest) {
            Ok(written) => rest = &rest[written.min(rest.len())..],
            Err(rustix::io::Errno::INTR) => {}
            Err(_) => return,
        }
    }
}

/// Prints what a program would be given, for `W2N_HELP`.
pub fn describe(grants: &Grants) {
    let mut text = Vec::new();
    section(&mut text, b"packed directories", &grants.embedded, |text, packed| {
        text.extend_from_slice(&packed.guest);
        if packed.archive.is_empty() {
            text.extend_from_slice(b", empty");
        }
    });
    section(&mut text, b"directories", &grants.dirs, push_dir);
    section(&mut text, b"environment", &grants.env, |text, variable| {
        text.extend_from_slice(&variable.key);
        match &variable.value {
            Some(value) => text.extend_from_slice(&[b"=", value.as_slice()].concat()),
            None => text.extend_from_slice(b" (not set here)"),
        }
    });
    let listeners: Vec<_> = grants.listeners.iter().flatten().collect();
    section(&mut text, b"listening sockets", &listeners, |text, address| text.extend_from_slice(address));
    text.extend_from_slice(match grants.escapes {
        Escapes::Passed => b"terminal escapes: allowed\n",
        Escapes::Shown => b"terminal escapes: made visible\n",
    });
    print(stdio::stdout(), &text);
}

fn section<T>(text: &mut Vec<u8>, title: &[u8], items: &[T], push: fn(&mut Vec<u8>, &T)) {
    text.extend_from_slice(title);
    text.extend_from_slice(if items.is_empty() { b": none\n" } else { b":\n" });
    for item in items {
        text.extend_from_slice(b"  ");
        push(text, item);
        text.push(b'\n');
    }
}

fn push_dir(text: &mut Vec<u8>, dir: &Dir) {
    text.extend_from_slice(&dir.host);
    if !dir.below.is_empty() {
        text.extend_from_slice(&[b"/", dir.below.as_slice()].concat());
    }
    text.extend_from_slice(&[b" as ", dir.guest.as_slice()].concat());
    if dir.access == Access::ReadOnly {
        text.extend_from_slice(b", read-only");
    }
}
