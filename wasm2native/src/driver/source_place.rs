//! Where in a text a module is invalid. The validator knows an offset in the binary; the text is assembled
//! once more, with DWARF line tables, which lead from there to line and column.
//!
//! The rule: this is done after an error only, so that nobody pays for it who made none.

use std::path::Path;

use gimli::{ColumnType, DebugLine, DebugLineOffset, LittleEndian};
use wasmparser::{Parser, Payload};
use wat::GenerateDwarf;

use super::input::{Input, place_of_error};
use crate::error::CompileError;

/// A place in a text, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    line: u64,
    column: u64,
}

/// Adds line and column and the line itself to an error about a module that was text.
pub fn add(error: CompileError, input: &Input) -> CompileError {
    let (Some(text), Some(offset)) = (&input.text, error.offset_bytes()) else { return error };
    match place_of(text, offset as u64) {
        Some(place) => error.detail(place_of_error(&excerpt(text, place, input.shown_path()))),
        None => error,
    }
}

/// The place of what became the byte at `offset` of the binary, if it is in a function.
fn place_of(text: &str, offset: u64) -> Option<Place> {
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
fn place_of_address(debug_line: &[u8], address: u64) -> Option<Place> {
    const ADDRESS_SIZE_BYTES: u8 = 4;
    let debug_line = DebugLine::new(debug_line, LittleEndian);
    let program = debug_line.program(DebugLineOffset(0), ADDRESS_SIZE_BYTES, None, None).ok()?;
    let mut rows = program.rows();
    let mut best: Option<(u64, Place)> = None;
    while let Some((_, row)) = rows.next_row().ok()? {
        let (Some(line), ColumnType::Column(column)) = (row.line(), row.column()) else { continue };
        let is_nearer = row.address() <= address && best.is_none_or(|(known, _)| row.address() >= known);
        if is_nearer && !row.end_sequence() {
            best = Some((row.address(), Place { line: line.get(), column: column.get() }));
        }
    }
    best.map(|(_, place)| place)
}

/// The line as the assembler shows one that it does not understand.
fn excerpt(text: &str, place: Place, path: &Path) -> String {
    let Place { line, column } = place;
    let index = usize::try_from(line).unwrap_or(usize::MAX).saturating_sub(1);
    let shown = text.lines().nth(index).unwrap_or_default();
    let indent = " ".repeat(usize::try_from(column).unwrap_or_default().saturating_sub(1).min(shown.len()));
    let path = path.display();
    format!("     --> {path}:{line}:{column}\n      |\n{line:>5} | {shown}\n      | {indent}^")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(text: &str) -> Option<(u64, u64)> {
        let binary = wat::parse_str(text).expect("text");
        let error = crate::wasm::parse(&binary, "test").expect_err("an invalid module");
        place_of(text, error.offset_bytes()? as u64).map(|place| (place.line, place.column))
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
    fn what_is_in_no_function_has_no_place() {
        assert_eq!(place("(module (global i32 (i64.const 1)))"), None);
    }
}
