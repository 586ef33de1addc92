//! Function types: equal types get equal numbers, in all modules that this runtime has seen.
//!
//! The rule: an id is never given back, because function references carry it; there are only as many
//! as a process has different function types. Types are known by their recursion groups, in which
//! references to types of earlier groups have been replaced by ids.

use alloc::boxed::Box;
use alloc::vec::Vec;

use w2n_abi::{
    FuncTypeDescriptor, HostBytes, HostPointer, REF_FUNC_TYPE_SHIFT, REF_NON_NULL, Slice, resolve_identity,
};

use crate::lock::Lock;
use crate::text::bytes;

struct Known {
    hash: u32,
    /// Key of the group that begins with this type; empty inside of one.
    group: &'static [u8],
    encoding: &'static [u8],
}

static TYPES: Lock<Vec<Known>> = Lock::new(Vec::new());

/// The canonical ids of a module's types. None is 0.
///
/// # Safety
/// The module is loaded.
pub unsafe fn intern(types: &[FuncTypeDescriptor<HostPointer>]) -> Vec<u32> {
    let mut ids = Vec::with_capacity(types.len());
    let mut key = Vec::new();
    while let Some(first) = types.get(ids.len()) {
        let end = types.len().min(ids.len() + first.group_len.max(1) as usize);
        let group = &types[ids.len()..end];
        key.clear();
        for ty in group {
            // SAFETY: the caller vouches for the module.
            let identity = unsafe { bytes(&ty.identity) };
            resolve_identity(identity, &ids, |piece| key.extend_from_slice(piece));
        }
        // SAFETY: the caller vouches for the module.
        let encodings = group.iter().map(|ty| unsafe { bytes(&ty.encoding) });
        let first_id = intern_group(&key, encodings);
        ids.extend((0..group.len() as u32).map(|position| first_id + position));
    }
    ids
}

/// The id of the first type of a group.
fn intern_group<'a>(key: &[u8], encodings: impl Iterator<Item = &'a [u8]>) -> u32 {
    let hash = hash(key);
    let mut types = TYPES.lock();
    let found = types.iter().position(|known| known.hash == hash && known.group == key);
    let position = found.unwrap_or_else(|| {
        let first = types.len();
        types.extend(encodings.map(|encoding| Known { hash: 0, group: &[], encoding: leak(encoding) }));
        types[first].hash = hash;
        types[first].group = leak(key);
        first
    });
    position as u32 + 1
}

fn leak(bytes: &[u8]) -> &'static [u8] {
    Box::leak(Box::<[u8]>::from(bytes))
}

/// The encoding of the type with this id; empty if there is none.
pub fn encoding(type_id: u32) -> HostBytes {
    let types = TYPES.lock();
    let encoding = types.get((type_id as usize).wrapping_sub(1)).map_or(&[][..], |known| known.encoding);
    Slice { ptr: encoding.as_ptr().cast_mut().cast(), len: encoding.len() as u64 }
}

/// The refinement of a reference type as a descriptor has it, with an id in place of an index.
pub fn canonical_ref_type(ref_type: u32, ids: &[u32]) -> u32 {
    match (ref_type >> REF_FUNC_TYPE_SHIFT).checked_sub(1) {
        None => ref_type,
        Some(index) => {
            let id = ids.get(index as usize).copied().unwrap_or(0);
            id << REF_FUNC_TYPE_SHIFT | ref_type & REF_NON_NULL
        }
    }
}

/// Whether each reference of the first type is one of the second. spec: valid/matching, reference types.
pub fn ref_type_matches(given: u32, wanted: u32) -> bool {
    let (given_func, wanted_func) = (given >> REF_FUNC_TYPE_SHIFT, wanted >> REF_FUNC_TYPE_SHIFT);
    (wanted_func == 0 || given_func == wanted_func) && given & REF_NON_NULL >= wanted & REF_NON_NULL
}

/// FNV-1a: a module has hundreds of types, so comparing bytes with each would show at start.
fn hash(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}
