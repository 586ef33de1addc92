//! What an object says of the Wasm module in it, for a later link. The runtime never sees it.
//!
//! The rule: it may be damaged or hostile, and come from another version of the compiler, so whoever reads it
//! looks at [`NOTE_MAGIC`] and the version first and takes nothing for granted.

/// Section of an object with a note for each module. No linker copies it into an executable or a plugin.
pub const NOTE_SECTION: &str = ".w2n.module";

/// What a note begins with.
pub const NOTE_MAGIC: [u8; 8] = *b"w2n note";

/// Notes start at multiples of this, so that several may follow each other in a section.
pub const NOTE_ALIGN: u64 = 8;

/// In [`ModuleNote::flags`]: its code checks bounds itself.
pub const NOTE_SOFTWARE_BOUNDS: u32 = 1;

/// In [`ModuleNote::flags`]: there is a `main`, and the descriptor is not visible outside of a link.
pub const NOTE_PROGRAM: u32 = 2;

/// In [`ModuleNote::flags`]: `main` has a policy or packed directories.
pub const NOTE_POLICY: u32 = 4;

/// In [`ModuleNote::flags`]: after each trap its state is exact.
pub const NOTE_STRICT_TRAPS: u32 = 8;

/// The head of a note. Behind it stand, without gaps: the name by which other modules import from this one,
/// the prefix of its symbols, the version of the compiler as text, and the *outline*: those sections of the
/// Wasm module that say what it imports and exports.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModuleNote {
    /// [`NOTE_MAGIC`]
    pub magic: [u8; 8],
    /// [`crate::ABI_VERSION`]
    pub abi_version: u32,
    /// [`NOTE_SOFTWARE_BOUNDS`] and others.
    pub flags: u32,
    /// Bytes of the name.
    pub name_len: u32,
    /// Bytes of the prefix.
    pub prefix_len: u32,
    /// Bytes of the compiler's version.
    pub version_len: u32,
    /// Bytes of the outline.
    pub outline_len: u32,
}
