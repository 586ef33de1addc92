//! The locals of a function: allocas in the entry block, which LLVM makes registers of. INV-5.
//!
//! The rule: what is made for locals is in proportion to the body. Four bytes declare fifty thousand of them;
//! where there are more than a body has bytes, only those that it names exist.

use std::collections::{BTreeSet, HashMap};

use inkwell::values::{BasicValueEnum, PointerValue};
use wasmparser::{FunctionBody, Operator};

use super::func::{FuncTranslator, unreadable};
use crate::error::Result;
use crate::wasm::FuncType;
use w2n_abi::ValueType;

/// A local variable.
#[derive(Clone, Copy, Debug)]
pub(super) struct Local<'c> {
    pub address: PointerValue<'c>,
    pub ty: ValueType,
}

/// Those of a function that exist.
#[derive(Debug)]
pub(super) enum Locals<'c> {
    /// All, by index.
    All(Vec<Local<'c>>),
    /// Parameters, and those that the body names.
    Named(HashMap<u32, Local<'c>>),
}

impl<'c> Locals<'c> {
    /// The local with this index, which the body names.
    pub fn get(&self, index: u32) -> Local<'c> {
        match self {
            Self::All(locals) => locals[index as usize],
            Self::Named(locals) => locals[&index],
        }
    }
}

/// Locals of one type, by index.
type Group = (std::ops::Range<u32>, ValueType);

impl<'c> FuncTranslator<'c, '_> {
    /// Makes the parameters, which have the values of `arguments`, and the locals, which are zero or null.
    pub(super) fn declare_locals(
        &mut self,
        body: &FunctionBody<'_>,
        ty: &FuncType,
        arguments: Vec<BasicValueEnum<'c>>,
    ) -> Result<()> {
        let mut params = Vec::with_capacity(ty.params.len());
        for (ty, argument) in ty.params.iter().zip(arguments) {
            params.push(self.declare_local(*ty, argument)?);
        }
        let mut groups: Vec<Group> = Vec::new();
        let mut next = params.len() as u32;
        for group in body.get_locals_reader().map_err(|error| unreadable(&error))? {
            let (count, ty) = group.map_err(|error| unreadable(&error))?;
            groups.push((next..next + count, crate::wasm::value_type(ty)?));
            next += count;
        }
        let body_bytes = (body.range().end - body.range().start) as usize;
        self.locals = match next as usize <= body_bytes {
            true => self.declare_all(params, &groups)?,
            false => self.declare_named(params, &groups, &named_locals(body)?)?,
        };
        Ok(())
    }

    fn declare_all(&mut self, params: Vec<Local<'c>>, groups: &[Group]) -> Result<Locals<'c>> {
        let mut locals = params;
        for (indices, ty) in groups {
            for _ in indices.clone() {
                locals.push(self.declare_local(*ty, self.types().value(*ty).const_zero())?);
            }
        }
        Ok(Locals::All(locals))
    }

    fn declare_named(
        &mut self,
        params: Vec<Local<'c>>,
        groups: &[Group],
        named: &BTreeSet<u32>,
    ) -> Result<Locals<'c>> {
        let mut locals: HashMap<_, _> = (0..).zip(params).collect();
        for (indices, ty) in groups {
            for index in named.range(indices.clone()) {
                locals.insert(*index, self.declare_local(*ty, self.types().value(*ty).const_zero())?);
            }
        }
        Ok(Locals::Named(locals))
    }

    fn declare_local(&mut self, ty: ValueType, initial: BasicValueEnum<'c>) -> Result<Local<'c>> {
        let address = self.builder.build_alloca(self.types().value(ty), "local")?;
        self.builder.build_store(address, initial)?;
        Ok(Local { address, ty })
    }
}

/// The indices that operators of `body` have.
fn named_locals(body: &FunctionBody<'_>) -> Result<BTreeSet<u32>> {
    let mut named = BTreeSet::new();
    for operator in body.get_operators_reader().map_err(|error| unreadable(&error))? {
        match operator.map_err(|error| unreadable(&error))? {
            Operator::LocalGet { local_index }
            | Operator::LocalSet { local_index }
            | Operator::LocalTee { local_index } => {
                named.insert(local_index);
            }
            _ => {}
        }
    }
    Ok(named)
}
