//! What is seen of an engine: how a call ended, and the state of the instance after it.
//!
//! The rule: all that a host can see is compared. References are seen as null or not: which function it
//! is shows when it is called.

use w2n_abi::TrapCode;
use w2n_tests::host::Value;

/// How a call or an instantiation ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// With these results.
    Returned(Vec<Value>),
    /// With a trap.
    Trapped(TrapCode),
}

impl Outcome {
    /// The stack ended, which is no matter of the language.
    pub fn is_exhaustion(&self) -> bool {
        *self == Self::Trapped(TrapCode::StackOverflow)
    }

    /// Whether `other` may be the same, as far as engines agree on the names of traps.
    pub fn agrees_with(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Trapped(left), Self::Trapped(right)) => class(*left) == class(*right),
            (left, right) => left == right,
        }
    }
}

/// The reference has one code for every index past the end of a table.
fn class(code: TrapCode) -> TrapCode {
    if code == TrapCode::UndefinedElement { TrapCode::TableOutOfBounds } else { code }
}

/// The exported state of an instance; everything is exported.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// Size in bytes and hash of each memory.
    pub memories: Vec<(u64, u64)>,
    /// Each global.
    pub globals: Vec<Value>,
    /// Elements of each table.
    pub tables: Vec<Vec<Value>>,
}

/// A call's outcome and the state after it.
#[derive(Clone, Debug)]
pub struct Step {
    /// How it ended.
    pub outcome: Outcome,
    /// What it left behind.
    pub state: State,
}

/// The odd number that spreads each word over a hash: the golden ratio's fraction.
pub const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

/// A hash of a memory's bytes, which depends on their order.
pub fn hash(bytes: &[u8]) -> u64 {
    let mix = |hash: u64, word: u64| (hash.rotate_left(5) ^ word).wrapping_mul(SPREAD);
    let (words, rest) = bytes.as_chunks::<8>();
    let hash = words.iter().fold(0, |hash, word| mix(hash, u64::from_le_bytes(*word)));
    rest.iter().fold(hash, |hash, byte| mix(hash, u64::from(*byte)))
}

/// A reference as it is compared: 1 or null.
pub fn shown(value: Value) -> Value {
    match value {
        Value::FuncRef(word) => Value::FuncRef(usize::from(word != 0)),
        value => value,
    }
}
