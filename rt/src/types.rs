//! Function types: equal types get equal numbers, in all modules that this runtime has seen.
//!
//! The rule: an id is never given back, because function references carry it; there are only as many
//! as a process has different function types. Types are known by their recursion groups, in which
//! references to types of earlier groups have been replaced by ids.

use alloc::boxed::Box;
use alloc::vec::Vec;

use w2n_abi::{
    FUNC_TYPE_SEPARATOR, HostBytes, REF_FUNC_TYPE_SHIFT, REF_NON_NULL, Slice, TypeIdentity, ValueType,
    resolve_identity,
};

use crate::descriptor::{FuncType, encoding as encoding_of, identity};
use crate::lock::Lock;

struct Known {
    /// Of the key.
    hash: u32,
    /// Key of the group that begins with this type; empty inside of one.
    group: &'static [u8],
    encoding: &'static [u8],
}

/// All types, and where to look for those that begin a group.
struct Types {
    known: Vec<Known>,
    /// A hash table with open addressing: id of the first type of a group, or 0. Its length is a power of
    /// two, and at least half of it is empty.
    groups: Vec<u32>,
    group_count: usize,
}

static TYPES: Lock<Types> = Lock::new(Types { known: Vec::new(), groups: Vec::new(), group_count: 0 });

/// Entries of the hash table at first.
const MIN_GROUPS: usize = 64;

impl Types {
    /// The entry with this key, or the empty one where it belongs.
    fn entry(&self, hash: u32, key: &[u8]) -> usize {
        let mask = self.groups.len() - 1;
        let mut entry = hash as usize & mask;
        while let Some(first) = self.groups[entry].checked_sub(1) {
            let known = &self.known[first as usize];
            if known.hash == hash && known.group == key {
                break;
            }
            entry = (entry + 1) & mask;
        }
        entry
    }

    /// Makes room for one more group.
    fn reserve(&mut self) {
        if 2 * (self.group_count + 1) <= self.groups.len() {
            return;
        }
        let len = (2 * self.groups.len()).max(MIN_GROUPS);
        let old = core::mem::replace(&mut self.groups, alloc::vec![0; len]);
        for id in old.into_iter().filter(|id| *id != 0) {
            let known = &self.known[id as usize - 1];
            let entry = self.entry(known.hash, known.group);
            self.groups[entry] = id;
        }
    }
}

/// The canonical ids of a module's types. None is 0.
pub fn intern(types: &[FuncType]) -> Vec<u32> {
    let mut ids = Vec::with_capacity(types.len());
    let mut key = Vec::new();
    while let Some(first) = types.get(ids.len()) {
        let end = types.len().min(ids.len() + first.group_len.max(1) as usize);
        let group = &types[ids.len()..end];
        key.clear();
        for ty in group {
            resolve_identity(identity(ty), &ids, |piece| key.extend_from_slice(piece));
        }
        let first_id = intern_group(&key, group.iter().map(encoding_of));
        ids.extend((0..group.len() as u32).map(|position| first_id + position));
    }
    ids
}

/// The id of the first type of a group.
fn intern_group<'a>(key: &[u8], encodings: impl Iterator<Item = &'a [u8]>) -> u32 {
    let hash = hash(key);
    let mut types = TYPES.lock();
    types.reserve();
    let entry = types.entry(hash, key);
    if types.groups[entry] == 0 {
        let first = types.known.len();
        types.known.extend(encodings.map(|encoding| Known { hash: 0, group: &[], encoding: leak(encoding) }));
        types.known[first].hash = hash;
        types.known[first].group = leak(key);
        types.groups[entry] = first as u32 + 1;
        types.group_count += 1;
    }
    types.groups[entry]
}

fn leak(bytes: &[u8]) -> &'static [u8] {
    Box::leak(Box::<[u8]>::from(bytes))
}

/// The encoding of the type with this id; empty if there is none.
pub fn encoding(type_id: u32) -> HostBytes {
    let types = TYPES.lock();
    let known = types.known.get((type_id as usize).wrapping_sub(1));
    host_bytes(known.map_or(&[][..], |known| known.encoding))
}

/// Bytes that stay, as the ABI has them; empty ones are null.
pub fn host_bytes(bytes: &'static [u8]) -> HostBytes {
    let ptr = if bytes.is_empty() { core::ptr::null_mut() } else { bytes.as_ptr().cast_mut().cast() };
    Slice { ptr, len: bytes.len() as u64 }
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

/// The type of a value, as the host passes it.
#[derive(Clone, Copy)]
pub struct Operand {
    /// Number of a [`ValueType`].
    pub ty: u8,
    /// See [`canonical_ref_type`]; 0 for numbers.
    pub ref_type: u32,
}

impl Operand {
    /// Whether it is a reference, of whatever kind.
    pub fn is_reference(self) -> bool {
        self.ty == ValueType::FuncRef as u8 || self.ty == ValueType::ExternRef as u8
    }
}

/// What a call has to know of a function type, looked up once.
#[derive(Clone, Copy)]
pub struct Signature {
    /// The type.
    pub ty: &'static FuncType,
    /// Whether references are among its parameters or results.
    pub has_references: bool,
    /// Its parameters or its results, whichever are more.
    pub slot_count: usize,
}

impl Signature {
    /// That of a type.
    pub fn of(ty: &'static FuncType) -> Self {
        let values = encoding_of(ty);
        let parameters = values.iter().position(|code| *code == FUNC_TYPE_SEPARATOR).unwrap_or(values.len());
        let results = (values.len() - parameters).saturating_sub(1);
        Self { ty, has_references: has_reference(values), slot_count: parameters.max(results) }
    }
}

/// Whether a reference is among the value types.
pub fn has_reference(values: &[u8]) -> bool {
    values.iter().any(|code| Operand { ty: *code, ref_type: 0 }.is_reference())
}

/// The parameters of a function type, or its results, read from its identity.
pub struct Operands<'a> {
    rest: &'a [u8],
    ids: &'a [u32],
    /// Id of the first type of the recursion group.
    group: u32,
}

impl<'a> Operands<'a> {
    /// The parameters. `ids` are the canonical ids of the module's types, `group` that of the first type of
    /// the recursion group.
    pub fn parameters(identity: &'a [u8], ids: &'a [u32], group: u32) -> Self {
        let rest = identity.strip_prefix(&[TypeIdentity::Open as u8]).unwrap_or(identity);
        Self { rest, ids, group }
    }

    /// The results, once all parameters have been read.
    pub fn results(self) -> Self {
        Self { rest: self.rest.get(1..).unwrap_or(&[]), ..self }
    }

    fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*byte)
    }

    fn number(&mut self) -> Option<u32> {
        let (number, rest) = self.rest.split_first_chunk::<4>()?;
        self.rest = rest;
        Some(u32::from_le_bytes(*number))
    }
}

impl Iterator for Operands<'_> {
    type Item = Operand;

    #[inline(never)]
    fn next(&mut self) -> Option<Operand> {
        if self.rest.first() == Some(&FUNC_TYPE_SEPARATOR) {
            return None;
        }
        let first = self.byte()?;
        let non_null = match first {
            byte if byte == TypeIdentity::NonNull as u8 => REF_NON_NULL,
            byte if byte == TypeIdentity::Nullable as u8 => 0,
            number => return Some(Operand { ty: number, ref_type: 0 }),
        };
        let heap = self.byte()?;
        let func_type = match heap {
            heap if heap == TypeIdentity::InGroup as u8 => self.group + self.number()?,
            heap if heap == TypeIdentity::Earlier as u8 => {
                let index = self.number()? as usize;
                self.ids.get(index).copied().unwrap_or(0)
            }
            number => return Some(Operand { ty: number, ref_type: non_null }),
        };
        let ref_type = func_type << REF_FUNC_TYPE_SHIFT | non_null;
        Some(Operand { ty: ValueType::FuncRef as u8, ref_type })
    }
}

/// FNV-1a, begun with where the process has the table: a module that was made so that its types have equal
/// hashes would have to know.
fn hash(bytes: &[u8]) -> u32 {
    let begin = (&raw const TYPES as usize >> 4) as u32 ^ 0x811c_9dc5;
    let hash = bytes.iter().fold(begin, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193));
    // The lowest bits of a product depend on the lowest bits alone.
    hash ^ hash >> 15
}
