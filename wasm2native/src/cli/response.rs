//! Response files: `@FILE` stands for the words in FILE, quoted as clang and gcc have it.
//!
//! The rule: blanks end a word, quotes of both kinds keep them in it, and a backslash anywhere takes the next
//! character as it is. `@FILE` in a file means another one, found from the working directory.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use crate::error::{CompileError, Result};

/// Files inside of files. More is a circle.
const MAX_DEPTH: usize = 20;

/// Words that all files together may have.
const MAX_WORDS: usize = 1_000_000;

/// The arguments with the words of all files in their places, and the files.
pub fn expand(arguments: Vec<OsString>) -> Result<(Vec<OsString>, Vec<PathBuf>)> {
    let mut expanded = Expanded::default();
    for argument in arguments {
        expanded.add(argument, 0)?;
    }
    Ok((expanded.words, expanded.files))
}

#[derive(Default)]
struct Expanded {
    words: Vec<OsString>,
    files: Vec<PathBuf>,
}

impl Expanded {
    fn add(&mut self, word: OsString, depth: usize) -> Result<()> {
        let Some(name) = word.as_bytes().strip_prefix(b"@").filter(|name| !name.is_empty()) else {
            if self.words.len() == MAX_WORDS {
                return Err(CompileError::usage("the response files have more than a million words"));
            }
            self.words.push(word);
            return Ok(());
        };
        let path = Path::new(OsStr::from_bytes(name));
        if depth == MAX_DEPTH {
            let message =
                format!("@{}: response files are nested more than {MAX_DEPTH} deep", path.display());
            return Err(CompileError::usage(message).hint("does one of them name itself?"));
        }
        let text = std::fs::read(path).map_err(|error| {
            CompileError::cannot("read", path, &error).hint(format!(
                "`@` begins the name of a response file; ./@{} is another file",
                path.display()
            ))
        })?;
        if !self.files.iter().any(|known| known == path) {
            self.files.push(path.to_owned());
        }
        split(&text).into_iter().try_for_each(|word| self.add(word, depth + 1))
    }
}

/// The words of a response file.
fn split(text: &[u8]) -> Vec<OsString> {
    let mut words = Vec::new();
    let mut word: Option<Vec<u8>> = None;
    let mut quote = None;
    let mut bytes = text.iter().copied();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => word.get_or_insert_default().extend(bytes.next()),
            _ if quote == Some(byte) => quote = None,
            b'"' | b'\'' if quote.is_none() => {
                quote = Some(byte);
                // Two quotes with nothing between are a word without letters.
                word.get_or_insert_default();
            }
            b' ' | b'\t' | b'\n' | b'\r' | b'\x0b' | b'\x0c' if quote.is_none() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(byte),
        }
    }
    words.extend(word);
    words.into_iter().map(OsString::from_vec).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_split_as_clang_splits_them() {
        let words = |text: &str| -> Vec<String> {
            split(text.as_bytes()).into_iter().map(|word| word.into_string().expect("UTF-8")).collect()
        };
        assert_eq!(words("-o app\n\tlib.wasm\r\n"), ["-o", "app", "lib.wasm"]);
        assert_eq!(words(r#"a\ b "c d" 'e f'g"#), ["a b", "c d", "e fg"]);
        assert_eq!(words(r#""a\"b" 'c\'d' e\\f "" x"#), ["a\"b", "c'd", r"e\f", "", "x"]);
        assert_eq!(words("'it is open"), ["it is open"]);
        assert!(words(" \n").is_empty());
    }
}
