#!/bin/sh
# install.sh COMPILER PREFIX TRIPLE: the layout in which the compiler finds its runtime:
# PREFIX/bin/wasm2native and PREFIX/lib/wasm2native/TRIPLE/*.a. For C programs that link objects of ours
# themselves, PREFIX/lib/libwasm2native.a is the archive that has all of it, and PREFIX/lib/wasm2native/old-glibc.txt
# the options with which they start on an older glibc. The licence and the notices of what
# is linked in lie in PREFIX/share/doc/wasm2native.
set -eu
compiler=$1 prefix=$2 triple=$3
build_dir=$(dirname "$compiler")/build

install -D -m 755 "$compiler" "$prefix/bin/wasm2native"
# Cargo keeps the output of several runs of a build script; the newest belongs to the compiler.
out=$(ls -td "$build_dir"/wasm2native-*/out | head -n 1)
found=0
for archive in "$out/archives/$triple"/libw2n*.a; do
    [ -e "$archive" ] || continue
    install -D -m 644 "$archive" "$prefix/lib/wasm2native/$triple/$(basename "$archive")"
    found=$((found + 1))
done
[ "$found" -gt 0 ] || { echo "install: no runtime archives below $out" >&2; exit 1; }
ln -sf "wasm2native/$triple/libw2n_wasi_bundle.a" "$prefix/lib/libwasm2native.a"
ln -sf "wasm2native/$triple/libw2n_glibc.a" "$prefix/lib/libwasm2native-glibc.a"
{
    echo "-Wl,--gc-sections -Wl,-e,w2n_entry -Wl,-u,w2n_entry -lwasm2native-glibc"
    nm "$prefix/lib/libwasm2native-glibc.a" | sed -n 's/.* T __wrap_/-Wl,--wrap=/p'
} >"$prefix/lib/wasm2native/old-glibc.txt"
install -D -m 644 rt/include/wasm2native.h "$prefix/include/wasm2native.h"
install -D -m 644 LICENSE "$prefix/share/doc/wasm2native/LICENSE"
"$compiler" --licenses >"$prefix/share/doc/wasm2native/NOTICES"
echo "install: $prefix/bin/wasm2native and $found runtime archives in $prefix/lib/wasm2native/$triple"
