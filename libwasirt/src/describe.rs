//! What a program would be given, on standard output: `W2N_HELP`.
//!
//! Rule: it says what `grants.rs` would open, and opens nothing.

use rustix::stdio;

use crate::grant::{Dir, Grants};
use crate::report::print;
use crate::terminal::Escapes;
use crate::types::Access;

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
