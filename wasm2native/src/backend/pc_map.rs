//! Makes the pc map (`rt/abi/src/pc_map.rs` defines it) from the debug information of finished objects.
//!
//! The rule: only code that is left is in the map, under the symbol that the object has for it; one
//! Wasm function may have become several (`app.f7`, `app.f7.specialized.1`), or none.

use std::mem::{offset_of, size_of};
use std::ops::Range;

use object::write::{Object, Relocation, StandardSection, Symbol, SymbolId, SymbolSection};
use object::{
    BinaryFormat, Endianness, File, Object as _, ObjectSymbol, RelocationFlags, SectionKind, SymbolFlags,
    SymbolKind, SymbolScope,
};
use w2n_abi::symbol::{INITIALIZE, INTERNAL_SEPARATOR};
use w2n_abi::{NONE, PC_MAP_WIDTH_FACTOR, PcMapFunc, PcMapHeader};

use super::line_table::{InlinedCall, LineTable, Row, code_addresses};
use crate::arch::TARGET;
use crate::error::{CompileError, Result};

/// What the map says of one function, ready to be written.
#[derive(Debug)]
pub struct MappedFunc {
    symbol: String,
    func_index: u32,
    code_size: u32,
    rows: Vec<u8>,
    calls: Vec<u8>,
}

/// Where the bodies of all defined functions are in the Wasm module.
#[derive(Debug)]
pub struct Bodies {
    /// Function index of the first.
    pub first_func: u32,
    /// Byte offsets, ascending.
    pub starts: Vec<u32>,
    /// Byte offset behind the last.
    pub end: u32,
}

impl Bodies {
    /// Where the body of a function starts; 0 if it has none.
    fn start(&self, func: u32) -> u32 {
        let position = func.checked_sub(self.first_func);
        position.and_then(|position| self.starts.get(position as usize)).copied().unwrap_or(0)
    }
}

/// Whether the code with this symbol goes into the map of the module with this prefix.
pub fn is_mapped(symbol: &str, prefix: &str) -> bool {
    mapped_index(symbol, prefix).is_some()
}

/// The Wasm function that a symbol stands for, if it is one.
pub fn func_index(symbol: &str, prefix: &str) -> Option<u32> {
    mapped_index(symbol, prefix).filter(|index| *index != NONE)
}

/// The function index that a symbol stands for: `app.f7` or a copy of it, or `app.initialize`.
fn mapped_index(symbol: &str, prefix: &str) -> Option<u32> {
    let internal = symbol.strip_prefix(prefix)?.strip_prefix(INTERNAL_SEPARATOR)?;
    if internal == INITIALIZE {
        return Some(NONE);
    }
    func_symbol(symbol, prefix).map(|(index, _)| index)
}

/// The function that a symbol stands for, and what says which copy of it: `app.f7.specialized.1` is 7 and
/// `.specialized.1`.
pub fn func_symbol<'a>(symbol: &'a str, prefix: &str) -> Option<(u32, &'a str)> {
    let internal = symbol.strip_prefix(prefix)?.strip_prefix(INTERNAL_SEPARATOR)?;
    let number = internal.strip_prefix('f')?;
    let (number, copy) = number.split_at(number.find(INTERNAL_SEPARATOR).unwrap_or(number.len()));
    Some((number.parse().ok()?, copy))
}

/// Reads what `object_bytes` says of the code of the module with this prefix.
pub fn read_funcs(object_bytes: &[u8], prefix: &str, bodies: &Bodies) -> Result<Vec<MappedFunc>> {
    let file = File::parse(object_bytes).map_err(broken)?;
    let table =
        LineTable::read(&file, |symbol| func_index(symbol, prefix).map_or(0, |func| bodies.start(func)))?;
    let mut funcs = Vec::new();
    for symbol in file.symbols().filter(|symbol| symbol.kind() == SymbolKind::Text) {
        let Ok(name) = symbol.name() else { continue };
        let (Some(func_index), Some(code)) = (mapped_index(name, prefix), code_addresses(&symbol)) else {
            continue;
        };
        funcs.push(MappedFunc {
            symbol: name.to_owned(),
            func_index,
            code_size: u32::try_from(symbol.size()).map_err(broken)?,
            rows: encode_rows(code.start, table.rows(&code)),
            calls: encode_calls(code.start, table.calls(&code)),
        });
    }
    Ok(funcs)
}

/// An object that defines the symbol `<prefix>.pc_map`.
pub fn write_object(prefix: &str, funcs: &[MappedFunc], bodies: &Bodies) -> Result<Vec<u8>> {
    let mut object = Object::new(BinaryFormat::Elf, TARGET.object, Endianness::Little);
    let section = object.add_subsection(StandardSection::ReadOnlyData, b"w2n.pc_map");
    let symbol = object.add_symbol(hidden(format!("{prefix}.pc_map"), SymbolKind::Data));
    let data = map_bytes(funcs, bodies)?;
    object.add_symbol_data(symbol, section, &data, align_of::<PcMapHeader>() as u64);
    for (position, func) in funcs.iter().enumerate() {
        let field = offset_of!(PcMapFunc, code_rel);
        let offset = size_of::<PcMapHeader>() + position * size_of::<PcMapFunc>() + field;
        let code = object.add_symbol(hidden(func.symbol.clone(), SymbolKind::Text));
        object.add_relocation(section, pc_relative(offset as u64, code)).map_err(broken)?;
    }
    // Without this section the linker would take the object to need an executable stack.
    object.add_section(Vec::new(), b".note.GNU-stack".to_vec(), SectionKind::Other);
    object.write().map_err(broken)
}

fn map_bytes(funcs: &[MappedFunc], bodies: &Bodies) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut entries = Vec::new();
    for func in funcs {
        entries.push(PcMapFunc {
            code_rel: 0,
            code_size: func.code_size,
            func_index: func.func_index,
            rows_start: u32::try_from(bytes.len()).map_err(broken)?,
            rows_len: func.rows.len() as u32,
            calls_len: func.calls.len() as u32,
        });
        bytes.extend_from_slice(&func.rows);
        bytes.extend_from_slice(&func.calls);
    }
    let bodies_start = u32::try_from(bytes.len()).map_err(broken)?;
    put_bodies(&mut bytes, bodies);
    let header = PcMapHeader {
        func_count: u32::try_from(funcs.len()).map_err(broken)?,
        size_bytes: u32::try_from(bytes.len()).map_err(broken)?,
        bodies_start,
        first_body_func: bodies.first_func,
    };
    Ok([header_bytes(&header, &entries), bytes].concat())
}

/// The fields in order, without padding.
fn header_bytes(header: &PcMapHeader, entries: &[PcMapFunc]) -> Vec<u8> {
    const _: () = assert!(size_of::<PcMapHeader>() == 16 && size_of::<PcMapFunc>() == 24);
    let PcMapHeader { func_count, size_bytes, bodies_start, first_body_func } = *header;
    let mut words = vec![func_count, size_bytes, bodies_start, first_body_func];
    for entry in entries {
        let PcMapFunc { code_rel, code_size, func_index, rows_start, rows_len, calls_len } = *entry;
        words.extend([code_rel as u32, code_size, func_index, rows_start, rows_len, calls_len]);
    }
    words.into_iter().flat_map(u32::to_le_bytes).collect()
}

fn put_bodies(out: &mut Vec<u8>, bodies: &Bodies) {
    let mut last_offset = 0;
    for &offset in bodies.starts.iter().chain([&bodies.end]) {
        put_unsigned(out, u64::from(offset - last_offset));
        last_offset = offset;
    }
}

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
    let r_type = TARGET.relocations.relative_32;
    Relocation { offset, symbol, addend: 0, flags: RelocationFlags::Elf { r_type } }
}

fn encode_rows(start: u64, rows: &[Row]) -> Vec<u8> {
    let mut out = Vec::new();
    let (mut last_address, mut last_value) = (start, 0);
    for row in rows {
        let width = i64::from(row.width).min(PC_MAP_WIDTH_FACTOR - 1);
        let value = i64::from(row.offset) * PC_MAP_WIDTH_FACTOR + width;
        // A row that says the same as the one before it adds nothing.
        if value == last_value {
            continue;
        }
        put_unsigned(&mut out, row.address - last_address);
        put_signed(&mut out, value - last_value);
        (last_address, last_value) = (row.address, value);
    }
    out
}

fn encode_calls(start: u64, calls: &[InlinedCall]) -> Vec<u8> {
    let mut out = Vec::new();
    let (mut last_start, mut last_offset) = (start, 0);
    for InlinedCall { code: Range { start, end }, call_offset, .. } in calls {
        put_unsigned(&mut out, start - last_start);
        put_unsigned(&mut out, end - start);
        put_signed(&mut out, i64::from(*call_offset) - last_offset);
        (last_start, last_offset) = (*start, i64::from(*call_offset));
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
pub(super) fn broken(error: impl std::fmt::Display) -> CompileError {
    CompileError::internal(format!("cannot make the pc map: {error}"))
}
