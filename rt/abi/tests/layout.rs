//! What compiled code and runtime agree on does not change without another `ABI_VERSION`.
//!
//! How: what the sources of this crate declare (structures, enumerations, constants, the runtime's functions)
//! is held against `layout.txt`, which has the version in its first line. `W2N_BLESS=1` writes it anew, but
//! only with another version. Layouts follow from declarations: all structures are `repr(C)`.

use std::fs;
use std::path::Path;

use w2n_abi::ABI_VERSION;

/// What declarations that matter begin with.
const BEGINNINGS: [&str; 5] =
    ["#[repr(", "pub const ", "pub const fn ", "macro_rules! for_each_", "pub static "];

/// All declarations, one after the other, without comments.
fn declarations() -> String {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let entries = fs::read_dir(&directory).expect("the sources");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("a file").path()).collect();
    paths.sort();
    let mut all = String::new();
    for path in paths {
        let text = fs::read_to_string(&path).expect("a source");
        all += &format!("\n# {}\n", path.file_name().expect("a name").to_string_lossy());
        all += &of_source(&text);
    }
    all
}

/// The declarations of one source: from a line at the left margin to where its brackets are closed.
fn of_source(text: &str) -> String {
    let mut found = String::new();
    let mut depth: Option<i32> = None;
    for line in text.lines() {
        let code = line.split("//").next().unwrap_or_default().trim_end();
        let is_derived = code.starts_with("#[derive");
        if code.is_empty() || is_derived || code.contains(" ABI_VERSION: ") {
            continue;
        }
        if depth.is_none() && BEGINNINGS.iter().any(|beginning| code.starts_with(beginning)) {
            depth = Some(0);
        }
        let Some(open) = &mut depth else { continue };
        found += code;
        found.push('\n');
        for c in code.chars() {
            match c {
                '{' | '(' | '[' => *open += 1,
                '}' | ')' | ']' => *open -= 1,
                _ => {}
            }
        }
        // An attribute is followed by what it is of.
        if *open == 0 && !code.starts_with("#[") && code.ends_with([';', '}']) {
            depth = None;
        }
    }
    found
}

#[test]
fn a_change_is_a_new_version() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("layout.txt");
    let now = format!("version {ABI_VERSION}\n{}", declarations());
    let known = fs::read_to_string(&path).unwrap_or_default();
    if known == now {
        return;
    }
    let version = known.lines().next().unwrap_or_default();
    assert_ne!(
        version,
        format!("version {ABI_VERSION}"),
        "the ABI is not the one that has this number: give ABI_VERSION (and W2N_ABI_VERSION) the next one"
    );
    assert!(
        std::env::var_os("W2N_BLESS").is_some(),
        "the ABI has a new version: read it and bless layout.txt"
    );
    fs::write(&path, now).expect("layout.txt can be written");
}

#[test]
fn declarations_are_found() {
    let all = declarations();
    for text in [
        "pub struct StartInfo<P> {\n    pub modules: Slice<P>,",
        "pub struct ImportSource<P> {\n    pub module: u32,\n    pub export: u32,\n    pub callback: P,\n}",
        "pub struct ModuleDescriptor<P> {",
        "pub struct ModuleNote {",
        "pub enum PolicyWord {",
        "pub const NOTE_MAGIC: [u8; 8] = *b\"w2n note\";",
        "macro_rules! for_each_rt_function",
        "pub struct PcMapHeader",
    ] {
        assert!(all.contains(text), "{text}");
    }
    let source = "/// A.\n#[repr(C)]\n#[derive(Debug)]\npub struct A<P> {\n    /// B.\n    pub b: P,\n}\n\nfn c() {}\n";
    assert_eq!(of_source(source), "#[repr(C)]\npub struct A<P> {\n    pub b: P,\n}\n");
    let list = "pub const C: [u32; 2] =\n    [1, 2];\nuse d;\n";
    assert_eq!(of_source(list), "pub const C: [u32; 2] =\n    [1, 2];\n");
}
