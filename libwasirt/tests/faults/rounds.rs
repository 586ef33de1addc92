//! Descriptors a million times over: the host's count stays flat.

use libwasirt::functions::*;
use libwasirt::types::*;

use crate::guest::*;
use crate::{my_turn, open_descriptors};

const ROUNDS: u32 = 1_000_000;

/// Opens `file` below the granted directory; its path must be at [`DATA`].
fn open(guest: &mut Guest, path_len: u32) -> Fd {
    guest.call(|c, m| path_open(c, m, DIR, 0, DATA, path_len, 0, READ, 0, 0, OUT)).expect("it is there");
    Fd(guest.u32_at(OUT))
}

#[test]
fn a_million_opens_renumbers_and_closes_leave_nothing_open() {
    let _turn = my_turn();
    let mut guest = Guest::new();
    guest.write_host_file("file", "");
    let path_len = guest.put(DATA, b"file");
    let mut kept = open(&mut guest, path_len);
    let (before, numbers) = (open_descriptors(), guest.context.fds.len());
    for round in 0..ROUNDS {
        let fd = open(&mut guest, path_len);
        if round % 2 == 0 {
            guest.call(|c, m| fd_renumber(c, m, fd, kept)).expect("both are open");
        } else {
            guest.call(|c, m| fd_renumber(c, m, kept, fd)).expect("both are open");
            kept = fd;
        }
        if round % 100_000 == 0 {
            assert_eq!(open_descriptors(), before, "in round {round}");
        }
    }
    for _ in 0..ROUNDS {
        let fd = open(&mut guest, path_len);
        guest.call(|c, m| fd_close(c, m, fd)).expect("it is open");
    }
    assert_eq!(open_descriptors(), before);
    assert!(guest.context.fds.len() <= numbers + 1, "the table grew to {}", guest.context.fds.len());
}
