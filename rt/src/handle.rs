//! Instances as typed handles, and what hangs off one that compiled code never sees.
//!
//! The rule: [`Instance::new`] is the only way from a pointer to a handle, and stands at the edges alone,
//! where compiled code or the host comes in. What a handle answers has been checked: indices here, offsets
//! when the module was loaded (`modules.rs`) and again in [`Instance::place`].

use alloc::alloc::{alloc_zeroed, dealloc};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::alloc::Layout;
use core::ptr::NonNull;

use w2n_abi::*;

use crate::descriptor::Module;
use crate::memory::Memory;
use crate::shared::{Kept, Shared};
use crate::store::{Store, StoreId};
use crate::table::{Reference, Table};
use crate::types::Signature;

/// A live instance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Instance(NonNull<HostInstance>);

/// A function of an instance.
pub type Func = Shared<HostFuncRef>;
/// A global of an instance.
pub type Global = Shared<ValueSlot>;

/// Runtime-private part of an instance.
pub struct Owner {
    module: Module,
    store: Arc<Store>,
    type_ids: Arc<[u32]>,
    /// The type that was looked up last: hosts call the same functions again and again.
    last_type: (u32, Option<Signature>),
    /// Who is linked with it.
    pub group: Shared<Group>,
    /// Whether the host has it.
    pub is_held: bool,
    /// All memories, by index.
    pub memories: Vec<Memory>,
    /// All tables, by index.
    pub tables: Vec<Table>,
    /// What is freed with the instance.
    kept: Vec<Kept>,
    /// What ended the last call of a typed function, until it is taken; code 0 for nothing.
    pub last_trap: Shared<W2nTrap>,
}

/// Instances that are linked, directly or not; `group.rs` says what that means.
pub struct Group {
    /// All of them.
    pub members: Vec<Instance>,
    /// Members that the host holds.
    pub held: usize,
    /// Calls and instantiations that are under way. Only the thread that uses the group changes it.
    pub calls: usize,
}

/// What an instance has in its block: any bits are a value.
///
/// # Safety
/// They are.
pub unsafe trait Plain: Copy {}
macro_rules! plain {
    ($($ty:ty),*) => { $(
        // SAFETY: numbers and pointers that nothing follows without knowing more.
        unsafe impl Plain for $ty {}
    )* };
}
plain!(HostPointer, u32, ValueSlot, HostFuncRef, VmMemoryRef<HostPointer>, VmDataSegment<HostPointer>);
plain!(VmElementSegment<HostPointer>);

/// As `malloc` does it; globals of vectors want as much.
const INSTANCE_ALIGN: usize = 16;

impl Instance {
    /// The handle to an instance; `None` for null.
    ///
    /// # Safety It has been made and not freed, and the calling thread is the only one that uses it while the
    /// handle is used. Of one that another copy of the runtime made, only [`Self::is_at_home_with`] is asked.
    pub unsafe fn new(instance: *mut HostInstance) -> Option<Self> {
        NonNull::new(instance).map(Self)
    }

    /// A block for an instance of the module, zeroed but for the header and the type ids. It is a group of
    /// its own, in which a call is under way: its instantiation. `None`: the system has no room.
    pub fn allocate(module: Module, store: &Arc<Store>, type_ids: Arc<[u32]>) -> Option<Self> {
        let layout = layout(module)?;
        // SAFETY: the size is not 0.
        let block = NonNull::new(unsafe { alloc_zeroed(layout) })?.cast::<HostInstance>();
        let group = Group { members: Vec::from([Self(block)]), held: 0, calls: 1 };
        let (kept_trap, last_trap) = Kept::new(W2nTrap::EMPTY);
        let owner = Shared::leak(Owner {
            module,
            store: Arc::clone(store),
            type_ids: Arc::clone(&type_ids),
            last_type: (0, None),
            group: Shared::leak(group),
            is_held: false,
            memories: Vec::new(),
            tables: Vec::new(),
            kept: Vec::from([kept_trap]),
            last_trap,
        });
        let descriptor = core::ptr::from_ref(module.descriptor()).cast_mut().cast();
        // SAFETY: the block was just made, with room for a header.
        unsafe { block.write(HostInstance { descriptor, owner: owner.pointer() }) };
        let instance = Self(block);
        for (offset, id) in (module.descriptor().type_ids_offset..).step_by(size_of::<u32>()).zip(&*type_ids)
        {
            instance.put(offset, *id);
        }
        Some(instance)
    }

    /// Gives back everything that the instance owns.
    ///
    /// # Safety
    /// Nobody uses the instance any more, nor anything of it.
    pub unsafe fn free(self) {
        let owner = self.owner();
        let module = owner.with(|owner| {
            owner.store.modules().release(owner.module);
            owner.module
        });
        // SAFETY: `allocate` made both like this, and the caller gives them up.
        unsafe {
            drop(owner.reclaim());
            if let Some(layout) = layout(module) {
                dealloc(self.0.as_ptr().cast(), layout);
            }
        }
    }

    /// The instance, as compiled code and the host have it.
    pub fn as_ptr(self) -> *mut HostInstance {
        self.0.as_ptr()
    }

    /// The private part.
    pub fn owner(self) -> Shared<Owner> {
        // SAFETY: `allocate` has put it there, and it is freed with the instance.
        unsafe { Shared::from_raw((*self.0.as_ptr()).owner.cast()) }
    }

    /// What it is an instance of.
    pub fn module(self) -> Module {
        self.owner().with(|owner| owner.module)
    }

    /// The modules whose instances live where it does.
    pub fn modules_beside(self) -> Vec<Module> {
        self.owner().with(|owner| owner.store.modules().all())
    }

    /// What of its store an activation has to know: which one it is, and how much stack there is.
    pub fn store_of_call(self) -> (StoreId, usize) {
        self.owner().with(|owner| (Arc::as_ptr(&owner.store), owner.store.stack_bytes()))
    }

    /// Whether references may go from one to the other: they live in one store, and their modules have one
    /// runtime.
    pub fn is_at_home_with(self, other: Self) -> bool {
        let (module, store) = self.owner().with(|owner| (owner.module, Arc::as_ptr(&owner.store)));
        other.is_at_home_in(module, store)
    }

    /// Whether an instance of that module in that store may be linked with it.
    pub fn is_at_home_in(self, module: Module, store: StoreId) -> bool {
        // Another copy of the runtime has another idea of what an owner is, but not of a descriptor.
        self.api() == module.descriptor().api && self.store_of_call().0 == store
    }

    /// The runtime that made it.
    fn api(self) -> HostPointer {
        // SAFETY: every instance begins with a pointer to its descriptor, whatever runtime made it.
        unsafe { (*(*self.0.as_ptr()).descriptor.cast::<HostModule>()).api }
    }

    /// The canonical ids of its module's types.
    pub fn type_ids(self) -> Arc<[u32]> {
        self.owner().with(|owner| Arc::clone(&owner.type_ids))
    }

    /// The type with this canonical id, as its module describes it.
    pub fn type_with_id(self, type_id: u32) -> Option<Signature> {
        self.owner().with(|owner| {
            if owner.last_type.0 != type_id {
                let position = owner.type_ids.iter().position(|id| *id == type_id)?;
                owner.last_type = (type_id, owner.module.types().get(position).map(Signature::of));
            }
            owner.last_type.1
        })
    }

    /// A memory.
    pub fn memory(self, index: u32) -> Option<Memory> {
        self.owner().with(|owner| owner.memories.get(index as usize).copied())
    }

    /// A table.
    pub fn table(self, index: u32) -> Option<Table> {
        self.owner().with(|owner| owner.tables.get(index as usize).copied())
    }

    /// Where it has an element segment.
    pub fn element_segment(self, index: u32) -> Option<Shared<VmElementSegment<HostPointer>>> {
        let segment = self.module().element_segments().get(index as usize)?;
        Some(self.place(segment.offset))
    }

    /// What is that many bytes into its block. An offset past the end is a bug of ours.
    pub fn place<T: Plain>(self, offset: u32) -> Shared<T> {
        // SAFETY: it is inside of the block, which is aligned as offsets are, and any bits are a value.
        unsafe { Shared::from_raw(self.room(offset, size_of::<T>()).cast()) }
    }

    /// Where so many bytes are in its block.
    #[inline(never)]
    fn room(self, offset: u32, size: usize) -> *mut u8 {
        let block_size = self.module().descriptor().instance_size as usize;
        let start = offset as usize;
        assert!(start >= size_of::<HostInstance>() && start + size <= block_size, "checked when loaded");
        self.0.as_ptr().cast::<u8>().wrapping_add(start)
    }

    /// Writes what is that many bytes into its block.
    pub fn put<T: Plain>(self, offset: u32, value: T) {
        self.place(offset).with(|place| *place = value);
    }

    /// Keeps the value until the instance is freed.
    pub fn keep<T>(self, value: T) -> Shared<T> {
        let (kept, handle) = Kept::new(value);
        self.owner().with(|owner| owner.kept.push(kept));
        handle
    }
}

/// How the block of an instance is laid out.
fn layout(module: Module) -> Option<Layout> {
    let size = (module.descriptor().instance_size as usize).max(size_of::<HostInstance>());
    Layout::from_size_align(size, INSTANCE_ALIGN).ok()
}

impl Shared<VmElementSegment<HostPointer>> {
    /// The references that it has. They are not kept across a drop of the segment.
    pub fn references<'a>(self) -> &'a [Reference] {
        let segment = self.get();
        if segment.length == 0 {
            return &[];
        }
        // SAFETY: instantiation has made as many as the length says, and keeps them until the instance is
        // freed.
        unsafe { core::slice::from_raw_parts(segment.values.cast(), segment.length as usize) }
    }

    /// Drops it: nothing of it can be copied any more.
    pub fn drop_values(self) {
        self.with(|segment| segment.length = 0);
    }
}
