//! Text to binary, and where in a text a module is wrong. The validator knows an offset in the binary; the
//! text is assembled once more, with DWARF line tables, which lead from there to line and column. Outside of
//! functions the item of a section at the offset is counted, and so is the field.
//!
//! The rule: this is done after an error only, so that nobody pays for it who made none.

use gimli::{ColumnType, DebugLine, DebugLineOffset, LittleEndian};
use wasmparser::{FromReader, Parser, Payload, SectionLimited};
use wast::Wat;
use wast::core::{ModuleField, ModuleKind};
use wast::parser::{ParseBuffer, parse};
use wast::token::Span;
use wat::GenerateDwarf;

use super::input::ModuleBytes;
use crate::error::{Code, CompileError, LineColumn, Result, shortened};

/// Characters of what the assembler says that a message shows.
const MESSAGE_LIMIT_CHARS: usize = 400;

/// The binary of a module in text form.
pub fn assemble(text: &str) -> Result<Vec<u8>> {
    let assembled = ParseBuffer::new(text).and_then(|buffer| parse::<Wat<'_>>(&buffer)?.encode());
    assembled.map_err(|error| {
        let (line, column) = error.span().linecol_in(text);
        let place = LineColumn { line: line as u64 + 1, column: column as u64 + 1 };
        let message = error.message();
        let first_line = message.lines().next().unwrap_or_default();
        let said = CompileError::input(shortened(first_line, MESSAGE_LIMIT_CHARS)).code(Code::TextSyntax);
        at_place(said, text, place)
    })
}

/// Adds line and column and the line itself to an error about a module that was text.
pub fn add(error: CompileError, module: &ModuleBytes) -> CompileError {
    let (Some(text), Some(offset)) = (&module.text, error.offset_bytes()) else { return error };
    let offset = offset as u64;
    match place_in_function(text, offset).or_else(|| place_of_field(text, &module.bytes, offset)) {
        Some(place) => at_place(error, text, place),
        None => error,
    }
}

/// `error` at `place`, whose column is counted in bytes still.
fn at_place(error: CompileError, text: &str, place: LineColumn) -> CompileError {
    let index = usize::try_from(place.line).unwrap_or(usize::MAX).saturating_sub(1);
    let line_text = text.lines().nth(index).unwrap_or_default();
    let before = usize::try_from(place.column).unwrap_or_default().saturating_sub(1).min(line_text.len());
    let chars_before = line_text.char_indices().filter(|(start, _)| *start < before).count();
    error.at_line(LineColumn { line: place.line, column: chars_before as u64 + 1 }, line_text)
}

/// The place of what became the byte at `offset` of the binary, if it is in a function.
fn place_in_function(text: &str, offset: u64) -> Option<LineColumn> {
    let mut parser = wat::Parser::new();
    parser.generate_dwarf(GenerateDwarf::Lines);
    // Assembled again it is the same up to the code; DWARF comes in sections behind it.
    let binary = parser.parse_str(None, text).ok()?;
    let (mut code, mut lines) = (None, None);
    for payload in Parser::new(0).parse_all(&binary).map_while(|payload| payload.ok()) {
        match payload {
            Payload::CodeSectionStart { unchecked_range, .. } => code = Some(unchecked_range),
            Payload::CustomSection(section) if section.name() == ".debug_line" => {
                lines = Some(section.data())
            }
            _ => {}
        }
    }
    let code = code.filter(|code| code.contains(&offset))?;
    // spec: DWARF for WebAssembly, addresses are relative to the contents of the code section.
    place_of_address(lines?, offset - code.start)
}

/// The last row of the line table that is not behind `address`.
fn place_of_address(debug_line: &[u8], address: u64) -> Option<LineColumn> {
    const ADDRESS_SIZE_BYTES: u8 = 4;
    let debug_line = DebugLine::new(debug_line, LittleEndian);
    let program = debug_line.program(DebugLineOffset(0), ADDRESS_SIZE_BYTES, None, None).ok()?;
    let mut rows = program.rows();
    let mut best: Option<(u64, LineColumn)> = None;
    while let Some((_, row)) = rows.next_row().ok()? {
        let (Some(line), ColumnType::Column(column)) = (row.line(), row.column()) else { continue };
        let is_nearer = row.address() <= address && best.is_none_or(|(known, _)| row.address() >= known);
        if is_nearer && !row.end_sequence() {
            best = Some((row.address(), LineColumn { line: line.get(), column: column.get() }));
        }
    }
    best.map(|(_, place)| place)
}

/// Sections that are lists of what the text has as fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Type,
    Import,
    Func,
    Table,
    Memory,
    Global,
    Export,
    Start,
    Element,
    Data,
    Tag,
}

/// The place of the field that became the item at `offset` of the `binary`, outside of functions.
fn place_of_field(text: &str, binary: &[u8], offset: u64) -> Option<LineColumn> {
    let (kind, number) = item_at(binary, offset)?;
    let buffer = ParseBuffer::new(text).ok()?;
    let Wat::Module(mut module) = parse::<Wat<'_>>(&buffer).ok()? else { return None };
    // This makes fields of what is written inside of others, such as exports, and of types that are implied.
    module.resolve().ok()?;
    let ModuleKind::Text(fields) = &module.kind else { return None };
    let (_, span) = fields.iter().filter_map(kind_of_field).filter(|(of, _)| *of == kind).nth(number)?;
    let (line, column) = span.linecol_in(text);
    Some(LineColumn { line: line as u64 + 1, column: column as u64 + 1 })
}

fn kind_of_field(field: &ModuleField<'_>) -> Option<(Kind, Span)> {
    Some(match field {
        ModuleField::Type(field) => (Kind::Type, field.span),
        ModuleField::Rec(field) => (Kind::Type, field.span),
        ModuleField::Import(field) => (Kind::Import, field.span),
        ModuleField::Func(field) => (Kind::Func, field.span),
        ModuleField::Table(field) => (Kind::Table, field.span),
        ModuleField::Memory(field) => (Kind::Memory, field.span),
        ModuleField::Global(field) => (Kind::Global, field.span),
        ModuleField::Export(field) => (Kind::Export, field.span),
        ModuleField::Start(field) => (Kind::Start, field.span()),
        ModuleField::Elem(field) => (Kind::Element, field.span),
        ModuleField::Data(field) => (Kind::Data, field.span),
        ModuleField::Tag(field) => (Kind::Tag, field.span),
        ModuleField::Custom(_) => return None,
    })
}

/// Of which kind the item at `offset` is, and which of them.
fn item_at(binary: &[u8], offset: u64) -> Option<(Kind, usize)> {
    let payloads = Parser::new(0).parse_all(binary).map_while(|payload| payload.ok());
    let payload = payloads
        .into_iter()
        .find(|payload| payload.as_section().is_some_and(|(_, range)| range.contains(&offset)))?;
    Some(match payload {
        Payload::TypeSection(section) => (Kind::Type, number_of_item(section, offset)?),
        Payload::ImportSection(section) => (Kind::Import, number_of_item(section, offset)?),
        Payload::FunctionSection(section) => (Kind::Func, number_of_item(section, offset)?),
        Payload::TableSection(section) => (Kind::Table, number_of_item(section, offset)?),
        Payload::MemorySection(section) => (Kind::Memory, number_of_item(section, offset)?),
        Payload::GlobalSection(section) => (Kind::Global, number_of_item(section, offset)?),
        Payload::ExportSection(section) => (Kind::Export, number_of_item(section, offset)?),
        Payload::StartSection { .. } => (Kind::Start, 0),
        Payload::ElementSection(section) => (Kind::Element, number_of_item(section, offset)?),
        Payload::DataSection(section) => (Kind::Data, number_of_item(section, offset)?),
        Payload::TagSection(section) => (Kind::Tag, number_of_item(section, offset)?),
        _ => return None,
    })
}

/// The last item of a section that does not begin behind `offset`.
fn number_of_item<'a, T: FromReader<'a>>(section: SectionLimited<'a, T>, offset: u64) -> Option<usize> {
    let items = section.into_iter_with_offsets().map_while(|item| item.ok());
    items.take_while(|(start, _)| *start <= offset).count().checked_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(text: &str) -> Option<(u64, u64)> {
        let binary = wat::parse_str(text).expect("text");
        let error = crate::wasm::parse(&binary, "test").expect_err("an invalid module");
        let offset = error.offset_bytes()? as u64;
        let place = place_in_function(text, offset).or_else(|| place_of_field(text, &binary, offset));
        place.map(|place| (place.line, place.column))
    }

    #[test]
    fn errors_in_functions_are_placed_where_the_instruction_stands() {
        let second = "(module\n  (func)\n  (func (result i32)\n    i32.const 1\n    i32.eqz\n    i64.eqz))";
        assert_eq!(place(second), Some((6, 5)));
        let folded = "(module (func (result i32)\n  (i32.add (i32.const 1)\n    (i64.const 2))))";
        assert_eq!(place(folded), Some((2, 4)));
        let named =
            "(module\n (import \"a\" \"b\" (func))\n (func $f (local i32)\n  (local.set 0 (f32.const 1))))";
        assert_eq!(place(named), Some((4, 4)));
    }

    #[test]
    fn errors_in_other_fields_are_placed_at_the_field() {
        assert_eq!(place("(module\n (global i32 (i32.const 1))\n (global i32 (i64.const 1)))"), Some((3, 3)));
        assert_eq!(place("(module (func (export \"a\"))\n (func)\n (export \"a\" (func 1)))"), Some((3, 3)));
        assert_eq!(place("(module\n (func)\n (export \"b\" (func 7)))"), Some((3, 3)));
        assert_eq!(place("(module (func (param i32))\n (start 0))"), Some((2, 9)));
        assert_eq!(place("(module\n (memory 1)\n (data (i64.const 0) \"x\"))"), Some((3, 3)));
        assert_eq!(place("(module\n (memory 2 1))"), Some((2, 3)));
    }
}
