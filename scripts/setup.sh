#!/bin/sh
# setup.sh [test]: installs exactly the Debian packages that are missing, and nothing when all are
# there; with `test` also the toolchains that only the tests use. A machine we cannot install on gets
# the list of what to install by hand.
set -eu

# Packages known by what they put on disk, so that other ways to have them count too.
missing=""
need() { # package, then a file that shows that it is there
    [ -e "$2" ] || missing="$missing $1"
}
need_command() { # package, then its command
    command -v "$2" >/dev/null 2>&1 || missing="$missing $1"
}

need llvm-22-dev /usr/lib/llvm-22/include/llvm-c/Core.h
need_command llvm-22 llvm-config-22
need_command clang-22 clang-22
need_command clang-22 clang++-22
need_command lld-22 wasm-ld-22
need wasi-libc /usr/lib/wasm32-wasi/libc.a
need libclang-rt-22-dev-wasm32 /usr/lib/llvm-22/lib/clang/22/lib/wasi/libclang_rt.builtins-wasm32.a
need libc++-22-dev-wasm32 /usr/lib/wasm32-wasi/libc++.a
need libc++abi-22-dev-wasm32 /usr/lib/wasm32-wasi/libc++abi.a
need_command gcc cc
need_command g++ c++
need_command python3 python3
if [ "${1:-}" = test ]; then
    python3 -c 'import pip' >/dev/null 2>&1 || missing="$missing python3-pip"
    need_command clang-format-22 clang-format-22
    need_command npm npm
    need_command valgrind valgrind
    need_command gdb gdb
    need_command mold mold
    need_command csmith csmith
    need libcsmith-dev /usr/include/csmith/csmith.h
    # A Rust toolchain with the sources of its standard library, which we build for wasm32-wasip1.
    need rustc-web /usr/bin/rustc
    need rust-web-src /usr/lib/rustlib/src/rust/library/Cargo.toml
fi

# `missing` stays a plain list: package names have no spaces.
missing=$(printf '%s\n' $missing | sort -u | tr '\n' ' ')
missing=${missing% }
if ! command -v cargo >/dev/null 2>&1; then
    echo "setup: cargo is missing: install Rust 1.95 or newer (https://rustup.rs) and put it on PATH" >&2
    exit 1
fi
[ -n "$missing" ] || exit 0

give_up() {
    echo "setup: $1" >&2
    echo "setup: install these packages (named as in Debian 12) and try again:" >&2
    echo "  apt-get install $missing" >&2
    exit 1
}

command -v apt-get >/dev/null 2>&1 || give_up "this machine has no apt-get, so nothing can be installed for you"
as_root=""
if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null 2>&1 || give_up "installing needs root, and there is no sudo"
    as_root=sudo
fi

echo "setup: installing $missing"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
run() {
    "$@" >"$log" 2>&1 || { tail -n 20 "$log" >&2; give_up "'$*' failed"; }
}
run $as_root apt-get update
run $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $missing
