//! `args_*` and `environ_*`: sizes, the two arrays, and nothing written where one does not fit.

use libwasirt::errno::Errno;
use libwasirt::functions::*;
use libwasirt::types::GuestPtr;

use crate::guest::*;

fn guest() -> Guest {
    let mut guest = Guest::new();
    for argument in ["prog", "", "a b\u{e9}"] {
        guest.context.args.push(&[argument.as_bytes()]);
    }
    guest.context.environ.push(&[b"KEY", b"=", b"value"]);
    guest
}

#[test]
fn args_are_handed_out_byte_for_byte() {
    let mut guest = guest();
    guest.run(&[(OUT, 4), (OUT2, 4)], |c, m| args_sizes_get(c, m, OUT, OUT2)).unwrap();
    assert_eq!((guest.u32_at(OUT), guest.u32_at(OUT2)), (3, 12));
    guest.run(&[(OUT, 12), (DATA, 12)], |c, m| args_get(c, m, OUT, DATA)).unwrap();
    assert_eq!(guest.bytes(DATA, 12), b"prog\0\0a b\xc3\xa9\0");
    let pointers = [0, 4, 8].map(|at| guest.u32_at(GuestPtr(OUT.0 + at)) - DATA.0);
    assert_eq!(pointers, [0, 5, 6]);
}

#[test]
fn environ_is_handed_out_as_key_and_value() {
    let mut guest = guest();
    guest.run(&[(OUT, 4), (OUT2, 4)], |c, m| environ_sizes_get(c, m, OUT, OUT2)).unwrap();
    assert_eq!((guest.u32_at(OUT), guest.u32_at(OUT2)), (1, 10));
    guest.run(&[(OUT, 4), (DATA, 10)], |c, m| environ_get(c, m, OUT, DATA)).unwrap();
    assert_eq!(guest.bytes(DATA, 10), b"KEY=value\0");
    assert_eq!(guest.u32_at(OUT), DATA.0);
}

#[test]
fn strings_that_end_with_memory_fit_and_one_byte_more_faults() {
    let mut guest = guest();
    let last = GuestPtr(MEMORY_SIZE - 12);
    guest.run(&[(OUT, 12), (last, 12)], |c, m| args_get(c, m, OUT, last)).unwrap();
    let past = GuestPtr(MEMORY_SIZE - 11);
    assert_eq!(guest.run(&[], |c, m| args_get(c, m, OUT, past)), Err(Errno::Fault));
    assert_eq!(guest.run(&[], |c, m| args_get(c, m, past, DATA)), Err(Errno::Fault));
    assert_eq!(guest.run(&[], |c, m| args_sizes_get(c, m, OUT, GuestPtr(u32::MAX))), Err(Errno::Fault));
}
