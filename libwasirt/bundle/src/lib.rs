//! Static archive of the runtime and WASI, linked into every program that imports WASI.
//!
//! Exactly one of this archive and rt's own is linked: each carries what the other has.

use libwasirt as _;
use w2n_rt as _;
