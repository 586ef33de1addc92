//! What to do about imports that no WASI function resolves, by where they come from: the toolchain is
//! known by the names it imports.

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

const PREVIEW_2: &str = "this module came out of a component (WASI preview 2); build for WASI preview 1: \
                         `cargo build --target wasm32-wasip1`, or `clang --target=wasm32-wasip1`";

/// The hint for a module with these unresolved imports (module, name); `None` without a special case.
pub fn for_imports(imports: &[(&str, &str)]) -> Option<String> {
    imports.iter().find_map(|(module, name)| for_import(module, name)).map(str::to_owned)
}

fn for_import(module: &str, name: &str) -> Option<&'static str> {
    if let Some((_, hint)) = BY_MODULE.iter().find(|(known, _)| *known == module) {
        return Some(hint);
    }
    if module.starts_with("wasi:") {
        return Some(PREVIEW_2);
    }
    let is_emscripten =
        name.starts_with("emscripten_") || name.starts_with("__syscall_") || name.starts_with("invoke_");
    (module == "env" && is_emscripten).then_some(EMSCRIPTEN)
}
