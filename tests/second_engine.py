"""Runs or precompiles a WASI command with a second engine, the oracle of the real-program tests.

The rule: this file decides nothing. It passes arguments, directories and standard streams through and
exits with the program's status; comparing is the caller's work. Needs the `wasmtime` package on PYTHONPATH.

    second_engine.py run     [--dir HOST::GUEST] [--env K=V] [--compiled] MODULE [ARGUMENT]...
    second_engine.py compile MODULE OUTPUT        (prints the seconds it took)
"""

import sys
import time

import wasmtime


def engine():
    config = wasmtime.Config()
    config.strategy = "cranelift"
    config.cranelift_opt_level = "speed"
    # As much as the engine allows beside its default size of an asynchronous stack.
    config.max_wasm_stack = (2 << 20) - 4096
    return wasmtime.Engine(config)


def compile_module(module_path, output_path):
    with open(module_path, "rb") as file:
        binary = file.read()
    our_engine = engine()
    start = time.monotonic()
    module = wasmtime.Module(our_engine, binary)
    elapsed = time.monotonic() - start
    with open(output_path, "wb") as file:
        file.write(module.serialize())
    print(f"{elapsed:.6f}")
    return 0


def run(arguments):
    wasi = wasmtime.WasiConfig()
    compiled, env = False, []
    while arguments and arguments[0].startswith("--"):
        option = arguments.pop(0)
        if option == "--compiled":
            compiled = True
        elif option == "--dir":
            host, guest = arguments.pop(0).split("::")
            wasi.preopen_dir(host, guest)
        elif option == "--env":
            env.append(arguments.pop(0).split("=", 1))
        else:
            sys.exit(f"unknown option {option}")
    wasi.argv, wasi.env = arguments, env
    wasi.inherit_stdin()
    wasi.inherit_stdout()
    wasi.inherit_stderr()

    our_engine = engine()
    load = wasmtime.Module.deserialize_file if compiled else wasmtime.Module.from_file
    module = load(our_engine, arguments[0])
    linker = wasmtime.Linker(our_engine)
    linker.define_wasi()
    store = wasmtime.Store(our_engine)
    store.set_wasi(wasi)
    instance = linker.instantiate(store, module)
    try:
        instance.exports(store)["_start"](store)
    except wasmtime.ExitTrap as end:
        return end.code
    return 0


if __name__ == "__main__":
    if sys.argv[1] == "compile":
        sys.exit(compile_module(sys.argv[2], sys.argv[3]))
    sys.exit(run(sys.argv[2:]))
