//! Tables whose content never changes, so that calls through them need not look at the table itself.
//!
//! The rule: a table counts as constant only if nothing but its active segments can write it, and if all of
//! them are copied before any code of the module runs. Everything that speaks against it is in
//! [`constant_tables`].

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::const_expr::ConstExpr;
use super::index::{FuncIndex, TableIndex, TypeIndex};
use super::module::{ElementItems, ElementSegment, ExternType, Module, SegmentMode};
use w2n_abi::ValueType;

/// Elements of all constant tables of a module together: they become data, and a guest chooses their number.
const MAX_ELEMENTS: u64 = 1 << 16;

/// A table that has the same content whenever code of its module runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConstantTable {
    /// Its elements; `None` for null.
    pub elements: Vec<Option<FuncIndex>>,
    callees: BTreeMap<TypeIndex, Callees>,
}

/// The elements of one type in a constant table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Callees {
    /// From the first to the last.
    pub positions: Range<u32>,
    /// Elements of this type, which may lie apart between the first and the last.
    count: u32,
    /// Their function, if it is the same in all.
    pub only: Option<FuncIndex>,
    /// Where their functions come from.
    pub origin: Origin,
}

/// Where functions come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The module defines all of them.
    Defined,
    /// Some are imported.
    Any,
}

impl Callees {
    const NONE: Self = Self { positions: 0..0, count: 0, only: None, origin: Origin::Defined };

    /// Whether all elements in `positions` are of the type.
    pub fn is_run(&self) -> bool {
        self.positions.len() == self.count as usize
    }

    fn add(&mut self, position: u32, func: FuncIndex, origin: Origin) {
        if self.count == 0 {
            *self = Self { positions: position..position, count: 0, only: Some(func), origin };
        }
        self.positions.end = position + 1;
        self.count += 1;
        self.only = self.only.filter(|only| *only == func);
        if origin == Origin::Any {
            self.origin = Origin::Any;
        }
    }
}

impl ConstantTable {
    fn new(module: &Module<'_>, elements: Vec<Option<FuncIndex>>) -> Self {
        let mut callees = BTreeMap::new();
        for (position, func) in elements.iter().enumerate() {
            let Some(func) = *func else { continue };
            let origin = if module.is_imported(func) { Origin::Any } else { Origin::Defined };
            let of_type = callees.entry(module.funcs[func.index()].ty).or_insert(Callees::NONE);
            of_type.add(position as u32, func, origin);
        }
        Self { elements, callees }
    }

    /// Its elements that are functions of type `ty`.
    pub fn callees(&self, ty: TypeIndex) -> &Callees {
        self.callees.get(&ty).unwrap_or(&Callees::NONE)
    }
}

/// The constant tables of `module`, of which code writes those in `written`.
///
/// A host and other modules reach only what is exported. During instantiation constant expressions are
/// evaluated, which call nothing, and the start function runs when all element segments are copied: spec,
/// exec/modules, instantiation. If a segment does not fit, instantiation ends there; then code runs only
/// if an earlier segment left a function in an imported table, so there must be none of those.
pub(super) fn constant_tables(
    module: &Module<'_>,
    written: &BTreeSet<TableIndex>,
) -> BTreeMap<TableIndex, ConstantTable> {
    let is_imported = |table: TableIndex| table.0 < module.imported_table_count;
    if module.elements.iter().filter_map(active_table).any(is_imported) {
        return BTreeMap::new();
    }
    let exported_tables = module.exports.iter().filter(|export| matches!(export.ty, ExternType::Table(_)));
    let exported: BTreeSet<_> = exported_tables.map(|export| TableIndex(export.index)).collect();
    let contents = Contents::of(module);
    let mut room = MAX_ELEMENTS;
    let mut tables = BTreeMap::new();
    for table in (module.imported_table_count..module.tables.len() as u32).map(TableIndex) {
        let length = module.tables[table.index()].limits.min;
        if written.contains(&table) || exported.contains(&table) || length > room {
            continue;
        }
        if let Some(elements) = contents.initial_elements(module, table) {
            tables.insert(table, ConstantTable::new(module, elements));
            room -= length;
        }
    }
    tables
}

/// What instantiation writes into each table, in order: a module may have a hundred thousand of both.
struct Contents<'m> {
    inits: BTreeMap<TableIndex, &'m ConstExpr>,
    segments: BTreeMap<TableIndex, Vec<&'m ElementSegment>>,
}

impl<'m> Contents<'m> {
    fn of(module: &'m Module<'_>) -> Self {
        let mut segments: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for segment in &module.elements {
            if let Some(table) = active_table(segment) {
                segments.entry(table).or_default().push(segment);
            }
        }
        Self { inits: module.table_inits.iter().map(|(table, init)| (*table, init)).collect(), segments }
    }

    /// What instantiation leaves in a table, if that is known and functions: later segments win.
    fn initial_elements(&self, module: &Module<'_>, table: TableIndex) -> Option<Vec<Option<FuncIndex>>> {
        let ty = module.tables[table.index()];
        if ty.element != ValueType::FuncRef {
            return None;
        }
        let default = match self.inits.get(&table) {
            Some(init) => init.as_plain_func_ref()?,
            None => None,
        };
        let mut elements = vec![default; ty.limits.min as usize];
        for segment in self.segments.get(&table).into_iter().flatten() {
            let (SegmentMode::Active { offset, .. }, ElementItems::Funcs(funcs)) =
                (&segment.mode, &segment.items)
            else {
                return None;
            };
            let start = usize::try_from(offset.as_plain_offset()?).ok()?;
            let end = start.checked_add(funcs.len())?;
            elements.get_mut(start..end)?.copy_from_slice(funcs);
        }
        Some(elements)
    }
}

fn active_table(segment: &ElementSegment) -> Option<TableIndex> {
    match segment.mode {
        SegmentMode::Active { index, .. } => Some(index),
        SegmentMode::Passive | SegmentMode::Declared => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The content of each constant table of a module, as function indices; the table's index comes first.
    fn found(fields: &str) -> Vec<(u32, Vec<Option<u32>>)> {
        let text = format!("(module (type $t (func)) {fields} (func $f) (func $g) (func $h (param i32)))");
        let bytes = wat::parse_str(&text).expect(&text);
        let module = crate::wasm::parse(&bytes, "test").expect(&text);
        let numbers =
            |table: &ConstantTable| table.elements.iter().map(|func| func.map(|func| func.0)).collect();
        module.constant_tables.iter().map(|(index, table)| (index.0, numbers(table))).collect()
    }

    #[track_caller]
    fn assert_variable(fields: &str) {
        assert_eq!(found(fields), [], "{fields}");
    }

    const TABLE: &str = "(table $x 3 funcref) (elem (table $x) (i32.const 1) func $f $h)";

    #[test]
    fn a_table_that_only_active_segments_write_is_constant() {
        assert_eq!(found(TABLE), [(0, vec![None, Some(0), Some(2)])]);
        assert_eq!(found("(table 2 funcref)"), [(0, vec![None, None])]);
        assert_eq!(found("(table 0 funcref)"), [(0, vec![])]);
        assert_eq!(
            found("(table $x i64 2 funcref) (elem (table $x) (i64.const 1) func $g)"),
            [(0, vec![None, Some(1)])]
        );
    }

    #[test]
    fn the_later_segment_wins_and_may_put_null() {
        let later = "(elem (table $x) (i32.const 2) funcref (ref.func $g)) \
                     (elem (table $x) (i32.const 1) funcref (ref.null func))";
        assert_eq!(found(&format!("{TABLE} {later}")), [(0, vec![None, None, Some(1)])]);
    }

    #[test]
    fn initial_elements_and_their_types_are_known() {
        assert_eq!(
            found("(table $x 2 (ref func) (ref.func $g)) (elem (table $x) (i32.const 0) func $f)"),
            [(0, vec![Some(0), Some(1)])]
        );
        assert_eq!(
            found("(table $x 1 (ref null $t)) (elem (table $x) (i32.const 0) (ref null $t) (ref.func $f))"),
            [(0, vec![Some(0)])]
        );
    }

    #[test]
    fn reading_a_table_and_writing_another_leave_it_constant() {
        let reader = "(table $y 3 funcref) (func (param i32) \
            (drop (table.get $x (local.get 0))) (drop (table.size $x)) \
            (table.copy $y $x (i32.const 0) (i32.const 0) (i32.const 1)))";
        assert_eq!(found(&format!("{TABLE} {reader}")), [(0, vec![None, Some(1), Some(3)])]);
    }

    #[test]
    fn what_code_writes_is_variable() {
        for write in [
            "(table.set $x (i32.const 0) (ref.null func))",
            "(table.fill $x (i32.const 0) (ref.null func) (i32.const 1))",
            "(drop (table.grow $x (ref.null func) (i32.const 1)))",
            "(table.init $x $segment (i32.const 0) (i32.const 0) (i32.const 1))",
            "(table.copy $x $y (i32.const 0) (i32.const 0) (i32.const 1))",
            "(table.copy $x $x (i32.const 0) (i32.const 1) (i32.const 1))",
        ] {
            let others = "(table $y (export \"y\") 3 funcref) (elem $segment func $f)";
            assert_variable(&format!("{TABLE} {others} (func {write})"));
        }
    }

    #[test]
    fn what_others_reach_is_variable() {
        assert_variable(&format!("{TABLE} (export \"x\" (table $x))"));
        assert_variable("(import \"m\" \"x\" (table 3 funcref))");
    }

    #[test]
    fn content_that_is_known_at_instantiation_only_is_variable() {
        assert_variable(
            "(import \"m\" \"g\" (global $g i32)) (table $x 3 funcref) \
            (elem (table $x) (global.get $g) func $f)",
        );
        assert_variable(
            "(import \"m\" \"g\" (global $g funcref)) (table $x 3 funcref) \
            (elem (table $x) (i32.const 0) funcref (global.get $g))",
        );
        assert_variable("(import \"m\" \"g\" (global $g funcref)) (table $x 3 funcref (global.get $g))");
        assert_variable("(table 3 externref)");
    }

    #[test]
    fn a_segment_that_does_not_fit_says_nothing_of_the_content() {
        for offset in ["2", "3", "-1"] {
            assert_variable(&TABLE.replace("i32.const 1", &format!("i32.const {offset}")));
        }
    }

    /// Code that another module calls through the imported table may run though a later segment did not fit.
    #[test]
    fn a_segment_for_an_imported_table_makes_all_variable() {
        let import = "(import \"m\" \"y\" (table $y 3 funcref))";
        assert_eq!(found(&format!("{import} {TABLE}")).len(), 1);
        assert_variable(&format!("{import} {TABLE} (elem (table $y) (i32.const 0) func $f)"));
    }

    #[test]
    fn large_tables_are_variable_and_so_is_what_exceeds_the_sum() {
        assert_eq!(found("(table 65536 funcref)").len(), 1);
        assert_variable("(table 65537 funcref)");
        assert_variable("(table i64 0xffffffffffffffff funcref)");
        let indices = |fields| found(fields).iter().map(|(index, _)| *index).collect::<Vec<_>>();
        assert_eq!(indices("(table 40000 funcref) (table 30000 funcref) (table 20000 funcref)"), [0, 2]);
    }

    #[test]
    fn callees_are_counted_by_type() {
        let text = "(module (type $unary (func (param i32))) (type $none (func))
            (import \"m\" \"a\" (func $imported (param i64)))
            (table 9 funcref) (elem (i32.const 1) func $one $two $a $two $b $imported $c)
            (func $one (param i32)) (func $two) (func $a (param f32)) (func $b (param f32))
            (func $c (param i64)))";
        let module_bytes = wat::parse_str(text).expect("it is valid");
        let module = crate::wasm::parse(&module_bytes, "test").expect("it is valid");
        let table = &module.constant_tables[&TableIndex(0)];
        let callees = |func: u32| table.callees(module.funcs[func as usize].ty).clone();
        let expected = |positions: Range<u32>, count, only: Option<u32>, origin| Callees {
            positions,
            count,
            only: only.map(FuncIndex),
            origin,
        };
        assert_eq!(callees(1), expected(1..2, 1, Some(1), Origin::Defined));
        assert_eq!(callees(2), expected(2..5, 2, Some(2), Origin::Defined));
        assert_eq!(callees(3), expected(3..6, 2, None, Origin::Defined));
        assert_eq!(callees(0), expected(6..8, 2, None, Origin::Any));
        assert_eq!([1, 2, 3, 0].map(|func| callees(func).is_run()), [true, false, false, true]);
        assert_eq!(table.callees(TypeIndex(99)), &Callees::NONE);
        assert!(Callees::NONE.is_run());
    }
}
