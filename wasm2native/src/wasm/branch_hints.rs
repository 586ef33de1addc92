//! The section `metadata.code.branch_hint`: which way a `br_if` or `if` usually goes.
//!
//! A malformed section, or one behind the code, says nothing. spec: appendix/custom, errors in custom
//! sections are not errors.

use std::collections::HashMap;
use std::ops::Range;

use wasmparser::BranchHintSectionReader;

use super::index::FuncIndex;

/// What is expected of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BranchHint {
    /// That it holds: the branch is taken, or the first arm of the `if`.
    Likely,
    /// That it does not hold: the branch falls through, or the `else` arm runs.
    Unlikely,
}

/// The hints of a module.
#[derive(Debug, Default)]
pub struct BranchHints {
    /// Byte offset of the operator from the start of the body, as the section has it.
    by_func: HashMap<FuncIndex, Vec<(u32, BranchHint)>>,
    /// Byte offset of the operator in the module.
    by_offset: HashMap<u32, BranchHint>,
}

impl BranchHints {
    /// Reads the section, or nothing of it.
    pub(super) fn read(section: BranchHintSectionReader<'_>) -> Self {
        Self { by_func: read_all(section).unwrap_or_default(), by_offset: HashMap::new() }
    }

    /// Finds the operators of `func`, whose body is at these bytes of the module.
    pub(super) fn locate(&mut self, func: FuncIndex, body: Range<u32>) {
        for (offset, hint) in self.by_func.remove(&func).unwrap_or_default() {
            if let Some(offset) = body.start.checked_add(offset).filter(|offset| body.contains(offset)) {
                self.by_offset.insert(offset, hint);
            }
        }
    }

    /// The hint for the operator at this byte of the module.
    pub fn at(&self, offset: u32) -> Option<BranchHint> {
        self.by_offset.get(&offset).copied()
    }
}

fn read_all(
    section: BranchHintSectionReader<'_>,
) -> wasmparser::Result<HashMap<FuncIndex, Vec<(u32, BranchHint)>>> {
    let mut by_func = HashMap::new();
    for func in section {
        let func = func?;
        let hints = func.hints.into_iter().map(|hint| {
            let hint = hint?;
            Ok((hint.func_offset, if hint.taken { BranchHint::Likely } else { BranchHint::Unlikely }))
        });
        by_func.insert(FuncIndex(func.func), hints.collect::<wasmparser::Result<_>>()?);
    }
    Ok(by_func)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The hints for the operators of `text` that have one, in order.
    fn hints(text: &str) -> Vec<BranchHint> {
        let bytes = wat::parse_str(text).expect("well-formed");
        let module = crate::wasm::parse(&bytes, "test").expect("valid");
        (0..bytes.len() as u32).filter_map(|offset| module.branch_hints.at(offset)).collect()
    }

    #[test]
    fn hints_are_found_at_their_operators() {
        let text = r#"(module (import "m" "f" (func))
            (func (local i64 f32) local.get 0 i64.eqz (@metadata.code.branch_hint "\01") if end)
            (func (param i32) (block local.get 0 br_if 0 local.get 0 (@metadata.code.branch_hint "\00") br_if 0)))"#;
        assert_eq!(hints(text), [BranchHint::Likely, BranchHint::Unlikely]);
        let bytes = wat::parse_str(text).expect("well-formed");
        let module = crate::wasm::parse(&bytes, "test").expect("valid");
        const IF: u8 = 0x04;
        const BR_IF: u8 = 0x0d;
        let operators = (0..bytes.len()).filter(|offset| module.branch_hints.at(*offset as u32).is_some());
        assert_eq!(operators.map(|offset| bytes[offset]).collect::<Vec<_>>(), [IF, BR_IF]);
    }

    /// One function, whose body is `if end end`; `section` is the contents of the custom section.
    fn hints_of_section(place: &str, section: &str) -> Vec<BranchHint> {
        hints(&format!(
            r#"(module (@custom "metadata.code.branch_hint" {place} "{section}")
                (func i32.const 1 if end))"#
        ))
    }

    #[test]
    fn a_section_is_read_whole_or_not_at_all() {
        // One function: 0, one hint: offset 3, size 1, likely.
        let good = r"\01\00\01\03\01\01";
        assert_eq!(hints_of_section("(before code)", good), [BranchHint::Likely]);
        for malformed in [
            "",
            r"\01",
            r"\01\00\01\03\01",
            r"\01\00\01\03\01\02",
            r"\01\00\01\03\02\01",
            r"\02\00\01\03\01\01",
            r"\01\00\01\03\01\01\00",
            r"\ff\ff\ff\ff\ff",
        ] {
            assert_eq!(hints_of_section("(before code)", malformed), [], "{malformed}");
        }
        assert_eq!(hints_of_section("(after code)", good), [], "behind the code");
    }

    #[test]
    fn hints_for_what_does_not_exist_are_ignored() {
        for section in [r"\01\07\01\03\01\01", r"\01\00\01\7f\01\01", r"\01\00\01\ff\ff\ff\ff\0f\01\01"] {
            assert_eq!(hints_of_section("(before code)", section), [], "{section}");
        }
    }
}
