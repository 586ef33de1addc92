//! Makes a module that fails smaller, as long as it fails in the same setup.
//!
//! The rule: what is tried is valid before it is compiled, and shorter, so that there is an end.

use std::time::Instant;

use wasm_encoder::SectionId;
use wasm2native::wasm::SUPPORTED_FEATURES;
use wasmparser::{BinaryReader, FunctionBody, Operator, Validator};

use crate::report::Finding;
use crate::rewrite;

/// `unreachable`, `end`, without locals.
const HOLLOW_BODY: [u8; 3] = [0x00, 0x00, 0x0b];

/// What may stand for operators: nothing, `drop`, and constants of the number types.
const STAND_INS: [&[u8]; 6] =
    [&[], &[0x1a], &[0x41, 0], &[0x42, 0], &[0x43, 0, 0, 0, 0], &[0x44, 0, 0, 0, 0, 0, 0, 0, 0]];

/// Longest run of operators that is tried at every place.
const MAX_RUN: usize = 8;

/// Runs a module and says what it does wrong, if it does.
pub type Trial<'a> = dyn FnMut(&[u8]) -> Option<Finding> + 'a;

/// Shrinks one module.
struct Shrinker<'a> {
    bytes: Vec<u8>,
    finding: Finding,
    trial: &'a mut Trial<'a>,
    deadline: Instant,
}

/// A smaller module that fails as `finding` says, and its finding.
pub fn shrink<'a>(
    bytes: &[u8],
    finding: &Finding,
    deadline: Instant,
    trial: &'a mut Trial<'a>,
) -> (Vec<u8>, Finding) {
    let mut shrinker = Shrinker { bytes: bytes.to_vec(), finding: finding.clone(), trial, deadline };
    loop {
        let before = shrinker.bytes.len();
        shrinker.drop_exports();
        shrinker.hollow_out();
        shrinker.drop_sections();
        for index in 0..rewrite::bodies(&shrinker.bytes).len() {
            shrinker.thin_out(index);
            shrinker.unwrap_blocks(index);
        }
        if shrinker.bytes.len() == before || shrinker.is_late() {
            return (shrinker.bytes, shrinker.finding);
        }
    }
}

impl Shrinker<'_> {
    fn is_late(&self) -> bool {
        Instant::now() > self.deadline
    }

    /// Calls and looks at less.
    fn drop_exports(&mut self) {
        let mut index = 0;
        loop {
            let mut exports = rewrite::exports(&self.bytes);
            if index >= exports.len() {
                return;
            }
            exports.remove(index);
            if !self.attempt(rewrite::with_exports(&self.bytes, &exports)) {
                index += 1;
            }
        }
    }

    /// Bodies that do not matter.
    fn hollow_out(&mut self) {
        for index in 0..rewrite::bodies(&self.bytes).len() {
            self.attempt(rewrite::with_body(&self.bytes, index, &HOLLOW_BODY));
        }
    }

    fn drop_sections(&mut self) {
        for ids in [&[SectionId::Start][..], &[SectionId::Data, SectionId::DataCount], &[SectionId::Element]]
        {
            self.attempt(rewrite::without_sections(&self.bytes, ids));
        }
    }

    /// Puts something shorter in place of runs of operators, long ones first.
    fn thin_out(&mut self, index: usize) {
        let mut length = starts(&rewrite::bodies(&self.bytes)[index]).len();
        while length > 0 {
            let mut start = 0;
            while !self.is_late() {
                let body = rewrite::bodies(&self.bytes)[index].clone();
                let starts = starts(&body);
                // The last operator ends the body.
                if start + length >= starts.len() {
                    break;
                }
                let (from, to) = (starts[start], starts[start + length]);
                let is_smaller = STAND_INS.iter().any(|stand_in| {
                    let smaller = [&body[..from], stand_in, &body[to..]].concat();
                    self.attempt(rewrite::with_body(&self.bytes, index, &smaller))
                });
                if !is_smaller {
                    start += 1;
                }
            }
            length = if length > MAX_RUN { length * 2 / 3 } else { length - 1 };
        }
    }

    /// Takes the ends off blocks whose content may stand without them.
    fn unwrap_blocks(&mut self, index: usize) {
        let mut start = 0;
        while !self.is_late() {
            let body = rewrite::bodies(&self.bytes)[index].clone();
            let starts = starts(&body);
            let Some(block) = blocks(&body).into_iter().find(|block| block.begin >= start) else { return };
            let stand_in: &[u8] = if block.has_condition { STAND_INS[1] } else { STAND_INS[0] };
            let parts =
                [&body[..starts[block.begin]], stand_in, &body[starts[block.begin + 1]..starts[block.end]]];
            let smaller = [parts.concat(), body[starts[block.end + 1]..].to_vec()].concat();
            if !self.attempt(rewrite::with_body(&self.bytes, index, &smaller)) {
                start = block.begin + 1;
            }
        }
    }

    /// Takes `candidate` over if it is shorter, valid, and fails still.
    fn attempt(&mut self, candidate: Vec<u8>) -> bool {
        if candidate.len() >= self.bytes.len()
            || self.is_late()
            || Validator::new_with_features(SUPPORTED_FEATURES).validate_all(&candidate).is_err()
        {
            return false;
        }
        let Some(finding) = (self.trial)(&candidate) else { return false };
        if !is_same(&finding, &self.finding) {
            return false;
        }
        (self.bytes, self.finding) = (candidate, finding);
        true
    }
}

/// Whether both speak of the same kind of failure.
fn is_same(left: &Finding, right: &Finding) -> bool {
    let kind = |finding: &Finding| {
        let message = finding.message.as_str();
        ["the process ended", "refused", "the reference"].iter().position(|kind| message.starts_with(kind))
    };
    kind(left) == kind(right)
}

fn operators(body: &[u8]) -> Vec<(Operator<'_>, usize)> {
    let body = FunctionBody::new(BinaryReader::new(body, 0));
    let Ok(reader) = body.get_operators_reader() else { return Vec::new() };
    let operators = reader.into_iter_with_offsets().map_while(Result::ok);
    operators.map(|(operator, offset)| (operator, offset as usize)).collect()
}

/// Where each operator of a body starts; the last is its `end`.
fn starts(body: &[u8]) -> Vec<usize> {
    operators(body).into_iter().map(|(_, start)| start).collect()
}

/// A `block`, `loop` or `if` without `else`, by the numbers of its first and last operator.
struct Block {
    begin: usize,
    end: usize,
    has_condition: bool,
}

fn blocks(body: &[u8]) -> Vec<Block> {
    let (mut open, mut blocks) = (Vec::new(), Vec::new());
    for (number, (operator, _)) in operators(body).into_iter().enumerate() {
        match operator {
            Operator::Block { .. } | Operator::Loop { .. } => open.push((number, Some(false))),
            Operator::If { .. } => open.push((number, Some(true))),
            Operator::Else => {
                if let Some(block) = open.last_mut() {
                    block.1 = None;
                }
            }
            Operator::End => {
                if let Some((begin, Some(has_condition))) = open.pop() {
                    blocks.push(Block { begin, end: number, has_condition });
                }
            }
            _ => {}
        }
    }
    blocks.sort_by_key(|block| block.begin);
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How: what counts as failing is one operator, inside of two blocks among many others.
    #[test]
    fn what_fails_is_all_that_is_left() {
        let filler = "(local.set 0 (i32.add (local.get 0) (i32.const 3)))".repeat(30);
        let text = format!(
            "(module (memory 1) (func (export \"f\") (param i32) {filler}
                (block (loop {filler} (i32.store (i32.const 8) (i32.popcnt (local.get 0))))) {filler})
                (func (export \"g\") (param i32) {filler}) (data (i32.const 0) \"filler\"))"
        );
        let module = wat::parse_str(text).unwrap();
        let setup = crate::subject::Setup::all()[0];
        let finding = Finding { seed: None, setup, step: None, message: "popcnt".to_owned() };
        let has_popcnt = |bytes: &[u8]| {
            let bodies = rewrite::bodies(bytes);
            let is_there =
                bodies.iter().any(|body| operators(body).iter().any(|(op, _)| *op == Operator::I32Popcnt));
            is_there.then(|| finding.clone())
        };
        let deadline = Instant::now() + std::time::Duration::from_secs(60);
        let (small, _) = shrink(&module, &finding, deadline, &mut { has_popcnt });
        assert!(has_popcnt(&small).is_some());
        assert!(rewrite::exports(&small).is_empty());
        let sizes: Vec<_> = rewrite::bodies(&small).iter().map(|body| operators(body).len()).collect();
        // The store with its two operands, one of which is what is looked for, and `end`; `end` alone.
        assert!(sizes[0] <= 5 && sizes[1] <= 1, "{sizes:?}");
    }

    #[test]
    fn blocks_are_found_by_their_ends() {
        let text =
            "(module (func (block (loop) (if (i32.const 1) (then (nop)) (else)) (if (i32.const 2) (then)))))";
        let module = wat::parse_str(text).unwrap();
        let blocks = blocks(&rewrite::bodies(&module)[0]);
        let found: Vec<_> =
            blocks.iter().map(|block| (block.begin, block.end, block.has_condition)).collect();
        assert_eq!(found, [(0, 11, false), (1, 2, false), (9, 10, true)]);
    }
}
