//! Modules taken apart and put together again with one section changed.
//!
//! The rule: what is not changed stays as it is, byte for byte.

use wasm_encoder::{CodeSection, ExportKind, ExportSection, RawSection, Section, SectionId};
use wasmparser::{ExternalKind, MemoryType, Parser, Payload, TableType};

/// An export: name, kind, index.
pub type Export = (String, ExternalKind, u32);

fn payloads(module: &[u8]) -> impl Iterator<Item = Payload<'_>> {
    Parser::new(0).parse_all(module).map(|payload| payload.expect("the module is valid"))
}

/// All exports, in order.
pub fn exports(module: &[u8]) -> Vec<Export> {
    let sections = payloads(module).filter_map(|payload| match payload {
        Payload::ExportSection(reader) => Some(reader),
        _ => None,
    });
    let exports = sections.flatten().map(|export| export.expect("the module is valid"));
    exports.map(|export| (export.name.to_owned(), export.kind, export.index)).collect()
}

/// `module` with these exports instead of its own, if it has a section of them. Panics on kinds of
/// proposals that are off.
pub fn with_exports(module: &[u8], exports: &[Export]) -> Vec<u8> {
    let mut section = ExportSection::new();
    for (name, kind, index) in exports {
        let kind = match kind {
            ExternalKind::Func => ExportKind::Func,
            ExternalKind::Table => ExportKind::Table,
            ExternalKind::Memory => ExportKind::Memory,
            ExternalKind::Global => ExportKind::Global,
            other => unreachable!("generated without such proposals: {other:?}"),
        };
        section.export(name, kind, *index);
    }
    with_section(module, &section)
}

/// The memories that the module defines.
pub fn memories(module: &[u8]) -> Vec<MemoryType> {
    let sections = payloads(module).filter_map(|payload| match payload {
        Payload::MemorySection(reader) => Some(reader),
        _ => None,
    });
    sections.flatten().map(|memory| memory.expect("the module is valid")).collect()
}

/// The tables that the module defines.
pub fn tables(module: &[u8]) -> Vec<TableType> {
    let sections = payloads(module).filter_map(|payload| match payload {
        Payload::TableSection(reader) => Some(reader),
        _ => None,
    });
    sections.flatten().map(|table| table.expect("the module is valid").ty).collect()
}

/// Each body without its size.
pub fn bodies(module: &[u8]) -> Vec<Vec<u8>> {
    let bodies = payloads(module).filter_map(|payload| match payload {
        Payload::CodeSectionEntry(body) => Some(body.as_bytes().to_vec()),
        _ => None,
    });
    bodies.collect()
}

/// `module` with another body for its function `changed`, counted without imports.
pub fn with_body(module: &[u8], changed: usize, body: &[u8]) -> Vec<u8> {
    let mut section = CodeSection::new();
    for (index, old) in bodies(module).iter().enumerate() {
        section.raw(if index == changed { body } else { old });
    }
    with_section(module, &section)
}

fn with_section(module: &[u8], section: &impl Section) -> Vec<u8> {
    rebuilt(module, |result, raw| {
        if raw.id == section.id() {
            result.section(section)
        } else {
            result.section(&raw)
        };
    })
}

/// `module` without its sections of these kinds.
pub fn without_sections(module: &[u8], ids: &[SectionId]) -> Vec<u8> {
    rebuilt(module, |result, raw| {
        if !ids.iter().any(|id| *id as u8 == raw.id) {
            result.section(&raw);
        }
    })
}

fn rebuilt(module: &[u8], mut put: impl FnMut(&mut wasm_encoder::Module, RawSection<'_>)) -> Vec<u8> {
    let mut result = wasm_encoder::Module::new();
    for payload in payloads(module) {
        if let Some((id, range)) = payload.as_section() {
            let data = &module[range.start as usize..range.end as usize];
            put(&mut result, RawSection { id, data });
        }
    }
    result.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_put_together_unchanged_is_the_same() {
        let text = "(module (memory 1) (data (i32.const 0) \"a\") (global i32 (i32.const 7))
            (func (export \"f\") (result i32) (i32.const 1)) (func (export \"g\") (drop (i32.const 300))))";
        let module = wat::parse_str(text).unwrap();
        assert_eq!(without_sections(&module, &[]), module);
        assert_eq!(with_exports(&module, &exports(&module)), module);
        let bodies = bodies(&module);
        assert_eq!(bodies.len(), 2);
        assert_eq!(with_body(&module, 1, &bodies[1]), module);
        assert_ne!(with_body(&module, 1, &bodies[0]), module);
        assert!(without_sections(&module, &[SectionId::Data]).len() < module.len());
    }
}
