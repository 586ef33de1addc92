//! In which order the modules of a program are instantiated: each after those that it imports from.

use super::program::{Source, shown};
use crate::emit::Binding;
use crate::error::{CompileError, Result};

/// The search for an order in which everybody comes after those that they import from.
pub struct Order<'p> {
    sources: &'p [Source<'p>],
    bindings: &'p [Vec<Binding>],
    done: Vec<usize>,
    /// Those whose imports are being looked at: each imports from the next.
    open: Vec<usize>,
}

impl<'p> Order<'p> {
    /// As on the command line where imports allow it, but the main module last. Errors: there is none.
    pub fn find(sources: &'p [Source<'p>], bindings: &'p [Vec<Binding>], main: usize) -> Result<Vec<usize>> {
        let mut order = Self { sources, bindings, done: Vec::new(), open: Vec::new() };
        for at in (0..sources.len()).filter(|at| *at != main).chain([main]) {
            order.visit(at)?;
        }
        Ok(order.done)
    }

    fn visit(&mut self, at: usize) -> Result<()> {
        if self.done.contains(&at) {
            return Ok(());
        }
        if let Some(start) = self.open.iter().position(|open| *open == at) {
            return Err(self.cycle(&self.open[start..]));
        }
        self.open.push(at);
        let bindings = self.bindings;
        for binding in &bindings[at] {
            if let Binding::Export { module, .. } = binding {
                self.visit(module.index())?;
            }
        }
        self.open.pop();
        self.done.push(at);
        Ok(())
    }

    fn cycle(&self, members: &[usize]) -> CompileError {
        let names: Vec<_> = members.iter().chain(&members[..1]).map(|at| shown(&self.sources[*at])).collect();
        CompileError::machine(format!("modules import from each other in a circle: {}", names.join(" -> ")))
            .hint("a module can only import from one that is there before it: move what both need to a third")
    }
}
