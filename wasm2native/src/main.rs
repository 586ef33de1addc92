//! The `wasm2native` command. Everything is in the library; here only the exit status is set.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(wasm2native::cli::main(std::env::args_os()))
}
