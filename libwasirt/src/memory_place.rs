//! Where an instance has the memory that WASI works on: its export `memory`, else its first memory.
//!
//! Rule: what a module's descriptor says is constant; of the instance only the reference to the memory is
//! read.

use std::sync::{Mutex, OnceLock};

use w2n_abi::{
    ExportDescriptor, ExternDescriptor, ExternKind, ImportDescriptor, MemoryDescriptor, ModuleDescriptor,
    VmInstance, VmMemory, VmMemoryRef,
};

use crate::guest::GuestMemory;
use crate::lock::lock;

/// The pointer word of the ABI structures here.
pub type Word = *mut core::ffi::c_void;

/// Name of the exported memory that WASI functions work on.
const MEMORY_EXPORT: &[u8] = b"memory";

/// Where one module has its memory.
#[derive(Clone, Copy, Debug)]
struct MemoryPlace {
    /// Address of the module's descriptor.
    module: usize,
    /// Of the reference to the memory, in an instance.
    offset: Option<u32>,
}

/// Where modules have their memories, as far as it is known.
#[derive(Debug, Default)]
pub struct KnownPlaces {
    /// Of the module that called first: most programs have no other.
    first: OnceLock<MemoryPlace>,
    /// Of another one that called last.
    other: Mutex<Option<MemoryPlace>>,
}

impl KnownPlaces {
    /// The memory of `instance` for WASI; an empty one if it has none.
    ///
    /// # Safety
    /// As for [`GuestMemory::of_instance`].
    pub unsafe fn memory_of<'call>(&self, instance: *const VmInstance<Word>) -> GuestMemory<'call> {
        // SAFETY: the instance is alive, and its header is not written any more.
        let module = unsafe { (*instance).descriptor };
        let is_of_module = |place: &&MemoryPlace| place.module == module.addr();
        let known = self.first.get().filter(is_of_module).copied();
        let place = known.unwrap_or_else(|| {
            let mut other = lock(&self.other);
            let known = other.as_ref().filter(is_of_module).copied();
            // SAFETY: the descriptor is that of the instance's module, which is loaded.
            let place = known.unwrap_or_else(|| unsafe { memory_place(module) });
            if self.first.set(place).is_err() {
                *other = Some(place);
            }
            place
        });
        // SAFETY: the place is that of the module of the instance, which is alive.
        unsafe { memory_at(instance, place) }
    }
}

impl GuestMemory<'_> {
    /// The memory of `instance` for WASI; an empty one if it has none.
    ///
    /// # Safety
    /// `instance` is an instance of a loaded module and stays alive during `'call`, and no Rust reference
    /// into its memory is used meanwhile.
    pub unsafe fn of_instance(instance: *const VmInstance<Word>) -> Self {
        // SAFETY: as our caller vouches: the instance is alive, and its descriptor is that of its module.
        unsafe { memory_at(instance, memory_place((*instance).descriptor)) }
    }
}

/// # Safety
/// As for [`GuestMemory::of_instance`]; `place` is that of the instance's module.
unsafe fn memory_at<'call>(instance: *const VmInstance<Word>, place: MemoryPlace) -> GuestMemory<'call> {
    let Some(offset) = place.offset else { return GuestMemory::empty() };
    // SAFETY: the compiler put a VmMemoryRef at this offset, and the runtime filled it in before it called
    // anything. The length is read once, for another thread may let the memory grow.
    unsafe {
        let reference = instance.byte_add(offset as usize).cast::<VmMemoryRef<Word>>().read();
        let memory = reference.memory.cast::<VmMemory<Word>>();
        GuestMemory::new(reference.base.cast(), (&raw const (*memory).length_bytes).read_volatile())
    }
}

/// Where instances of a module keep the memory that WASI works on.
///
/// # Safety
/// `module` is null or the descriptor of a loaded module.
unsafe fn memory_place(module: Word) -> MemoryPlace {
    // SAFETY: as the caller vouches.
    let descriptor = unsafe { module.cast::<ModuleDescriptor<Word>>().as_ref() };
    // SAFETY: the compiler emits a descriptor's slices of constant arrays of those types.
    let ty = descriptor.and_then(|descriptor| unsafe { memory_type(descriptor) });
    MemoryPlace { module: module.addr(), offset: ty.map(|ty| ty.offset) }
}

/// # Safety
/// The slices of `descriptor` describe what its type says.
unsafe fn memory_type(descriptor: &ModuleDescriptor<Word>) -> Option<ExternDescriptor> {
    let is_memory = |ty: &ExternDescriptor| ty.kind == ExternKind::Memory as u32;
    // SAFETY: as the caller vouches, for each of the three arrays.
    let (exports, imports, memories) = unsafe {
        (
            descriptor.exports.elements::<ExportDescriptor<Word>>(),
            descriptor.imports.elements::<ImportDescriptor<Word>>(),
            descriptor.memories.elements::<MemoryDescriptor>(),
        )
    };
    let exported = exports.iter().find(|export| {
        // SAFETY: a name in a descriptor is constant bytes.
        is_memory(&export.ty) && unsafe { export.name.elements::<u8>() } == MEMORY_EXPORT
    });
    let imported = || imports.iter().map(|import| import.ty).find(is_memory);
    let defined = || memories.first().map(|memory| memory.ty);
    exported.map(|export| export.ty).or_else(imported).or_else(defined)
}
