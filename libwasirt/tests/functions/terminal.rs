//! What a guest writes to a terminal: escapes are made visible, unless they are allowed.

use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};

use libwasirt::descriptor::Descriptor;
use libwasirt::functions::*;
use libwasirt::terminal::{EscapeFilter, Escapes};
use libwasirt::types::*;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::guest::*;

/// A terminal: the end that shows, and the end that the guest writes to, which passes bytes on as they are.
fn terminal() -> (std::fs::File, &'static OwnedFd) {
    let shown = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&shown).unwrap();
    unlockpt(&shown).unwrap();
    let path = ptsname(&shown, Vec::new()).unwrap();
    let written = std::fs::File::options().read(true).write(true).open(path.to_str().unwrap()).unwrap();
    let mut settings = rustix::termios::tcgetattr(&written).unwrap();
    settings.make_raw();
    rustix::termios::tcsetattr(&written, rustix::termios::OptionalActions::Now, &settings).unwrap();
    (shown.into(), Box::leak(Box::new(written.into())))
}

/// What a terminal shows of what a guest writes.
fn shown(escapes: Escapes, writes: &[&[u8]]) -> Vec<u8> {
    let (mut screen, written) = terminal();
    let mut guest = Guest::new();
    let stdout = Descriptor::stdio(written.as_fd(), Rights::FD_WRITE).unwrap().with_escapes(escapes);
    let fd = guest.context.fds.insert(stdout).unwrap();
    for bytes in writes {
        assert_eq!(guest.write(fd, bytes), Ok(bytes.len() as u32), "all of it counts as written");
    }
    guest.write(fd, b"END").unwrap();
    let mut bytes = Vec::new();
    let mut buffer = [0; 1000];
    while !bytes.ends_with(b"END") {
        let count = screen.read(&mut buffer).unwrap();
        bytes.extend_from_slice(&buffer[..count]);
    }
    bytes.truncate(bytes.len() - 3);
    bytes
}

#[test]
fn a_terminal_is_shown_pictures_of_control_characters() {
    let written = "\x1b[31mred\x1b[0m\t\r\n\x07\x08\x7f\u{9b}2J caf\u{e9} \u{1f600}";
    assert_eq!(shown(Escapes::Passed, &[written.as_bytes()]), written.as_bytes());
    let visible = "␛[31mred␛[0m\t\r\n␇␈␡\u{fffd}2J caf\u{e9} \u{1f600}";
    assert_eq!(String::from_utf8(shown(Escapes::Shown, &[written.as_bytes()])).unwrap(), visible);
}

#[test]
fn characters_that_come_in_parts_come_whole() {
    let parts: Vec<&[u8]> = "é😀\x1b".as_bytes().chunks(1).collect();
    assert_eq!(String::from_utf8(shown(Escapes::Shown, &parts)).unwrap(), "é😀␛");
}

#[test]
fn what_is_no_character_is_replaced() {
    let filter = EscapeFilter::default();
    // 0x9b alone starts a sequence on a terminal that is not UTF-8; c2 9b is the same character in UTF-8.
    for (bytes, visible) in [
        (&b"\x9b2J"[..], "\u{fffd}2J"),
        (b"\xc2\x9b2J", "\u{fffd}2J"),
        (b"a\xffb", "a\u{fffd}b"),
        (b"\xc2\x1b[", "\u{fffd}␛["),
        (b"\xed\xa0\x80", "\u{fffd}\u{fffd}\u{fffd}"),
    ] {
        assert_eq!(String::from_utf8(filter.filtered(bytes)).unwrap(), visible, "{bytes:x?}");
    }
}

#[test]
fn a_long_write_is_taken_in_parts() {
    let (_screen, written) = terminal();
    let mut guest = Guest::new();
    let stdout = Descriptor::stdio(written.as_fd(), Rights::FD_WRITE).unwrap().with_escapes(Escapes::Shown);
    let fd = guest.context.fds.insert(stdout).unwrap();
    // A terminal holds 4096 bytes that nobody has read; this is a third of one part.
    let count = guest.put(DATA, &[b'x'; 1300]);
    let buffers: Vec<_> = (0..4).map(|_| (DATA, count)).collect();
    let (iovs, iovs_len) = guest.put_iovecs(&buffers);
    std::thread::spawn(move || {
        let mut screen = _screen;
        let mut buffer = [0; 10_000];
        while screen.read(&mut buffer).is_ok_and(|count| count > 0) {}
    });
    guest.run(&[(OUT, 4)], |c, m| fd_write(c, m, fd, iovs, iovs_len, OUT)).unwrap();
    assert_eq!(guest.u32_at(OUT), 4096, "the rest is for the next call");
}

/// Pipes and files are not terminals: bytes stay bytes.
#[test]
fn only_terminals_are_filtered() {
    let mut guest = Guest::new();
    let fd = guest.open("file", OPEN_CREATE, READ_WRITE).unwrap();
    guest.write(fd, b"\x1b[31m").unwrap();
    assert_eq!(std::fs::read(guest.host("file")).unwrap(), b"\x1b[31m");
}
