//! The texts that `wasm2native` prints about itself beside the help.

use crate::backend::target;

/// Printed when there is no argument: twelve lines.
pub const USAGE: &str = "\
wasm2native compiles WebAssembly to native executables, plugins and objects.

usage: wasm2native [options] INPUT

  wasm2native app.wasm -o app           an executable; run it with ./app
  wasm2native --dir . app.wasm -o app   one that may use the working directory
  wasm2native -shared lib.wasm          a plugin, lib.so, to be loaded by a host program

INPUT is a .wasm or .wat file, or - for standard input.
Often used: -O0 … -O3 (default -O2), -c, -S, -emit-llvm, -g, -v

All options: wasm2native --help
";

/// `--licenses`
pub const NOTICES: &str = include_str!(env!("W2N_NOTICES"));

/// `--version`
pub fn version() -> String {
    format!(
        "wasm2native {}\nLLVM {}\ndefault target: {}\n",
        env!("CARGO_PKG_VERSION"),
        target::llvm_version(),
        target::DEFAULT_TRIPLE
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usage_has_twelve_lines() {
        assert_eq!(USAGE.lines().count(), 12);
    }
}
