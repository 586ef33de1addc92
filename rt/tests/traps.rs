//! Traps of every origin: explicit, guard page, inside libc, stack overflow, host functions, nested.
//!
//! Set up: a module made by hand, whose functions do what compiled code would do. What must hold: the
//! call answers the trap's code, the report says where, and the thread goes on working.

mod support;

use std::hint::black_box;
use std::ptr::null_mut;

use support::*;
use w2n_abi::*;

const PAGE: u64 = PAGE_SIZE_BYTES;

unsafe extern "C" fn clear_bytes(_: Word, instance: *mut HostInstance, slots: *mut ValueSlot) {
    // SAFETY: a length out of bounds faults in the guard, inside libc.
    unsafe {
        let base = (*place::<VmMemoryRef<Word>>(instance, MEMORY)).base;
        libc::memset(base, 1, (*slots).bits[0] as usize);
    }
}

unsafe extern "C" fn trap_with(_: Word, instance: *mut HostInstance, slots: *mut ValueSlot) {
    // SAFETY: called on the Wasm stack.
    unsafe { (runtime().Trap)(instance.cast(), (*slots).bits[0] as u32) };
}

unsafe extern "C" fn trap_memory(_: Word, instance: *mut HostInstance, slots: *mut ValueSlot) {
    // SAFETY: called on the Wasm stack.
    unsafe { (runtime().TrapMemory)(instance.cast(), 0, (*slots).bits[0], 8) };
}

#[inline(never)]
fn recurse(depth: u64) -> u64 {
    let frame = black_box([depth; 100]);
    if depth == 0 { frame[5] } else { recurse(depth - 1) + black_box(&frame)[7] }
}

unsafe extern "C" fn recurse_in_wasm(_: Word, _: *mut HostInstance, slots: *mut ValueSlot) {
    // SAFETY: there is a slot.
    unsafe { (*slots).bits[0] = recurse((*slots).bits[0]) };
}

fn plain_instance() -> *mut HostInstance {
    let funcs: Vec<Code> = vec![load_byte, clear_bytes, trap_with, trap_memory, recurse_in_wasm];
    let parts = Parts { funcs, memory: Some(memory_ty(1, 3)), ..Parts::default() };
    instantiate(module(parts), &[]).unwrap()
}

#[test]
fn guard_page_load_traps_with_its_address() {
    let instance = plain_instance();
    assert_eq!(call(instance, "f0", PAGE - 1).map_err(|report| report.code), Ok(0));
    for address in [PAGE, 3 * PAGE, (1 << 33) - 1, (1 << 33) + PAGE - 1] {
        let report = call(instance, "f0", address).unwrap_err();
        assert_eq!(report.code, TrapCode::MemoryOutOfBounds as u32);
        assert_eq!(report.flags & TRAP_HAS_ADDRESS, TRAP_HAS_ADDRESS);
        assert_eq!((report.fault_address, report.memory_length), (address, PAGE));
    }
    // Slightly below the base is the guest's too.
    let report = call(instance, "f0", -1i64 as u64).unwrap_err();
    assert_eq!(report.fault_address as i64, -1);
    assert!(
        rendered(&report).starts_with(
            "wasm2native: trap: out of bounds memory access: address 0xffffffffffffffff, memory size 65536 bytes\n"
        ),
        "{}",
        rendered(&report)
    );
}

#[test]
fn fault_inside_libc_is_a_trap_too() {
    let instance = plain_instance();
    assert!(call(instance, "f1", PAGE).is_ok());
    let report = call(instance, "f1", PAGE + 100).unwrap_err();
    assert_eq!((report.code, report.fault_address), (TrapCode::MemoryOutOfBounds as u32, PAGE));
}

#[test]
fn explicit_traps_answer_their_code_and_message() {
    let instance = plain_instance();
    for code in TrapCode::ALL {
        let report = call(instance, "f2", *code as u64).unwrap_err();
        assert_eq!(report.code, *code as u32);
        assert_eq!(message(&report), code.message());
    }
}

#[test]
fn software_check_reports_address_and_length() {
    let report = call(plain_instance(), "f3", 0x10000).unwrap_err();
    assert_eq!(
        rendered(&report).lines().next(),
        Some(
            "wasm2native: trap: out of bounds memory access: address 0x10000, length 8, memory size 65536 bytes"
        )
    );
}

#[test]
fn endless_recursion_exhausts_the_stack_and_the_thread_goes_on() {
    let instance = plain_instance();
    for _ in 0..3 {
        let report = call(instance, "f4", u64::MAX).unwrap_err();
        assert_eq!(message(&report), "call stack exhausted");
        assert_eq!(call(instance, "f4", 100).map_err(|report| report.code), Ok(100 * 101 / 2));
    }
}

#[test]
fn trap_in_one_of_many_instances_leaves_the_others_running() {
    let instances: Vec<_> = (0..100).map(|_| plain_instance()).collect();
    for (position, instance) in instances.iter().enumerate() {
        let memory = exported_memory(*instance);
        // SAFETY: the memory has a page.
        unsafe { memory.write(position as u8) };
    }
    assert!(call(instances[50], "f0", PAGE).is_err());
    for (position, instance) in instances.iter().enumerate() {
        assert_eq!(call(*instance, "f0", 0).map_err(|report| report.code), Ok(position as u64));
        // SAFETY: the host holds the instance.
        unsafe { (API.instance_drop)(*instance) };
    }
}

fn exported_memory(instance: *mut HostInstance) -> *mut u8 {
    // SAFETY: the module has a memory.
    unsafe { (*place::<VmMemoryRef<Word>>(instance, MEMORY)).base.cast() }
}

#[test]
fn four_threads_trap_at_once() {
    let threads: Vec<_> = (0..4)
        .map(|_| {
            std::thread::spawn(|| {
                let instance = plain_instance();
                for round in 0..2000 {
                    let in_bounds = round % 2 == 0;
                    assert_eq!(call(instance, "f0", if in_bounds { 5 } else { PAGE }).is_ok(), in_bounds);
                }
                assert!(call(instance, "f4", u64::MAX).is_err());
                // SAFETY: the host holds the instance.
                unsafe { (API.instance_drop)(instance) };
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
}

/// Host function: calls `f0` of its caller with one less until it reaches 0, then traps in `f1`.
unsafe extern "C" fn nest(env: Word, caller: *mut HostInstance, slots: *mut ValueSlot) -> u32 {
    // SAFETY: the runtime passes what it promises.
    unsafe {
        let depth = (*slots).bits[0];
        let next = if depth == 0 { call(caller, "f1", 1 << 20) } else { call(caller, "f0", depth - 1) };
        (*slots).bits[0] = match next {
            Ok(depth) => depth + 1,
            // Only the innermost one traps; those outside of it go on.
            Err(report) if depth == 0 => 1000 + u64::from(report.code),
            Err(report) => {
                assert!(env.is_null());
                return report.code;
            }
        };
    }
    0
}

fn nesting_instance(callback: HostCallback) -> *mut HostInstance {
    let parts = Parts {
        funcs: vec![call_import, load_byte],
        imports: vec![import("host", func_ty())],
        memory: Some(memory_ty(1, 1)),
        ..Parts::default()
    };
    instantiate(module(parts), &[host_func(callback)]).unwrap()
}

#[test]
fn host_and_wasm_nest_and_only_the_inner_call_traps() {
    let instance = nesting_instance(nest);
    for depth in [0, 1, 20] {
        let expected = 1000 + u64::from(TrapCode::MemoryOutOfBounds as u32) + depth;
        assert_eq!(call(instance, "f0", depth).map_err(|report| report.code), Ok(expected));
    }
}

#[test]
fn endless_nesting_exhausts_the_stack() {
    let instance = nesting_instance(nest);
    for _ in 0..2 {
        let report = call(instance, "f0", u64::MAX).unwrap_err();
        assert_eq!(report.code, TrapCode::StackOverflow as u32);
        assert!(call(instance, "f0", 3).is_ok());
    }
}

unsafe extern "C" fn fail(_: Word, _: *mut HostInstance, slots: *mut ValueSlot) -> u32 {
    // SAFETY: there is a slot, and the words are valid.
    unsafe {
        match (*slots).bits[0] {
            0 => (API.host_error)(b"disk on fire".as_ptr(), 12),
            1 => (API.exit)(42),
            2 => 0xdead_beef,
            code => code as u32,
        }
    }
}

#[test]
fn host_functions_trap_with_their_words_status_or_code() {
    let instance = nesting_instance(fail);
    assert_eq!(message(&call(instance, "f0", 0).unwrap_err()), "host function failed: disk on fire");
    let report = call(instance, "f0", 1).unwrap_err();
    assert_eq!((report.code, report.exit_status), (TrapCode::Exit as u32, 42));
    // A code that is none; the words of the failure before are gone.
    assert_eq!(message(&call(instance, "f0", 2).unwrap_err()), "host function failed");
    assert_eq!(message(&call(instance, "f0", 8).unwrap_err()), TrapCode::IntegerOverflow.message());
}

#[test]
fn host_function_that_is_exported_again_can_be_called_and_fail() {
    let parts = Parts {
        imports: vec![import("host", func_ty())],
        exports: vec![export("again", func_ty())],
        ..Parts::default()
    };
    let instance = instantiate(module(parts), &[host_func(fail)]).unwrap();
    let report = call(instance, "again", 0).unwrap_err();
    assert_eq!((message(&report).as_str(), report.frame_count), ("host function failed: disk on fire", 0));
}

#[test]
fn null_report_is_allowed() {
    let func = exported(plain_instance(), "f0").definition.cast();
    let mut slot = ValueSlot { bits: [PAGE, 0] };
    // SAFETY: the function is alive.
    let status = unsafe { (API.call)(func, &mut slot, 1, null_mut()) };
    assert_eq!(status, TrapCode::MemoryOutOfBounds as u32);
}
