//! What to do about imports that nothing resolves, by where they come from: the toolchain is known by the
//! names it imports, or by their shape where it has made them short.

use std::path::Path;

use crate::backend::link::quote;
use w2n_abi::{is_wasi_module, symbol};

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
const EMSCRIPTEN_PREFIXES: [&str; 6] =
    ["emscripten_", "_emscripten_", "__syscall_", "invoke_", "_embind_", "_emval_"];

/// What only Emscripten's imports end with.
const EMSCRIPTEN_SUFFIX: &str = "_js";

/// The import module of what Emscripten has minified.
const MINIFIED_MODULE: &str = "a";

/// So many minified imports are no accident, whatever the module exports.
const MINIFIED_COUNT: usize = 3;

/// Names of so many characters are minified ones.
const MINIFIED_CHARS: usize = 2;

const ASSEMBLY_SCRIPT: &str = "this is an AssemblyScript module for JavaScript; rebuild it for WASI: `asc … --config \
                               ./node_modules/@assemblyscript/wasi-shim/asconfig.json`";

const PREVIEW_2: &str = "this module came out of a component (WASI preview 2); build for WASI preview 1: \
                         `cargo build --target wasm32-wasip1`, or `clang --target=wasm32-wasip1`";

const WASIX: &str = "this module is for WASIX, which only some engines have; rebuild it for WASI preview 1: \
                     `cargo build --target wasm32-wasip1`, or `clang --target=wasm32-wasip1`";

/// Imports from `env` that only objects have: they are what a linker is to fill in.
const OF_OBJECTS: [&str; 3] = ["__linear_memory", "__indirect_function_table", "__stack_pointer"];

/// How like a name must be to another to be a mistake for it.
const LIKENESS: f64 = 0.85;

/// The hint for the module `input` with these exports and unresolved imports (module, name); `None` without
/// a special case.
pub fn for_imports(imports: &[(&str, &str)], exports: &[&str], input: &Path) -> Option<String> {
    if imports.iter().any(|(module, name)| *module == "env" && OF_OBJECTS.contains(name)) {
        let output = quote(input.with_extension("linked.wasm").as_os_str());
        return Some(format!(
            "this is an object file, not a linked module; link it: `clang --target=wasm32-wasi {} -o {output}`",
            quote(input.as_os_str())
        ));
    }
    if is_minified(imports, exports) || imports.iter().any(|(module, name)| is_of_emscripten(module, name)) {
        return Some(EMSCRIPTEN.to_owned());
    }
    imports.iter().find_map(|(module, name)| for_import(module, name)).map(str::to_owned)
}

fn for_import(module: &str, name: &str) -> Option<&'static str> {
    if let Some((_, hint)) = BY_MODULE.iter().find(|(known, _)| *known == module) {
        return Some(hint);
    }
    // wasm-bindgen calls the script beside the module so, unless the script was bundled.
    let is_bindgen_script =
        module.starts_with("./") && (module.ends_with("_bg.js") || module.contains("/snippets/"));
    match (module, name) {
        _ if is_bindgen_script || name.starts_with("__wbindgen_") || name.starts_with("__wbg_") => {
            Some(WASM_BINDGEN)
        }
        _ if module.starts_with("wasi:") => Some(PREVIEW_2),
        _ if module.starts_with("wasix_") => Some(WASIX),
        ("env", "abort") => Some(ASSEMBLY_SCRIPT),
        _ => None,
    }
}

fn is_of_emscripten(module: &str, name: &str) -> bool {
    let is_known = EMSCRIPTEN_PREFIXES.iter().any(|prefix| name.starts_with(prefix));
    module == "env" && (is_known || (name.starts_with('_') && name.ends_with(EMSCRIPTEN_SUFFIX)))
}

/// Whether all come from the module `a` and have names such as `b` and `ca`, as the exports do: from -O2 on
/// Emscripten makes all names short.
fn is_minified(imports: &[(&str, &str)], exports: &[&str]) -> bool {
    let is_short = |name: &str| (1..=MINIFIED_CHARS).contains(&name.chars().count());
    imports.iter().all(|(module, name)| *module == MINIFIED_MODULE && is_short(name))
        && (imports.len() >= MINIFIED_COUNT || exports.iter().all(|name| is_short(name)))
}

/// The WASI import that was meant by a name that WASI does not have, out of the `functions` that it has.
pub fn wasi_import_meant(module: &str, name: &str, functions: &[&str]) -> Option<String> {
    let [preview1, snapshot0] = [symbol::WASI_MODULE, symbol::WASI_SNAPSHOT0_MODULE];
    let module_meant = match is_wasi_module(module) {
        true => module,
        false => nearest(module, &[preview1, snapshot0])?,
    };
    let name_meant = nearest(name, functions)?;
    Some(format!("did you mean `{module_meant}.{name_meant}`?"))
}

/// The one of `known` that is most like `name`, if any is like it at all.
pub fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let likeness = |known: &str| strsim::jaro_winkler(known, name);
    let alike = known.iter().map(|known| (likeness(known), *known));
    let nearest = alike.max_by(|(left, _), (right, _)| left.total_cmp(right));
    nearest.filter(|(likeness, _)| *likeness > LIKENESS).map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn toolchains_are_known_by_the_shape_of_what_they_import() {
        let hint = |imports: &[(&str, &str)]| for_imports(imports, &["b", "ca"], Path::new("app.wasm"));
        assert_eq!(hint(&[("a", "a"), ("a", "ba")]).as_deref(), Some(EMSCRIPTEN));
        assert_eq!(hint(&[("env", "abort"), ("env", "_abort_js")]).as_deref(), Some(EMSCRIPTEN));
        assert_eq!(hint(&[("env", "_embind_register_void")]).as_deref(), Some(EMSCRIPTEN));
        assert_eq!(hint(&[("./app_bg.js", "__wbg_new_1")]).as_deref(), Some(WASM_BINDGEN));
        assert_eq!(hint(&[("__wbindgen_placeholder__", "x")]).as_deref(), Some(WASM_BINDGEN));
        assert_eq!(hint(&[("env", "abort")]).as_deref(), Some(ASSEMBLY_SCRIPT));
        for other in [("a", "abc"), ("b", "a"), ("env", "a"), ("env", "node_js"), ("./lib.js", "f")] {
            assert_eq!(hint(&[("a", "a"), other]), None, "{other:?}");
        }
        let by_hand = for_imports(&[("a", "b")], &["_start"], Path::new("app.wasm"));
        assert_eq!(by_hand, None);
    }

    #[test]
    fn a_misspelt_name_of_wasi_is_recognised_and_another_is_not() {
        let meant = |module: &str, name: &str| wasi_import_meant(module, name, &["fd_read", "fd_write"]);
        let [preview1, preview_1] = [symbol::WASI_MODULE, "wasi_snapshot_preview_1"];
        let expected = Some(format!("did you mean `{preview1}.fd_write`?"));
        assert_eq!(meant(preview1, "fd_wirte"), expected);
        assert_eq!(meant(preview_1, "fd_write"), expected);
        assert_eq!(meant(preview1, "sock_open"), None);
        assert_eq!(meant("env", "fd_write"), None);
    }
}
