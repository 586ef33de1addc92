//! Words, literals and names that must not be there.

use super::source::{Problem, SourceFile, item_length, lines_with_word};

/// Parts of words that no file may contain, and why. Each is written in two parts, so that this file
/// does not contain them.
const BANNED: &[(&str, &str)] = &[
    (concat!("FIX", "ME"), "is work that nobody does: do it, or note it in an issue"),
    (concat!("XX", "X "), "is work that nobody does: do it, or note it in an issue"),
    (concat!("dbg", "!("), "is left over"),
    (concat!("todo", "!("), "panics"),
    (concat!("unimpl", "emented!("), "panics"),
];

/// No file contains what is banned; a note of what is to do names where that is tracked.
pub fn banned_words(file: &SourceFile) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (number, line) in file.text.lines().enumerate() {
        for (word, why) in BANNED {
            if line.contains(word) {
                problems.push(Problem::new(number + 1, format!("{word:?} {why}")));
            }
        }
        let note = concat!("TO", "DO");
        if file.is_rust() && line.contains(note) && !line.contains(&format!("{note}(")) {
            problems.push(Problem::new(number + 1, format!("{note} says not where it is tracked")));
        }
    }
    problems
}

/// A Rust file starts with what it does.
pub fn module_doc(file: &SourceFile) -> Vec<Problem> {
    if !file.is_rust() || file.text.starts_with("//! ") {
        return Vec::new();
    }
    vec![Problem::new(1, "does not start with `//!`: what it does and the one rule to know")]
}

/// Only tests unwrap.
pub fn unwraps(file: &SourceFile) -> Vec<Problem> {
    if file.is_test() {
        return Vec::new();
    }
    let lines = [".unwrap()", ".unwrap_err()"].into_iter();
    let lines = lines.flat_map(|word| lines_with_word(&file.product_code, word));
    lines.map(|line| Problem::new(line, "unwrap outside of tests")).collect()
}

/// `allow` and `expect` say why.
pub fn allow_reasons(file: &SourceFile) -> Vec<Problem> {
    let mut problems = Vec::new();
    for opening in ["#[allow(", "#![allow(", "#[expect(", "#![expect("] {
        for (position, _) in file.code.match_indices(opening) {
            let attribute = &file.code[position..];
            let end = attribute.find(']').unwrap_or(attribute.len());
            if !attribute[..end].contains("reason = ") {
                let line = file.code[..position].matches('\n').count() + 1;
                problems.push(Problem::new(line, "a lint is allowed without a reason"));
            }
        }
    }
    problems
}

/// Folders where strings are names of values in LLVM IR.
const NAMED_IN: [&str; 3] = ["wasm2native/src/env", "wasm2native/src/translate", "wasm2native/src/emit"];

/// LLVM makes names different by a number at their end, which must not run into ours.
pub fn value_names(file: &SourceFile) -> Vec<Problem> {
    if !NAMED_IN.iter().any(|folder| file.is_in(folder)) {
        return Vec::new();
    }
    let is_name = |text: &str| {
        let mut characters = text.chars();
        characters.next().is_some_and(|first| first.is_ascii_lowercase())
            && characters.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "._".contains(c))
    };
    let names = file.strings.iter().filter(|literal| is_name(&literal.text));
    names
        .filter(|name| name.text.ends_with(|c: char| c.is_ascii_digit()) && !name.text.starts_with("llvm."))
        .map(|name| Problem::new(name.line, format!("the name {:?} ends in a digit", name.text)))
        .collect()
}

/// Strings of the ABI: what they start with, and the crate that states them.
const ABI_STRINGS: [&str; 2] = ["w2n_", "wasi_snapshot_preview1"];

/// Numbers of the ABI, and the constant that states them.
const ABI_NUMBERS: [(&str, &str); 3] =
    [("65536", "PAGE_SIZE_BYTES"), ("65_536", "PAGE_SIZE_BYTES"), ("0x10000", "PAGE_SIZE_BYTES")];

/// Folders that take symbols and numbers from the ABI.
const ABI_USERS: [&str; 3] = ["wasm2native/src", "rt/src", "libwasirt/src"];

/// Files that have to type a symbol, and why.
const TYPED_SYMBOLS: &[(&str, &str)] = &[
    ("rt/src/enter/x86_64.rs", "labels of assembly"),
    ("rt/src/sys/x86_64.rs", "the label of the word of each thread"),
    ("libwasirt/src/host_call.rs", "an attribute takes no constant; the list of names is the ABI's"),
    ("wasm2native/src/emit/c_import.rs", "types of the C header, in declarations that messages show"),
];

/// Symbols and numbers of the ABI are stated in `rt/abi` alone.
pub fn abi_literals(file: &SourceFile) -> Vec<Problem> {
    if !ABI_USERS.iter().any(|folder| file.is_in(folder)) {
        return Vec::new();
    }
    let mut problems = Vec::new();
    if !TYPED_SYMBOLS.iter().any(|(path, _)| *path == file.path) {
        let typed = |text: &str| ABI_STRINGS.iter().any(|start| text.starts_with(start));
        for literal in file.strings.iter().filter(|literal| typed(&literal.text)) {
            problems.push(Problem::new(literal.line, format!("{:?} is stated in rt/abi", literal.text)));
        }
    }
    for (number, name) in ABI_NUMBERS {
        for line in lines_with_word(&file.product_code, number) {
            problems.push(Problem::new(line, format!("{number} is {name} of rt/abi")));
        }
    }
    problems
}

/// A parameter that is a bool says nothing where it is passed: an enum does.
pub fn bool_parameters(file: &SourceFile) -> Vec<Problem> {
    if file.is_test() {
        return Vec::new();
    }
    let mut problems = Vec::new();
    for (position, _) in file.product_code.match_indices("fn ") {
        let item = &file.product_code[position..];
        let item = &item[..item_length(item)];
        let signature = item.split(['{', ';']).next().unwrap_or(item);
        let parameters = signature.split(") ->").next().unwrap_or(signature);
        if !lines_with_word(parameters, ": bool").is_empty() {
            let line = file.product_code[..position].matches('\n').count() + 1;
            problems.push(Problem::new(line, "a parameter is a bool, not an enum"));
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(rule: fn(&SourceFile) -> Vec<Problem>, path: &str, text: &str) -> usize {
        rule(&SourceFile::new(path, text.to_owned())).len()
    }

    #[test]
    fn each_banned_word_is_found() {
        for (word, _) in BANNED {
            assert_eq!(check(banned_words, "a.md", &format!("some {word} text\n")), 1, "{word}");
        }
        let note = concat!("TO", "DO");
        assert_eq!(check(banned_words, "a.rs", &format!("// {note}: later\n")), 1);
        assert_eq!(check(banned_words, "a.rs", &format!("// {note}(issue 7): later\n")), 0);
    }

    #[test]
    fn a_file_without_doc_is_found() {
        assert_eq!(check(module_doc, "a.rs", "use b;\n//! Too late.\n"), 1);
        assert_eq!(check(module_doc, "a.rs", "//! What it does.\n"), 0);
        assert_eq!(check(module_doc, "a.md", "text\n"), 0);
    }

    #[test]
    fn an_unwrap_is_found() {
        assert_eq!(check(unwraps, "rt/src/a.rs", "fn a() { b.unwrap() }\n"), 1);
        assert_eq!(check(unwraps, "rt/src/a.rs", "fn a() { b.unwrap_basic() }\n"), 0);
        assert_eq!(check(unwraps, "rt/src/a.rs", "#[cfg(test)]\nmod tests { fn a() { b.unwrap() } }\n"), 0);
        assert_eq!(check(unwraps, "tests/src/a.rs", "fn a() { b.unwrap() }\n"), 0);
    }

    #[test]
    fn an_allow_without_reason_is_found() {
        assert_eq!(check(allow_reasons, "a.rs", "#[allow(dead_code)]\nfn a() {}\n"), 1);
        assert_eq!(check(allow_reasons, "a.rs", "#[allow(dead_code, reason = \"b\")]\nfn a() {}\n"), 0);
    }

    #[test]
    fn a_name_that_ends_in_a_digit_is_found() {
        let path = "wasm2native/src/translate/a.rs";
        assert_eq!(check(value_names, path, "fn a() { build(\"sum2\") }\n"), 1);
        assert_eq!(check(value_names, path, "fn a() { build(\"sum\", \"llvm.ctpop.i32\", \"x86 2\") }\n"), 0);
        assert_eq!(check(value_names, "wasm2native/src/backend/a.rs", "fn a() { b(\"sum2\") }\n"), 0);
    }

    #[test]
    fn a_fact_of_the_abi_typed_again_is_found() {
        assert_eq!(check(abi_literals, "wasm2native/src/a.rs", "fn a() { b(\"w2n_trap\") }\n"), 1);
        assert_eq!(check(abi_literals, "rt/src/a.rs", "const A: u64 = 65_536;\n"), 1);
        assert_eq!(check(abi_literals, "rt/abi/src/a.rs", "const A: u64 = 65_536;\n"), 0);
        assert_eq!(check(abi_literals, "wasm2native/src/a.rs", "fn a() { b(\"app\") }\n"), 0);
    }

    #[test]
    fn a_bool_parameter_is_found() {
        assert_eq!(
            check(bool_parameters, "rt/src/a.rs", "fn a(\n    b: u8,\n    c: bool,\n) -> u8 { 1 }\n"),
            1
        );
        assert_eq!(
            check(bool_parameters, "rt/src/a.rs", "fn a(b: u8) -> bool { let c: bool = true; c }\n"),
            0
        );
    }
}
