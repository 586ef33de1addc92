#!/bin/sh
# What a change must hold before it is tested: format, lints, documentation and the rules of the house. That our
# C++ compiles without a warning is part of each build.
# With the release profile, so that it shares what the build and the tests have made.
set -eu
cd "$(dirname "$0")/.."
cargo fmt --all --check
clang-format-22 --dry-run -Werror wasm2native/llvm/*.cpp wasm2native/llvm/*.h
cargo clippy --release --workspace --all-targets -- -D warnings
# The panic handler of the archive exists in the profile that it is built with.
cargo clippy --profile rt -p w2n-rt-bundle -- -D warnings
RUSTDOCFLAGS="-D warnings" cargo doc --release --workspace --no-deps --quiet
exec cargo test --release --quiet -p w2n-tests --test tidy
