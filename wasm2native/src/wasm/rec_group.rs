//! Recursion groups: which function types are equal, in this module and in others.
//!
//! The rule: types are equal when they stand at the same place of groups that are equal but for the numbers
//! of types inside the group itself. spec: valid/conventions, rolling and unrolling. The runtime does the
//! same over the types of all modules (`rt/src/types.rs`).

use std::collections::HashMap;

use wasmparser::{CompositeInnerType, HeapType, RecGroup, RefType, SubType, UnpackedIndex, ValType};

use super::index::TypeIndex;
use super::module::{FuncType, Module, value_type, value_type_of_heap};
use crate::error::{CompileError, Result};
use w2n_abi::{FUNC_TYPE_SEPARATOR, TypeIdentity};

/// What makes a function type equal to others.
#[derive(Clone, Debug)]
pub struct Identity {
    /// See [`TypeIdentity`].
    pub bytes: Vec<u8>,
    /// Number of types in the group that begins with this one; 0 inside of one.
    pub group_len: u32,
}

/// The groups read so far.
#[derive(Debug, Default)]
pub(super) struct RecGroups {
    /// The first type of each, by the identities of its types.
    known: HashMap<Vec<Vec<u8>>, TypeIndex>,
}

impl RecGroups {
    /// Adds the types of the next group to the module, unless it has an equal one.
    ///
    /// Errors: types that are no function types or have a supertype.
    pub fn read(&mut self, module: &mut Module<'_>, group: RecGroup) -> Result<()> {
        let mut encoder = Encoder { start: module.type_map.len() as u32, module, bytes: Vec::new() };
        let (mut types, mut identities) = (Vec::new(), Vec::new());
        for (offset, ty) in group.into_types_and_offsets() {
            types.push(encoder.read(&ty).map_err(|error| error.at(offset as usize))?);
            identities.push(std::mem::take(&mut encoder.bytes));
        }
        let len = types.len() as u32;
        let next = TypeIndex(module.types.len() as u32);
        let first =
            *self.known.entry(identities).or_insert_with_key(|identities| {
                module.types.extend(types);
                let group_len = |position| if position == 0 { len } else { 0 };
                let identities = identities.iter().enumerate();
                module.identities.extend(identities.map(|(position, bytes)| Identity {
                    bytes: bytes.clone(),
                    group_len: group_len(position),
                }));
                next
            });
        module.type_map.extend((0..len).map(|position| TypeIndex(first.0 + position)));
        Ok(())
    }
}

/// Writes the identity of one type after the other.
struct Encoder<'m, 'a> {
    module: &'m Module<'a>,
    /// Index of the group's first type, as the binary numbers it.
    start: u32,
    bytes: Vec<u8>,
}

impl Encoder<'_, '_> {
    fn read(&mut self, ty: &SubType) -> Result<FuncType> {
        let CompositeInnerType::Func(func) = &ty.composite_type.inner else {
            return Err(CompileError::input("types other than function types are not supported"));
        };
        if !ty.supertype_idxs.is_empty() {
            return Err(CompileError::input("types with a supertype are not supported"));
        }
        if !ty.is_final {
            self.bytes.push(TypeIdentity::Open as u8);
        }
        self.put_types(func.params())?;
        self.bytes.push(FUNC_TYPE_SEPARATOR);
        self.put_types(func.results())?;
        let convert = |types: &[ValType]| types.iter().map(|ty| value_type(*ty)).collect::<Result<Vec<_>>>();
        Ok(FuncType { params: convert(func.params())?, results: convert(func.results())? })
    }

    fn put_types(&mut self, types: &[ValType]) -> Result<()> {
        for ty in types {
            match ty {
                ValType::Ref(ty) => self.put_ref_type(*ty)?,
                number => self.bytes.push(value_type(*number)? as u8),
            }
        }
        Ok(())
    }

    fn put_ref_type(&mut self, ty: RefType) -> Result<()> {
        let heap = ty.heap_type();
        let number = value_type_of_heap(heap)?;
        let prefix = if ty.is_nullable() { TypeIdentity::Nullable } else { TypeIdentity::NonNull };
        let HeapType::Concrete(UnpackedIndex::Module(index)) = heap else {
            if !ty.is_nullable() {
                self.bytes.push(prefix as u8);
            }
            self.bytes.push(number as u8);
            return Ok(());
        };
        let (heap, number) = match index.checked_sub(self.start) {
            Some(position) => (TypeIdentity::InGroup, position),
            None => (TypeIdentity::Earlier, self.module.type_index(index).0),
        };
        self.bytes.extend([prefix as u8, heap as u8]);
        self.bytes.extend(number.to_le_bytes());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    fn type_map(text: &str) -> Vec<u32> {
        let bytes = wat::parse_str(text).expect(text);
        let module = crate::wasm::parse(&bytes, "test").expect(text);
        module.type_map.iter().map(|ty| ty.0).collect()
    }

    #[test]
    fn groups_are_equal_if_their_types_are_and_all_of_them() {
        let text = "(module
            (type (func (param i32)))
            (rec (type (func (param i32))))
            (rec (type (func (param i32))) (type (func)))
            (rec (type (func (param i32))) (type (func)))
            (rec (type (func)) (type (func (param i32))))
            (type (sub (func (param i32)))))";
        assert_eq!(type_map(text), [0, 0, 1, 2, 1, 2, 3, 4, 5]);
    }

    #[test]
    fn references_inside_a_group_count_by_place_and_others_by_type() {
        let text = "(module
            (type $a (func (param (ref $a))))
            (type $b (func (param (ref $b))))
            (rec (type $c (func (param (ref $d)))) (type $d (func (param (ref $c)))))
            (type (func (param (ref $a))))
            (type (func (param (ref $b))))
            (type (func (param (ref null $b)))))";
        assert_eq!(type_map(text), [0, 0, 1, 2, 3, 3, 4]);
    }
}
