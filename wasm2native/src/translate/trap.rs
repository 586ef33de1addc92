//! Traps that code checks for itself, and calls to the runtime.

use inkwell::attributes::AttributeLoc;
use inkwell::values::{BasicMetadataValueEnum, CallSiteValue, IntValue};

use super::func::FuncTranslator;
use crate::env::runtime;
use crate::error::Result;
use w2n_abi::{RtFunc, TrapCode};

impl<'c> FuncTranslator<'c, '_> {
    /// Traps with `code` where `condition` holds.
    pub(super) fn trap_if(&mut self, condition: IntValue<'c>, code: TrapCode) -> Result<()> {
        self.trap_if_with(condition, |translator| Ok(translator.trap_code(code)))
    }

    /// Traps where `condition` holds, with a code that is found out only then.
    pub(super) fn trap_if_with(
        &mut self,
        condition: IntValue<'c>,
        code: impl FnOnce(&mut Self) -> Result<IntValue<'c>>,
    ) -> Result<()> {
        let trap = self.append_block("trap");
        let next = self.append_block("no_trap");
        self.builder.build_conditional_branch(condition, trap, next)?;
        self.builder.position_at_end(trap);
        let code = code(self)?;
        self.build_trap(code)?;
        self.builder.position_at_end(next);
        Ok(())
    }

    /// Traps with what a runtime function answered, unless that is 0.
    pub(super) fn trap_if_failed(&mut self, status: IntValue<'c>) -> Result<()> {
        let zero = status.get_type().const_zero();
        let failed = self.builder.build_int_compare(inkwell::IntPredicate::NE, status, zero, "failed")?;
        self.trap_if_with(failed, |_| Ok(status))
    }

    /// `unreachable`
    pub(super) fn translate_unreachable(&mut self) -> Result<()> {
        self.keep_call_before_unreachable();
        let code = self.trap_code(TrapCode::Unreachable);
        self.build_trap(code)?;
        self.mark_unreachable();
        Ok(())
    }

    /// Compilers put an `unreachable` behind a call that does not come back, such as `abort`. Merged with
    /// equal calls, of functions that were inlined, it would not tell where it was made.
    fn keep_call_before_unreachable(&self) {
        let last = self.current_block().get_last_instruction();
        if let Some(Ok(call)) = last.map(CallSiteValue::try_from) {
            call.add_attribute(AttributeLoc::Function, self.env.enum_attribute("nomerge"));
        }
    }

    /// Traps with `code`, and ends the block.
    pub(super) fn build_trap(&mut self, code: IntValue<'c>) -> Result<()> {
        self.call_runtime_noreturn(RtFunc::Trap, &[self.instance.into(), code.into()])
    }

    /// Calls a runtime function that does not come back, and ends the block.
    pub(super) fn call_runtime_noreturn(
        &mut self,
        func: RtFunc,
        arguments: &[BasicMetadataValueEnum<'c>],
    ) -> Result<()> {
        let call = self.call_runtime(func, arguments)?;
        // Each trap keeps its own call, so that its address tells which operator trapped.
        call.add_attribute(AttributeLoc::Function, self.env.enum_attribute("nomerge"));
        self.builder.build_unreachable()?;
        Ok(())
    }

    /// Calls a runtime function.
    pub(super) fn call_runtime(
        &mut self,
        func: RtFunc,
        arguments: &[BasicMetadataValueEnum<'c>],
    ) -> Result<CallSiteValue<'c>> {
        self.mark_location(0);
        let name = if func.result() == w2n_abi::RtType::Void { "" } else { "status" };
        Ok(self.builder.build_call(runtime::declaration(self.env, func), arguments, name)?)
    }

    /// The number of a trap code, as the runtime takes it.
    pub(super) fn trap_code(&self, code: TrapCode) -> IntValue<'c> {
        self.types().i32.const_int(code as u64, false)
    }
}
