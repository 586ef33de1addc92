//! `clock_*`, `random_get`, `sched_yield`, `proc_*`.

use libwasirt::errno::Errno;
use libwasirt::functions::*;
use libwasirt::guest::GuestMemory;
use libwasirt::types::GuestPtr;
use w2n_abi::TrapCode;

use crate::guest::*;

#[test]
fn realtime_is_the_hosts_time() {
    let mut guest = Guest::new();
    guest.run(&[(OUT, 8)], |c, m| clock_time_get(c, m, 0, 1, OUT)).unwrap();
    let host = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos() as u64;
    assert!(host.abs_diff(guest.u64_at(OUT)) < 10_000_000_000);
}

#[test]
fn every_clock_has_a_time_and_a_resolution_and_does_not_go_back() {
    for id in 0..4 {
        let mut guest = Guest::new();
        guest.run(&[(OUT, 8)], |c, m| clock_time_get(c, m, id, 0, OUT)).unwrap();
        guest.run(&[(OUT2, 8)], |c, m| clock_time_get(c, m, id, 0, OUT2)).unwrap();
        assert!(guest.u64_at(OUT) <= guest.u64_at(OUT2), "clock {id}");
        guest.run(&[(OUT, 8)], |c, m| clock_res_get(c, m, id, OUT)).unwrap();
        assert!((1..1_000_000_000).contains(&guest.u64_at(OUT)), "clock {id}");
    }
}

#[test]
fn unknown_clock_is_inval() {
    let mut guest = Guest::new();
    for id in [4, u32::MAX] {
        assert_eq!(guest.run(&[], |c, m| clock_time_get(c, m, id, 0, OUT)), Err(Errno::Inval));
        assert_eq!(guest.run(&[], |c, m| clock_res_get(c, m, id, OUT)), Err(Errno::Inval));
    }
}

#[test]
fn random_fills_exactly_the_buffer_whatever_its_size() {
    let mut guest = Guest::new();
    // 10,000 is more than the host promises to fill in one call.
    for len in [0, 1, 255, 256, 257, 10_000] {
        guest.run(&[(DATA, len)], |c, m| random_get(c, m, DATA, len)).unwrap();
    }
    let first = guest.bytes(DATA, 10_000).to_vec();
    guest.run(&[(DATA, 10_000)], |c, m| random_get(c, m, DATA, 10_000)).unwrap();
    assert_ne!(first, guest.bytes(DATA, 10_000));
    assert!((0..=255).all(|byte| first.contains(&byte)), "10,000 random bytes have every value");
    let past = GuestPtr(MEMORY_SIZE - 3);
    assert_eq!(guest.run(&[], |c, m| random_get(c, m, past, 4)), Err(Errno::Fault));
}

#[test]
fn yield_succeeds_and_raise_never_does() {
    let mut guest = Guest::new();
    assert_eq!(guest.run(&[], sched_yield), Ok(()));
    assert_eq!(guest.run(&[], |c, m| proc_raise(c, m, 6)), Err(Errno::NotSup));
    assert_eq!(guest.run(&[], |c, m| proc_raise(c, m, 31)), Err(Errno::Inval));
}

#[test]
fn exit_answers_the_trap_code_and_leaves_the_status_in_the_slot() {
    let mut guest = Guest::new();
    let mut slots = [w2n_abi::ValueSlot { bits: [42, 7] }];
    let (env, instance) = (guest.env(), guest.instance());
    // SAFETY: the three are what the function asks for.
    let code = unsafe { libwasirt::host_call::preview1::proc_exit(env, instance, slots.as_mut_ptr()) };
    assert_eq!(TrapCode::from_number(code), Some(TrapCode::Exit));
    assert_eq!(slots[0].bits[0] as u32, 42);
}

#[test]
fn memory_is_the_export_else_the_first_else_empty() {
    for (memory_is, works) in [
        (MemoryIs::Exported("memory"), true),
        (MemoryIs::Exported("other"), true),
        (MemoryIs::Imported, true),
        (MemoryIs::Defined, true),
        (MemoryIs::Missing, false),
    ] {
        let dir = tempfile::TempDir::new().unwrap();
        let mut guest = Guest::with(Default::default(), dir, memory_is);
        let result = guest.run(&[(OUT, 8)], |c, m| clock_time_get(c, m, 0, 0, OUT));
        assert_eq!(result, if works { Ok(()) } else { Err(Errno::Fault) });
    }
}

#[test]
fn length_is_that_of_the_memory_now() {
    let mut guest = Guest::new();
    assert_eq!(guest.memory_length(), u64::from(MEMORY_SIZE));
    let instance = guest.instance();
    // SAFETY: the instance is alive.
    let memory = unsafe { GuestMemory::of_instance(instance) };
    assert_eq!(memory.check(GuestPtr(MEMORY_SIZE), 0), Ok(()));
    assert_eq!(memory.check(GuestPtr(MEMORY_SIZE), 1), Err(Errno::Fault));
    assert_eq!(memory.check(GuestPtr(u32::MAX), u32::MAX), Err(Errno::Fault));
    assert_eq!(memory.check(GuestPtr(MEMORY_SIZE + 1), 0), Err(Errno::Fault));
}
