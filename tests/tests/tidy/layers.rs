//! Imports point along the pipeline, and the runtime knows nothing of the compiler. The order of files within the
//! runtime and WASI is in `order.rs`.

use super::source::{Problem, SourceFile, lines_with_word};

/// A folder or file of the compiler and what of the compiler it may use besides itself.
const LAYERS: &[(&str, &[&str])] = &[
    ("code", &[]),
    ("error", &["code"]),
    ("render", &["error"]),
    ("options", &["error"]),
    ("wasm", &["error"]),
    ("arch", &[]),
    ("env", &["error", "options", "wasm", "arch"]),
    ("translate", &["error", "options", "wasm", "env", "arch"]),
    ("emit", &["error", "options", "wasm", "env", "translate"]),
    ("backend", &["error", "options", "arch"]),
    ("driver", &["error", "options", "wasm", "emit", "backend"]),
    ("cli", &["error", "options", "render", "driver", "backend"]),
];

/// Where the compiler is.
const COMPILER: &str = "wasm2native/src";

/// Crates that code and manifests in a folder must not name.
const FORBIDDEN_CRATES: &[(&str, &[&str])] = &[
    ("wasm2native/src/wasm", &["inkwell", "llvm_sys"]),
    ("wasm2native/src/backend", &["wasmparser", "wat"]),
    ("rt", &["wasm2native", "inkwell", "llvm_sys", "llvm-sys", "wasmparser"]),
    ("rt/abi", &["w2n_rt", "w2n-rt", "libwasirt", "libc", "rustix"]),
    ("rt/src", &["libwasirt"]),
    ("libwasirt", &["wasm2native", "inkwell", "llvm_sys", "llvm-sys", "wasmparser"]),
];

/// Parts of the compiler name only parts that come before them in the pipeline.
pub fn import_direction(file: &SourceFile) -> Vec<Problem> {
    let Some(layer) = layer_of(&file.path) else { return Vec::new() };
    let Some((_, allowed)) = LAYERS.iter().find(|(name, _)| *name == layer) else {
        return vec![Problem::new(1, format!("{layer} is in no layer: say in layers.rs what it may use"))];
    };
    let mut problems = Vec::new();
    for (number, line) in file.code.lines().enumerate() {
        for used in line.split("crate::").skip(1) {
            let used = used.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default();
            let is_layer = LAYERS.iter().any(|(name, _)| *name == used);
            if is_layer && used != layer && !allowed.contains(&used) {
                problems.push(Problem::new(number + 1, format!("{layer} must not use {used}")));
            }
        }
    }
    problems
}

/// The layer of a file of the compiler: `wasm2native/src/env/place.rs` is in `env`.
fn layer_of(path: &str) -> Option<&str> {
    let inside = path.strip_prefix(COMPILER)?.strip_prefix('/')?;
    let name = inside.split('/').next()?.trim_end_matches(".rs");
    (!["lib", "main"].contains(&name)).then_some(name)
}

/// Folders do not name crates that they must not know.
pub fn forbidden_crates(file: &SourceFile) -> Vec<Problem> {
    let is_manifest = file.path.ends_with("Cargo.toml");
    if !(file.is_rust() || is_manifest) || file.is_test() {
        return Vec::new();
    }
    let text = if is_manifest { &file.text } else { &file.product_code };
    let folders = FORBIDDEN_CRATES.iter().filter(|(folder, _)| file.is_in(folder));
    folders
        .flat_map(|(folder, names)| names.iter().map(move |name| (folder, name)))
        .flat_map(|(folder, name)| {
            // A package may be named in prose of its manifest, never as a key or a path.
            let uses =
                [format!("{name}::"), format!("use {name}"), format!("\n{name}"), format!("/{name}\"")];
            let lines = uses.into_iter().flat_map(|used| lines_with_word(text, &used));
            lines
                .map(move |line| Problem::new(line, format!("{folder} must not name {name}")))
                .collect::<Vec<_>>()
        })
        .collect()
}

/// Every package takes the lints of the workspace.
pub fn workspace_lints(file: &SourceFile) -> Vec<Problem> {
    let is_package = file.path.ends_with("Cargo.toml") && file.text.contains("[package]");
    if !is_package || file.text.contains("[lints]\nworkspace = true") {
        return Vec::new();
    }
    vec![Problem::new(1, "does not take the lints of the workspace")]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(rule: fn(&SourceFile) -> Vec<Problem>, path: &str, text: &str) -> usize {
        rule(&SourceFile::new(path, text.to_owned())).len()
    }

    #[test]
    fn an_import_against_the_pipeline_is_found() {
        assert_eq!(check(import_direction, "wasm2native/src/wasm/parse.rs", "use crate::env::Types;\n"), 1);
        assert_eq!(
            check(import_direction, "wasm2native/src/error.rs", "fn a() { crate::driver::run() }\n"),
            1
        );
        assert_eq!(check(import_direction, "wasm2native/src/emit/mod.rs", "use crate::env::Types;\n"), 0);
        assert_eq!(check(import_direction, "wasm2native/src/emit/mod.rs", "// crate::driver\n"), 0);
        assert_eq!(check(import_direction, "wasm2native/src/new/mod.rs", "\n"), 1);
    }

    #[test]
    fn a_crate_in_the_wrong_folder_is_found() {
        assert_eq!(check(forbidden_crates, "wasm2native/src/wasm/a.rs", "use inkwell::context;\n"), 2);
        assert_eq!(check(forbidden_crates, "wasm2native/src/backend/a.rs", "fn a(b: wasmparser::C) {}\n"), 1);
        assert_eq!(check(forbidden_crates, "wasm2native/src/env/a.rs", "fn a(b: wasmparser::C) {}\n"), 0);
        assert_eq!(
            check(forbidden_crates, "rt/Cargo.toml", "[dependencies]\nwasm2native.workspace = true\n"),
            1
        );
        assert_eq!(check(forbidden_crates, "rt/abi/Cargo.toml", "[dependencies]\nlibc = \"1\"\n"), 1);
        assert_eq!(check(forbidden_crates, "libwasirt/Cargo.toml", "description = \"of wasm2native\"\n"), 0);
    }

    #[test]
    fn a_package_without_lints_is_found() {
        assert_eq!(check(workspace_lints, "a/Cargo.toml", "[package]\nname = \"a\"\n"), 1);
        assert_eq!(check(workspace_lints, "a/Cargo.toml", "[package]\n\n[lints]\nworkspace = true\n"), 0);
        assert_eq!(check(workspace_lints, "Cargo.toml", "[workspace]\n"), 0);
    }
}
