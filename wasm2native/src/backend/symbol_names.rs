//! Gives functions the names that the guest has for them, in the symbol table of what was linked.
//!
//! The rule: this comes after the linker, so that no name of the guest's ever takes part in linking: what is
//! linked at run time has a table of its own. Only names change, and the place of what lies behind them in
//! the file.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::mem::size_of;
use std::ops::Range;

use object::elf::{
    FileHeader64, PT_LOAD, SHF_ALLOC, SHT_NOBITS, SHT_NULL, SHT_SYMTAB, SectionHeader64, Sym64,
};
use object::read::elf::{FileHeader as _, ProgramHeader as _, SectionHeader as _, Sym as _};
use object::{Endianness, U32, U64, bytes_of, from_bytes_mut, slice_from_bytes};

use crate::error::{CompileError, Result};

type Header = FileHeader64<Endianness>;
type Section = SectionHeader64<Endianness>;
type Symbol = Sym64<Endianness>;

/// Bytes of a name that are shown; linkers and debuggers read whole files for less.
const MAX_NAME_BYTES: usize = 4096;

/// All machines that we make code for are little-endian.
const ENDIAN: Endianness = Endianness::Little;

/// Alignment of section headers.
const HEADER_ALIGN: usize = 8;

/// Renames symbols of the ELF file `bytes` to what `name_of` answers for them. Different functions get
/// different names: where one is taken, by the guest or by anything else in the file, the symbol stands
/// behind it.
pub fn rename(bytes: &mut Vec<u8>, name_of: impl Fn(&str) -> Option<String>) -> Result<()> {
    let Some(tables) = Tables::find(bytes)? else { return Ok(()) };
    let old: Vec<Vec<u8>> = tables.names(bytes)?;
    let wanted: Vec<Option<String>> = old
        .iter()
        .map(|name| {
            let name = name_of(std::str::from_utf8(name).ok()?)?;
            Some(presentable(&name)).filter(|name| !name.is_empty())
        })
        .collect();
    if wanted.iter().all(Option::is_none) {
        return Ok(());
    }
    let mut uses: HashMap<&[u8], u32> = HashMap::new();
    for (name, wanted) in old.iter().zip(&wanted) {
        // What is taken from a library stands with its version: `memcpy@GLIBC_2.14`.
        let unversioned = name.split(|byte| *byte == b'@').next().unwrap_or_default();
        *uses.entry(wanted.as_ref().map_or(unversioned, String::as_bytes)).or_default() += 1;
    }
    let new: Vec<Vec<u8>> = old
        .iter()
        .zip(&wanted)
        .map(|(name, wanted)| match wanted {
            None => name.clone(),
            Some(wanted) if uses[wanted.as_bytes()] == 1 => wanted.clone().into_bytes(),
            Some(wanted) => [wanted.as_bytes(), b".", name].concat(),
        })
        .collect();
    tables.write(bytes, &new)
}

/// A name as terminals and tools can take it: control characters would move the cursor, and a table of names
/// ends each at a zero.
fn presentable(name: &str) -> String {
    let mut shown: String = name.chars().map(|c| if c.is_control() { '_' } else { c }).collect();
    while shown.len() > MAX_NAME_BYTES {
        shown.pop();
    }
    shown
}

/// Where the symbol table and its names are in a file.
struct Tables {
    /// Index of the section with the names.
    strings: usize,
    /// Offset of the first symbol.
    symbols_offset: usize,
    /// Offset and number of the section headers.
    headers_offset: usize,
    header_count: usize,
}

impl Tables {
    /// `None` for a stripped file.
    fn find(bytes: &[u8]) -> Result<Option<Self>> {
        let header = Header::parse(bytes).map_err(broken)?;
        let endian = header.endian().map_err(broken)?;
        let sections = header.section_headers(endian, bytes).map_err(broken)?;
        let Some(table) = sections.iter().find(|section| section.sh_type(endian) == SHT_SYMTAB) else {
            return Ok(None);
        };
        Ok(Some(Self {
            strings: table.sh_link(endian) as usize,
            symbols_offset: table.sh_offset(endian) as usize,
            headers_offset: header.e_shoff(endian) as usize,
            header_count: sections.len(),
        }))
    }

    fn names(&self, bytes: &[u8]) -> Result<Vec<Vec<u8>>> {
        let header = Header::parse(bytes).map_err(broken)?;
        let endian = header.endian().map_err(broken)?;
        let sections = header.sections(endian, bytes).map_err(broken)?;
        let table = sections.symbols(endian, bytes, SHT_SYMTAB).map_err(broken)?;
        let name = |symbol: &Symbol| Ok(symbol.name(endian, table.strings()).map_err(broken)?.to_vec());
        table.symbols().iter().map(name).collect()
    }

    /// Writes these names, one for each symbol.
    fn write(&self, bytes: &mut Vec<u8>, names: &[Vec<u8>]) -> Result<()> {
        let mut strings = vec![0];
        let mut known: HashMap<&[u8], u32> = HashMap::from([(&b""[..], 0)]);
        for (position, name) in names.iter().enumerate() {
            let offset = match known.entry(name) {
                Entry::Occupied(entry) => *entry.get(),
                Entry::Vacant(entry) => {
                    let offset = u32::try_from(strings.len()).map_err(broken)?;
                    strings.extend_from_slice(name);
                    strings.push(0);
                    *entry.insert(offset)
                }
            };
            let start = self.symbols_offset + position * size_of::<Symbol>();
            let symbol = bytes.get_mut(start..).and_then(|bytes| from_bytes_mut::<Symbol>(bytes).ok());
            symbol.ok_or_else(|| broken("a symbol outside the file"))?.0.st_name = U32::new(ENDIAN, offset);
        }
        self.replace_strings(bytes, &strings)
    }

    /// Puts `strings` in the place of the table of names. What lies behind it, other tables that are not
    /// loaded and the section headers, moves. Where that cannot be, the names go to the end of the file and
    /// what was there stays as a gap: some linkers put the names in front of what is loaded.
    fn replace_strings(&self, bytes: &mut Vec<u8>, strings: &[u8]) -> Result<()> {
        let headers_end = self.headers_offset + self.header_count * size_of::<Section>();
        let headers =
            bytes.get(self.headers_offset..headers_end).ok_or_else(|| broken("no section headers"))?;
        let (headers, _) = slice_from_bytes::<Section>(headers, self.header_count)
            .map_err(|()| broken("no section headers"))?;
        let mut headers = headers.to_vec();
        let place = |header: &Section| {
            let start = header.sh_offset(ENDIAN) as usize;
            start..start + header.sh_size(ENDIAN) as usize
        };
        let old = place(&headers[self.strings]);
        let is_behind = |header: &Section| {
            header.sh_type(ENDIAN) != SHT_NOBITS
                && header.sh_type(ENDIAN) != SHT_NULL
                && place(header).start >= old.end
        };
        let mut behind: Vec<usize> = (0..headers.len()).filter(|index| is_behind(&headers[*index])).collect();
        behind.sort_by_key(|index| headers[*index].sh_offset(ENDIAN));
        let is_loaded = |index: &usize| headers[*index].sh_flags(ENDIAN).contains(SHF_ALLOC);
        let is_fixed = behind.iter().any(is_loaded)
            || self.headers_offset < old.end
            || loaded_end(bytes)? > old.start as u64;
        let start = if is_fixed { bytes.len() } else { old.start };
        if is_fixed {
            behind.clear();
        }
        let rest = bytes.split_off(start);
        let mut put = |header: &mut Section, content: &[u8]| {
            let align = (header.sh_addralign(ENDIAN) as usize).max(1);
            bytes.resize(bytes.len().next_multiple_of(align), 0);
            header.sh_offset = U64::new(ENDIAN, bytes.len() as u64);
            header.sh_size = U64::new(ENDIAN, content.len() as u64);
            bytes.extend_from_slice(content);
        };
        put(&mut headers[self.strings], strings);
        for index in behind {
            let Range { start, end } = place(&headers[index]);
            let content = rest.get(start - old.start..end - old.start);
            let content = content.ok_or_else(|| broken("a section outside the file"))?;
            put(&mut headers[index], content);
        }
        bytes.resize(bytes.len().next_multiple_of(HEADER_ALIGN), 0);
        let headers_offset = bytes.len() as u64;
        for header in &headers {
            bytes.extend_from_slice(bytes_of(header));
        }
        let (file, _) = from_bytes_mut::<Header>(bytes).map_err(|()| broken("no header"))?;
        file.e_shoff = U64::new(ENDIAN, headers_offset);
        Ok(())
    }
}

/// Where in the file the last byte lies that is loaded.
fn loaded_end(bytes: &[u8]) -> Result<u64> {
    let header = Header::parse(bytes).map_err(broken)?;
    let segments = header.program_headers(ENDIAN, bytes).map_err(broken)?;
    let loaded = segments.iter().filter(|segment| segment.p_type(ENDIAN) == PT_LOAD);
    let ends = loaded.map(|segment| segment.p_offset(ENDIAN) + segment.p_filesz(ENDIAN));
    Ok(ends.max().unwrap_or(0))
}

/// The file is the linker's: what is wrong with it is never the user's fault.
fn broken(error: impl std::fmt::Display) -> CompileError {
    CompileError::internal(format!("cannot name the functions of the output: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use object::write::{Object as Written, StandardSection, Symbol as NewSymbol, SymbolSection};
    use object::{Architecture, BinaryFormat, Object as _, ObjectSymbol as _, SymbolKind, SymbolScope};

    /// An ELF file with two functions.
    fn file() -> Vec<u8> {
        let mut written = Written::new(BinaryFormat::Elf, Architecture::Riscv64, Endianness::Little);
        let section = written.section_id(StandardSection::Text);
        for name in ["app.f0", "app.f1"] {
            written.append_section_data(section, &[0xc3], 1);
            written.add_symbol(NewSymbol {
                name: name.into(),
                value: 0,
                size: 1,
                kind: SymbolKind::Text,
                scope: SymbolScope::Compilation,
                weak: false,
                section: SymbolSection::Section(section),
                flags: object::SymbolFlags::None,
            });
        }
        written.write().expect("an ELF file")
    }

    fn names(bytes: &[u8]) -> Vec<String> {
        let file = object::File::parse(bytes).expect("still an ELF file");
        let named = file.symbols().filter(|symbol| symbol.kind() == SymbolKind::Text);
        named.map(|symbol| symbol.name().expect("a name").to_owned()).collect()
    }

    /// Index of a section that lies behind the names, if one does.
    fn behind_names(bytes: &[u8]) -> Option<usize> {
        let tables = Tables::find(bytes).expect("headers")?;
        let header = Header::parse(bytes).expect("a header");
        let sections = header.section_headers(ENDIAN, bytes).expect("sections");
        let names = sections[tables.strings].sh_offset(ENDIAN);
        sections.iter().position(|section| section.sh_offset(ENDIAN) > names)
    }

    fn long_name(symbol: &str) -> Option<String> {
        symbol.strip_prefix("app.").map(|rest| format!("{} {rest}", "long".repeat(100)))
    }

    #[test]
    fn longer_names_push_what_is_behind_them() {
        let mut bytes = file();
        rename(&mut bytes, long_name).expect("it is renamed");
        assert_eq!(names(&bytes), ["f0", "f1"].map(|rest| format!("{} {rest}", "long".repeat(100))));
        rename(&mut bytes, |name| name.ends_with("f0").then(|| "f".to_owned())).expect("again");
        assert_eq!(names(&bytes)[0], "f");
    }

    #[test]
    fn what_is_loaded_from_behind_the_names_stays_where_it_is() {
        let mut bytes = file();
        let index = behind_names(&bytes).expect("a section behind the names");
        let headers = Tables::find(&bytes).expect("headers").expect("a table").headers_offset;
        let start = headers + index * size_of::<Section>();
        let flags = U64::new(ENDIAN, 2u64);
        let place = |bytes: &[u8]| {
            let header = Header::parse(bytes).expect("a header");
            let sections = header.section_headers(ENDIAN, bytes).expect("sections");
            sections[index].sh_offset(ENDIAN)
        };
        let before = place(&bytes);
        // The flags are the third field, behind two of four bytes; 2 is SHF_ALLOC.
        bytes[start + 8..start + 16].copy_from_slice(bytes_of(&flags));
        let old = bytes.clone();
        rename(&mut bytes, long_name).expect("it is renamed");
        assert_eq!(place(&bytes), before);
        assert_eq!(names(&bytes).len(), 2);
        assert!(names(&bytes)[0].starts_with("longlong"));
        let header = size_of::<Header>();
        let symbols = Tables::find(&old).expect("headers").expect("a table").symbols_offset;
        assert!(bytes[header..symbols] == old[header..symbols], "code has moved");
    }
}
