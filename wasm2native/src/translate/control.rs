//! Structured control: block, loop, if, br, br_if, br_on_null, br_table, return, end. spec:
//! exec/instructions, control instructions.

use std::collections::HashMap;

use inkwell::IntPredicate;
use inkwell::basic_block::BasicBlock;
use inkwell::values::{InstructionValue, IntValue};
use wasmparser::{BlockType, BrTable};

use super::control_stack::FrameKind;
use super::func::{FuncTranslator, returned_value};
use super::tail_call::build_tail_return;
use crate::env::branch_weight;
use crate::error::{CompileError, Result};
use crate::wasm::FuncType;

/// Entries in phis that a switch may need for one of its targets.
const MANY_ENTRIES: usize = 10_000;

impl<'c> FuncTranslator<'c, '_> {
    /// The type of a block that is about to be opened.
    fn block_type(&self, ty: BlockType) -> Result<FuncType> {
        let ty = match ty {
            BlockType::Empty => FuncType::default(),
            BlockType::Type(result) => {
                FuncType { params: Vec::new(), results: vec![crate::wasm::value_type(result)?] }
            }
            BlockType::FuncType(index) => {
                self.env.module.types[self.env.module.type_index(index).index()].clone()
            }
        };
        self.count_width(ty.params.len() + ty.results.len())?;
        Ok(ty)
    }

    pub(super) fn translate_block(&mut self, ty: BlockType) -> Result<()> {
        let ty = self.block_type(ty)?;
        let params = self.pop_many(ty.params.len());
        self.push_frame(FrameKind::Block, &ty.results)?;
        self.stack.extend(params);
        Ok(())
    }

    pub(super) fn translate_loop(&mut self, ty: BlockType) -> Result<()> {
        let ty = self.block_type(ty)?;
        let initial = self.pop_many(ty.params.len());
        let header = self.append_block("loop.header");
        let params = self.build_phis(header, &ty.params, "carried")?;
        let from = self.current_block();
        for (phi, value) in params.iter().zip(&initial) {
            phi.add_incoming(&[(value, from)]);
        }
        self.builder.build_unconditional_branch(header)?;
        self.builder.position_at_end(header);
        let values: Vec<_> = params.iter().map(|phi| phi.as_basic_value()).collect();
        self.push_frame(FrameKind::Loop { header, params }, &ty.results)?;
        self.stack.extend(values);
        Ok(())
    }

    pub(super) fn translate_if(&mut self, ty: BlockType) -> Result<()> {
        let ty = self.block_type(ty)?;
        let condition = self.pop_condition()?;
        let then_block = self.append_block("if.then");
        let else_block = self.append_block("if.else");
        let branch = self.builder.build_conditional_branch(condition, then_block, else_block)?;
        self.mark_hinted(branch);
        self.builder.position_at_end(then_block);
        let params = self.pop_many(ty.params.len());
        self.push_frame(FrameKind::If { else_block, params: params.clone() }, &ty.results)?;
        self.stack.extend(params);
        Ok(())
    }

    /// `else`, reached or not from the end of the first branch.
    pub(super) fn translate_else(&mut self) -> Result<()> {
        if self.reachable {
            let end = self.record_fallthrough()?;
            self.builder.build_unconditional_branch(end)?;
        }
        let frame = self.control.last_mut().expect("validated: else closes an if");
        self.stack.truncate(frame.height);
        match std::mem::replace(&mut frame.kind, FrameKind::Block) {
            FrameKind::If { else_block, params } => {
                self.stack.extend(params);
                self.builder.position_at_end(else_block);
                self.reachable = true;
                Ok(())
            }
            other => Err(CompileError::internal(format!("else in a frame of kind {other:?}"))),
        }
    }

    /// `end`, reached or not.
    pub(super) fn translate_end(&mut self) -> Result<()> {
        if self.reachable {
            let end = self.record_fallthrough()?;
            self.builder.build_unconditional_branch(end)?;
        }
        self.close_missing_else()?;
        let frame = self.control.pop().expect("validated: end closes a frame");
        self.stack.truncate(frame.height);
        if !frame.end_is_used {
            // Phis without predecessors are not allowed, so the block goes with them.
            // SAFETY: nothing refers to the block or its phis, since no branch was recorded.
            unsafe { frame.end.delete() }
                .map_err(|()| CompileError::internal("a block cannot be deleted"))?;
            self.reachable = false;
            return Ok(());
        }
        if let Some(last) = self.function.get_last_basic_block().filter(|last| *last != frame.end) {
            // Blocks in the order of the source are easier to read. It cannot fail for blocks of one
            // function.
            let _ = frame.end.move_after(last);
        }
        self.builder.position_at_end(frame.end);
        self.reachable = true;
        let results: Vec<_> = frame.results.iter().map(|phi| phi.as_basic_value()).collect();
        if self.control.is_empty() {
            self.build_return(&results)?;
            self.reachable = false;
        } else {
            self.stack.extend(results);
        }
        Ok(())
    }

    /// An `if` without `else`: a false condition passes the parameters on as results.
    fn close_missing_else(&mut self) -> Result<()> {
        let frame = self.control.last_mut().expect("validated: end closes a frame");
        if let FrameKind::If { else_block, params } = std::mem::replace(&mut frame.kind, FrameKind::Block) {
            self.stack.truncate(frame.height);
            self.stack.extend(params);
            self.builder.position_at_end(else_block);
            let end = self.record_fallthrough()?;
            self.builder.build_unconditional_branch(end)?;
        }
        Ok(())
    }

    pub(super) fn translate_br(&mut self, depth: u32) -> Result<()> {
        let target = self.record_branch(self.frame_position(depth))?;
        self.builder.build_unconditional_branch(target)?;
        self.mark_unreachable();
        Ok(())
    }

    pub(super) fn translate_br_if(&mut self, depth: u32) -> Result<()> {
        let condition = self.pop_condition()?;
        let target = self.record_branch(self.frame_position(depth))?;
        let next = self.append_block("br_if.next");
        let branch = self.builder.build_conditional_branch(condition, target, next)?;
        self.mark_hinted(branch);
        self.builder.position_at_end(next);
        Ok(())
    }

    /// Tells LLVM what the module's branch hints say of the operator that made `branch`.
    fn mark_hinted(&self, branch: InstructionValue<'c>) {
        if let Some(hint) = self.env.module.branch_hints.at(self.offset_bytes) {
            branch_weight::mark(self.env, branch, hint);
        }
    }

    /// The reference stays on the stack unless it is null; the label does not get it.
    pub(super) fn translate_br_on_null(&mut self, depth: u32) -> Result<()> {
        let reference = self.pop_pointer();
        let is_null = self.builder.build_is_null(reference, "is_null")?;
        let target = self.record_branch(self.frame_position(depth))?;
        let next = self.append_block("br_on_null.next");
        self.builder.build_conditional_branch(is_null, target, next)?;
        self.builder.position_at_end(next);
        self.push(reference);
        Ok(())
    }

    /// The label gets the reference unless it is null; it does not stay on the stack.
    pub(super) fn translate_br_on_non_null(&mut self, depth: u32) -> Result<()> {
        let reference = self.pop_pointer();
        let is_null = self.builder.build_is_null(reference, "is_null")?;
        self.push(reference);
        let target = self.record_branch(self.frame_position(depth))?;
        let next = self.append_block("br_on_non_null.next");
        self.builder.build_conditional_branch(is_null, next, target)?;
        self.builder.position_at_end(next);
        self.pop();
        Ok(())
    }

    pub(super) fn translate_br_table(&mut self, targets: &BrTable<'_>) -> Result<()> {
        let selector = self.pop_int();
        let from = self.current_block();
        let mut cases = Vec::with_capacity(targets.len() as usize);
        let mut stations = HashMap::new();
        for (number, depth) in targets.targets().enumerate() {
            let depth = depth.map_err(|error| CompileError::internal(error.message()))?;
            let target = self.switch_target(depth, from, targets.len(), &mut stations)?;
            cases.push((self.types().i32.const_int(number as u64, false), target));
        }
        let default = self.switch_target(targets.default(), from, targets.len(), &mut stations)?;
        self.builder.position_at_end(from);
        self.builder.build_switch(selector, default, &cases)?;
        self.mark_unreachable();
        Ok(())
    }

    /// Where one of `count` cases of a switch in block `from` goes. LLVM wants an entry in each phi per edge,
    /// so each case records its own branch; where these would be many, a block between, one per target, does.
    fn switch_target(
        &mut self,
        depth: u32,
        from: BasicBlock<'c>,
        count: u32,
        stations: &mut HashMap<u32, BasicBlock<'c>>,
    ) -> Result<BasicBlock<'c>> {
        let position = self.frame_position(depth);
        let values = self.control[position].branch_target().1.len();
        if values.saturating_mul(count as usize) < MANY_ENTRIES {
            return self.record_branch(position);
        }
        if let Some(station) = stations.get(&depth) {
            return Ok(*station);
        }
        let station = self.append_block("br_table.station");
        self.builder.position_at_end(station);
        let target = self.record_branch(position)?;
        self.builder.build_unconditional_branch(target)?;
        self.builder.position_at_end(from);
        stations.insert(depth, station);
        Ok(station)
    }

    pub(super) fn translate_return(&mut self) -> Result<()> {
        let depth = self.control.len() as u32 - 1;
        self.translate_br(depth)
    }

    /// Returns from the function.
    pub(super) fn build_return(&self, results: &[inkwell::values::BasicValueEnum<'c>]) -> Result<()> {
        if let Some(signature) = &self.tail {
            return build_tail_return(self.env, &self.builder, signature, self.function, results);
        }
        match returned_value(&self.builder, self.function, results)? {
            Some(value) => self.builder.build_return(Some(&value))?,
            None => self.builder.build_return(None)?,
        };
        Ok(())
    }

    /// An i32 operand as a condition: true unless zero.
    pub(super) fn pop_condition(&mut self) -> Result<IntValue<'c>> {
        let operand = self.pop_int();
        let zero = operand.get_type().const_zero();
        Ok(self.builder.build_int_compare(IntPredicate::NE, operand, zero, "condition")?)
    }
}
