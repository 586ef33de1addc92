//! The environment of a run: the values of our variables, and names that are nearly ours.
//!
//! The rule: a name with our prefix that nobody knows ends the program, as does one that is set twice. A
//! limit that is misspelt would be none, and nobody would notice.

use w2n_abi::{COMPILER_VARIABLES, RUN_VARIABLES, VARIABLE_PREFIX};

use crate::sys::environment;
use crate::text::Text;

/// Longest name that is compared with ours; longer ones are not like any.
const MAX_NAME_BYTES: usize = 32;

/// Changes of a letter that turn a slip into a name of ours.
const MAX_SLIPS: usize = 2;

/// The value of a variable of the host's, if it is set.
pub fn value_of(name: &str) -> Option<&'static [u8]> {
    environment().find_map(|entry| entry.strip_prefix(name.as_bytes())?.strip_prefix(b"="))
}

/// Looks for names with our prefix that are not ours, or that are set twice. The error is a message in
/// `message`.
pub fn check(message: &mut Text) -> Option<()> {
    let mut is_set = [false; RUN_VARIABLES.len()];
    for name in environment().map(name_of).filter(|name| has_prefix(name)) {
        let is = |known: &&str| known.as_bytes() == name;
        if let Some(position) = RUN_VARIABLES.iter().position(is) {
            if is_set[position] {
                push_name(message, name);
                message.push(b" is set twice\n");
                return None;
            }
            is_set[position] = true;
        } else if !COMPILER_VARIABLES.iter().any(is) {
            push_unknown(message, name);
            return None;
        }
    }
    Some(())
}

/// What stands before the first equals sign.
fn name_of(entry: &[u8]) -> &[u8] {
    entry.split(|&byte| byte == b'=').next().unwrap_or_default()
}

/// Whether the name begins as ours do; in small letters it is a slip, too.
fn has_prefix(name: &[u8]) -> bool {
    name.get(..VARIABLE_PREFIX.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(VARIABLE_PREFIX.as_bytes()))
}

fn push_unknown(message: &mut Text, name: &[u8]) {
    push_name(message, name);
    message.push(b": unknown variable; ");
    if let Some(similar) = similar(name) {
        message.push(b"did you mean ");
        message.push(similar.as_bytes());
        message.push(b"?\n");
        return;
    }
    for (position, known) in RUN_VARIABLES.iter().enumerate() {
        message.push(if position == 0 { b"there are " } else { b", " });
        message.push(known.as_bytes());
    }
    message.push(b"; W2N_HELP=1 shows what they would change\n");
}

/// The name, in which nothing can steer a terminal.
fn push_name(message: &mut Text, name: &[u8]) {
    message.push(b"wasm2native: ");
    for byte in name {
        message.push(&[if byte.is_ascii_graphic() { *byte } else { b'?' }]);
    }
}

/// The variable that was probably meant: one a slip or two away, or one of which the name is a part.
fn similar(name: &[u8]) -> Option<&'static str> {
    let slips = |known: &&&str| distance(name, known.as_bytes());
    let nearest = RUN_VARIABLES.iter().min_by_key(slips).filter(|known| slips(known) <= MAX_SLIPS);
    nearest.or_else(|| RUN_VARIABLES.iter().find(|known| is_part(name, known.as_bytes()))).copied()
}

/// Whether one name, without the prefix, has the other in it: `W2N_MEMORY` is a part of `W2N_MAX_MEMORY`.
fn is_part(name: &[u8], known: &[u8]) -> bool {
    const MIN_PART_BYTES: usize = 3;
    let (name, known) = (&name[VARIABLE_PREFIX.len()..], &known[VARIABLE_PREFIX.len()..]);
    let (short, long) = if name.len() < known.len() { (name, known) } else { (known, name) };
    short.len() >= MIN_PART_BYTES
        && long.windows(short.len()).any(|window| window.eq_ignore_ascii_case(short))
}

/// Letters to insert, remove or replace (Levenshtein) until one name is the other, in any case.
fn distance(one: &[u8], other: &[u8]) -> usize {
    if one.len() > MAX_NAME_BYTES || other.len() > MAX_NAME_BYTES {
        return usize::MAX;
    }
    // `row[j]` is the distance from the letters of `one` so far to the first `j` of `other`.
    let mut row: [usize; MAX_NAME_BYTES + 1] = core::array::from_fn(|length| length);
    for (length, letter) in one.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = length + 1;
        for (index, other_letter) in other.iter().enumerate() {
            let replaced = diagonal + usize::from(!letter.eq_ignore_ascii_case(other_letter));
            diagonal = row[index + 1];
            row[index + 1] = replaced.min(diagonal + 1).min(row[index] + 1);
        }
    }
    row[other.len()]
}
