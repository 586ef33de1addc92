//! Import matching: is what the host gives what the module asks for?
//!
//! The rule: all imports are matched, in the order of the module, before anything is written, so a
//! module that does not fit leaves no trace. spec: exec/modules, external typing and import matching.

use alloc::sync::Arc;
use alloc::vec::Vec;

use w2n_abi::*;

use crate::descriptor::{Import, Module, encoding, import_names};
use crate::external::{Definition, External};
use crate::memory::Bounds;
use crate::shared::elements;
use crate::store::Store;
use crate::trap::Report;
use crate::types;

/// What an import is bound to.
pub enum Binding {
    /// A host function: given by the host, or linked in.
    HostFunc {
        /// As in [`VmHostFunc`].
        callback: HostPointer,
        /// As in [`VmHostFunc`].
        env: HostPointer,
    },
    /// What an instance exports.
    External(External),
}

/// An import that could not be bound.
pub struct Mismatch {
    error: LinkError,
    import: &'static Import,
}

impl Mismatch {
    /// Reports it and answers its status.
    pub fn report(&self, report: Report) -> u32 {
        let (module, field) = import_names(self.import);
        report.of_link_error_with(self.error, &|text| {
            text.push(b": module ");
            text.push_name(module);
            text.push(b", field ");
            text.push_name(field);
        })
    }
}

/// Who asks for imports.
pub struct Importer<'a> {
    /// A module that was found to be right.
    pub module: Module,
    /// Canonical ids of its types.
    pub type_ids: &'a [u32],
    /// Where its instance is going to live.
    pub store: &'a Arc<Store>,
}

/// How code of `module` keeps its accesses in bounds.
pub fn bounds(module: Module) -> Bounds {
    if module.checks_bounds() { Bounds::Software } else { Bounds::Guard }
}

impl Importer<'_> {
    /// A binding for each import.
    ///
    /// # Safety
    /// The imports are as the API says: callbacks of their types, definitions of live instances.
    pub unsafe fn resolve(&self, imports: &[W2nImport]) -> Result<Vec<Binding>, Mismatch> {
        let wanted = self.module.imports();
        let mut bindings = Vec::with_capacity(wanted.len());
        for (position, import) in wanted.iter().enumerate() {
            // SAFETY: the caller's.
            match unsafe { self.resolve_one(import, imports.get(position)) } {
                Ok(binding) => bindings.push(binding),
                Err(error) => return Err(Mismatch { error, import }),
            }
        }
        Ok(bindings)
    }

    /// # Safety
    /// As for [`Self::resolve`].
    unsafe fn resolve_one(&self, wanted: &Import, given: Option<&W2nImport>) -> Result<Binding, LinkError> {
        let is_func = wanted.ty.kind == extern_kind_number(ExternKind::Func);
        match given {
            Some(given) if given.kind == IMPORT_HOST_FUNC => {
                let callback = given.callback.ok_or(LinkError::UnknownImport)?;
                let encoding = self.module.types().get(wanted.ty.ty as usize).map(encoding);
                // SAFETY: the host gives a type, or null for any.
                let fits = is_func
                    && (given.func_type.ptr.is_null()
                        || encoding.is_some_and(|wanted| wanted == unsafe { elements(&given.func_type) }));
                let callback = callback as *mut core::ffi::c_void;
                fits.then_some(Binding::HostFunc { callback, env: given.env })
            }
            Some(given) if given.kind == IMPORT_EXTERN => {
                // SAFETY: the host gives what a live instance exports.
                unsafe { External::new(&given.external) }
                    .filter(|external| self.takes(&wanted.ty, external))
                    .map(Binding::External)
            }
            Some(given) if given.kind != IMPORT_LINKED => return Err(LinkError::InvalidArgument),
            _ if is_func && !wanted.linked.is_null() => {
                let env = given.map(|given| given.env).filter(|env| !env.is_null());
                let env = env.unwrap_or_else(|| self.store.linked_env());
                if env.is_null() && self.is_linked_to_wasi(wanted) {
                    return Err(LinkError::NoWasiContext);
                }
                Some(Binding::HostFunc { callback: wanted.linked, env })
            }
            _ => return Err(LinkError::UnknownImport),
        }
        .ok_or(LinkError::IncompatibleImport)
    }

    /// Whether what was linked in for an import is a function of WASI, which works on a context.
    fn is_linked_to_wasi(&self, import: &Import) -> bool {
        let (module, _) = import_names(import);
        !self.module.descriptor().wasi.is_null() && core::str::from_utf8(module).is_ok_and(is_wasi_module)
    }

    fn takes(&self, wanted: &ExternDescriptor, given: &External) -> bool {
        // Another copy of the runtime (in another plugin) numbers types differently and does not know our
        // instances; what is in another store may be used by another thread at any time.
        if !given.instance.is_at_home_in(self.module, Arc::as_ptr(self.store)) {
            return false;
        }
        let ref_type = types::canonical_ref_type(wanted.ref_type, self.type_ids);
        match (&given.definition, ExternKind::from_code(wanted.kind as u8)) {
            (Definition::Func(func), Some(ExternKind::Func)) => {
                self.type_ids.get(wanted.ty as usize) == Some(&func.get().type_id)
            }
            (Definition::Table(table), Some(ExternKind::Table)) => {
                let table = table.vm();
                table.element_type == wanted.ty
                    && table.ref_type == ref_type
                    && given.flags == wanted.flags
                    && limits_match(wanted, table.length, table.declared_max)
            }
            (Definition::Memory(memory), Some(ExternKind::Memory)) => {
                let memory = memory.vm();
                // A reservation without guard pages is no sandbox for code that does not check bounds.
                let checks =
                    bounds(self.module) == Bounds::Software || !can_be_guarded(wanted.flags, wanted.ty);
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
            (Definition::Global(_), Some(ExternKind::Global)) => {
                given.ty == wanted.ty
                    && given.flags == wanted.flags
                    && types::ref_type_matches(given.ref_type, ref_type)
                    && (wanted.flags == 0 || given.ref_type == ref_type)
            }
            _ => false,
        }
    }
}

/// spec: the current length stands for the minimum of what is given.
fn limits_match(wanted: &ExternDescriptor, length: u64, declared_max: u64) -> bool {
    // NO_MAXIMUM is the largest number, so "none given" fails against any maximum and nothing else does.
    length >= wanted.min && declared_max <= wanted.max
}
