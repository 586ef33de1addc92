//! `poll_oneoff`: many subscriptions, lists that overlap, refusals that wait for nothing.
//!
//! What a single subscription answers is in `fixtures/wasi/poll.c`.

use std::time::{Duration, Instant};

use libwasirt::errno::Errno;
use libwasirt::functions::*;
use libwasirt::types::*;
use rustix::pipe::pipe;

use crate::guest::*;

const LIST: GuestPtr = GuestPtr(1024);
const EVENTS: GuestPtr = GuestPtr(36_864);
const SUBSCRIPTION_SIZE: u32 = 48;
const EVENT_SIZE: u32 = 32;
const HOUR_NS: u64 = 3_600_000_000_000;
/// As many as fit between [`LIST`] and [`EVENTS`].
const MANY: u32 = 700;

fn put(guest: &mut Guest, index: u32, kind: u8, fields: &[(u32, u64)]) {
    let start = LIST.0 + index * SUBSCRIPTION_SIZE;
    guest.put(GuestPtr(start), &[0; SUBSCRIPTION_SIZE as usize]);
    guest.put(GuestPtr(start), &u64::from(index).to_le_bytes());
    guest.put(GuestPtr(start + 8), &[kind]);
    for (offset, value) in fields {
        guest.put(GuestPtr(start + offset), &value.to_le_bytes());
    }
}

fn put_clock(guest: &mut Guest, index: u32, timeout_ns: u64) {
    put(guest, index, 0, &[(16, 1), (24, timeout_ns)]);
}

fn put_read(guest: &mut Guest, index: u32, fd: Fd) {
    put(guest, index, 1, &[(16, u64::from(fd.0))]);
}

fn poll(guest: &mut Guest, count: u32) -> Result<u32, Errno> {
    guest
        .run(&[(EVENTS, count * EVENT_SIZE), (OUT, 4)], |c, m| poll_oneoff(c, m, LIST, EVENTS, count, OUT))?;
    Ok(guest.u32_at(OUT))
}

/// Userdata and errno of an event.
fn event(guest: &Guest, index: u32) -> (u64, u16) {
    let start = EVENTS.0 + index * EVENT_SIZE;
    (guest.u64_at(GuestPtr(start)), guest.u16_at(GuestPtr(start + 8)))
}

#[test]
fn every_subscription_that_is_due_has_its_event_in_order() {
    let mut guest = Guest::new();
    for index in 0..MANY {
        put_clock(&mut guest, index, if index % 2 == 0 { 0 } else { HOUR_NS });
    }
    assert_eq!(poll(&mut guest, MANY), Ok(MANY / 2));
    for index in 0..MANY / 2 {
        assert_eq!(event(&guest, index), (u64::from(2 * index), 0));
    }
}

#[test]
fn a_last_subscription_that_is_wrong_refuses_all_before_anything_is_waited_for() {
    let mut guest = Guest::new();
    for index in 0..MANY {
        put_clock(&mut guest, index, HOUR_NS);
    }
    put(&mut guest, MANY - 1, 3, &[]);
    let start = Instant::now();
    assert_eq!(poll(&mut guest, MANY), Err(Errno::Inval));
    assert!(start.elapsed() < Duration::from_secs(60));
}

#[test]
fn the_same_descriptor_may_be_subscribed_to_many_times() {
    let mut guest = Guest::new();
    let (reader, writer) = pipe().expect("a pipe");
    let fd = guest.insert_stream(reader);
    for index in 0..MANY {
        put_read(&mut guest, index, fd);
    }
    rustix::io::write(&writer, b"123").expect("writing");
    assert_eq!(poll(&mut guest, MANY), Ok(MANY));
    assert_eq!(guest.u64_at(GuestPtr(EVENTS.0 + 16)), 3, "bytes that can be read");
    assert_eq!(guest.read(fd, 9), Ok(b"123".to_vec()), "they are still there");
}

#[test]
fn an_end_that_nobody_writes_to_is_ready_and_hung_up() {
    const HANGUP: u16 = 1;
    let mut guest = Guest::new();
    let (reader, writer) = pipe().expect("a pipe");
    let fd = guest.insert_stream(reader);
    put_read(&mut guest, 0, fd);
    put_clock(&mut guest, 1, HOUR_NS);
    drop(writer);
    assert_eq!(poll(&mut guest, 2), Ok(1));
    assert_eq!(event(&guest, 0), (0, 0));
    assert_eq!(guest.u16_at(GuestPtr(EVENTS.0 + 24)), HANGUP);
}

#[test]
fn what_is_not_ready_waits_for_the_clock() {
    let mut guest = Guest::new();
    let (reader, _writer) = pipe().expect("a pipe");
    let fd = guest.insert_stream(reader);
    put_read(&mut guest, 0, fd);
    put_clock(&mut guest, 1, 20_000_000);
    let start = Instant::now();
    assert_eq!(poll(&mut guest, 2), Ok(1));
    assert!(start.elapsed() >= Duration::from_millis(20));
    assert_eq!(event(&guest, 0), (1, 0), "the clock's");
}

/// Events that overwrite subscriptions are what the guest asked for; nothing outside of the lists changes.
#[test]
fn events_may_overlap_the_subscriptions() {
    let mut guest = Guest::new();
    for index in 0..MANY {
        put_clock(&mut guest, index, 0);
    }
    let places = [(LIST, MANY * SUBSCRIPTION_SIZE), (OUT, 4)];
    let result = guest.run(&places, |c, m| poll_oneoff(c, m, LIST, LIST, MANY, OUT));
    assert_eq!(result, Ok(()));
    assert!((1..=MANY).contains(&guest.u32_at(OUT)));
}
