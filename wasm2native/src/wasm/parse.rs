//! Reads and validates a module, section by section.

use std::collections::BTreeSet;

use wasmparser::{
    BinaryReaderError, DataKind, ElementKind, ExternalKind, FuncToValidate, FuncValidator,
    FuncValidatorAllocations, FunctionBody, KnownCustom, Operator, OperatorsReader, Parser, Payload,
    TableInit, TypeRef, ValidPayload, Validator, ValidatorResources,
};

use super::branch_hints::BranchHints;
use super::const_expr::ConstExpr;
use super::constant_table::constant_tables;
use super::features::{MODULE_FEATURES, SUPPORTED_FEATURES};
use super::index::{DefinedFuncIndex, ExportIndex, FuncIndex, MemoryIndex, TableIndex};
use super::module::*;
use super::names::Names;
use super::rec_group::RecGroups;
use super::refusal;
use crate::error::{Code, CompileError, Result, shortened};

/// Validates `bytes` as a core Wasm module. `file_stem` is its name unless it has one of its own.
///
/// Errors: malformed or invalid modules, and modules that need a proposal we do not compile, which is named.
pub fn parse<'a>(bytes: &'a [u8], file_stem: &str) -> Result<Module<'a>> {
    let mut reader = ModuleReader::default();
    reader.module.name = file_stem.to_owned();
    reader.read(bytes).map_err(|error| reader.explain(error, bytes))?;
    let mut module = reader.module;
    module.constant_tables = constant_tables(&module, &reader.written_tables);
    if let Some(name) = module.names.module {
        module.name = name.to_owned();
    }
    Ok(module)
}

/// Characters of wasmparser's message that are shown: it quotes names whole.
const MESSAGE_LIMIT_CHARS: usize = 400;

/// A wasmparser error as ours.
pub(super) fn malformed(error: BinaryReaderError) -> CompileError {
    CompileError::input(shortened(error.message(), MESSAGE_LIMIT_CHARS))
        .code(Code::InvalidModule)
        .at(error.offset() as usize)
}

#[derive(Default)]
struct ModuleReader<'a> {
    module: Module<'a>,
    rec_groups: RecGroups,
    /// Tables that some function body writes.
    written_tables: BTreeSet<TableIndex>,
    /// Function being validated, for errors.
    current_func: Option<FuncIndex>,
}

impl<'a> ModuleReader<'a> {
    fn read(&mut self, bytes: &'a [u8]) -> Result<()> {
        let mut validator = Validator::new_with_features(MODULE_FEATURES);
        let mut allocations = FuncValidatorAllocations::default();
        for payload in Parser::new(0).parse_all(bytes) {
            let payload = payload.map_err(malformed)?;
            if let ValidPayload::Func(func, body) = validator.payload(&payload).map_err(malformed)? {
                self.current_func = Some(FuncIndex(func.index));
                allocations = self.validate_body(func, &body, allocations)?;
                self.current_func = None;
            }
            self.read_payload(payload)?;
        }
        Ok(())
    }

    /// Validates a body, and notes whether it makes tail calls and which tables it writes.
    fn validate_body(
        &mut self,
        func: FuncToValidate<ValidatorResources>,
        body: &FunctionBody<'a>,
        allocations: FuncValidatorAllocations,
    ) -> Result<FuncValidatorAllocations> {
        let index = FuncIndex(func.index);
        let func = FuncToValidate { features: SUPPORTED_FEATURES, ..func };
        let mut validator = func.into_validator(allocations);
        self.validate_operators(index, body, &mut validator).map_err(malformed)?;
        Ok(validator.into_allocations())
    }

    fn validate_operators(
        &mut self,
        func: FuncIndex,
        body: &FunctionBody<'a>,
        validator: &mut FuncValidator<ValidatorResources>,
    ) -> std::result::Result<(), BinaryReaderError> {
        let mut reader = body.get_binary_reader();
        validator.read_locals(&mut reader)?;
        reader.set_features(SUPPORTED_FEATURES);
        let mut operators = OperatorsReader::new(reader);
        while !operators.eof() {
            let (operator, offset) = operators.read_with_offset()?;
            validator.op(offset, &operator)?;
            self.note_operator(func, &operator);
        }
        operators.finish()
    }

    fn note_operator(&mut self, func: FuncIndex, operator: &Operator<'_>) {
        match *operator {
            Operator::ReturnCall { .. }
            | Operator::ReturnCallIndirect { .. }
            | Operator::ReturnCallRef { .. } => {
                self.module.tail_callers.insert(func);
            }
            Operator::TableSet { table }
            | Operator::TableGrow { table }
            | Operator::TableFill { table }
            | Operator::TableInit { table, .. }
            | Operator::TableCopy { dst_table: table, .. } => {
                self.written_tables.insert(TableIndex(table));
            }
            _ => {}
        }
    }

    fn read_payload(&mut self, payload: Payload<'a>) -> Result<()> {
        match payload {
            Payload::TypeSection(section) => {
                for group in section {
                    self.rec_groups.read(&mut self.module, group.map_err(malformed)?)?;
                }
            }
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    self.read_import(import.map_err(malformed)?)?;
                }
            }
            Payload::FunctionSection(section) => {
                for ty in section {
                    let ty = self.module.type_index(ty.map_err(malformed)?);
                    self.module.funcs.push(Func { ty });
                }
            }
            Payload::TableSection(section) => {
                for table in section {
                    self.read_table(table.map_err(malformed)?)?;
                }
            }
            Payload::MemorySection(section) => {
                for memory in section {
                    self.module.memories.push(memory_type(memory.map_err(malformed)?));
                }
            }
            Payload::GlobalSection(section) => {
                for global in section {
                    let global = global.map_err(malformed)?;
                    let init = self.read_const_expr(&global.init_expr)?;
                    let ty = self.module.global_type(global.ty)?;
                    self.module.globals.push(Global { ty, init: Some(init) });
                }
            }
            Payload::ExportSection(section) => {
                for export in section {
                    self.read_export(export.map_err(malformed)?)?;
                }
            }
            Payload::StartSection { func, .. } => self.module.start = Some(FuncIndex(func)),
            Payload::ElementSection(section) => {
                for element in section {
                    self.read_element(element.map_err(malformed)?)?;
                }
            }
            Payload::DataSection(section) => {
                for data in section {
                    self.read_data(data.map_err(malformed)?)?;
                }
            }
            Payload::CodeSectionEntry(body) => {
                let module = &mut self.module;
                let func = module.func_index(DefinedFuncIndex(module.bodies.len() as u32));
                module.branch_hints.locate(func, body.range().start as u32..body.range().end as u32);
                module.bodies.push(body);
            }
            Payload::CustomSection(section) => self.read_custom(section.as_known()),
            _ => {}
        }
        Ok(())
    }

    fn read_table(&mut self, table: wasmparser::Table<'a>) -> Result<()> {
        let index = TableIndex(self.module.tables.len() as u32);
        self.module.tables.push(self.module.table_type(table.ty)?);
        if let TableInit::Expr(init) = table.init {
            let init = self.read_const_expr(&init)?;
            self.module.table_inits.push((index, init));
        }
        Ok(())
    }

    fn read_custom(&mut self, section: KnownCustom<'a>) {
        match section {
            KnownCustom::Name(names) => self.module.names = Names::read(names),
            KnownCustom::BranchHints(hints) if self.module.bodies.is_empty() => {
                self.module.branch_hints = BranchHints::read(hints);
            }
            _ => {}
        }
    }

    fn read_import(&mut self, import: wasmparser::Import<'a>) -> Result<()> {
        let module = &mut self.module;
        let ty = match import.ty {
            TypeRef::Func(ty) | TypeRef::FuncExact(ty) => {
                let ty = module.type_index(ty);
                module.funcs.push(Func { ty });
                module.imported_func_count += 1;
                ExternType::Func(ty)
            }
            TypeRef::Table(ty) => {
                let ty = module.table_type(ty)?;
                module.tables.push(ty);
                module.imported_table_count += 1;
                ExternType::Table(ty)
            }
            TypeRef::Memory(ty) => {
                module.memories.push(memory_type(ty));
                module.imported_memory_count += 1;
                ExternType::Memory(memory_type(ty))
            }
            TypeRef::Global(ty) => {
                let ty = module.global_type(ty)?;
                module.globals.push(Global { ty, init: None });
                module.imported_global_count += 1;
                ExternType::Global(ty)
            }
            TypeRef::Tag(_) => return Err(CompileError::input("imported tags are not supported")),
        };
        module.imports.push(Import { module: import.module, name: import.name, ty });
        Ok(())
    }

    fn read_export(&mut self, export: wasmparser::Export<'a>) -> Result<()> {
        let module = &mut self.module;
        let index = export.index as usize;
        let ty = match export.kind {
            ExternalKind::Func | ExternalKind::FuncExact => {
                module.referenced_funcs.insert(FuncIndex(export.index));
                ExternType::Func(module.funcs[index].ty)
            }
            ExternalKind::Table => ExternType::Table(module.tables[index]),
            ExternalKind::Memory => ExternType::Memory(module.memories[index]),
            ExternalKind::Global => ExternType::Global(module.globals[index].ty),
            ExternalKind::Tag => return Err(CompileError::input("exported tags are not supported")),
        };
        module.export_places.insert(export.name, ExportIndex(module.exports.len() as u32));
        module.exports.push(Export { name: export.name, ty, index: export.index });
        Ok(())
    }

    fn read_element(&mut self, element: wasmparser::Element<'a>) -> Result<()> {
        let mode = match element.kind {
            ElementKind::Active { table_index, offset_expr } => SegmentMode::Active {
                index: TableIndex(table_index.unwrap_or(0)),
                offset: self.read_const_expr(&offset_expr)?,
            },
            ElementKind::Passive => SegmentMode::Passive,
            ElementKind::Declared => SegmentMode::Declared,
        };
        let module_offset = element.range.start as u32;
        let items = match element.items {
            wasmparser::ElementItems::Functions(section) => {
                let mut funcs = Vec::new();
                for func in section {
                    let func = FuncIndex(func.map_err(malformed)?);
                    self.module.referenced_funcs.insert(func);
                    funcs.push(Some(func));
                }
                ElementItems::Funcs(funcs)
            }
            wasmparser::ElementItems::Expressions(ty, section) => {
                value_type_of_heap(ty.heap_type())?;
                let mut exprs = Vec::new();
                for expr in section {
                    exprs.push(self.read_const_expr(&expr.map_err(malformed)?)?);
                }
                match exprs.iter().map(ConstExpr::as_plain_func_ref).collect() {
                    Some(funcs) => ElementItems::Funcs(funcs),
                    None => ElementItems::Exprs(exprs),
                }
            }
        };
        self.module.elements.push(ElementSegment { mode, items, module_offset });
        Ok(())
    }

    fn read_data(&mut self, data: wasmparser::Data<'a>) -> Result<()> {
        let mode = match data.kind {
            DataKind::Active { memory_index, offset_expr } => SegmentMode::Active {
                index: MemoryIndex(memory_index),
                offset: self.read_const_expr(&offset_expr)?,
            },
            DataKind::Passive => SegmentMode::Passive,
        };
        let module_offset = data.range.start as u32;
        self.module.data.push(DataSegment { mode, bytes: data.data, module_offset });
        Ok(())
    }

    fn read_const_expr(&mut self, expr: &wasmparser::ConstExpr<'a>) -> Result<ConstExpr> {
        let expr = ConstExpr::read(expr)?;
        self.module.referenced_funcs.extend(expr.ops.iter().filter_map(|op| match op {
            super::ConstOp::RefFunc(func) => Some(*func),
            _ => None,
        }));
        Ok(expr)
    }

    /// Adds the function, and names the proposal if that is all that is wrong.
    fn explain(&self, error: CompileError, bytes: &[u8]) -> CompileError {
        let name = |func: FuncIndex| func_name_of(bytes, func);
        // What our readers refuse, wasmparser refuses too without garbage collection, and it knows where.
        let refusal = Validator::new_with_features(SUPPORTED_FEATURES).validate_all(bytes).err();
        let error = match &refusal {
            Some(refusal) => error.at(refusal.offset() as usize),
            None => error,
        };
        let error = refusal::explain(error, refusal, bytes);
        match self.current_func {
            Some(func) => error.in_func(func.0, name(func).as_deref()),
            None => error,
        }
    }
}

/// Looks for the name of a function in a module that did not validate, so that the error can give it.
fn func_name_of(bytes: &[u8], func: FuncIndex) -> Option<String> {
    Parser::new(0).parse_all(bytes).map_while(|payload| payload.ok()).find_map(|payload| match payload {
        Payload::CustomSection(section) => match section.as_known() {
            KnownCustom::Name(names) => Names::read(names).funcs.get(&func.0).map(|name| (*name).to_owned()),
            _ => None,
        },
        _ => None,
    })
}

fn memory_type(ty: wasmparser::MemoryType) -> MemoryType {
    MemoryType {
        address: AddressType::of_index(ty.index_type()),
        page_size_log2: ty.page_size_log2(),
        limits: Limits { min: ty.initial, max: ty.maximum },
    }
}
