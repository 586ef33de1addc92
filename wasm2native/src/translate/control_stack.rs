//! Frames of the control stack: what a label is, and where a branch to it goes.

use inkwell::basic_block::BasicBlock;
use inkwell::values::{BasicValueEnum, PhiValue};

use super::func::FuncTranslator;
use crate::error::Result;
use w2n_abi::ValueType;

/// What opened the frame.
#[derive(Clone, Debug)]
pub enum FrameKind<'c> {
    /// `block`, or the function itself.
    Block,
    /// `loop`: branches go back to its header, carrying its parameters.
    Loop {
        /// First block of the loop.
        header: BasicBlock<'c>,
        /// One per parameter, in the header.
        params: Vec<PhiValue<'c>>,
    },
    /// `if` whose `else` has not come yet.
    If {
        /// Where a false condition goes.
        else_block: BasicBlock<'c>,
        /// Values of the parameters at the `if`.
        params: Vec<BasicValueEnum<'c>>,
    },
}

/// A structured control instruction that has not ended.
#[derive(Clone, Debug)]
pub struct ControlFrame<'c> {
    /// What opened it.
    pub kind: FrameKind<'c>,
    /// Where it continues after its `end`.
    pub end: BasicBlock<'c>,
    /// One per result, in `end`.
    pub results: Vec<PhiValue<'c>>,
    /// Whether anything branches to `end`.
    pub end_is_used: bool,
    /// Height of the operand stack below its parameters.
    pub height: usize,
}

impl<'c> ControlFrame<'c> {
    /// Where a branch to its label goes, and what it carries there.
    pub fn branch_target(&self) -> (BasicBlock<'c>, &[PhiValue<'c>]) {
        match &self.kind {
            FrameKind::Loop { header, params } => (*header, params),
            FrameKind::Block | FrameKind::If { .. } => (self.end, &self.results),
        }
    }
}

impl<'c> FuncTranslator<'c, '_> {
    /// Opens a frame with these result types. Its parameters are still on the stack for `height`'s sake.
    pub(super) fn push_frame(&mut self, kind: FrameKind<'c>, results: &[ValueType]) -> Result<()> {
        let height = self.stack.len();
        let end = self.append_block("end");
        let results = self.build_phis(end, results, "result")?;
        self.control.push(ControlFrame { kind, end, results, end_is_used: false, height });
        Ok(())
    }

    /// Phis of these types at the start of `block`; the builder stays where it is.
    pub(super) fn build_phis(
        &self,
        block: BasicBlock<'c>,
        types: &[ValueType],
        name: &str,
    ) -> Result<Vec<PhiValue<'c>>> {
        let here = self.current_block();
        self.builder.position_at_end(block);
        let phis = types
            .iter()
            .map(|ty| self.builder.build_phi(self.types().value(*ty), name))
            .collect::<std::result::Result<_, _>>();
        self.builder.position_at_end(here);
        Ok(phis?)
    }

    /// The frame that the label `depth` refers to.
    pub(super) fn frame_position(&self, depth: u32) -> usize {
        self.control.len() - 1 - depth as usize
    }

    /// Records that the current block jumps to the label of a frame with the topmost operands, and
    /// answers where to. The operands stay on the stack.
    pub(super) fn record_branch(&mut self, position: usize) -> Result<BasicBlock<'c>> {
        self.count_width(self.control[position].branch_target().1.len())?;
        let from = self.current_block();
        let frame = &mut self.control[position];
        if !matches!(frame.kind, FrameKind::Loop { .. }) {
            frame.end_is_used = true;
        }
        let (target, phis) = frame.branch_target();
        let operands = &self.stack[self.stack.len() - phis.len()..];
        for (phi, operand) in phis.iter().zip(operands) {
            phi.add_incoming(&[(operand, from)]);
        }
        Ok(target)
    }

    /// Like [`Self::record_branch`], for falling off the end of the innermost frame.
    pub(super) fn record_fallthrough(&mut self) -> Result<BasicBlock<'c>> {
        self.count_width(self.control.last().map_or(0, |frame| frame.results.len()))?;
        let from = self.current_block();
        let frame = self.control.last_mut().expect("validated: a frame is open");
        frame.end_is_used = true;
        let operands = &self.stack[self.stack.len() - frame.results.len()..];
        for (phi, operand) in frame.results.iter().zip(operands) {
            phi.add_incoming(&[(operand, from)]);
        }
        Ok(frame.end)
    }

    /// Nothing after this runs, until a frame ends that was branched to.
    pub(super) fn mark_unreachable(&mut self) {
        let frame = self.control.last().expect("validated: a frame is open");
        self.stack.truncate(frame.height);
        self.reachable = false;
    }
}
