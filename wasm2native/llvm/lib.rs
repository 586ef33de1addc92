//! Our LLVM passes, in C++, as a library that the compiler links; `wasm2native/src/backend` declares what it
//! calls.
//!
//! A package of its own, so that the C++ is compiled again only when it has changed.
