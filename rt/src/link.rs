//! Import matching: is what the host gives what the module asks for?
//!
//! The rule: all imports are matched, in the order of the module, before anything is written, so a
//! module that does not fit leaves no trace. spec: exec/modules, external typing and import matching.

use alloc::vec::Vec;

use w2n_abi::*;

use crate::instance::{self, func_types, slice};
use crate::memory::Bounds;
use crate::table::HostTable;
use crate::text::bytes;
use crate::{trap, types};

/// What an import is bound to.
pub enum Definition {
    /// A host function: given by the host, or linked in.
    HostFunc {
        /// As in [`VmHostFunc`].
        callback: HostPointer,
        /// As in [`VmHostFunc`].
        env: HostPointer,
    },
    /// What an instance exports.
    Extern(W2nExtern),
}

/// An import that could not be bound.
pub struct Mismatch<'a> {
    error: LinkError,
    import: &'a ImportDescriptor<HostPointer>,
}

impl Mismatch<'_> {
    /// Reports it and answers its status.
    pub fn report(&self, report: *mut W2nTrap) -> u32 {
        let status = trap::report_link_error(report, self.error, b"");
        // SAFETY: the API asks its callers for a report that is null or valid.
        if let Some(report) = unsafe { report.as_mut() } {
            trap::set_message(report, |text| {
                text.push(trap::link_error_message(self.error));
                text.push(b": module ");
                text.push_name(&self.import.module);
                text.push(b", field ");
                text.push_name(&self.import.name);
            });
        }
        status
    }
}

/// How code of `module` keeps its accesses in bounds.
pub fn bounds(module: &HostModule) -> Bounds {
    if module.flags & FLAG_SOFTWARE_BOUNDS != 0 { Bounds::Software } else { Bounds::Guard }
}

/// A definition for each import.
///
/// # Safety
/// The module is loaded, and the imports are as the API says.
pub unsafe fn resolve<'a>(
    module: &'a HostModule,
    type_ids: &[u32],
    imports: &[W2nImport],
) -> Result<Vec<Definition>, Mismatch<'a>> {
    // SAFETY: the caller vouches for the module.
    let wanted = unsafe { slice::<ImportDescriptor<HostPointer>>(&module.imports) };
    let mut definitions = Vec::with_capacity(wanted.len());
    for (position, import) in wanted.iter().enumerate() {
        // SAFETY: the caller vouches for module and imports.
        match unsafe { resolve_one(module, type_ids, import, imports.get(position)) } {
            Ok(definition) => definitions.push(definition),
            Err(error) => return Err(Mismatch { error, import }),
        }
    }
    Ok(definitions)
}

unsafe fn resolve_one(
    module: &HostModule,
    type_ids: &[u32],
    wanted: &ImportDescriptor<HostPointer>,
    given: Option<&W2nImport>,
) -> Result<Definition, LinkError> {
    let is_func = wanted.ty.kind == extern_kind_number(ExternKind::Func);
    match given {
        Some(given) if given.kind == IMPORT_HOST_FUNC => {
            let callback = given.callback.ok_or(LinkError::UnknownImport)?;
            // SAFETY: the caller vouches for the module.
            let encoding = unsafe { func_types(module).get(wanted.ty.ty as usize) }.map(|ty| &ty.encoding);
            // SAFETY: both encodings are valid slices.
            let fits = is_func
                && (given.func_type.ptr.is_null()
                    || encoding.is_some_and(|wanted| unsafe { bytes(wanted) == bytes(&given.func_type) }));
            let callback = callback as *mut core::ffi::c_void;
            fits.then_some(Definition::HostFunc { callback, env: given.env })
        }
        Some(given) if given.kind == IMPORT_EXTERN => {
            // SAFETY: the caller vouches for the extern.
            unsafe { matches(module, type_ids, &wanted.ty, &given.external) }
                .then_some(Definition::Extern(given.external))
        }
        Some(given) if given.kind != IMPORT_LINKED => return Err(LinkError::InvalidArgument),
        _ if is_func && !wanted.linked.is_null() => {
            let env = given.map_or(core::ptr::null_mut(), |given| given.env);
            Some(Definition::HostFunc { callback: wanted.linked, env })
        }
        _ => return Err(LinkError::UnknownImport),
    }
    .ok_or(LinkError::IncompatibleImport)
}

unsafe fn matches(
    module: &HostModule,
    type_ids: &[u32],
    wanted: &ExternDescriptor,
    given: &W2nExtern,
) -> bool {
    if given.kind != wanted.kind || given.definition.is_null() || given.instance.is_null() {
        return false;
    }
    // Another copy of the runtime (in another plugin) numbers types differently and does not know our
    // instances. SAFETY: the host vouches for the instances it takes imports from.
    if unsafe { instance::descriptor(given.instance) }.api != module.api {
        return false;
    }
    let ref_type = types::canonical_ref_type(wanted.ref_type, type_ids);
    // SAFETY: the kind says what the definition is.
    unsafe {
        match ExternKind::from_code(wanted.kind as u8) {
            Some(ExternKind::Func) => {
                let given = (*given.definition.cast::<HostFuncRef>()).type_id;
                type_ids.get(wanted.ty as usize) == Some(&given)
            }
            Some(ExternKind::Table) => {
                let table = &*given.definition.cast::<HostTable>();
                table.element_type == wanted.ty
                    && table.ref_type == ref_type
                    && given.flags == wanted.flags
                    && limits_match(wanted, table.length, table.declared_max)
            }
            Some(ExternKind::Memory) => {
                let memory = &*given.definition.cast::<HostMemory>();
                // A reservation without guard pages is no sandbox for code that does not check bounds.
                let checks = bounds(module) == Bounds::Software || !can_be_guarded(wanted.flags, wanted.ty);
                let has_guard = memory.reserved_bytes >= GUARD_RESERVATION_BYTES;
                given.flags == wanted.flags
                    && memory.page_size_log2 == wanted.ty
                    && (has_guard || checks)
                    && limits_match(
                        wanted,
                        memory.length_bytes >> memory.page_size_log2,
                        memory.declared_max_pages,
                    )
            }
            // spec: valid/matching, global types: a variable can be written from both sides.
            Some(ExternKind::Global) => {
                given.ty == wanted.ty
                    && given.flags == wanted.flags
                    && types::ref_type_matches(given.ref_type, ref_type)
                    && (wanted.flags == 0 || given.ref_type == ref_type)
            }
            None => false,
        }
    }
}

/// spec: the current length stands for the minimum of what is given.
fn limits_match(wanted: &ExternDescriptor, length: u64, declared_max: u64) -> bool {
    // NO_MAXIMUM is the largest number, so "none given" fails against any maximum and nothing else does.
    length >= wanted.min && declared_max <= wanted.max
}
