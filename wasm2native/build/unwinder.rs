//! Takes the unwinder out of the runtime. It ends the process when it panics, but Rust's standard library
//! was compiled to unwind and to print backtraces, and would have libgcc's unwinder linked into every
//! program. That unwinder asks for a symbol of glibc 2.35.
//!
//! The rule: what the standard library wants of an unwinder becomes `abort`, in the symbol tables of the
//! archive, so that C++ code in the same program keeps the unwinder that it has.

use object::elf::{FileHeader64, Sym64};
use object::read::archive::ArchiveFile;
use object::read::elf::{FileHeader as _, Sym as _};
use object::{Endianness, pod};

/// What the names of an unwinder's functions start with.
const UNWINDER: &[u8] = b"_Unwind_";

/// What they become.
const ABORT: &[u8] = b"abort";

/// Makes undefined symbols of the unwinder in `archive` undefined symbols called `abort`.
pub fn detach(archive: &mut [u8]) {
    let mut changes = Vec::new();
    let file = ArchiveFile::parse(&*archive).expect("rustc makes archives");
    for member in file.members() {
        let member = member.expect("a member of an archive");
        let (start, size) = member.file_range();
        let bytes = &archive[start as usize..(start + size) as usize];
        changes.extend(changes_of(bytes).into_iter().map(|(place, name)| (start as usize + place, name)));
    }
    for (place, name) in changes {
        archive[place..place + size_of_val(&name)].copy_from_slice(&name.to_le_bytes());
    }
}

/// Where in an object file the name of a symbol stands, and what it is to be: a place in the string table.
fn changes_of(bytes: &[u8]) -> Vec<(usize, u32)> {
    let Ok(header) = FileHeader64::<Endianness>::parse(bytes) else { return Vec::new() };
    let endian = header.endian().expect("an object says its byte order");
    let sections = header.sections(endian, bytes).expect("an object has sections");
    let symbols = sections.symbols(endian, bytes, object::elf::SHT_SYMTAB).expect("an object has symbols");
    let named = |symbol: &Sym64<Endianness>, is_wanted: &dyn Fn(&[u8]) -> bool| {
        symbol.is_undefined(endian) && symbols.symbol_name(endian, symbol).is_ok_and(is_wanted)
    };
    let of_unwinder: Vec<_> =
        symbols.iter().filter(|symbol| named(symbol, &|name| name.starts_with(UNWINDER))).collect();
    if of_unwinder.is_empty() {
        return Vec::new();
    }
    let abort = symbols.iter().find(|symbol| named(symbol, &|name| name == ABORT));
    let abort = abort.expect("what can panic calls abort").st_name.get(endian);
    // The name is the first field of a symbol.
    let place =
        |symbol: &Sym64<Endianness>| pod::bytes_of(symbol).as_ptr() as usize - bytes.as_ptr() as usize;
    of_unwinder.into_iter().map(|symbol| (place(symbol), abort)).collect()
}
