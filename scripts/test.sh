#!/bin/sh
# All tests, with the release profile so that the compiler under test is the one that users run
# (and is built once). The closing lines are cargo's own.
set -eu
cd "$(dirname "$0")/.."
exec cargo test --release --workspace --no-fail-fast "$@"
