#!/usr/bin/env bash
# Stands before rustc (.cargo/config.toml): what is built says `crates/…` where it would say in which directory of
# this machine cargo keeps a crate. In bash, since sh drops variables such as CARGO_BIN_EXE_w2n-fuzz, whose names it
# does not understand. The build of the runtime says it better itself (wasm2native/build/archives.rs).
case "$*" in
*--remap-path-prefix=*) exec "$@" ;;
esac
cargo_home=${CARGO_HOME:-$HOME/.cargo}
exec "$@" "--remap-path-prefix=$cargo_home/registry/src=crates" "--remap-path-prefix=$cargo_home/git/checkouts=crates"
