//! The texts that `wasm2native` prints about itself. A test holds the help against the options.

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

/// `--help`
pub const HELP: &str = "\
wasm2native compiles WebAssembly to native executables, plugins and objects.

usage: wasm2native [options] INPUT…
INPUT is a .wasm or .wat file, or - for standard input. Several become one program: a module's imports are
looked for in the module of that file name; objects made by -c, and archives of them, are modules as well. C code
and libraries can provide imports too: .c .cpp .o .a .so.

What to make (default: an executable):
  -o FILE               write to FILE; - is standard output (default: named after INPUT)
  -shared               a plugin: FILE.so
  -c                    an object: FILE.o
  -S                    assembly: FILE.s
  -emit-llvm            LLVM IR: FILE.ll; with -c bitcode: FILE.bc
  --emit=KIND           exe, shared, obj, asm, llvm-ir or llvm-bc
  --module-name=NAME    prefix of all symbols (default: from the name of INPUT)

Code:
  -O0 -O1 -O2 -O3       optimise: not at all … most (default: -O2)
  -Os -Oz               optimise for size
  -g                    DWARF line tables: functions and Wasm offsets
  -g0                   no map of code addresses: backtraces show addresses only
  -march=CPU -mcpu=CPU  the processor to compile for, or native (default: x86-64)
  --target=TRIPLE       the machine to compile for (default: this one)
  --bounds-checks=HOW   guard: guard pages (default); software: a compare before each access
  --strict-traps        after every trap all earlier stores have happened, and no later one
  -C relaxed-simd=HOW   deterministic: the same results on every machine (default); native: the fastest
  -C check-loops=1      run each loop a second time as it was and trap where the results part, to report a bug

What an executable is made of:
  --embed-dir HOST[::GUEST]  a directory that is packed into it, read-only
  --entry=NAME               the export to run (default: _start, else main); _initialize is called before it
  --undefined=HOW            error: an import that nothing provides is one (default); trap: calling it traps

What an executable may use beside its arguments and standard streams:
  --dir HOST[::GUEST][:ro]   a directory, under the name GUEST, perhaps read-only
  --env NAME[=VALUE]         an environment variable; without VALUE the host's when it runs
  --tcplisten ADDRESS:PORT   a socket that listens there, for sock_accept
  --allow-escapes            escape sequences reach a terminal (default: they are made visible)
  --max-memory=SIZE          all memories and tables together, such as 64M (default: no limit)
  --stack-size=SIZE          the stack of Wasm code (default: 8M)
  --max-fds=N                descriptors that are open at a time
  --timeout=TIME             wall clock, such as 5, 500ms or 2m; a trap when it is over
  --policy=WORD              what a run may change, by W2N_DIR, W2N_ENV and so on:
                               open: grant more, set limits (default if nothing is granted or limited)
                               bound: take some of it, tighten limits (default otherwise)
                               sealed: tighten limits
  --sealed                   short for --policy=sealed

Linking:
  -static               no shared libraries
  -s, --strip           no symbols
  --linker=PROGRAM      the C compiler to link with (default: CC, or cc, gcc, clang)
  -lNAME -LDIR          link a library too; look for libraries in DIR
  --provide=NAME,…      C functions of libraries that the module may import (those of sources and objects it may)
  -###                  print the link command, compile nothing

Other:
  -j N                  threads (default: one per processor); the output does not depend on it
  -v, --verbose         say what is done
  --remarks             say which loops were vectorised or copied, and where they are in the module
  --time-passes         processor time by phase, and the most memory used
  --color=WHEN          auto, always or never
  -h, --help
  -V, --version
  --licenses            the notices of what wasm2native and the programs that it makes contain

Environment: CC, NO_COLOR, TMPDIR, WASM2NATIVE_RT_DIR (a directory of runtime archives).
Exit status: 0 done, 1 the input or the machine is at fault, 2 the command line is, 70 wasm2native is.
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
    use clap::CommandFactory;

    use super::*;
    use crate::cli::arguments::Arguments;
    use crate::cli::spelling;

    /// Every option that clap knows must be in the help, in the user's spelling.
    #[test]
    fn help_names_every_option() {
        // Spelling variants that nobody needs to know of.
        let unlisted = ["pc_map_only"];
        for argument in Arguments::command().get_arguments().filter(|argument| !argument.is_positional()) {
            if unlisted.contains(&argument.get_id().as_str()) {
                continue;
            }
            let long = argument.get_long().map(|long| format!("--{long}"));
            let name = long.map_or_else(
                || format!("-{}", argument.get_short().unwrap_or_default()),
                |long| spelling::from_clap(&long).to_owned(),
            );
            assert!(HELP.contains(&name), "{name} is not in the help");
        }
    }

    #[test]
    fn usage_has_twelve_lines() {
        assert_eq!(USAGE.lines().count(), 12);
    }
}
