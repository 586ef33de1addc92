//! Instances in several stores: each store has its own limits, and nothing of one is linked into another.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ptr::null_mut;

use w2n_abi::*;

use crate::api::w2n_api;
use crate::descriptor::Module;
use crate::handle::Instance;
use crate::instance::instantiate;
use crate::reference::adopt;
use crate::store::Store;
use crate::table::Reference;
use crate::trap::Report;
use crate::types::Operand;
use crate::{external, group};

/// Where the memory is.
const MEMORY: u32 = 16;
/// Where the type ids are.
const TYPE_IDS: u32 = 32;
/// Where the function is.
const FUNC: u32 = 64;

unsafe extern "C" fn initialize(_: HostPointer, _: HostPointer, _: *mut ValueSlot) {}

fn leak<T>(values: Vec<T>) -> HostBytes {
    let len = values.len() as u64;
    HostBytes { ptr: values.leak().as_mut_ptr().cast(), len }
}

/// Whose memory a module has.
#[derive(Clone, Copy, PartialEq)]
enum MemoryOf {
    Itself,
    Another,
}

/// A module with a memory of one page that may grow to four, exported as `m`, and a function that does
/// nothing.
fn module(memory: MemoryOf) -> Module {
    let ty = ExternDescriptor {
        kind: extern_kind_number(ExternKind::Memory),
        ty: PAGE_SIZE_LOG2,
        flags: 0,
        offset: MEMORY,
        min: 1,
        max: 4,
        ref_type: 0,
        reserved: 0,
    };
    let name = || leak(b"m".to_vec());
    let none = || leak(Vec::<u8>::new());
    let import = ImportDescriptor { module: name(), name: name(), ty, linked: null_mut() };
    let void = || leak(Vec::from([FUNC_TYPE_SEPARATOR]));
    let ty_of_func = FuncTypeDescriptor {
        encoding: void(),
        identity: void(),
        group_len: 1,
        reserved: 0,
        array_entry: initialize as *const () as HostPointer,
        host_entry: null_mut(),
    };
    let code = initialize as *const () as HostPointer;
    let func = FuncRefDescriptor { code, tail_code: null_mut(), ty: 0, offset: FUNC };
    let descriptor = HostModule {
        abi_version: ABI_VERSION,
        flags: 0,
        api: (&raw const w2n_api).cast_mut().cast(),
        name: name(),
        instance_size: FUNC + size_of::<HostFuncRef>() as u32,
        type_ids_offset: TYPE_IDS,
        types: leak(Vec::from([ty_of_func])),
        imports: leak(Vec::from_iter((memory == MemoryOf::Another).then_some(import))),
        exports: leak(Vec::from([ExportDescriptor { name: name(), ty, index: 0, indirect: 0 }])),
        func_refs: leak(Vec::from([func])),
        tables: none(),
        memories: leak(Vec::from_iter((memory == MemoryOf::Itself).then_some(MemoryDescriptor { ty }))),
        data_segments: none(),
        element_segments: none(),
        initialize: initialize as *const () as HostPointer,
        func_names: none(),
        pc_map: null_mut(),
        wasi: null_mut(),
    };
    // SAFETY: it is leaked, and describes what is above.
    unsafe { Module::new(Box::leak(Box::new(descriptor))) }.expect("not null")
}

fn store(memory_bytes: u64) -> Arc<Store> {
    Store::new(&Limits { memory_bytes, ..Limits::NONE }).expect("a usual stack")
}

fn make(module: Module, store: &Arc<Store>, imports: &[W2nImport]) -> Result<Instance, u32> {
    // SAFETY: the imports are what a live instance exports; nobody wants a report.
    unsafe { instantiate(module, store, imports, Report::new(null_mut())) }
}

/// The memory of an instance as an import.
fn memory_of(instance: Instance) -> W2nImport {
    let external = external::find(instance, b"m").expect("it exports one");
    let func_type = HostBytes { ptr: null_mut(), len: 0 };
    W2nImport { kind: IMPORT_EXTERN, reserved: 0, callback: None, env: null_mut(), func_type, external }
}

#[test]
fn each_store_has_its_own_limit_of_memory() {
    let module = module(MemoryOf::Itself);
    let (one, other) = (store(3 * PAGE_SIZE_BYTES), store(PAGE_SIZE_BYTES));
    let first = make(module, &one, &[]).expect("one of three pages");
    let second = make(module, &one, &[]).expect("two of three");
    let apart = make(module, &other, &[]).expect("one of one");
    assert_eq!(make(module, &other, &[]), Err(LinkError::OutOfMemory as u32));
    let grow = |instance: Instance, pages| instance.memory(0).and_then(|memory| memory.grow(pages));
    assert_eq!(
        (grow(apart, 1), grow(first, 2), grow(first, 1), grow(second, 1)),
        (None, None, Some(1), None)
    );
    group::release(first);
    assert_eq!(grow(second, 2), Some(1), "what the first had is free again");
    group::release(second);
    group::release(apart);
}

#[test]
fn nothing_of_one_store_is_linked_into_another() {
    let (exporter, importer) = (module(MemoryOf::Itself), module(MemoryOf::Another));
    let (one, other) = (store(NO_LIMIT), store(NO_LIMIT));
    let exported = make(exporter, &one, &[]).expect("no limit");
    let import = memory_of(exported);
    assert_eq!(make(importer, &other, &[import]), Err(LinkError::IncompatibleImport as u32));
    let linked = make(importer, &one, &[import]).expect("in one store it is");
    group::release(exported);
    let memory = linked.memory(0).expect("it has imported one");
    assert_eq!(memory.vm().length_bytes, PAGE_SIZE_BYTES, "linked instances live together");
    group::release(linked);
}

#[test]
fn references_do_not_leave_their_store() {
    let module = module(MemoryOf::Itself);
    let (one, other) = (store(NO_LIMIT), store(NO_LIMIT));
    let make = |store| make(module, store, &[]).expect("no limit");
    let (giver, neighbour, stranger) = (make(&one), make(&one), make(&other));
    let wanted = Operand { ty: ValueType::FuncRef as u8, ref_type: 0 };
    // SAFETY: null, and a function of an instance that lives to the end of the test.
    let (null, reference) =
        unsafe { (Reference::new(null_mut()), Reference::new(giver.place::<HostFuncRef>(FUNC).pointer())) };
    assert!(!adopt(stranger, wanted, reference));
    assert!(adopt(neighbour, wanted, reference));
    assert!(adopt(stranger, wanted, null));
    [giver, neighbour, stranger].into_iter().for_each(group::release);
}

#[test]
fn a_store_goes_with_its_last_instance() {
    let store = store(NO_LIMIT);
    let weak = Arc::downgrade(&store);
    let instance = make(module(MemoryOf::Itself), &store, &[]).expect("no limit");
    drop(store);
    assert!(weak.upgrade().is_some());
    assert_eq!(instance.modules_beside().len(), 1);
    group::release(instance);
    assert!(weak.upgrade().is_none());
}

#[test]
fn stacks_are_as_large_as_the_store_says() {
    let small = Store::new(&Limits { stack_bytes: 1 << 20, ..Limits::NONE }).expect("a usual stack");
    let usual = store(NO_LIMIT);
    for _ in 0..2 {
        for (store, bytes) in [(&small, 1 << 20), (&usual, 8 << 20)] {
            let instance = make(module(MemoryOf::Itself), store, &[]).expect("no limit");
            let thread = crate::attach::current().expect("there is room");
            let activation = crate::nesting::begin(thread, instance).ok().expect("there is room");
            assert_eq!(activation.stack().map(|stack| stack.usable().len()), Some(bytes));
            crate::nesting::end(activation, Some(thread));
            group::release(instance);
        }
    }
}
