//! Modules: what their descriptors say, as slices and names.
//!
//! The rule: descriptors are constant data that the compiler wrote, so what a [`Module`] refers to is valid
//! as long as the module is loaded; whether its numbers make sense is `modules.rs` to check, before there is
//! an instance.

use w2n_abi::*;

use crate::pc_map::PcMap;
use crate::shared::elements;

/// A function type.
pub type FuncType = FuncTypeDescriptor<HostPointer>;
/// An import.
pub type Import = ImportDescriptor<HostPointer>;
/// An export.
pub type Export = ExportDescriptor<HostPointer>;
/// An element segment.
pub type ElementSegment = ElementSegmentDescriptor<HostPointer>;

/// A loaded module.
#[derive(Clone, Copy)]
pub struct Module(&'static HostModule);

// SAFETY: descriptors are constant data.
unsafe impl Send for Module {}

impl PartialEq for Module {
    fn eq(&self, other: &Self) -> bool {
        core::ptr::eq(self.0, other.0)
    }
}

macro_rules! lists {
    ($($(#[$doc:meta])* $name:ident: $ty:ty;)*) => {
        /// The lists of the descriptor.
        impl Module {
            $($(#[$doc])*
            pub fn $name(self) -> &'static [$ty] {
                // SAFETY: the descriptor has so many of them there.
                unsafe { elements(&self.0.$name) }
            })*
        }
    };
}

lists! {
    /// All function types.
    types: FuncType;
    /// All imports.
    imports: Import;
    /// All exports.
    exports: Export;
    /// Functions that have a reference in the instance.
    func_refs: FuncRefDescriptor<HostPointer>;
    /// Defined tables.
    tables: TableDescriptor;
    /// Defined memories.
    memories: MemoryDescriptor;
    /// Data segments.
    data_segments: DataSegmentDescriptor<HostPointer>;
    /// Element segments.
    element_segments: ElementSegment;
    /// Names of functions by function index.
    func_names: HostBytes;
}

impl Module {
    /// The module with this descriptor; `None` for null.
    ///
    /// # Safety
    /// It is the descriptor of a module that stays loaded while the handle, or anything got from it, is used.
    pub unsafe fn new(descriptor: *const HostModule) -> Option<Self> {
        // SAFETY: the caller says that it is one.
        unsafe { descriptor.as_ref() }.map(Self)
    }

    /// What is no list.
    pub fn descriptor(self) -> &'static HostModule {
        self.0
    }

    /// Its name.
    pub fn name(self) -> &'static [u8] {
        // SAFETY: the descriptor has the name there.
        unsafe { elements(&self.0.name) }
    }

    /// The name of a function; empty if it is unknown.
    pub fn func_name(self, index: u32) -> &'static [u8] {
        // SAFETY: as for `name`.
        self.func_names().get(index as usize).map_or(&[], |name| unsafe { elements(name) })
    }

    /// What it knows of its code.
    pub fn pc_map(self) -> Option<PcMap> {
        // SAFETY: the compiler puts a map there, or null.
        unsafe { PcMap::new(self.0.pc_map) }
    }

    /// Whether its code compares before each access of a memory.
    pub fn checks_bounds(self) -> bool {
        self.0.flags & FLAG_SOFTWARE_BOUNDS != 0
    }
}

/// The value types of parameters and results, see [`FuncTypeDescriptor::encoding`].
pub fn encoding(ty: &FuncType) -> &'static [u8] {
    // SAFETY: types are found in the descriptors of modules alone, which have the bytes there.
    unsafe { elements(&ty.encoding) }
}

/// What a type is, see [`FuncTypeDescriptor::identity`].
pub fn identity(ty: &FuncType) -> &'static [u8] {
    // SAFETY: as for `encoding`.
    unsafe { elements(&ty.identity) }
}

/// Module and field name of an import.
pub fn import_names(import: &Import) -> (&'static [u8], &'static [u8]) {
    // SAFETY: imports are found in the descriptors of modules alone, which have the names there.
    unsafe { (elements(&import.module), elements(&import.name)) }
}

/// Name of an export.
pub fn export_name(export: &Export) -> &'static [u8] {
    // SAFETY: exports are found in the descriptors of modules alone, which have the name there.
    unsafe { elements(&export.name) }
}

/// Where the functions are in the instance that an element segment refers to, [`NONE`] for null; empty if
/// `initialize` stores the references.
pub fn func_ref_offsets(segment: &ElementSegment) -> &'static [u32] {
    // SAFETY: segments are found in the descriptors of modules alone, which have the offsets there.
    unsafe { elements(&segment.func_ref_offsets) }
}
