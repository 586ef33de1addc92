//! Imports point along the pipeline, and the runtime knows nothing of the compiler.

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

/// The files of the runtime (and a folder, as one), each of which uses only those before it: no circles.
const RUNTIME_ORDER: &[&str] = &[
    // The platform, and what needs nothing else.
    "sys",
    "lock",
    "text",
    "variables",
    "shared",
    // What is known of modules.
    "pc_map",
    "code",
    "descriptor",
    "types",
    "modules",
    // What instances live in, and what they have.
    "store",
    "policy",
    "registry",
    "memory",
    "table",
    "handle",
    // Calls that are under way.
    "stack",
    "activation",
    "signal_stack",
    "thread",
    "nesting",
    // What happens when something goes wrong.
    "fault",
    "attach",
    "backtrace",
    "trap",
    "deadline",
    // Onto a Wasm stack and back, and what is passed on.
    "enter",
    "func",
    "group",
    "reference",
    // From imports to an instance.
    "external",
    "link",
    "instance",
    // The edges: compiled code, hosts, `main`.
    "builtins",
    "loop_check",
    "export",
    "api",
    "start",
    "runtime",
];

/// Where the runtime is.
const RUNTIME: &str = "rt/src";

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

/// Files of the runtime use only files that stand before them in the list.
pub fn runtime_order(file: &SourceFile) -> Vec<Problem> {
    let Some(name) = name_within(&file.path, RUNTIME).filter(|_| !file.is_test()) else { return Vec::new() };
    let place = |name: &str| RUNTIME_ORDER.iter().position(|known| *known == name);
    let Some(own) = place(name) else {
        return vec![Problem::new(
            1,
            format!("{name} is not in the order of the runtime: say in layers.rs where"),
        )];
    };
    let wrong = used_names(&file.product_code).into_iter().filter(|(_, used)| place(used) > Some(own));
    wrong
        .map(|(line, used)| Problem::new(line, format!("{name} must not use {used}, which comes after it")))
        .collect()
}

/// Names directly behind `crate::`, also those of a group, each with its line.
fn used_names(code: &str) -> Vec<(usize, String)> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut names = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        if code[..at].ends_with(is_word) || code[..at].ends_with("::") {
            continue;
        }
        let line = code[..at].matches('\n').count() + 1;
        let behind = &code[at + "crate::".len()..];
        let Some(group) = behind.strip_prefix('{') else {
            names.extend(behind.split(|c| !is_word(c)).next().map(|name| (line, name.to_owned())));
            continue;
        };
        // The first word of each element, which may have a group of its own.
        let (mut depth, mut begins) = (0, true);
        for (at, letter) in group.char_indices() {
            match letter {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => begins = true,
                letter if is_word(letter) && begins && depth == 0 => {
                    names.extend(
                        group[at..].split(|c| !is_word(c)).next().map(|name| (line, name.to_owned())),
                    );
                    begins = false;
                }
                _ => {}
            }
        }
    }
    names
}

/// The layer of a file of the compiler: `wasm2native/src/env/place.rs` is in `env`.
fn layer_of(path: &str) -> Option<&str> {
    name_within(path, COMPILER)
}

/// The name of a file, or of the folder that it is in, in the sources of a crate; none for their root.
fn name_within<'path>(path: &'path str, sources: &str) -> Option<&'path str> {
    let inside = path.strip_prefix(sources)?.strip_prefix('/')?;
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
    fn an_import_against_the_order_of_the_runtime_is_found() {
        assert_eq!(check(runtime_order, "rt/src/lock.rs", "use crate::api;\n"), 1);
        assert_eq!(check(runtime_order, "rt/src/lock.rs", "fn a() { crate::api::b() }\n"), 1);
        assert_eq!(
            check(runtime_order, "rt/src/lock.rs", "use crate::{sys::{A, start}, api,\n    start::B};\n"),
            2
        );
        assert_eq!(check(runtime_order, "rt/src/sys/linux.rs", "use crate::lock::Lock;\n"), 1);
        assert_eq!(check(runtime_order, "rt/src/lock.rs", "// crate::api\nuse crate::sys;\n"), 0);
        assert_eq!(check(runtime_order, "rt/src/api.rs", "use crate::lock;\nuse w2n_crate::start;\n"), 0);
        assert_eq!(check(runtime_order, "rt/src/enter/x86_64.rs", "use crate::start;\n"), 1);
        assert_eq!(check(runtime_order, "rt/src/new.rs", "\n"), 1);
        assert_eq!(check(runtime_order, "rt/src/lib.rs", "use crate::start;\n"), 0);
        assert_eq!(check(runtime_order, "rt/src/tests/new.rs", "use crate::start;\n"), 0);
    }

    #[test]
    fn the_order_of_the_runtime_has_only_files_that_exist() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(RUNTIME);
        for name in RUNTIME_ORDER {
            assert!(root.join(name).is_dir() || root.join(format!("{name}.rs")).is_file(), "{name}");
        }
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
