//! What a run makes of the policy that was baked in: the word, the limits, and the words for the user.
//!
//! The rule: a variable that cannot be understood ends the program before the guest runs. Directories,
//! variables and sockets are libwasirt's (`grants.rs`), by the same rule.

use w2n_abi::*;

use crate::store::WASM_STACK_BYTES;
use crate::sys;
use crate::text::Text;
use crate::variables::{self, value_of};

type HostStartInfo = StartInfo<HostPointer>;

/// A limit: its variable, how it is written, and where it stands.
struct LimitVariable {
    name: &'static str,
    parse: fn(&[u8]) -> Option<u64>,
    example: &'static [u8],
    field: fn(&mut Limits) -> &mut u64,
}

const LIMITS: [LimitVariable; 4] = [
    LimitVariable {
        name: MAX_MEMORY_VARIABLE,
        parse: parse_size,
        example: b"a size, such as 64M",
        field: |limits| &mut limits.memory_bytes,
    },
    LimitVariable {
        name: STACK_SIZE_VARIABLE,
        parse: |text| parse_size(text).filter(|&size| size >= MIN_STACK_BYTES),
        example: b"a size of 64K or more",
        field: |limits| &mut limits.stack_bytes,
    },
    LimitVariable {
        name: MAX_FDS_VARIABLE,
        parse: parse_decimal,
        example: b"a number",
        field: |limits| &mut limits.descriptors,
    },
    LimitVariable {
        name: TIMEOUT_VARIABLE,
        parse: parse_duration,
        example: b"a time, such as 5, 1.5, 500ms or 2m",
        field: |limits| &mut limits.time_ns,
    },
];

/// The policy of this run. The error is a message in `message`.
pub fn of_this_run(baked: &HostStartInfo, message: &mut Text) -> Option<HostStartInfo> {
    // SAFETY: plain data, of which the runtime may have a copy.
    let mut info = unsafe { core::ptr::read(baked) };
    if privilege() == Privilege::OfFile {
        // Who calls the program chooses the variables, but not what it may do with rights that are not
        // theirs. Even a limit could make it fail half-way. The dynamic linker does the same with its
        // variables.
        info.privilege = Privilege::OfFile as u32;
        info.policy = PolicyWord::Sealed as u32;
        return Some(info);
    }
    variables::check(message)?;
    let baked_word = PolicyWord::from_number(baked.policy);
    if let Some(value) = value_of(POLICY_VARIABLE) {
        let known = PolicyWord::NAMES.iter().find(|(name, _)| name.as_bytes() == value);
        let Some((_, word)) = known else {
            return refuse(message, POLICY_VARIABLE, value, b"open, bound or sealed");
        };
        info.policy = baked_word.max(*word) as u32;
    }
    for limit in &LIMITS {
        let Some(value) = value_of(limit.name) else { continue };
        let Some(given) = (limit.parse)(value) else {
            return refuse(message, limit.name, value, limit.example);
        };
        let field = (limit.field)(&mut info.limits);
        // Who may widen the policy may set a limit anew; others only tighten it.
        *field = if baked_word == PolicyWord::Open { given } else { given.min(*field) };
    }
    info.help = u32::from(value_of(HELP_VARIABLE).is_some_and(|value| !matches!(value, b"" | b"0")));
    Some(info)
}

/// Whether the program has rights that its caller lacks.
fn privilege() -> Privilege {
    if sys::has_rights_of_file() { Privilege::OfFile } else { Privilege::OfCaller }
}

fn refuse<T>(message: &mut Text, name: &str, value: &[u8], wanted: &[u8]) -> Option<T> {
    for part in [b"wasm2native: ", name.as_bytes(), b": `", value, b"` is not ", wanted, b"\n"] {
        message.push(part);
    }
    None
}

/// Says what the program may use of the machine. What it may use of the system libwasirt says after it.
pub fn describe(info: &HostStartInfo, text: &mut Text) {
    let word = PolicyWord::from_number(info.policy);
    text.push(b"policy: ");
    text.push(word.name().as_bytes());
    text.push(match word {
        PolicyWord::Open => b": a run may grant more (W2N_DIR, W2N_ENV, W2N_TCPLISTEN) and set limits\n",
        PolicyWord::Bound => b": a run may take some of this (W2N_DIR, W2N_ENV, W2N_TCPLISTEN), not more\n",
        PolicyWord::Sealed => b": a run cannot change it, except to tighten limits\n",
    });
    let Limits { memory_bytes, stack_bytes, descriptors, time_ns } = info.limits;
    text.push(b"limits:\n  memory ");
    push_limit(text, memory_bytes, Text::push_size);
    text.push(b" (W2N_MAX_MEMORY)\n  stack ");
    text.push_size(if stack_bytes == NO_LIMIT { WASM_STACK_BYTES as u64 } else { stack_bytes });
    text.push(b" (W2N_STACK_SIZE)\n  open files ");
    push_limit(text, descriptors, Text::push_decimal);
    text.push(b" (W2N_MAX_FDS)\n  time ");
    push_limit(text, time_ns, Text::push_duration);
    text.push(b" (W2N_TIMEOUT)\n");
}

fn push_limit<'buffer>(text: &mut Text<'buffer>, limit: u64, push: fn(&mut Text<'buffer>, u64)) {
    match limit {
        NO_LIMIT => text.push(b"unlimited"),
        limit => push(text, limit),
    }
}
