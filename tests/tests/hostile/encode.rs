//! Binary modules written by hand, for what no text form and no toolchain would make. Nothing is checked:
//! sizes are right, all else is up to the caller.

/// First bytes of a module.
pub const HEADER: &[u8] = b"\0asm\x01\0\0\0";

/// Value types and the type of an empty block.
pub const I32: u8 = 0x7f;
pub const I64: u8 = 0x7e;
pub const FUNC_REF: u8 = 0x70;
pub const EMPTY: u8 = 0x40;

/// Operators.
pub const UNREACHABLE: u8 = 0x00;
pub const BLOCK: u8 = 0x02;
pub const LOOP: u8 = 0x03;
pub const IF: u8 = 0x04;
pub const ELSE: u8 = 0x05;
pub const END: u8 = 0x0b;
pub const BR: u8 = 0x0c;
pub const BR_IF: u8 = 0x0d;
pub const BR_TABLE: u8 = 0x0e;
pub const CALL: u8 = 0x10;
pub const CALL_INDIRECT: u8 = 0x11;
pub const DROP: u8 = 0x1a;
pub const SELECT: u8 = 0x1b;
pub const LOCAL_GET: u8 = 0x20;
pub const LOCAL_SET: u8 = 0x21;
pub const LOCAL_TEE: u8 = 0x22;
pub const GLOBAL_GET: u8 = 0x23;
pub const GLOBAL_SET: u8 = 0x24;
pub const TABLE_GET: u8 = 0x25;
pub const I32_LOAD: u8 = 0x28;
pub const I32_STORE: u8 = 0x36;
pub const I32_CONST: u8 = 0x41;
pub const I32_EQ: u8 = 0x46;
pub const I32_ADD: u8 = 0x6a;
pub const I32_XOR: u8 = 0x73;
pub const REF_FUNC: u8 = 0xd2;

/// Section ids.
#[derive(Clone, Copy)]
pub enum Section {
    Custom = 0,
    Type = 1,
    Import = 2,
    Function = 3,
    Table = 4,
    Memory = 5,
    Global = 6,
    Export = 7,
    Start = 8,
    Element = 9,
    Code = 10,
    Data = 11,
    DataCount = 12,
}

/// `number` in LEB128.
pub fn leb(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = (number & 0x7f) as u8;
        number >>= 7;
        if number == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

/// A vector: the number of items, then the items.
pub fn vector(items: &[Vec<u8>]) -> Vec<u8> {
    [leb(items.len() as u64), items.concat()].concat()
}

/// `count` times the same item as a vector.
pub fn repeated(count: usize, item: &[u8]) -> Vec<u8> {
    [leb(count as u64), item.repeat(count)].concat()
}

/// A name: its length in bytes, then the bytes.
pub fn name(text: &str) -> Vec<u8> {
    sized(text.as_bytes())
}

/// Bytes after their number.
pub fn sized(bytes: &[u8]) -> Vec<u8> {
    [&leb(bytes.len() as u64), bytes].concat()
}

/// A section with this content.
pub fn section(id: Section, content: &[u8]) -> Vec<u8> {
    [&[id as u8], sized(content).as_slice()].concat()
}

/// A function type.
pub fn func_type(params: &[u8], results: &[u8]) -> Vec<u8> {
    [&[0x60], sized(params).as_slice(), &sized(results)].concat()
}

/// An export of a function.
pub fn func_export(export: &str, index: u64) -> Vec<u8> {
    [name(export), vec![0], leb(index)].concat()
}

/// A body: local declarations, then code to which the last `end` is added.
pub fn body(locals: &[Vec<u8>], code: &[u8]) -> Vec<u8> {
    sized(&[vector(locals).as_slice(), code, &[END]].concat())
}

/// `i32.const number`; not for negative numbers.
pub fn i32_const(number: u64) -> Vec<u8> {
    // One more bit, so that the number is not taken for a negative one.
    let mut bytes = leb(number);
    if bytes.last().is_some_and(|last| last & 0x40 != 0) {
        *bytes.last_mut().expect("not empty") |= 0x80;
        bytes.push(0);
    }
    [vec![I32_CONST], bytes].concat()
}

/// A module: the header and these sections.
pub fn module(sections: &[Vec<u8>]) -> Vec<u8> {
    [HEADER, &sections.concat()].concat()
}

/// A module whose `main` answers an i32 by `code`, with further sections in their places.
#[derive(Default)]
pub struct Program {
    /// Types after `() -> i32`, which is type 0.
    pub types: Vec<Vec<u8>>,
    /// Sections between the function and the export section.
    pub before_exports: Vec<Vec<u8>>,
    /// Exports after `main`.
    pub exports: Vec<Vec<u8>>,
    /// Sections between the export and the code section.
    pub before_code: Vec<Vec<u8>>,
    /// Locals of `main`.
    pub locals: Vec<Vec<u8>>,
    /// Code of `main`, 42 if there is none.
    pub code: Vec<u8>,
    /// Functions after `main`: type and body.
    pub funcs: Vec<(u64, Vec<u8>)>,
    /// Sections at the end.
    pub at_end: Vec<Vec<u8>>,
}

impl Program {
    /// The module's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let types = [vec![func_type(&[], &[I32])], self.types.clone()].concat();
        let func_types: Vec<_> = self.funcs.iter().map(|(ty, _)| leb(*ty)).collect();
        let code = if self.code.is_empty() { i32_const(42) } else { self.code.clone() };
        let bodies = self.funcs.iter().map(|(_, body)| body.clone());
        let bodies: Vec<_> = std::iter::once(body(&self.locals, &code)).chain(bodies).collect();
        module(&[
            section(Section::Type, &vector(&types)),
            section(Section::Function, &vector(&[vec![leb(0)], func_types].concat())),
            self.before_exports.concat(),
            section(Section::Export, &vector(&[vec![func_export("main", 0)], self.exports.clone()].concat())),
            self.before_code.concat(),
            section(Section::Code, &vector(&bodies)),
            self.at_end.concat(),
        ])
    }
}

/// A memory of these many pages at the start, without a maximum.
pub fn memory_section(min_pages: u64) -> Vec<u8> {
    section(Section::Memory, &vector(&[[vec![0], leb(min_pages)].concat()]))
}

/// A table of functions of this size at the start, without a maximum.
pub fn table_section(min: u64) -> Vec<u8> {
    section(Section::Table, &vector(&[[vec![FUNC_REF, 0], leb(min)].concat()]))
}

/// A name section that calls function 0 `func_name`.
pub fn name_section(func_name: &str) -> Vec<u8> {
    let func_names = [vec![1], leb(0), name(func_name)].concat();
    section(Section::Custom, &[name("name"), vec![1], sized(&func_names)].concat())
}
