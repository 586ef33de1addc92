"""Runs or precompiles a WASI command with a second engine, the oracle of the real-program tests.

The rule: this file decides nothing. It passes arguments, directories and standard streams through and
exits with the program's status; comparing is the caller's work. Needs the `wasmtime` package on PYTHONPATH.

    second_engine.py run     [--dir HOST::GUEST] [--env K=V] [--compiled] MODULE [ARGUMENT]...
    second_engine.py compile MODULE OUTPUT             (prints the seconds it took)
    second_engine.py render  MODULE FUNCTION STRING... (prints the bytes that FUNCTION(strings, &length) made)
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


def render(module_path, function, strings):
    our_engine = engine()
    linker = wasmtime.Linker(our_engine)
    linker.define_wasi()
    store = wasmtime.Store(our_engine)
    store.set_wasi(wasmtime.WasiConfig())
    instance = linker.instantiate(store, wasmtime.Module.from_file(our_engine, module_path))
    exports = instance.exports(store)
    memory, addresses = exports["memory"], []
    for string in strings:
        text = string.encode() + b"\0"
        addresses.append(exports["malloc"](store, len(text)))
        memory.write(store, text, addresses[-1])
    length_address = exports["malloc"](store, 4)
    output = exports[function](store, *addresses, length_address)
    length = int.from_bytes(memory.read(store, length_address, length_address + 4), "little")
    sys.stdout.buffer.write(memory.read(store, output, output + length))
    return 0


if __name__ == "__main__":
    if sys.argv[1] == "compile":
        sys.exit(compile_module(sys.argv[2], sys.argv[3]))
    if sys.argv[1] == "render":
        sys.exit(render(sys.argv[2], sys.argv[3], sys.argv[4:]))
    sys.exit(run(sys.argv[2:]))
