//! What to do about imports that no WASI function resolves, by where they come from: the toolchain is
//! known by the names it imports.

use std::path::Path;

use crate::backend::link::quote;

/// Import modules that tell which toolchain made the module, and what to do.
const BY_MODULE: &[(&str, &str)] = &[
    ("gojs", GO),
    ("go", GO),
    ("wbg", WASM_BINDGEN),
    ("__wbindgen_placeholder__", WASM_BINDGEN),
    ("__wbindgen_externref_xform__", WASM_BINDGEN),
    ("wasi", "threads are not supported yet: rebuild for wasm32-wasip1 without threads"),
];

const GO: &str = "this is a Go module for JavaScript (GOOS=js); rebuild it for WASI: \
                  `GOOS=wasip1 GOARCH=wasm go build -o app.wasm .`";

const WASM_BINDGEN: &str = "this is a Rust module for JavaScript (wasm-bindgen); rebuild it for WASI: \
                            `cargo build --release --target wasm32-wasip1`";

const EMSCRIPTEN: &str = "this is an Emscripten module for JavaScript; rebuild it with \
                          `emcc -sSTANDALONE_WASM -sPURE_WASI … -o app.wasm`";

/// What only Emscripten's imports start with.
const EMSCRIPTEN_PREFIXES: [&str; 3] = ["emscripten_", "__syscall_", "invoke_"];

const ASSEMBLY_SCRIPT: &str = "this is an AssemblyScript module for JavaScript; rebuild it for WASI: `asc … --config \
                               ./node_modules/@assemblyscript/wasi-shim/asconfig.json`";

const PREVIEW_2: &str = "this module came out of a component (WASI preview 2); build for WASI preview 1: \
                         `cargo build --target wasm32-wasip1`, or `clang --target=wasm32-wasip1`";

/// Imports from `env` that only objects have: they are what a linker is to fill in.
const OF_OBJECTS: [&str; 3] = ["__linear_memory", "__indirect_function_table", "__stack_pointer"];

/// The hint for the module `input` with these unresolved imports (module, name); `None` without a special case.
pub fn for_imports(imports: &[(&str, &str)], input: &Path) -> Option<String> {
    if imports.iter().any(|(module, name)| *module == "env" && OF_OBJECTS.contains(name)) {
        let output = quote(input.with_extension("linked.wasm").as_os_str());
        return Some(format!(
            "this is an object file, not a linked module; link it: `clang --target=wasm32-wasi {} -o {output}`",
            quote(input.as_os_str())
        ));
    }
    imports.iter().find_map(|(module, name)| for_import(module, name)).map(str::to_owned)
}

fn for_import(module: &str, name: &str) -> Option<&'static str> {
    if let Some((_, hint)) = BY_MODULE.iter().find(|(known, _)| *known == module) {
        return Some(hint);
    }
    if module.starts_with("wasi:") {
        return Some(PREVIEW_2);
    }
    match (module, name) {
        ("env", "abort") => Some(ASSEMBLY_SCRIPT),
        ("env", name) if EMSCRIPTEN_PREFIXES.iter().any(|prefix| name.starts_with(prefix)) => {
            Some(EMSCRIPTEN)
        }
        _ => None,
    }
}
