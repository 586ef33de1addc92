#!/bin/sh
# The first five minutes with the product, one line per step; `make demo` runs setup before it.
set -eu
cd "$(dirname "$0")/.."

out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

echo "demo: building the compiler (the first time takes a few minutes)"
cargo build --release --quiet -p wasm2native

echo "demo: C to WebAssembly:      clang-22 --target=wasm32-wasi -O2 fixtures/run/word_count.c -o word_count.wasm"
clang-22 -Wno-deprecated --target=wasm32-wasi --no-wasm-opt -O2 fixtures/run/word_count.c -o "$out/word_count.wasm"

echo "demo: WebAssembly to native: wasm2native word_count.wasm -o word_count ($(stat -c %s "$out/word_count.wasm") bytes in)"
"$WASM2NATIVE" "$out/word_count.wasm" -o "$out/word_count"

echo "demo: an executable of $(stat -c %s "$out/word_count") bytes; it may read the current directory only because we grant it:"
echo "demo:   W2N_DIR=.::/:ro ./word_count /LICENSE"
W2N_DIR=.::/:ro "$out/word_count" /LICENSE

echo "demo: and without the grant it is refused:"
if "$out/word_count" /LICENSE; then
    echo "demo: the program read a file that nobody granted" >&2
    exit 1
fi
echo "demo: done"
