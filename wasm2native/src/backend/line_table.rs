//! Reads what a finished object says about its code: which operator each instruction comes from, and
//! which parts were inlined.
//!
//! The rule: in this debug information a line is an operator's byte offset in the Wasm module, and the
//! column the bytes of memory it accesses. Objects are not linked yet, so an address is a relocation.

use std::borrow::Cow;
use std::ops::Range;

use gimli::{
    AttributeValue, ColumnType, DebuggingInformationEntry, Dwarf, DwarfSections, EndianSlice, LittleEndian,
    SectionId, Unit,
};
use object::{File, Object as _, ObjectSection, ObjectSymbol, RelocationFlags, RelocationTarget};

use super::pc_map::broken;
use crate::arch::TARGET;
use crate::error::Result;

/// While an object is read, section `n` lies at address `n << SECTION_SHIFT`, so that an address says
/// which section it is in.
const SECTION_SHIFT: u32 = 32;

type Reader<'a> = EndianSlice<'a, LittleEndian>;

/// Code from `address` on comes from the operator at `offset`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// Address of the first instruction.
    pub address: u64,
    /// Byte offset of the operator in the Wasm module. Where the optimiser merged several: that of the body
    /// of the inlined function that they were in, or 0.
    pub offset: u32,
    /// Bytes of memory that it accesses, or 0.
    pub width: u32,
}

/// Code that came from the callee of a call that was inlined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InlinedCall {
    /// Addresses of the code.
    pub code: Range<u64>,
    /// Byte offset of the call operator in the Wasm module.
    pub call_offset: u32,
    /// Byte offset of the body of the function that was called, or 0.
    pub body_offset: u32,
}

/// What one object says.
#[derive(Debug, Default)]
pub struct LineTable {
    /// Sorted by address, one per address.
    rows: Vec<Row>,
    /// Sorted by start, outer calls before those inside of them.
    calls: Vec<InlinedCall>,
}

impl LineTable {
    /// Reads the debug information of `file`. `body_of` answers where in the Wasm module the body of the
    /// function with a symbol is, or 0.
    pub fn read(file: &File<'_>, body_of: impl Fn(&str) -> u32) -> Result<Self> {
        let sections = DwarfSections::load(|id| relocated(file, id))?;
        let dwarf = sections.borrow(|bytes| EndianSlice::new(bytes, LittleEndian));
        let mut table = Self::default();
        let mut units = dwarf.units();
        while let Some(header) = units.next().map_err(broken)? {
            let unit = dwarf.unit(header).map_err(broken)?;
            table.add_rows(&unit)?;
            table.add_calls(&dwarf, &unit, &body_of)?;
        }
        // Both sorts are stable: of several rows at one address the last counts, and calls come in the
        // order of their nesting.
        table.rows.sort_by_key(|row| row.address);
        table.rows.reverse();
        table.rows.dedup_by_key(|row| row.address);
        table.rows.reverse();
        table.calls.sort_by_key(|call| call.code.start);
        table.name_bodies();
        Ok(table)
    }

    /// The rows of the code at `addresses`.
    pub fn rows(&self, addresses: &Range<u64>) -> &[Row] {
        between(&self.rows, addresses, |row| row.address)
    }

    /// The inlined calls in the code at `addresses`.
    pub fn calls(&self, addresses: &Range<u64>) -> &[InlinedCall] {
        between(&self.calls, addresses, |call| call.code.start)
    }

    fn add_rows(&mut self, unit: &Unit<Reader<'_>>) -> Result<()> {
        let Some(program) = unit.line_program.clone() else { return Ok(()) };
        let mut states = program.rows();
        while let Some((_, row)) = states.next_row().map_err(broken)? {
            if row.end_sequence() {
                continue;
            }
            let width = match row.column() {
                ColumnType::LeftEdge => 0,
                ColumnType::Column(column) => column.get() as u32,
            };
            let offset = row.line().map_or(0, |line| line.get() as u32);
            self.rows.push(Row { address: row.address(), offset, width });
        }
        Ok(())
    }

    /// Where a row has no offset, says at least which inlined function the code is of: its row is divided
    /// where calls begin and end.
    fn name_bodies(&mut self) {
        let mut ends: Vec<u64> = self.calls.iter().map(|call| call.code.end).collect();
        ends.sort_unstable();
        let mut nesting = Nesting { calls: &self.calls, next: 0, open: Vec::new() };
        let mut named = Vec::with_capacity(self.rows.len());
        for (position, row) in self.rows.iter().enumerate() {
            if row.offset != 0 {
                named.push(*row);
                continue;
            }
            let end = self.rows.get(position + 1).map_or(u64::MAX, |next| next.address);
            let starts = between(&self.calls, &(row.address..end), |call| call.code.start);
            let mut borders = vec![row.address];
            borders.extend(starts.iter().map(|call| call.code.start));
            borders.extend(between(&ends, &(row.address..end), |end| *end));
            borders.sort_unstable();
            borders.dedup();
            named.extend(borders.into_iter().map(|address| {
                let offset = nesting.innermost_at(address).map_or(0, |call| call.body_offset);
                Row { address, offset, width: 0 }
            }));
        }
        self.rows = named;
    }

    fn add_calls(
        &mut self,
        dwarf: &Dwarf<Reader<'_>>,
        unit: &Unit<Reader<'_>>,
        body_of: impl Fn(&str) -> u32,
    ) -> Result<()> {
        let mut entries = unit.entries();
        while let Some(entry) = entries.next_dfs().map_err(broken)? {
            let line = entry.attr_value(gimli::DW_AT_call_line).and_then(|line| line.udata_value());
            let (gimli::DW_TAG_inlined_subroutine, Some(line)) = (entry.tag(), line) else { continue };
            let body_offset = body_offset(dwarf, unit, entry, &body_of)?;
            let mut ranges = dwarf.die_ranges(unit, entry).map_err(broken)?;
            while let Some(range) = ranges.next().map_err(broken)? {
                let code = range.begin..range.end;
                self.calls.push(InlinedCall { code, call_offset: line as u32, body_offset });
            }
        }
        Ok(())
    }
}

/// Calls that the code at ascending addresses is inside of.
struct Nesting<'a> {
    calls: &'a [InlinedCall],
    next: usize,
    open: Vec<&'a InlinedCall>,
}

impl<'a> Nesting<'a> {
    /// The innermost call whose code includes `address`, which is no lower than at the last question.
    fn innermost_at(&mut self, address: u64) -> Option<&'a InlinedCall> {
        while let Some(call) = self.calls.get(self.next).filter(|call| call.code.start <= address) {
            self.open.push(call);
            self.next += 1;
        }
        // Code of an inner call ends no later than that of the outer one.
        while self.open.last().is_some_and(|call| call.code.end <= address) {
            self.open.pop();
        }
        self.open.last().copied()
    }
}

/// Where the body of the function that `call` inlined is in the Wasm module, or 0: the line of its
/// declaration, and by its name where there are line tables alone.
fn body_offset(
    dwarf: &Dwarf<Reader<'_>>,
    unit: &Unit<Reader<'_>>,
    call: &DebuggingInformationEntry<Reader<'_>>,
    body_of: impl Fn(&str) -> u32,
) -> Result<u32> {
    let Some(AttributeValue::UnitRef(origin)) = call.attr_value(gimli::DW_AT_abstract_origin) else {
        return Ok(0);
    };
    let function = unit.entry(origin).map_err(broken)?;
    if let Some(line) = function.attr_value(gimli::DW_AT_decl_line).and_then(|line| line.udata_value()) {
        return Ok(line as u32);
    }
    let Some(name) = function.attr_value(gimli::DW_AT_name) else { return Ok(0) };
    let name = dwarf.attr_string(unit, name).map_err(broken)?;
    Ok(body_of(&name.to_string_lossy()))
}

/// Those of `items`, sorted by `address`, that are at `addresses`.
fn between<'a, T>(items: &'a [T], addresses: &Range<u64>, address: impl Fn(&T) -> u64) -> &'a [T] {
    let start = items.partition_point(|item| address(item) < addresses.start);
    let end = items.partition_point(|item| address(item) < addresses.end);
    &items[start..end]
}

/// The addresses of a symbol's code.
pub fn code_addresses<'a>(symbol: &impl ObjectSymbol<'a>) -> Option<Range<u64>> {
    let start = section_address(symbol.section_index()?) + symbol.address();
    Some(start..start + symbol.size())
}

fn section_address(section: object::SectionIndex) -> u64 {
    (section.0 as u64) << SECTION_SHIFT
}

/// A debug section's bytes with their relocations applied: 64-bit ones are addresses of code, 32-bit
/// ones positions in other debug sections.
fn relocated<'a>(file: &File<'a>, id: SectionId) -> Result<Cow<'a, [u8]>> {
    let Some(section) = file.section_by_name(id.name()) else { return Ok(Cow::Borrowed(&[])) };
    let mut bytes = Cow::Borrowed(section.data().map_err(broken)?);
    for (place, relocation) in section.relocations() {
        let RelocationTarget::Symbol(target) = relocation.target() else { continue };
        let target = file.symbol_by_index(target).map_err(broken)?;
        let Some(target_section) = target.section_index() else { continue };
        let position = target.address().wrapping_add_signed(relocation.addend());
        let value = match relocation.flags() {
            RelocationFlags::Elf { r_type } if r_type == TARGET.relocations.absolute_64 => {
                (section_address(target_section) + position).to_le_bytes().to_vec()
            }
            RelocationFlags::Elf { r_type } if r_type == TARGET.relocations.absolute_32 => {
                (position as u32).to_le_bytes().to_vec()
            }
            other => return Err(broken(format!("unknown relocation {other:?} in {}", id.name()))),
        };
        let place = place as usize;
        let field = bytes.to_mut().get_mut(place..place + value.len());
        field.ok_or_else(|| broken("a relocation outside its section"))?.copy_from_slice(&value);
    }
    Ok(bytes)
}
