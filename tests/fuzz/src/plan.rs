//! Which calls are made of a module, with which arguments: the same for every engine.
//!
//! The rule: the calls of an export depend on its name and type alone, so that a module that failed fails
//! again from its file, also after other parts of it were taken away.

use fastrand::Rng;
use w2n_abi::ValueType;
use w2n_tests::host::{Type, Value};

use crate::observe::hash;

/// Times that every function is called.
const ROUNDS: u64 = 32;

/// An export to look at.
#[derive(Clone, Debug)]
pub enum Export {
    /// A function of this type.
    Func(Type),
    /// A table.
    Table,
    /// A memory.
    Memory,
    /// A global.
    Global,
}

/// A call to make.
#[derive(Clone, Debug)]
pub struct Call {
    /// Name of the function.
    pub name: String,
    /// Its arguments.
    pub args: Vec<Value>,
}

/// All calls of a module with these exports, in order.
pub fn calls(exports: &[(String, Export)]) -> Vec<Call> {
    let mut calls = Vec::new();
    for round in 0..ROUNDS {
        for (name, export) in exports {
            let Export::Func(ty) = export else { continue };
            let mut rng = Rng::with_seed(hash(name.as_bytes()).wrapping_add(round));
            let args = ty.params.iter().map(|ty| argument(&mut rng, *ty)).collect();
            calls.push(Call { name: name.clone(), args });
        }
    }
    calls
}

/// Numbers at which operators change their mind, as bits.
const TELLING: [u64; 18] = [
    0,
    1,
    2,
    31,
    64,
    0xff,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0x7fff_ffff_ffff_ffff,
    0x8000_0000_0000_0000,
    u64::MAX,
    // Infinities, signalling NaNs and 1.5, of either width.
    0x7f80_0000,
    0x7fa0_0000,
    0x3fc0_0000,
    0x7ff0_0000_0000_0000,
    0xfff4_0000_0000_0000,
    0x3ff8_0000_0000_0000,
];

fn argument(rng: &mut Rng, ty: ValueType) -> Value {
    let word = bits(rng);
    match ty {
        ValueType::I32 => Value::I32(word as u32),
        ValueType::I64 => Value::I64(word),
        ValueType::F32 => Value::F32(if rng.bool() { number(rng).to_bits() } else { word as u32 }),
        ValueType::F64 => Value::F64(if rng.bool() { f64::from(number(rng)).to_bits() } else { word }),
        ValueType::V128 => Value::V128(u128::from(word) << 64 | u128::from(bits(rng))),
        // A function of one engine is none of the other.
        ValueType::FuncRef => Value::FuncRef(0),
        ValueType::ExternRef => Value::ExternRef(rng.usize(..4)),
    }
}

fn bits(rng: &mut Rng) -> u64 {
    match rng.u8(..4) {
        0 => rng.u64(..),
        1 => rng.u64(..256),
        2 => *rng.choice(&TELLING).expect("there are some"),
        _ => rng.u64(..) >> rng.u32(..64),
    }
}

/// A float of everyday size.
fn number(rng: &mut Rng) -> f32 {
    (rng.f32() - 0.5) * (rng.u32(..32) as f32).exp2()
}
