//! Descriptors that no compiler of ours would write: each is refused before anything is written.
//!
//! Each case takes the description of a module that can be instantiated and changes one number.

mod support;

use support::*;
use w2n_abi::*;

/// A module with one of everything.
fn whole() -> HostModule {
    let module = module(Parts {
        funcs: vec![load_byte],
        imports: vec![import("f", func_ty())],
        exports: vec![
            export("memory", memory_ty(1, 1)),
            export("table", table_ty(1, 1)),
            export("global", extern_ty(ExternKind::Global, 0x7e, GLOBAL, 0, 0)),
        ],
        memory: Some(memory_ty(1, 1)),
        table: Some(table_ty(1, 1)),
        segment: vec![NONE, FUNCS],
        ..Parts::default()
    });
    // SAFETY: plain data, of which there may be two.
    unsafe { std::ptr::read(module) }
}

/// Element `index` of a list, to change it.
fn element<T>(list: &HostBytes, index: usize) -> &'static mut T {
    assert!((index as u64) < list.len);
    // SAFETY: the list was leaked for this test, which has no other reference to it.
    unsafe { &mut *list.ptr.cast::<T>().add(index) }
}

unsafe extern "C" fn host(_: Word, _: *mut HostInstance, _: *mut ValueSlot) -> u32 {
    0
}

fn status_of(module: HostModule) -> (u32, String) {
    match instantiate(Box::leak(Box::new(module)), &[host_func(host)]) {
        Ok(_) => (0, String::new()),
        Err((status, report)) => (status, message(&report)),
    }
}

#[test]
fn what_the_cases_begin_with_is_right() {
    assert_eq!(status_of(whole()).0, 0);
}

#[test]
fn an_offset_or_a_type_that_cannot_be_is_refused() {
    type Export = ExportDescriptor<Word>;
    type Damage = fn(&mut HostModule);
    const PAST_THE_END: u32 = 1 << 20;
    let cases: &[(&str, Damage)] = &[
        ("types", |module| module.type_ids_offset = module.instance_size - 4),
        ("types", |module| module.type_ids_offset = 0),
        ("types", |module| module.type_ids_offset += 2),
        ("imports", |module| element::<ImportDescriptor<Word>>(&module.imports, 0).ty.ty = 2),
        ("imports", |module| element::<ImportDescriptor<Word>>(&module.imports, 0).ty.offset = u32::MAX - 7),
        ("exports", |module| element::<Export>(&module.exports, 0).ty.offset = PAST_THE_END),
        ("exports", |module| element::<Export>(&module.exports, 1).ty.offset = 8),
        ("exports", |module| element::<Export>(&module.exports, 2).ty.offset += 8),
        ("exports", |module| element::<Export>(&module.exports, 2).ty.kind = 4),
        ("exports", |module| element::<Export>(&module.exports, 2).ty.kind = 256 + 3),
        ("exports", |module| element::<Export>(&module.exports, 3).ty.offset = module.instance_size - 24),
        ("functions", |module| element::<FuncRefDescriptor<Word>>(&module.func_refs, 0).ty = 9),
        ("functions", |module| element::<FuncRefDescriptor<Word>>(&module.func_refs, 0).offset += 4),
        ("tables", |module| element::<TableDescriptor>(&module.tables, 0).ty.kind = 2),
        ("tables", |module| element::<TableDescriptor>(&module.tables, 0).ty.offset = module.instance_size),
        ("memories", |module| element::<MemoryDescriptor>(&module.memories, 0).ty.offset = 0),
        ("segments", |module| {
            element::<ElementSegmentDescriptor<Word>>(&module.element_segments, 0).offset = PAST_THE_END;
        }),
        ("elements", |module| {
            let segment = element::<ElementSegmentDescriptor<Word>>(&module.element_segments, 0);
            *element::<u32>(&segment.func_ref_offsets, 1) = PAST_THE_END;
        }),
        ("initialisation", |module| module.initialize = std::ptr::null_mut()),
    ];
    for (position, (what, damage)) in cases.iter().enumerate() {
        let mut module = whole();
        damage(&mut module);
        let (status, message) = status_of(module);
        assert_eq!(status, LinkError::AbiVersion as u32, "case {position}, {what}: {message}");
        let expected = format!("wrong version: the description of the module is damaged: {what}");
        assert_eq!(message, expected, "case {position}");
    }
}
