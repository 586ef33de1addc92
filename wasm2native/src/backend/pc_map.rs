//! Makes the pc map (`rt/abi/src/pc_map.rs` defines it) from the line tables of finished objects.
//!
//! In those line tables, the line is the operator's byte offset in the module and the column the width
//! of its access. Objects are not linked yet, so a row's address is a relocation: [`SECTION_SHIFT`].

use std::collections::BTreeMap;
use std::mem::size_of;

use gimli::{ColumnType, DebugLine, DebugLineOffset, LittleEndian};
use object::elf::{R_X86_64_64, R_X86_64_PC32};
use object::write::{Object, Relocation, StandardSection, Symbol, SymbolId, SymbolSection};
use object::{
    Architecture, BinaryFormat, Endianness, File, Object as _, ObjectSection, ObjectSymbol, RelocationFlags,
    RelocationTarget, SectionKind, SymbolFlags, SymbolKind, SymbolScope,
};
use w2n_abi::{PC_MAP_WIDTH_FACTOR, PcMapFunc, PcMapHeader};

use crate::error::{CompileError, Result};

/// While an object is read, section `n` lies at address `n << SECTION_SHIFT`, so that an address says
/// which section it is in.
const SECTION_SHIFT: u32 = 32;

/// The rows of one function, ready to be written.
#[derive(Debug)]
pub struct FuncRows {
    func_index: u32,
    code_size: u32,
    rows: Vec<u8>,
}

/// What the symbols of a module's functions start with; the function index follows.
pub fn func_name_prefix(prefix: &str) -> String {
    format!("{prefix}{}f", w2n_abi::symbol::INTERNAL_SEPARATOR)
}

/// Reads the rows of the Wasm functions that `object_bytes` defines.
pub fn read_rows(object_bytes: &[u8], prefix: &str) -> Result<Vec<FuncRows>> {
    let file = File::parse(object_bytes).map_err(broken)?;
    let rows = line_rows(&file)?;
    let name_prefix = func_name_prefix(prefix);
    let mut funcs = Vec::new();
    for symbol in file.symbols().filter(|symbol| symbol.kind() == SymbolKind::Text) {
        let index = symbol.name().ok().and_then(|name| name.strip_prefix(&name_prefix)?.parse().ok());
        let (Some(func_index), Some(section)) = (index, symbol.section_index()) else { continue };
        let start = ((section.0 as u64) << SECTION_SHIFT) + symbol.address();
        let code_size = u32::try_from(symbol.size()).map_err(broken)?;
        let rows = encode_rows(start, rows.range(start..start + symbol.size()));
        funcs.push(FuncRows { func_index, code_size, rows });
    }
    Ok(funcs)
}

/// An object that defines the symbol `<prefix>.pc_map`.
pub fn write_object(prefix: &str, funcs: &[FuncRows]) -> Result<Vec<u8>> {
    let name_prefix = func_name_prefix(prefix);
    let mut object = Object::new(BinaryFormat::Elf, Architecture::X86_64, Endianness::Little);
    let section = object.add_subsection(StandardSection::ReadOnlyData, b"w2n.pc_map");
    let symbol = object.add_symbol(hidden(format!("{prefix}.pc_map"), SymbolKind::Data));
    let data = map_bytes(funcs)?;
    object.add_symbol_data(symbol, section, &data, align_of::<PcMapHeader>() as u64);
    for (position, func) in funcs.iter().enumerate() {
        let field = std::mem::offset_of!(PcMapFunc, code_rel);
        let offset = size_of::<PcMapHeader>() + position * size_of::<PcMapFunc>() + field;
        let code = object.add_symbol(hidden(format!("{name_prefix}{}", func.func_index), SymbolKind::Text));
        object.add_relocation(section, pc_relative(offset as u64, code)).map_err(broken)?;
    }
    // Without this section the linker would take the object to need an executable stack.
    object.add_section(Vec::new(), b".note.GNU-stack".to_vec(), SectionKind::Other);
    object.write().map_err(broken)
}

fn map_bytes(funcs: &[FuncRows]) -> Result<Vec<u8>> {
    let count = u32::try_from(funcs.len()).map_err(broken)?;
    let rows_size = u32::try_from(funcs.iter().map(|func| func.rows.len()).sum::<usize>()).map_err(broken)?;
    let mut data = Vec::new();
    let mut put = |word: u32| data.extend_from_slice(&word.to_le_bytes());
    let header = PcMapHeader { func_count: count, rows_size_bytes: rows_size };
    put(header.func_count);
    put(header.rows_size_bytes);
    let mut rows_start = 0;
    for func in funcs {
        let rows_len = func.rows.len() as u32;
        let FuncRows { func_index, code_size, .. } = *func;
        let entry = PcMapFunc { code_rel: 0, code_size, func_index, rows_start, rows_len };
        put(entry.code_rel as u32);
        put(entry.code_size);
        put(entry.func_index);
        put(entry.rows_start);
        put(entry.rows_len);
        rows_start += rows_len;
    }
    data.extend(funcs.iter().flat_map(|func| &func.rows));
    Ok(data)
}

// `map_bytes` writes the fields in order, without padding.
const _: () = assert!(size_of::<PcMapHeader>() == 8 && size_of::<PcMapFunc>() == 20);

/// A symbol other objects of the same output see: undefined until it is given data.
fn hidden(name: String, kind: SymbolKind) -> Symbol {
    Symbol {
        name: name.into_bytes(),
        value: 0,
        size: 0,
        kind,
        scope: SymbolScope::Linkage,
        weak: false,
        section: SymbolSection::Undefined,
        flags: SymbolFlags::None,
    }
}

fn pc_relative(offset: u64, symbol: SymbolId) -> Relocation {
    Relocation { offset, symbol, addend: 0, flags: RelocationFlags::Elf { r_type: R_X86_64_PC32 } }
}

/// The value of each row (`offset * 32 + width`) by address; of several at one address the last counts.
fn line_rows(file: &File) -> Result<BTreeMap<u64, i64>> {
    let mut rows = BTreeMap::new();
    let Some(section) = file.section_by_name(".debug_line") else { return Ok(rows) };
    let bytes = relocated(file, &section)?;
    let line = DebugLine::new(&bytes, LittleEndian);
    let mut offset = 0;
    while offset < bytes.len() {
        let program = line.program(DebugLineOffset(offset), 8, None, None).map_err(broken)?;
        let length_field = usize::from(program.header().format().initial_length_size());
        offset += length_field + program.header().unit_length();
        let mut states = program.rows();
        while let Some((_, row)) = states.next_row().map_err(broken)? {
            if row.end_sequence() {
                continue;
            }
            let line = row.line().map_or(0, |line| line.get() as i64);
            let width = match row.column() {
                ColumnType::LeftEdge => 0,
                ColumnType::Column(column) => (column.get() as i64).min(PC_MAP_WIDTH_FACTOR - 1),
            };
            rows.insert(row.address(), line * PC_MAP_WIDTH_FACTOR + width);
        }
    }
    Ok(rows)
}

/// The section's bytes with its 64-bit addresses filled in; other relocations (names of files) are not
/// needed to read rows.
fn relocated<'a>(file: &File<'a>, section: &impl ObjectSection<'a>) -> Result<Vec<u8>> {
    let mut bytes = section.data().map_err(broken)?.to_vec();
    for (offset, relocation) in section.relocations() {
        if relocation.flags() != (RelocationFlags::Elf { r_type: R_X86_64_64 }) {
            continue;
        }
        let RelocationTarget::Symbol(target) = relocation.target() else { continue };
        let symbol = file.symbol_by_index(target).map_err(broken)?;
        let Some(target_section) = symbol.section_index() else { continue };
        let base = ((target_section.0 as u64) << SECTION_SHIFT) + symbol.address();
        let address = base.wrapping_add_signed(relocation.addend());
        let place = bytes.get_mut(offset as usize..offset as usize + 8);
        place
            .ok_or_else(|| broken("a relocation outside its section"))?
            .copy_from_slice(&address.to_le_bytes());
    }
    Ok(bytes)
}

fn encode_rows<'a>(start: u64, rows: impl Iterator<Item = (&'a u64, &'a i64)>) -> Vec<u8> {
    let mut out = Vec::new();
    let (mut last_address, mut last_value) = (start, 0);
    for (&address, &value) in rows {
        // A row that says the same as the one before it adds nothing.
        if value == last_value {
            continue;
        }
        put_unsigned(&mut out, address - last_address);
        put_signed(&mut out, value - last_value);
        (last_address, last_value) = (address, value);
    }
    out
}

fn put_unsigned(out: &mut Vec<u8>, value: u64) {
    gimli::leb128::write::unsigned(out, value).expect("writing to memory cannot fail");
}

fn put_signed(out: &mut Vec<u8>, value: i64) {
    gimli::leb128::write::signed(out, value).expect("writing to memory cannot fail");
}

/// The objects are LLVM's and the map is ours: what is wrong with them is never the user's fault.
fn broken(error: impl std::fmt::Display) -> CompileError {
    CompileError::internal(format!("cannot make the pc map: {error}"))
}
