//! Function types: equal types get equal numbers, in all modules that this runtime has seen.
//!
//! The rule: an id is never given back, because function references carry it; there are only as many
//! as a process has different function types.

use alloc::boxed::Box;
use alloc::vec::Vec;

use w2n_abi::{HostBytes, Slice};

use crate::lock::Lock;

struct Known {
    hash: u32,
    encoding: &'static [u8],
}

static TYPES: Lock<Vec<Known>> = Lock::new(Vec::new());

/// The canonical id of the type with this encoding. Never 0.
pub fn intern(encoding: &[u8]) -> u32 {
    let hash = hash(encoding);
    let mut types = TYPES.lock();
    let found = types.iter().position(|known| known.hash == hash && known.encoding == encoding);
    let position = found.unwrap_or_else(|| {
        let encoding = Box::leak(Box::<[u8]>::from(encoding));
        types.push(Known { hash, encoding });
        types.len() - 1
    });
    position as u32 + 1
}

/// The encoding of the type with this id; empty if there is none.
pub fn encoding(type_id: u32) -> HostBytes {
    let types = TYPES.lock();
    let encoding = types.get((type_id as usize).wrapping_sub(1)).map_or(&[][..], |known| known.encoding);
    Slice { ptr: encoding.as_ptr().cast_mut().cast(), len: encoding.len() as u64 }
}

/// FNV-1a: a module has hundreds of types, so comparing bytes with each would show at start.
fn hash(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}
