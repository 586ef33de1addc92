//! A validated module: all that later phases need, with index spaces joined (imports first).

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;

use wasmparser::{AbstractHeapType, FunctionBody, HeapType, RefType, UnpackedIndex, ValType};

use super::branch_hints::BranchHints;
use super::const_expr::ConstExpr;
use super::constant_table::ConstantTable;
use super::index::{
    DefinedFuncIndex, ExportIndex, FuncIndex, GlobalIndex, MemoryIndex, TableIndex, TypeIndex,
};
use super::names::Names;
use super::rec_group::Identity;
use crate::error::{CompileError, Result};
use w2n_abi::{FLAG_INDEX64, PAGE_SIZE_LOG2, ValueType};

/// A validated Wasm module.
#[derive(Debug, Default)]
pub struct Module<'a> {
    /// Name from the name section, else the stem of the file name.
    pub name: String,
    /// Function types, each once.
    pub types: Vec<FuncType>,
    /// What makes each of them equal to types of other modules.
    pub identities: Vec<Identity>,
    /// Type index of the module to [`TypeIndex`].
    pub(super) type_map: Vec<TypeIndex>,
    /// Imports in order.
    pub imports: Vec<Import<'a>>,
    /// Exports in order.
    pub exports: Vec<Export<'a>>,
    /// Their places, by name.
    pub(super) export_places: HashMap<&'a str, ExportIndex>,
    /// All functions, imports first.
    pub funcs: Vec<Func>,
    /// All tables, imports first.
    pub tables: Vec<TableType>,
    /// Initial elements of those tables that do not start with nulls.
    pub table_inits: Vec<(TableIndex, ConstExpr)>,
    /// Tables of which the content is known.
    pub constant_tables: BTreeMap<TableIndex, ConstantTable>,
    /// All memories, imports first.
    pub memories: Vec<MemoryType>,
    /// All globals, imports first.
    pub globals: Vec<Global>,
    /// Element segments.
    pub elements: Vec<ElementSegment>,
    /// Data segments.
    pub data: Vec<DataSegment<'a>>,
    /// Start function.
    pub start: Option<FuncIndex>,
    /// Bodies of the defined functions.
    pub bodies: Vec<FunctionBody<'a>>,
    /// Functions that can become references: exported, in element segments or named by `ref.func`.
    pub referenced_funcs: BTreeSet<FuncIndex>,
    /// Defined functions that make tail calls.
    pub tail_callers: BTreeSet<FuncIndex>,
    /// Number of imported functions.
    pub imported_func_count: u32,
    /// Number of imported tables.
    pub imported_table_count: u32,
    /// Number of imported memories.
    pub imported_memory_count: u32,
    /// Number of imported globals.
    pub imported_global_count: u32,
    /// The branch hint section.
    pub branch_hints: BranchHints,
    /// The name section.
    pub(super) names: Names<'a>,
}

/// A function type.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct FuncType {
    /// Types of the parameters.
    pub params: Vec<ValueType>,
    /// Types of the results.
    pub results: Vec<ValueType>,
}

/// A function, imported or defined.
#[derive(Clone, Copy, Debug)]
pub struct Func {
    /// Its type.
    pub ty: TypeIndex,
}

/// An import.
#[derive(Clone, Copy, Debug)]
pub struct Import<'a> {
    /// Module name.
    pub module: &'a str,
    /// Field name.
    pub name: &'a str,
    /// Its type.
    pub ty: ExternType,
}

/// An export.
#[derive(Clone, Copy, Debug)]
pub struct Export<'a> {
    /// Its name.
    pub name: &'a str,
    /// What is exported.
    pub ty: ExternType,
    /// Index in the index space of its kind.
    pub index: u32,
}

/// Type of an import or export.
#[derive(Clone, Copy, Debug)]
pub enum ExternType {
    /// A function.
    Func(TypeIndex),
    /// A table.
    Table(TableType),
    /// A memory.
    Memory(MemoryType),
    /// A global.
    Global(GlobalType),
}

/// Size limits, in elements or pages.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The size at instantiation.
    pub min: u64,
    /// What it may grow to; none is no limit but that of the index type.
    pub max: Option<u64>,
}

/// Type of the indices into a table or memory. spec: syntax/types, address types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressType {
    /// 32 bits.
    I32,
    /// 64 bits.
    I64,
}

impl AddressType {
    /// The one whose indices have the type `index`.
    pub(super) fn of_index(index: ValType) -> Self {
        if index == ValType::I64 { Self::I64 } else { Self::I32 }
    }

    /// What descriptors say of it.
    pub fn flags(self) -> u32 {
        match self {
            Self::I32 => 0,
            Self::I64 => FLAG_INDEX64,
        }
    }
}

/// Type of a table.
#[derive(Clone, Copy, Debug)]
pub struct TableType {
    /// Type of its indices.
    pub address: AddressType,
    /// Type of its elements, `FuncRef` or `ExternRef`.
    pub element: ValueType,
    /// Which references of that type it takes.
    pub refinement: Refinement,
    /// In elements.
    pub limits: Limits,
}

/// What a reference type says beyond its [`ValueType`]; the default is all of these references, and null.
/// Code does not care, only import matching does. spec: syntax/types, reference types.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Refinement {
    /// Whether null is excluded.
    pub non_null: bool,
    /// The only type that functions may have.
    pub func_type: Option<TypeIndex>,
}

/// Type of a memory.
#[derive(Clone, Copy, Debug)]
pub struct MemoryType {
    /// Type of its indices.
    pub address: AddressType,
    /// Log2 of the bytes in a page.
    pub page_size_log2: u32,
    /// In pages.
    pub limits: Limits,
}

impl MemoryType {
    /// Bytes that the memory has at least, at any time.
    pub fn min_bytes(&self) -> u64 {
        self.limits.min.saturating_mul(1 << self.page_size_log2)
    }

    /// Behind its limits, where the usual size goes without saying.
    fn page_size_suffix(&self) -> String {
        match self.page_size_log2 {
            PAGE_SIZE_LOG2 => String::new(),
            log2 => format!(" (pagesize {})", 1u64 << log2),
        }
    }
}

/// Type of a global.
#[derive(Clone, Copy, Debug)]
pub struct GlobalType {
    /// Type of its value.
    pub value: ValueType,
    /// Which of the references of this type.
    pub refinement: Refinement,
    /// Whether `global.set` is allowed.
    pub mutable: bool,
}

/// A global.
#[derive(Clone, Debug)]
pub struct Global {
    /// Its type.
    pub ty: GlobalType,
    /// Initial value; `None` for imports.
    pub init: Option<ConstExpr>,
}

/// When a segment is copied.
#[derive(Clone, Debug)]
pub enum SegmentMode<I> {
    /// At instantiation, to `offset` of table or memory `index`, then dropped.
    Active {
        /// Table or memory.
        index: I,
        /// The element or byte where the first one goes.
        offset: ConstExpr,
    },
    /// By `table.init` or `memory.init`.
    Passive,
    /// Never: it only declares that functions are referenced.
    Declared,
}

/// What an element segment holds.
#[derive(Clone, Debug)]
pub enum ElementItems {
    /// Functions and nulls.
    Funcs(Vec<Option<FuncIndex>>),
    /// Expressions at least one of which is more than that.
    Exprs(Vec<ConstExpr>),
}

/// An element segment.
#[derive(Clone, Debug)]
pub struct ElementSegment {
    /// When it is copied.
    pub mode: SegmentMode<TableIndex>,
    /// Its elements.
    pub items: ElementItems,
    /// Where it is in the module, in bytes.
    pub module_offset: u32,
}

impl ElementSegment {
    /// Number of elements.
    pub fn len(&self) -> usize {
        match &self.items {
            ElementItems::Funcs(funcs) => funcs.len(),
            ElementItems::Exprs(exprs) => exprs.len(),
        }
    }

    /// Whether it has no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A data segment.
#[derive(Clone, Debug)]
pub struct DataSegment<'a> {
    /// When it is copied.
    pub mode: SegmentMode<MemoryIndex>,
    /// Its bytes.
    pub bytes: &'a [u8],
    /// Where it is in the module, in bytes.
    pub module_offset: u32,
}

impl<'a> Module<'a> {
    /// Type of a function.
    pub fn func_type(&self, func: FuncIndex) -> &FuncType {
        &self.types[self.funcs[func.index()].ty.index()]
    }

    /// The [`TypeIndex`] of type `index` as the binary numbers it.
    pub fn type_index(&self, index: u32) -> TypeIndex {
        self.type_map[index as usize]
    }

    /// A table type of the binary as ours.
    pub(super) fn table_type(&self, ty: wasmparser::TableType) -> Result<TableType> {
        let element = value_type_of_heap(ty.element_type.heap_type())?;
        let limits = Limits { min: ty.initial, max: ty.maximum };
        let address = AddressType::of_index(ty.index_type());
        Ok(TableType { address, element, refinement: self.refinement(ty.element_type), limits })
    }

    /// A global type of the binary as ours.
    pub(super) fn global_type(&self, ty: wasmparser::GlobalType) -> Result<GlobalType> {
        let refinement = ty.content_type.as_reference_type().map(|ty| self.refinement(ty));
        let refinement = refinement.unwrap_or_default();
        Ok(GlobalType { value: value_type(ty.content_type)?, refinement, mutable: ty.mutable })
    }

    fn refinement(&self, ty: RefType) -> Refinement {
        let func_type = match ty.heap_type() {
            HeapType::Concrete(UnpackedIndex::Module(index)) => Some(self.type_index(index)),
            _ => None,
        };
        Refinement { non_null: !ty.is_nullable(), func_type }
    }

    /// Name of a function from the name section.
    pub fn func_name(&self, func: FuncIndex) -> Option<&'a str> {
        self.names.funcs.get(&func.0).copied()
    }

    /// Whether the function comes from outside.
    pub fn is_imported(&self, func: FuncIndex) -> bool {
        func.0 < self.imported_func_count
    }

    /// Whether the function is defined here and makes tail calls.
    pub fn makes_tail_calls(&self, func: FuncIndex) -> bool {
        self.tail_callers.contains(&func)
    }

    /// Index in the function index space of a defined function.
    pub fn func_index(&self, defined: DefinedFuncIndex) -> FuncIndex {
        FuncIndex(self.imported_func_count + defined.0)
    }

    /// Whether the global comes from outside.
    pub fn is_global_imported(&self, global: GlobalIndex) -> bool {
        global.0 < self.imported_global_count
    }

    /// Bytes of all function bodies.
    pub fn code_size_bytes(&self) -> usize {
        self.bodies.iter().map(|body| body.range().end as usize - body.range().start as usize).sum()
    }

    /// The export of that name.
    pub fn export(&self, name: &str) -> Option<&Export<'a>> {
        self.export_index(name).map(|place| &self.exports[place.index()])
    }

    /// The place among the exports of that name.
    pub fn export_index(&self, name: &str) -> Option<ExportIndex> {
        self.export_places.get(name).copied()
    }

    /// The export an executable starts with: `chosen` of type `() -> ()` or `() -> i32`; without a choice
    /// `_start` of type `() -> ()`, else `main` of type `() -> ()` or `() -> i32`.
    pub fn entry_point(&self, chosen: Option<&str>) -> Option<&Export<'a>> {
        let with_results = |name: &str, allowed: &[&[ValueType]]| {
            self.export(name).filter(|export| match export.ty {
                ExternType::Func(ty) => {
                    let ty = &self.types[ty.index()];
                    ty.params.is_empty() && allowed.contains(&ty.results.as_slice())
                }
                _ => false,
            })
        };
        let any: [&[ValueType]; 2] = [&[], &[ValueType::I32]];
        match chosen {
            Some(name) => with_results(name, &any),
            None => with_results("_start", &[&[]]).or_else(|| with_results("main", &any)),
        }
    }

    /// Whether its start function is all that it offers: it exports no function that could be called.
    pub fn is_start_alone(&self) -> bool {
        let exports_func = self.exports.iter().any(|export| matches!(export.ty, ExternType::Func(_)));
        self.start.is_some() && !exports_func
    }

    /// Names of exports that an executable can be told to start with.
    pub fn possible_entries(&self) -> impl Iterator<Item = &'a str> {
        let is_possible = |export: &&Export<'a>| self.entry_point(Some(export.name)).is_some();
        self.exports.iter().filter(is_possible).map(|export| export.name)
    }

    /// The type of an import or export as text, for messages: `func (param i32) (result i64)`.
    pub fn describe(&self, ty: &ExternType) -> String {
        match ty {
            ExternType::Func(ty) => format!("func{}", self.types[ty.index()]),
            ExternType::Table(ty) => {
                format!("table {}{} {}", ty.address, ty.limits, ref_type_name(ty.element, ty.refinement))
            }
            ExternType::Memory(ty) => format!("memory {}{}{}", ty.address, ty.limits, ty.page_size_suffix()),
            ExternType::Global(GlobalType { value, refinement, mutable: true }) => {
                format!("global (mut {})", ref_type_name(*value, *refinement))
            }
            ExternType::Global(GlobalType { value, refinement, mutable: false }) => {
                format!("global {}", ref_type_name(*value, *refinement))
            }
        }
    }
}

/// The type as text: `i32`, `funcref`, `(ref null 3)`.
fn ref_type_name(ty: ValueType, refinement: Refinement) -> String {
    let heap = match (refinement.func_type, ty) {
        (Some(func_type), _) => func_type.0.to_string(),
        (None, ValueType::FuncRef) => "func".to_owned(),
        (None, _) => "extern".to_owned(),
    };
    match refinement {
        Refinement { non_null: true, .. } => format!("(ref {heap})"),
        Refinement { func_type: Some(_), .. } => format!("(ref null {heap})"),
        _ => ty.name().to_owned(),
    }
}

impl fmt::Display for FuncType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (word, types) in [("param", &self.params), ("result", &self.results)] {
            if !types.is_empty() {
                let names: Vec<_> = types.iter().map(|ty| ty.name()).collect();
                write!(f, " ({word} {})", names.join(" "))?;
            }
        }
        Ok(())
    }
}

/// In front of limits, where 32 bits go without saying.
impl fmt::Display for AddressType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::I32 => "",
            Self::I64 => "i64 ",
        })
    }
}

impl fmt::Display for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.max {
            Some(max) => write!(f, "{} {max}", self.min),
            None => write!(f, "{}", self.min),
        }
    }
}

/// Our value type for one of wasmparser's.
pub fn value_type(ty: ValType) -> Result<ValueType> {
    Ok(match ty {
        ValType::I32 => ValueType::I32,
        ValType::I64 => ValueType::I64,
        ValType::F32 => ValueType::F32,
        ValType::F64 => ValueType::F64,
        ValType::V128 => ValueType::V128,
        ValType::Ref(ty) => return value_type_of_heap(ty.heap_type()),
    })
}

/// Our reference type for a heap type.
pub fn value_type_of_heap(ty: HeapType) -> Result<ValueType> {
    match ty {
        HeapType::Abstract { ty: AbstractHeapType::Func, .. } => Ok(ValueType::FuncRef),
        HeapType::Abstract { ty: AbstractHeapType::Extern, .. } => Ok(ValueType::ExternRef),
        // Types other than function types were refused before.
        HeapType::Concrete(_) => Ok(ValueType::FuncRef),
        other => Err(CompileError::input(format!("references of type {other:?} are not supported"))),
    }
}
