//! Does what one module exports fit what another imports? Types are compared by structure, since each
//! module numbers its own. spec: valid/matching.
//!
//! The runtime asks again at instantiation, of the tables and memories as they have grown by then.

use std::collections::HashMap;

use super::index::TypeIndex;
use super::module::{ExternType, GlobalType, Limits, Module, Refinement, TableType};
use w2n_abi::resolve_identity;

/// Function types of several modules, equal ones under one number. The runtime does the same
/// (`rt/src/types.rs`) with those of the modules that a process has.
#[derive(Debug, Default)]
pub struct TypeIds {
    /// The number of the first type of each recursion group.
    known: HashMap<Vec<u8>, u32>,
    count: u32,
}

impl TypeIds {
    /// The numbers of the types of `module`.
    pub fn number(&mut self, module: &Module<'_>) -> Vec<u32> {
        let mut ids = Vec::with_capacity(module.identities.len());
        while let Some(first) = module.identities.get(ids.len()) {
            let group = &module.identities[ids.len()..ids.len() + first.group_len as usize];
            let mut key = Vec::new();
            for ty in group {
                resolve_identity(&ty.bytes, &ids, |piece| key.extend_from_slice(piece));
            }
            let next = self.count;
            let first_id = *self.known.entry(key).or_insert(next);
            if first_id == next {
                self.count += first.group_len;
            }
            ids.extend(first_id..first_id + first.group_len);
        }
        ids
    }
}

/// A type as the module writes it whose types have the numbers `ids`.
#[derive(Clone, Copy, Debug)]
pub struct TypeIn<'a> {
    /// The type.
    pub ty: &'a ExternType,
    /// From [`TypeIds::number`].
    pub ids: &'a [u32],
}

impl TypeIn<'_> {
    fn id(self, ty: TypeIndex) -> u32 {
        self.ids[ty.index()]
    }

    fn is_subtype(self, refinement: Refinement, of: TypeIn<'_>, wanted: Refinement) -> bool {
        let wanted_func = wanted.func_type.map(|ty| of.id(ty));
        let func_fits = wanted_func.is_none() || refinement.func_type.map(|ty| self.id(ty)) == wanted_func;
        func_fits && (refinement.non_null || !wanted.non_null)
    }

    fn is_same(self, refinement: Refinement, other: TypeIn<'_>, wanted: Refinement) -> bool {
        self.is_subtype(refinement, other, wanted) && other.is_subtype(wanted, self, refinement)
    }
}

/// Whether an export of the type `given` may stand where an import wants `wanted`.
pub fn matches(wanted: TypeIn<'_>, given: TypeIn<'_>) -> bool {
    match (wanted.ty, given.ty) {
        (ExternType::Func(wanted_func), ExternType::Func(given_func)) => {
            wanted.id(*wanted_func) == given.id(*given_func)
        }
        (ExternType::Table(wanted_table), ExternType::Table(given_table)) => {
            let kind = |ty: &TableType| (ty.address, ty.element);
            kind(wanted_table) == kind(given_table)
                && given.is_same(given_table.refinement, wanted, wanted_table.refinement)
                && limits_match(&wanted_table.limits, &given_table.limits)
        }
        (ExternType::Memory(wanted), ExternType::Memory(given)) => {
            wanted.address == given.address
                && wanted.page_size_log2 == given.page_size_log2
                && limits_match(&wanted.limits, &given.limits)
        }
        (ExternType::Global(wanted_global), ExternType::Global(given_global)) => {
            let kind = |ty: &GlobalType| (ty.value, ty.mutable);
            let (given_ref, wanted_ref) = (given_global.refinement, wanted_global.refinement);
            kind(wanted_global) == kind(given_global)
                && given.is_subtype(given_ref, wanted, wanted_ref)
                && (!given_global.mutable || wanted.is_subtype(wanted_ref, given, given_ref))
        }
        _ => false,
    }
}

fn limits_match(wanted: &Limits, given: &Limits) -> bool {
    let max_fits = wanted.max.is_none_or(|wanted| given.max.is_some_and(|given| given <= wanted));
    given.min >= wanted.min && max_fits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_fit_when_they_promise_no_less() {
        let limits = |min, max| Limits { min, max };
        for (wanted, given, fits) in [
            ((1, None), (1, None), true),
            ((1, None), (2, Some(3)), true),
            ((2, None), (1, None), false),
            ((1, Some(3)), (1, Some(3)), true),
            ((1, Some(3)), (1, Some(2)), true),
            ((1, Some(3)), (1, Some(4)), false),
            ((1, Some(3)), (1, None), false),
        ] {
            let (wanted, given) = (limits(wanted.0, wanted.1), limits(given.0, given.1));
            assert_eq!(limits_match(&wanted, &given), fits, "{wanted} {given}");
        }
    }

    /// Whether the first export of `exporter` fits the first import of `importer`.
    fn fits(importer: &str, exporter: &str) -> bool {
        let parse = |text: &str| wat::parse_str(format!("(module {text})")).expect(text);
        let (importer, exporter) = (parse(importer), parse(exporter));
        let importer = crate::wasm::parse(&importer, "importer").expect("a valid module");
        let exporter = crate::wasm::parse(&exporter, "exporter").expect("a valid module");
        let mut ids = TypeIds::default();
        let (wanted, given) = (ids.number(&importer), ids.number(&exporter));
        let wanted = TypeIn { ty: &importer.imports[0].ty, ids: &wanted };
        matches(wanted, TypeIn { ty: &exporter.exports[0].ty, ids: &given })
    }

    #[test]
    fn memories_and_tables_fit_by_index_type_and_page_size() {
        let given = r#"(memory (export "x") 1)"#;
        assert!(fits(r#"(import "m" "x" (memory 1))"#, given));
        assert!(!fits(r#"(import "m" "x" (memory i64 1))"#, given));
        assert!(!fits(r#"(import "m" "x" (memory 1 (pagesize 1)))"#, given));
        let given = r#"(table (export "x") i64 1 funcref)"#;
        assert!(fits(r#"(import "m" "x" (table i64 1 funcref))"#, given));
        assert!(!fits(r#"(import "m" "x" (table 1 funcref))"#, given));
    }

    #[test]
    fn types_fit_by_structure_whatever_their_number() {
        let given = r#"(type (func)) (type $t (func (param i32))) (type $u (func (param (ref $t))))
            (func (export "x") (type $u))"#;
        let wanted = |param: &str| {
            format!(
                r#"(type $t (func (param {param}))) (type $u (func (param (ref $t))))
                (import "m" "x" (func (type $u)))"#
            )
        };
        assert!(fits(&wanted("i32"), given));
        assert!(!fits(&wanted("i64"), given));
    }

    #[test]
    fn references_in_constants_may_promise_more_but_variables_are_the_same() {
        let types = "(type $t (func)) (func $f (type $t)) (elem declare func $f)";
        let constant = format!(r#"{types} (global (export "x") (ref $t) (ref.func $f))"#);
        let variable = format!(r#"{types} (global (export "x") (mut (ref $t)) (ref.func $f))"#);
        for (wanted, in_constant, in_variable) in [
            ("(ref $t)", true, true),
            ("(ref null $t)", true, false),
            ("funcref", true, false),
            ("(ref func)", true, false),
            ("(ref null $other)", false, false),
        ] {
            let head = "(type $other (func (param i32))) (type $t (func))";
            let import = format!(r#"{head} (import "m" "x" (global {wanted}))"#);
            assert_eq!(fits(&import, &constant), in_constant, "{wanted}");
            let import = format!(r#"{head} (import "m" "x" (global (mut {wanted})))"#);
            assert_eq!(fits(&import, &variable), in_variable, "mut {wanted}");
        }
    }
}
