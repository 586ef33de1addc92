//! Depfiles (`-MD`, `-MMD`): what an output was made of, as a rule that make, ninja and their like read.
//!
//! The rule: what make cannot be told is said, never left out without a word. Directories that were packed
//! are named too, so that a file which is added to one is noticed.

use std::cell::RefCell;
use std::ffi::OsStr;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use crate::error::{Code, CompileError, Diagnostic, Result};
use crate::options::{DepfileOptions, DepfileTarget, Phony, SystemFiles};

/// A file or directory that an output was made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dependency {
    /// Its path, as it was given or found.
    pub path: PathBuf,
    /// Whether it is of the system or of the compiler: a library that the C compiler found, the runtime.
    pub is_system: bool,
}

/// All of them, as they are met.
#[derive(Debug, Default)]
pub struct Dependencies(RefCell<Vec<Dependency>>);

impl Dependencies {
    /// What the user gave.
    pub fn add(&self, path: &Path) {
        self.push(Dependency { path: path.to_owned(), is_system: false });
    }

    /// What the system or the compiler has.
    pub fn add_of_system(&self, path: &Path) {
        self.push(Dependency { path: path.to_owned(), is_system: true });
    }

    fn push(&self, file: Dependency) {
        let mut all = self.0.borrow_mut();
        if !all.iter().any(|known| known.path == file.path) {
            all.push(file);
        }
    }

    /// All that were met, each once.
    pub fn into_all(self) -> Vec<Dependency> {
        self.0.into_inner()
    }

    /// The text of the depfile for `output`. Warnings name what make cannot be told of. Errors: the output is
    /// such.
    pub fn rule(&self, options: &DepfileOptions, output: &Path) -> Result<(Vec<u8>, Vec<Diagnostic>)> {
        let all = self.0.borrow();
        let wanted = all.iter().filter(|file| !file.is_system || options.system == SystemFiles::Named);
        let mut words = Vec::new();
        let mut warnings = Vec::new();
        for file in wanted {
            match quoted(file.path.as_os_str(), Side::Prerequisite) {
                Some(word) => words.push(word),
                None => warnings.push(not_named(&file.path)),
            }
        }
        let mut text = targets(options, output)?.join(&b' ');
        text.push(b':');
        for word in &words {
            text.extend(b" \\\n  ");
            text.extend(word);
        }
        text.push(b'\n');
        // The first is the input, which a rule of the user's names.
        for word in words.iter().skip(1).filter(|_| options.phony == Phony::Added) {
            text.extend([b"\n", word.as_slice(), b":\n"].concat());
        }
        Ok((text, warnings))
    }
}

fn targets(options: &DepfileOptions, output: &Path) -> Result<Vec<Vec<u8>>> {
    let quote = |name: &OsStr| {
        quoted(name, Side::Target).ok_or_else(|| {
            let message = format!("a depfile cannot name {}: make has no way to write it", name.display());
            CompileError::usage(message).hint("another name, or -MT with what the makefile calls it")
        })
    };
    if options.targets.is_empty() {
        return Ok(vec![quote(output.as_os_str())?]);
    }
    let words = options.targets.iter().map(|target| match target {
        DepfileTarget::AsGiven(text) => Ok(text.clone().into_vec()),
        DepfileTarget::Quoted(name) => quote(name),
    });
    words.collect()
}

fn not_named(path: &Path) -> Diagnostic {
    let message = format!("the depfile does not name {}: make has no way to write it", path.display());
    Diagnostic::warning(Code::Omission, message).hint("a change of it is not noticed; another name is")
}

/// Of which side of the colon a word is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Target,
    Prerequisite,
}

/// `name` as a word of a makefile, as GNU make 4.3 reads it; `None` if it has no such form.
fn quoted(name: &OsStr, side: Side) -> Option<Vec<u8>> {
    let bytes = name.as_bytes();
    let mut word = Vec::with_capacity(bytes.len());
    if bytes.starts_with(b"~") {
        // Otherwise it is somebody's home directory.
        word.extend(b"./");
    }
    for &byte in bytes {
        match (byte, side) {
            (b'\n' | b'\r' | b';' | b'=', _) | (b'%' | b'\t', Side::Target) => return None,
            (b'$', _) => word.push(b'$'),
            (b' ' | b'#' | b':' | b'*' | b'?' | b'[', _) | (b'\t' | b'|', Side::Prerequisite) => {
                // Backslashes in front of it are halved, others are not.
                let before = word.iter().rev().take_while(|byte| **byte == b'\\').count();
                word.extend(std::iter::repeat_n(b'\\', before + 1));
            }
            _ => {}
        }
        word.push(byte);
    }
    // At the end it would escape what follows.
    (!word.ends_with(b"\\")).then_some(word)
}

/// The prerequisites in a depfile of a C compiler, all its rules together.
pub fn read(text: &[u8]) -> Vec<PathBuf> {
    let mut words: Vec<Vec<u8>> = vec![Vec::new()];
    let mut bytes = text.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        let word = words.last_mut().expect("there is always one");
        match (byte, bytes.peek()) {
            (b'\\', Some(b' ' | b'#' | b':' | b'\\')) => word.extend(bytes.next()),
            (b'\\', Some(b'\n')) => {}
            (b'$', Some(b'$')) => word.extend(bytes.next()),
            (b':', Some(b' ' | b'\n')) | (b':', None) => word.clear(),
            (b' ' | b'\n' | b'\t', _) if !word.is_empty() => words.push(Vec::new()),
            (b' ' | b'\n' | b'\t', _) => {}
            _ => word.push(byte),
        }
    }
    words.retain(|word| !word.is_empty());
    words.into_iter().map(|word| PathBuf::from(std::ffi::OsString::from_vec(word))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(name: &str, side: Side) -> Option<String> {
        quoted(OsStr::new(name), side).map(|word| String::from_utf8(word).expect("UTF-8"))
    }

    #[test]
    fn names_are_quoted_as_make_reads_them() {
        let prerequisite = |name: &str| word(name, Side::Prerequisite);
        assert_eq!(prerequisite(r"a b#c$d:e"), Some(r"a\ b\#c$$d\:e".into()));
        assert_eq!(prerequisite(r"a\ b\c"), Some(r"a\\\ b\c".into()));
        assert_eq!(prerequisite("~a%"), Some("./~a%".into()));
        assert_eq!(word("a%", Side::Target), None);
        for name in ["a;b", "a=b", "a\nb", "a\\"] {
            assert_eq!(prerequisite(name), None, "{name}");
        }
    }

    #[test]
    fn a_c_compilers_depfile_is_read() {
        let paths = read(b"x: a.c \\\n  /usr/include/b.h c\\ d.h \\\n  e$$.h\n\nc\\ d.h:\n");
        let expected = ["a.c", "/usr/include/b.h", "c d.h", "e$.h"];
        assert_eq!(paths, expected.map(PathBuf::from));
    }

    #[test]
    fn a_rule_names_each_file_once_and_system_files_if_asked() {
        let files = Dependencies::default();
        for path in ["a.wasm", "b c", "a.wasm"] {
            files.add(Path::new(path));
        }
        files.add_of_system(Path::new("/lib/c.a"));
        let mut options = DepfileOptions::default();
        let rule = |options: &DepfileOptions| {
            let (text, warnings) = files.rule(options, Path::new("out")).expect("a rule");
            assert!(warnings.is_empty());
            String::from_utf8(text).expect("UTF-8")
        };
        assert_eq!(rule(&options), "out: \\\n  a.wasm \\\n  b\\ c \\\n  /lib/c.a\n");
        options.system = SystemFiles::LeftOut;
        options.phony = Phony::Added;
        options.targets = vec![DepfileTarget::AsGiven("$(x)".into()), DepfileTarget::Quoted("a b".into())];
        assert_eq!(rule(&options), "$(x) a\\ b: \\\n  a.wasm \\\n  b\\ c\n\nb\\ c:\n");
    }
}
