//! What to say of a module that needs a proposal that we do not compile: what in it needs that, and how it is
//! built without.

use std::ops::Range;

use wasmparser::{BinaryReaderError, Operator, Parser, Payload};

use super::features::{Proposal, needed_proposals};
use crate::error::{Code, CompileError, shortened};

/// Characters of the validator's message that are shown.
const MESSAGE_LIMIT_CHARS: usize = 200;

/// First words of the names of operators that are followed by a dot.
const FAMILIES: [&str; 16] = [
    "any", "array", "atomic", "cont", "data", "elem", "extern", "global", "i31", "i32", "i64", "memory",
    "ref", "struct", "table", "v128",
];

/// `error` about the module `bytes`, as the validator's `refusal` without any of these proposals has it; the
/// proposals are named if they are all that is wrong.
pub fn explain(error: CompileError, refusal: Option<BinaryReaderError>, bytes: &[u8]) -> CompileError {
    let needed = needed_proposals(bytes);
    let names: Vec<_> = needed.iter().map(|proposal| proposal.name).collect();
    let message = match names.as_slice() {
        [] => return error,
        [one] => format!("needs the {one} proposal"),
        [first @ .., last] => format!("needs the {} and {last} proposals", first.join(", ")),
    };
    let mut error = error.message_instead(message).code(Code::UnsupportedProposal);
    if let Some(refusal) = refusal {
        let message = shortened(refusal.message(), MESSAGE_LIMIT_CHARS).into_owned();
        error = error.detail(match cause(bytes, refusal.offset()) {
            Some(cause) => format!("  {cause}: {message}"),
            None => format!("  {message}"),
        });
    }
    error.hint(rebuild(&needed))
}

fn rebuild(needed: &[&Proposal]) -> String {
    let mut ways: Vec<_> = needed.iter().map(|proposal| proposal.rebuild).collect();
    ways.dedup();
    ways.join("; ")
}

/// What stands at `offset`: an operator, or a section.
fn cause(bytes: &[u8], offset: u64) -> Option<String> {
    for payload in Parser::new(0).parse_all(bytes).map_while(Result::ok) {
        match &payload {
            Payload::CodeSectionEntry(body) if contains(&body.range(), offset) => {
                let mut operators =
                    body.get_operators_reader().ok()?.into_iter_with_offsets().map_while(Result::ok);
                let (operator, _) = operators.find(|(_, start)| *start == offset)?;
                return Some(format!("`{}`", text_name(visitor_name(&operator))));
            }
            _ => {}
        }
        if let Some((id, range)) = payload.as_section()
            && contains(&range, offset)
            && let Some(name) = section_name(id)
        {
            return Some(format!("in the {name} section"));
        }
    }
    None
}

fn contains(range: &Range<u64>, offset: u64) -> bool {
    range.contains(&offset)
}

/// spec: binary/modules, sections. The code section is none of them: its operators are named.
fn section_name(id: u8) -> Option<&'static str> {
    Some(match id {
        1 => "type",
        2 => "import",
        3 => "function",
        4 => "table",
        5 => "memory",
        6 => "global",
        7 => "export",
        9 => "element",
        11 => "data",
        13 => "tag",
        _ => return None,
    })
}

macro_rules! define_visitor_name {
    ($(@$proposal:ident $op:ident $({ $($arg:ident: $argty:ty),* })? => $visit:ident ($($ann:tt)*))*) => {
        /// What wasmparser calls the visitor of an operator: `visit_i32_atomic_load`.
        fn visitor_name(operator: &Operator<'_>) -> &'static str {
            match operator {
                $(Operator::$op $({ $($arg: _),* })? => stringify!($visit),)*
                _ => "",
            }
        }
    };
}
wasmparser::for_each_operator!(define_visitor_name);

/// The operator as the text format writes it: `i32.atomic.load`.
fn text_name(visitor: &str) -> String {
    let words: Vec<_> = visitor.trim_start_matches("visit_").split('_').collect();
    let is_atomic = words.iter().take(2).any(|word| *word == "atomic");
    let mut name = String::new();
    for (position, word) in words.iter().enumerate() {
        name.push_str(word);
        let is_family = position == 0 && FAMILIES.contains(word);
        let is_inside =
            is_atomic && position == 1 && *word == "atomic" || is_atomic && word.starts_with("rmw");
        if position + 1 < words.len() {
            name.push(if is_family || is_inside { '.' } else { '_' });
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_are_called_as_in_the_text_format() {
        for (visitor, name) in [
            ("visit_i32_atomic_rmw8_add_u", "i32.atomic.rmw8.add_u"),
            ("visit_memory_atomic_wait32", "memory.atomic.wait32"),
            ("visit_atomic_fence", "atomic.fence"),
            ("visit_try_table", "try_table"),
            ("visit_struct_new_default", "struct.new_default"),
            ("visit_ref_i31", "ref.i31"),
            ("visit_catch_all", "catch_all"),
        ] {
            assert_eq!(text_name(visitor), name);
        }
    }
}
