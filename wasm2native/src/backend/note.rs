//! Writes the note that an object has on its module (`rt/abi/src/note.rs`), and finds the notes of an object.
//!
//! The rule: nothing that is read is trusted; what does not add up is an error that says what to do.

use std::mem::size_of;

use object::write::Object as WrittenObject;
use object::{
    BinaryFormat, Endianness, Object, ObjectKind, ObjectSection, ObjectSymbol, SectionFlags, SectionKind, elf,
};
use w2n_abi::symbol::MODULE;
use w2n_abi::{ABI_VERSION, ModuleNote, NOTE_ALIGN, NOTE_MAGIC, NOTE_SECTION};

use crate::arch::TARGET;
use crate::error::{CompileError, Result};

/// What an object says of a module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// By this name others import from it.
    pub name: Vec<u8>,
    /// Prefix of its symbols.
    pub prefix: String,
    /// [`w2n_abi::NOTE_SOFTWARE_BOUNDS`] and others.
    pub flags: u32,
    /// See `wasm::outline`.
    pub outline: Vec<u8>,
}

/// An object with nothing but the note.
pub fn write_object(note: &Note) -> Result<Vec<u8>> {
    let bytes = written(note)?.write();
    bytes.map_err(|error| CompileError::internal(format!("the note cannot be written: {error}")))
}

fn written(note: &Note) -> Result<WrittenObject<'static>> {
    let mut object = WrittenObject::new(BinaryFormat::Elf, TARGET.object, Endianness::Little);
    let section = object.add_section(Vec::new(), NOTE_SECTION.as_bytes().to_vec(), SectionKind::Other);
    // No linker takes such a section over, unless it makes an object.
    object.section_mut(section).flags =
        SectionFlags::Elf { sh_type: elf::SHT_PROGBITS, sh_flags: elf::SHF_EXCLUDE };
    object.append_section_data(section, &encode(note)?, NOTE_ALIGN);
    // Without this section the linker would take the object to need an executable stack.
    object.add_section(Vec::new(), b".note.GNU-stack".to_vec(), SectionKind::Other);
    Ok(object)
}

fn encode(note: &Note) -> Result<Vec<u8>> {
    let len = |bytes: &[u8]| {
        u32::try_from(bytes.len()).map_err(|_| CompileError::input("has too many imports and exports"))
    };
    let version = env!("CARGO_PKG_VERSION");
    let mut bytes = NOTE_MAGIC.to_vec();
    let lengths = [&note.name, note.prefix.as_bytes(), version.as_bytes(), &note.outline];
    for word in [ABI_VERSION, note.flags] {
        bytes.extend(word.to_le_bytes());
    }
    for part in lengths {
        bytes.extend(len(part)?.to_le_bytes());
    }
    for part in lengths {
        bytes.extend(part);
    }
    bytes.resize(bytes.len().next_multiple_of(NOTE_ALIGN as usize), 0);
    Ok(bytes)
}

/// What an object, or the member of an archive, is to us.
#[derive(Debug)]
pub enum Contents {
    /// Nothing of ours.
    Foreign,
    /// Compiled modules.
    Modules(Vec<Note>),
    /// A plugin, which has a runtime of its own.
    Plugin,
}

/// Looks for modules in an ELF file. Errors: there are some, but not such as can be linked here.
pub fn read(file: &object::File<'_>) -> Result<Contents> {
    let section = file.sections().find(|section| section.name_bytes() == Ok(NOTE_SECTION.as_bytes()));
    let is_ours = |name: &[u8]| name.starts_with(MODULE.as_bytes());
    let mut symbols = file.symbols().chain(file.dynamic_symbols());
    let has_descriptor =
        symbols.any(|symbol| symbol.is_definition() && symbol.name_bytes().is_ok_and(is_ours));
    match section {
        None if !has_descriptor => Ok(Contents::Foreign),
        _ if file.kind() == ObjectKind::Dynamic => Ok(Contents::Plugin),
        None => Err(unusable("is an object of wasm2native that does not say what module is in it")),
        Some(section) => {
            if file.architecture() != TARGET.object || file.endianness() != Endianness::Little {
                let message = format!("is for another machine ({:?})", file.architecture());
                return Err(CompileError::input(message).hint("compile its module for this one"));
            }
            let bytes = section.data().map_err(|_| damaged())?;
            let notes = notes(bytes)?;
            // The linker would look for it in vain.
            if !notes.iter().all(|note| defines(file, &format!("{MODULE}_{}", note.prefix))) {
                return Err(damaged());
            }
            Ok(Contents::Modules(notes))
        }
    }
}

fn defines(file: &object::File<'_>, name: &str) -> bool {
    let mut symbols = file.symbols().filter(|symbol| symbol.is_definition());
    symbols.any(|symbol| symbol.name_bytes() == Ok(name.as_bytes()))
}

/// The notes of a section.
fn notes(mut bytes: &[u8]) -> Result<Vec<Note>> {
    let mut notes = Vec::new();
    while !bytes.is_empty() {
        let (note, len) = decode(bytes)?;
        notes.push(note);
        bytes = bytes.get(len.next_multiple_of(NOTE_ALIGN as usize)..).ok_or_else(damaged)?;
    }
    if notes.is_empty() { Err(damaged()) } else { Ok(notes) }
}

/// The first note, and how many bytes it takes.
fn decode(bytes: &[u8]) -> Result<(Note, usize)> {
    let (magic, mut rest) = bytes.split_first_chunk().ok_or_else(damaged)?;
    if *magic != NOTE_MAGIC {
        return Err(damaged());
    }
    let mut words = [0; (size_of::<ModuleNote>() - NOTE_MAGIC.len()) / size_of::<u32>()];
    for word in &mut words {
        let (bytes, behind) = rest.split_first_chunk().ok_or_else(damaged)?;
        (*word, rest) = (u32::from_le_bytes(*bytes), behind);
    }
    let [abi_version, flags, lengths @ ..] = words;
    if abi_version != ABI_VERSION {
        return Err(unusable(&format!(
            "was made by another version of wasm2native (ABI {abi_version}, this one has {ABI_VERSION})"
        )));
    }
    let mut take = |len: u32| -> Result<Vec<u8>> {
        let (part, behind) = rest.split_at_checked(len as usize).ok_or_else(damaged)?;
        rest = behind;
        Ok(part.to_vec())
    };
    let [name, prefix, version, outline] = lengths.map(&mut take);
    let (name, prefix, version, outline) = (name?, prefix?, version?, outline?);
    if version != env!("CARGO_PKG_VERSION").as_bytes() {
        return Err(unusable("was made by another version of wasm2native"));
    }
    let prefix = String::from_utf8(prefix).map_err(|_| damaged())?;
    let note = Note { name, prefix, flags, outline };
    Ok((note, bytes.len() - rest.len()))
}

fn damaged() -> CompileError {
    unusable("is an object of wasm2native, but what it says of its module is damaged")
}

fn unusable(message: &str) -> CompileError {
    CompileError::input(message).hint("compile its module again: `wasm2native -c`")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note() -> Note {
        Note { name: b"lib".to_vec(), prefix: "lib".to_owned(), flags: 5, outline: b"outline".to_vec() }
    }

    /// What `wasm2native -c` makes, but for code.
    fn object() -> Vec<u8> {
        let mut object = written(&note()).expect("a note");
        let section = object.section_id(object::write::StandardSection::ReadOnlyData);
        object.append_section_data(section, &[0; 8], 8);
        object.add_symbol(object::write::Symbol {
            name: b"w2n_module_lib".to_vec(),
            value: 0,
            size: 8,
            kind: object::SymbolKind::Data,
            scope: object::SymbolScope::Linkage,
            weak: false,
            section: object::write::SymbolSection::Section(section),
            flags: object::SymbolFlags::None,
        });
        object.write().expect("an object")
    }

    #[test]
    fn a_note_is_read_as_it_was_written() {
        let bytes = object();
        let file = object::File::parse(bytes.as_slice()).expect("an object");
        let Ok(Contents::Modules(notes)) = read(&file) else { panic!("no module") };
        assert_eq!(notes, [note()]);
        let two = encode(&note()).expect("a note").repeat(2);
        assert_eq!(super::notes(&two).expect("two notes"), [note(), note()]);
    }

    /// Every byte of an object is damaged in several ways; some are not looked at, but nothing panics.
    #[test]
    fn a_damaged_object_is_an_error_at_most() {
        let bytes = object();
        let mut refused = 0;
        for position in 0..bytes.len() {
            for byte in [0, 1, 0x7f, 0x80, 0xff, bytes[position] ^ 0x10] {
                let mut damaged = bytes.clone();
                damaged[position] = byte;
                let contents = object::File::parse(damaged.as_slice()).map(|file| read(&file));
                refused += usize::from(!matches!(contents, Ok(Ok(Contents::Modules(_)))));
            }
            let cut = object::File::parse(&bytes[..position]).map(|file| read(&file));
            assert!(!matches!(cut, Ok(Ok(Contents::Modules(_)))), "cut at {position}");
        }
        assert!(refused > 100, "{refused}");
    }

    #[test]
    fn other_versions_and_nonsense_are_refused() {
        let good = encode(&note()).expect("a note");
        let with = |position: usize, byte: u8| {
            let mut bytes = good.clone();
            bytes[position] = byte;
            notes(&bytes).expect_err("it is damaged").to_string()
        };
        assert!(with(8, 77).contains("another version of wasm2native (ABI 77"));
        assert!(with(0, b'x').contains("damaged"));
        // The name takes all there is, and more.
        assert!(with(19, 0xff).contains("damaged"));
        assert!(notes(&[]).is_err() && notes(&good[..good.len() - 1]).is_err());
    }
}
