//! The other engine: wasmi, an interpreter that shares no code with us but the validator.
//!
//! The rule: what it refuses is an error, never skipped.

use w2n_abi::{TrapCode, ValueType};
use w2n_tests::host::{Type, Value};
use wasmi::errors::{ErrorKind, TableError};
use wasmi::{Engine, Extern, ExternRef, ExternType, Instance, Linker, Ref, Store, Val, ValType};

use crate::generate::{FUEL, FUEL_PER_CALL};
use crate::observe::{Outcome, State, Step, hash};
use crate::plan::{Call, Export};

/// More than the fuel of a call.
const MAX_RECURSION_DEPTH: usize = 4 * FUEL_PER_CALL as usize;

/// Cells of its stack: enough for calls of that depth.
const MAX_STACK_HEIGHT: usize = 64 << 20;

/// What the module did: the exports, and each step of the plan. The first is the instantiation.
pub struct Trace {
    /// Name and kind of each export, in order.
    pub exports: Vec<(String, Export)>,
    /// What was called; one fewer than steps.
    pub calls: Vec<Call>,
    /// What was seen.
    pub steps: Vec<Step>,
}

/// Carries out the plan of a module. Errors: what the engine refuses, which it must not.
pub fn trace(bytes: &[u8]) -> Result<Trace, String> {
    let engine = engine();
    let module = wasmi::Module::new(&engine, bytes).map_err(|error| format!("refused: {error}"))?;
    let exports = exports(&module)?;
    let mut calls = crate::plan::calls(&exports);
    let mut store = Store::new(&engine, ());
    let instance = match Linker::new(&engine).instantiate_and_start(&mut store, &module) {
        Ok(instance) => instance,
        Err(error) => {
            let outcome = Outcome::Trapped(trap(&error)?);
            let steps = vec![Step { outcome, state: State::default() }];
            return Ok(Trace { exports, calls: Vec::new(), steps });
        }
    };
    let mut reference = Reference { store, instance };
    let mut steps = vec![reference.step(&exports, Outcome::Returned(Vec::new()))?];
    for call in &calls {
        let outcome = reference.call(call)?;
        if outcome.is_exhaustion() {
            break;
        }
        steps.push(reference.step(&exports, outcome)?);
    }
    calls.truncate(steps.len() - 1);
    Ok(Trace { exports, calls, steps })
}

fn engine() -> Engine {
    let mut config = wasmi::Config::default();
    config
        .wasm_multi_memory(true)
        .wasm_memory64(true)
        .wasm_tail_call(true)
        .wasm_extended_const(true)
        .wasm_custom_page_sizes(true)
        .wasm_wide_arithmetic(true)
        .set_max_recursion_depth(MAX_RECURSION_DEPTH)
        .set_max_stack_height(MAX_STACK_HEIGHT);
    Engine::new(&config)
}

fn exports(module: &wasmi::Module) -> Result<Vec<(String, Export)>, String> {
    module
        .exports()
        .map(|export| {
            let kind = match export.ty() {
                ExternType::Func(ty) => Export::Func(Type {
                    params: ty.params().iter().map(value_type).collect(),
                    results: ty.results().iter().map(value_type).collect(),
                }),
                ExternType::Table(_) => Export::Table,
                ExternType::Memory(_) => Export::Memory,
                ExternType::Global(_) => Export::Global,
            };
            Ok((export.name().to_owned(), kind))
        })
        .collect()
}

fn value_type(ty: &ValType) -> ValueType {
    match ty {
        ValType::I32 => ValueType::I32,
        ValType::I64 => ValueType::I64,
        ValType::F32 => ValueType::F32,
        ValType::F64 => ValueType::F64,
        ValType::V128 => ValueType::V128,
        ValType::FuncRef => ValueType::FuncRef,
        ValType::ExternRef => ValueType::ExternRef,
    }
}

struct Reference {
    store: Store<()>,
    instance: Instance,
}

impl Reference {
    fn call(&mut self, call: &Call) -> Result<Outcome, String> {
        if let Some(fuel) = self.instance.get_global(&self.store, FUEL) {
            let full = Val::I32(FUEL_PER_CALL as i32);
            fuel.set(&mut self.store, full).map_err(|error| error.to_string())?;
        }
        let func = self.instance.get_func(&self.store, &call.name).ok_or("no such function")?;
        let args: Vec<_> = call.args.iter().map(|arg| to_val(&mut self.store, *arg)).collect();
        let types = func.ty(&self.store);
        let mut results: Vec<_> = types.results().iter().map(|ty| Val::default(*ty)).collect();
        match func.call(&mut self.store, &args, &mut results) {
            Ok(()) => Ok(Outcome::Returned(results.iter().map(|val| self.value(val)).collect())),
            Err(error) => Ok(Outcome::Trapped(trap(&error)?)),
        }
    }

    fn step(&self, exports: &[(String, Export)], outcome: Outcome) -> Result<Step, String> {
        let mut state = State::default();
        for (name, _) in exports {
            match self.instance.get_export(&self.store, name).ok_or("no such export")? {
                Extern::Func(_) => {}
                Extern::Memory(memory) => {
                    let bytes = memory.data(&self.store);
                    state.memories.push((bytes.len() as u64, hash(bytes)));
                }
                Extern::Global(global) => state.globals.push(self.value(&global.get(&self.store))),
                Extern::Table(table) => {
                    let elements = 0..table.size(&self.store);
                    let element = |index| {
                        let element = table.get(&self.store, index).ok_or("an element below the size")?;
                        Ok(self.value(&element))
                    };
                    state.tables.push(elements.map(element).collect::<Result<_, String>>()?);
                }
            }
        }
        Ok(Step { outcome, state })
    }

    fn value(&self, val: &Val) -> Value {
        match val {
            Val::I32(value) => Value::I32(*value as u32),
            Val::I64(value) => Value::I64(*value as u64),
            Val::F32(value) => Value::F32(value.to_bits()),
            Val::F64(value) => Value::F64(value.to_bits()),
            Val::V128(value) => Value::V128(value.as_u128()),
            Val::FuncRef(func) => Value::FuncRef(usize::from(!func.is_null())),
            Val::ExternRef(word) => Value::ExternRef(self.word(word)),
        }
    }

    /// The host's word in a reference; all were made by [`to_val`].
    fn word(&self, reference: &Ref<ExternRef>) -> usize {
        let word = reference.val().and_then(|reference| reference.data(&self.store).downcast_ref::<usize>());
        word.copied().unwrap_or(0)
    }
}

fn to_val(store: &mut Store<()>, value: Value) -> Val {
    match value {
        Value::I32(bits) => Val::I32(bits as i32),
        Value::I64(bits) => Val::I64(bits as i64),
        Value::F32(bits) => Val::F32(wasmi::F32::from_bits(bits)),
        Value::F64(bits) => Val::F64(wasmi::F64::from_bits(bits)),
        Value::V128(bits) => Val::V128(bits.into()),
        Value::FuncRef(_) => Val::FuncRef(Ref::Null),
        Value::ExternRef(0) => Val::ExternRef(Ref::Null),
        Value::ExternRef(word) => Val::ExternRef(Ref::Val(ExternRef::new(store, word))),
    }
}

/// The code of a trap in our words. Errors: what is no trap of the language.
fn trap(error: &wasmi::Error) -> Result<TrapCode, String> {
    use wasmi::TrapCode as Theirs;
    // The one table error that this version counts as no trap.
    if let ErrorKind::Table(TableError::CopyOutOfBounds) = error.kind() {
        return Ok(TrapCode::TableOutOfBounds);
    }
    match error.as_trap_code() {
        Some(Theirs::UnreachableCodeReached) => Ok(TrapCode::Unreachable),
        Some(Theirs::MemoryOutOfBounds) => Ok(TrapCode::MemoryOutOfBounds),
        Some(Theirs::TableOutOfBounds) => Ok(TrapCode::TableOutOfBounds),
        Some(Theirs::IndirectCallToNull) => Ok(TrapCode::UninitializedElement),
        Some(Theirs::IntegerDivisionByZero) => Ok(TrapCode::IntegerDivideByZero),
        Some(Theirs::IntegerOverflow) => Ok(TrapCode::IntegerOverflow),
        Some(Theirs::BadConversionToInteger) => Ok(TrapCode::InvalidConversionToInteger),
        Some(Theirs::StackOverflow) => Ok(TrapCode::StackOverflow),
        Some(Theirs::BadSignature) => Ok(TrapCode::IndirectCallTypeMismatch),
        _ => Err(format!("no trap: {error}")),
    }
}
