//! Value types and external kinds as the numbers that descriptors carry.

/// A value type, numbered as in the Wasm binary format (spec: binary/types).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ValueType {
    /// 32-bit integer.
    I32 = 0x7f,
    /// 64-bit integer.
    I64 = 0x7e,
    /// 32-bit IEEE 754 float.
    F32 = 0x7d,
    /// 64-bit IEEE 754 float.
    F64 = 0x7c,
    /// 128-bit vector.
    V128 = 0x7b,
    /// Nullable reference to a function: a pointer to a [`crate::VmFuncRef`], or null.
    FuncRef = 0x70,
    /// Nullable reference to a host object: an opaque pointer-sized word, null is zero.
    ExternRef = 0x6f,
}

impl ValueType {
    /// Every value type, for look-ups by number.
    pub const ALL: [Self; 7] =
        [Self::I32, Self::I64, Self::F32, Self::F64, Self::V128, Self::FuncRef, Self::ExternRef];

    /// The value type with the binary-format number `code`.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|ty| *ty as u8 == code)
    }

    /// The name in the text format.
    pub fn name(self) -> &'static str {
        match self {
            Self::I32 => "i32",
            Self::I64 => "i64",
            Self::F32 => "f32",
            Self::F64 => "f64",
            Self::V128 => "v128",
            Self::FuncRef => "funcref",
            Self::ExternRef => "externref",
        }
    }
}

/// What an import or export is, numbered as in the Wasm binary format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ExternKind {
    /// A function.
    Func = 0,
    /// A table.
    Table = 1,
    /// A linear memory.
    Memory = 2,
    /// A global variable.
    Global = 3,
}

impl ExternKind {
    /// The kind with the binary-format number `code`.
    pub fn from_code(code: u8) -> Option<Self> {
        [Self::Func, Self::Table, Self::Memory, Self::Global].into_iter().find(|kind| *kind as u8 == code)
    }
}

/// Separates parameters from results in the byte encoding of a function type.
///
/// `(func (param i32 i64) (result f32))` is `7f 7e 00 7d`. It says how values are passed: a reference to a
/// function is [`ValueType::FuncRef`], whatever else its type says. When types are equal says
/// [`TypeIdentity`].
pub const FUNC_TYPE_SEPARATOR: u8 = 0;

/// Bytes in the identity of a function type ([`crate::FuncTypeDescriptor::identity`]).
///
/// It begins with [`Self::Open`] if the type is not final, and goes on like the encoding, but a reference
/// type that is more than a value type number is one of two bytes, as in the binary format of Wasm, and a
/// heap type. spec: valid/conventions, rolling and unrolling: types are equal that stand at the same place of
/// recursion groups that are equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum TypeIdentity {
    /// `sub` without `final`.
    Open = 0x50,
    /// `ref null`, before a heap type.
    Nullable = 0x63,
    /// `ref`, before a heap type.
    NonNull = 0x64,
    /// Heap type: the type whose place in the same recursion group follows, four bytes, little-endian.
    InGroup = 1,
    /// Heap type: the type of an earlier group whose index in the module's `types` follows likewise.
    Earlier = 2,
}

/// Reads the identity of a type with `ids` in place of indices of earlier types, and gives it to `push` piece
/// by piece. Its length goes first, so that identities in a row cannot be confused.
pub fn resolve_identity(identity: &[u8], ids: &[u32], mut push: impl FnMut(&[u8])) {
    push(&(identity.len() as u32).to_le_bytes());
    let mut rest = identity;
    while let Some((&byte, tail)) = rest.split_first() {
        push(&[byte]);
        rest = tail;
        if byte != TypeIdentity::InGroup as u8 && byte != TypeIdentity::Earlier as u8 {
            continue;
        }
        let Some((number, tail)) = rest.split_first_chunk::<4>() else { return };
        let mut number = u32::from_le_bytes(*number);
        if byte == TypeIdentity::Earlier as u8 {
            number = ids.get(number as usize).copied().unwrap_or(0);
        }
        push(&number.to_le_bytes());
        rest = tail;
    }
}

/// In the word that refines a reference type ([`crate::ExternDescriptor::ref_type`]): it is not nullable.
pub const REF_NON_NULL: u32 = 1;

/// In the same word, all other bits: 0 for references to any function, or the number of a function type.
pub const REF_FUNC_TYPE_SHIFT: u32 = 1;
