//! What other modules need to know of a module that is compiled already: its outline is those sections of the
//! binary that have types, imports and exports. With bodies that do nothing it is a module again, so it is
//! read and validated like any other, wherever it comes from.

use wasmparser::BinaryReader;

use crate::error::{CompileError, Result};

/// First bytes of a module: magic number and version. spec: binary/modules.
const HEADER: &[u8] = b"\0asm\x01\0\0\0";

/// spec: binary/modules, types to the start function, and the section of tags.
const OUTLINE_SECTIONS: [u8; 9] = [1, 2, 3, 4, 5, 6, 7, 8, 13];

/// Section that says how many functions are defined.
const FUNC_SECTION: u8 = 3;

/// Section with a body for each of them.
const CODE_SECTION: u8 = 10;

/// A body with its size: no locals, `unreachable`, `end`.
const EMPTY_BODY: &[u8] = &[3, 0x00, 0x00, 0x0b];

/// The outline of the module with these validated bytes.
pub fn outline(binary: &[u8]) -> Vec<u8> {
    let sections = sections(binary, HEADER.len()).unwrap_or_default();
    let kept = sections.iter().filter(|section| OUTLINE_SECTIONS.contains(&section.id));
    kept.flat_map(|section| section.all).copied().collect()
}

/// A module with this outline, in binary form. Errors: it is none.
pub fn module_of_outline(outline: &[u8]) -> Result<Vec<u8>> {
    let damaged = || CompileError::input("what it says of its module is damaged");
    let sections = sections(outline, 0).ok_or_else(damaged)?;
    let funcs = sections.iter().find(|section| section.id == FUNC_SECTION);
    let func_count = match funcs.map(|section| section.content) {
        None => 0,
        // Each function has a byte at least, so that a count out of nowhere takes no memory.
        Some(content) => {
            read_u32(content).filter(|(count, _)| *count as usize <= content.len()).ok_or_else(damaged)?.0
        }
    };
    let mut binary = [HEADER, outline].concat();
    if func_count > 0 {
        let mut content = Vec::new();
        put_u32(&mut content, func_count);
        content.extend(EMPTY_BODY.repeat(func_count as usize));
        binary.push(CODE_SECTION);
        put_u32(&mut binary, content.len() as u32);
        binary.extend(content);
    }
    Ok(binary)
}

struct Section<'a> {
    id: u8,
    /// Its bytes with the id and the size in front of its content.
    all: &'a [u8],
    content: &'a [u8],
}

/// The sections from `start` on; `None` if they do not end where the bytes do.
fn sections(bytes: &[u8], start: usize) -> Option<Vec<Section<'_>>> {
    let mut rest = bytes.get(start..)?;
    let mut sections = Vec::new();
    while let Some((&id, behind_id)) = rest.split_first() {
        let (size, size_len) = read_u32(behind_id)?;
        let content = behind_id.get(size_len..)?.get(..size as usize)?;
        let (all, behind) = rest.split_at(1 + size_len + content.len());
        sections.push(Section { id, all, content });
        rest = behind;
    }
    Some(sections)
}

/// A number in LEB128, and how many bytes it takes.
fn read_u32(bytes: &[u8]) -> Option<(u32, usize)> {
    let mut reader = BinaryReader::new(bytes, 0);
    let number = reader.read_var_u32().ok()?;
    Some((number, reader.current_position()))
}

fn put_u32(bytes: &mut Vec<u8>, mut number: u32) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wasm;

    const TEXT: &str = r#"(module $named
        (type $f (func (param i32 (ref null $f)) (result i64)))
        (import "a" "b" (func (type $f))) (import "a" "m" (memory 1 5))
        (memory i64 3) (table (export "t") 2 funcref) (elem (i32.const 0) $g)
        (global (export "g") (ref $f) (ref.func $g)) (global $n (mut i32) (i32.const 5))
        (func $g (export "f") (type $f) (global.set $n (i32.const 7)) (i64.const 5))
        (func $start (drop (i32.load (i32.const 0)))) (start $start)
        (data (i32.const 0) "abc") (export "m" (memory 1)))"#;

    #[test]
    fn an_outline_has_the_imports_and_exports_of_its_module() {
        let bytes = wat::parse_str(TEXT).expect("valid text");
        let outlined = module_of_outline(&outline(&bytes)).expect("an outline");
        let whole = wasm::parse(&bytes, "test").expect("a valid module");
        let outlined = wasm::parse(&outlined, "test").expect("a valid module");
        let described = |module: &wasm::Module<'_>| {
            let imports =
                module.imports.iter().map(|import| (import.name.to_owned(), module.describe(&import.ty)));
            let exports =
                module.exports.iter().map(|export| (export.name.to_owned(), module.describe(&export.ty)));
            imports.chain(exports).collect::<Vec<_>>()
        };
        assert_eq!(described(&outlined), described(&whole));
        assert_eq!(described(&whole).len(), 6);
        let identities = |module: &wasm::Module<'_>| {
            module.identities.iter().map(|identity| identity.bytes.clone()).collect::<Vec<_>>()
        };
        assert_eq!(identities(&outlined), identities(&whole));
    }

    /// Each byte is replaced by each of some others: the answer is a module or an error.
    #[test]
    fn a_damaged_outline_is_an_error_at_most() {
        let bytes = outline(&wat::parse_str(TEXT).expect("valid text"));
        let (mut errors, mut modules) = (0, 0);
        for position in 0..bytes.len() {
            for byte in [0, 1, 0x0b, 0x7f, 0x80, 0xff, bytes[position] ^ 1] {
                let mut damaged = bytes.clone();
                damaged[position] = byte;
                match module_of_outline(&damaged).and_then(|binary| wasm::parse(&binary, "").map(drop)) {
                    Ok(()) => modules += 1,
                    Err(_) => errors += 1,
                }
            }
            assert!(
                module_of_outline(&bytes[..position]).is_ok_and(|binary| binary.len() >= HEADER.len())
                    || position > 0
            );
        }
        assert!(errors > 100 && modules > 10, "{errors} errors, {modules} modules");
    }
}
