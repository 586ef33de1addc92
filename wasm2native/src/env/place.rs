//! A place in instance state: where a global, a memory's base or a table is, as data.

use inkwell::builder::Builder;
use inkwell::types::BasicTypeEnum;
use inkwell::values::{BasicValue, BasicValueEnum, PointerValue};

use super::alias::AliasClass;
use super::module_env::ModuleEnv;
use crate::error::{CompileError, Result};

/// Where something is that hangs off the instance.
#[derive(Clone, Copy, Debug)]
pub enum Place<'c> {
    /// In the instance itself, at this byte offset.
    Field(u32),
    /// Where the pointer at this byte offset of the instance points to (an imported global).
    Indirect(u32),
    /// At a byte offset from a pointer, inside a structure of the runtime.
    At(PointerValue<'c>, u32),
}

/// Whether what is loaded can change after instantiation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutability {
    /// It can: a global that is assigned, the length of a memory that grows.
    Variable,
    /// It cannot: the optimiser may load it once and keep it.
    Constant,
}

impl<'c> Place<'c> {
    /// Loads a `ty` from here.
    pub fn load(
        self,
        env: &ModuleEnv<'c, '_>,
        builder: &Builder<'c>,
        instance: PointerValue<'c>,
        ty: impl Into<BasicTypeEnum<'c>>,
        mutability: Mutability,
        name: &str,
    ) -> Result<BasicValueEnum<'c>> {
        let address = self.address(env, builder, instance)?;
        let value = builder.build_load::<BasicTypeEnum>(ty.into(), address, name)?;
        if let Some(load) = value.as_instruction_value() {
            env.alias.mark(load, AliasClass::InstanceState);
            if mutability == Mutability::Constant {
                env.alias.mark_invariant(load);
                if value.is_pointer_value() {
                    env.alias.mark_nonnull(load);
                }
            }
        }
        Ok(value)
    }

    /// Loads a pointer that is fixed at instantiation and never null.
    pub fn load_fixed_pointer(
        self,
        env: &ModuleEnv<'c, '_>,
        builder: &Builder<'c>,
        instance: PointerValue<'c>,
        name: &str,
    ) -> Result<PointerValue<'c>> {
        Ok(self.load(env, builder, instance, env.types.ptr, Mutability::Constant, name)?.into_pointer_value())
    }

    /// Stores `value` here.
    pub fn store(
        self,
        env: &ModuleEnv<'c, '_>,
        builder: &Builder<'c>,
        instance: PointerValue<'c>,
        value: BasicValueEnum<'c>,
    ) -> Result<()> {
        let address = self.address(env, builder, instance)?;
        let store = builder.build_store(address, value)?;
        env.alias.mark(store, AliasClass::InstanceState);
        if env.options.strict_traps {
            // LLVM keeps the order of volatile operations only among themselves, so that a global would be
            // set behind the loop whose accesses trap.
            store.set_volatile(true).map_err(|error| CompileError::internal(error.to_string()))?;
        }
        Ok(())
    }

    /// The address of the place.
    pub fn address(
        self,
        env: &ModuleEnv<'c, '_>,
        builder: &Builder<'c>,
        instance: PointerValue<'c>,
    ) -> Result<PointerValue<'c>> {
        match self {
            Self::Field(offset) => env.offset_pointer(builder, instance, offset),
            Self::At(pointer, offset) => env.offset_pointer(builder, pointer, offset),
            Self::Indirect(offset) => {
                Self::Field(offset).load_fixed_pointer(env, builder, instance, "imported")
            }
        }
    }
}
