//! The files of the project as the rules read them: the code of a Rust file apart from its comments, its
//! strings and its unit tests.

use std::fs;
use std::path::{Path, PathBuf};

/// A file of the project.
pub struct SourceFile {
    /// Path from the root of the project, with `/`.
    pub path: String,
    /// All of it.
    pub text: String,
    /// Of a Rust file: blanks in place of comments and of what is in strings, line for line.
    pub code: String,
    /// As `code`, with blanks in place of `#[cfg(test)]` modules too.
    pub product_code: String,
    /// String literals outside of `#[cfg(test)]` modules.
    pub strings: Vec<StringLiteral>,
}

/// A string in Rust code.
pub struct StringLiteral {
    /// Its line, from 1.
    pub line: usize,
    /// What is between the quotes.
    pub text: String,
}

/// What a rule found.
#[derive(Debug, PartialEq, Eq)]
pub struct Problem {
    /// Line, from 1.
    pub line: usize,
    /// What is wrong.
    pub message: String,
}

impl Problem {
    /// A problem at `line`.
    pub fn new(line: usize, message: impl Into<String>) -> Self {
        Self { line, message: message.into() }
    }
}

/// Endings of the files that are read; names without one are read too.
const TEXT_ENDINGS: [&str; 16] = [
    "rs", "toml", "md", "sh", "yml", "wat", "wast", "c", "h", "cpp", "go", "py", "txt", "svg", "dot", "snap",
];

impl SourceFile {
    /// A file at `path` with this content.
    pub fn new(path: &str, text: String) -> Self {
        let (mut code, mut product_code, mut strings) = (String::new(), String::new(), Vec::new());
        if is_rust(path) {
            let lexed = Lexer::new(&text).run();
            product_code = without_test_modules(&lexed.code);
            strings = lexed.strings;
            strings.retain(|literal| {
                let line = product_code.lines().nth(literal.line - 1);
                line.is_some_and(|line| !line.trim().is_empty())
            });
            code = lexed.code;
        }
        Self { path: path.to_owned(), text, code, product_code, strings }
    }

    /// Whether it is Rust of ours.
    pub fn is_rust(&self) -> bool {
        is_rust(&self.path)
    }

    /// Whether it exists for tests only.
    pub fn is_test(&self) -> bool {
        self.path.starts_with("tests/") || self.path.contains("/tests/")
    }

    /// Whether it lies in `directory`.
    pub fn is_in(&self, directory: &str) -> bool {
        self.path.strip_prefix(directory).is_some_and(|rest| rest.starts_with('/'))
    }
}

/// Fixtures are programs as users write them.
fn is_rust(path: &str) -> bool {
    path.ends_with(".rs") && !path.starts_with("fixtures/")
}

/// All files of the project, in the order of their paths.
pub fn all_files() -> Vec<SourceFile> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package lies in the project");
    let mut paths = Vec::new();
    collect(root, &mut paths);
    paths.sort();
    let read = |path: &PathBuf| {
        let relative = path.strip_prefix(root).expect("below the root").to_string_lossy().replace('\\', "/");
        let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
        SourceFile::new(&relative, text)
    };
    paths.iter().map(read).collect()
}

fn collect(directory: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap_or_else(|error| panic!("{directory:?}: {error}")) {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("entries have names").to_string_lossy().into_owned();
        let is_ours = name == ".ci" || !(name.starts_with('.') || name == "target");
        if path.is_dir() && is_ours {
            collect(&path, paths);
        } else if path.is_file() && is_ours {
            let is_text =
                path.extension().is_none_or(|ending| TEXT_ENDINGS.iter().any(|known| ending == *known));
            paths.extend(is_text.then_some(path));
        }
    }
}

/// What lexing a Rust file gives.
struct Lexed {
    code: String,
    strings: Vec<StringLiteral>,
}

/// Goes through Rust text once. Strings and comments become blanks; lines stay.
struct Lexer<'a> {
    rest: &'a str,
    line: usize,
    lexed: Lexed,
}

impl<'a> Lexer<'a> {
    fn new(text: &'a str) -> Self {
        Self { rest: text, line: 1, lexed: Lexed { code: String::new(), strings: Vec::new() } }
    }

    fn run(mut self) -> Lexed {
        while let Some(next) = self.rest.chars().next() {
            if self.rest.starts_with("//") {
                let length = self.rest.find('\n').unwrap_or(self.rest.len());
                self.blank(length);
            } else if self.rest.starts_with("/*") {
                self.blank(block_comment_length(self.rest));
            } else if let Some(hashes) = self.raw_string_hashes() {
                self.string(hashes + 2, &format!("\"{}", "#".repeat(hashes)));
            } else if next == '"' {
                self.string(1, "\"");
            } else if let Some(length) = char_literal_length(self.rest) {
                self.blank(length);
            } else {
                self.keep(next.len_utf8());
            }
        }
        self.lexed
    }

    /// Number of `#` if a raw string starts here: `r"`, `r#"`.
    fn raw_string_hashes(&self) -> Option<usize> {
        let is_in_word = self.lexed.code.ends_with(|c: char| c.is_alphanumeric() && !"bc".contains(c));
        let after = self.rest.strip_prefix('r').filter(|_| !is_in_word)?;
        let hashes = after.len() - after.trim_start_matches('#').len();
        after[hashes..].starts_with('"').then_some(hashes)
    }

    /// A string whose opening is `opening` bytes long and which ends at `closing`.
    fn string(&mut self, opening: usize, closing: &str) {
        let content = &self.rest[opening..];
        let mut length = 0;
        while !content[length..].starts_with(closing) && length < content.len() {
            let is_escape = closing == "\"" && opening == 1 && content[length..].starts_with('\\');
            length += if is_escape { 1 } else { 0 };
            length += content[length..].chars().next().map_or(0, char::len_utf8);
        }
        self.lexed.strings.push(StringLiteral { line: self.line, text: content[..length].to_owned() });
        self.lexed.code.push('"');
        self.blank(opening + length);
        self.keep(closing.len().min(self.rest.len()));
    }

    fn keep(&mut self, length: usize) {
        let (kept, rest) = self.rest.split_at(length);
        self.line += kept.matches('\n').count();
        self.lexed.code.push_str(kept);
        self.rest = rest;
    }

    fn blank(&mut self, length: usize) {
        let (blanked, rest) = self.rest.split_at(length);
        self.line += blanked.matches('\n').count();
        self.lexed.code.extend(blanked.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        self.rest = rest;
    }
}

fn block_comment_length(text: &str) -> usize {
    let (mut depth, mut position) = (0, 0);
    while position < text.len() {
        if text[position..].starts_with("/*") {
            depth += 1;
            position += 2;
        } else if text[position..].starts_with("*/") {
            depth -= 1;
            position += 2;
            if depth == 0 {
                break;
            }
        } else {
            position += text[position..].chars().next().map_or(1, char::len_utf8);
        }
    }
    position
}

/// Bytes of a literal such as `'"'` or `'\n'`; a lifetime is none.
fn char_literal_length(text: &str) -> Option<usize> {
    let content = text.strip_prefix('\'')?;
    if content.starts_with('\\') {
        // The character after the backslash may be a quote itself.
        return content[2..].find('\'').map(|end| 1 + 2 + end + 1);
    }
    let width = content.chars().next()?.len_utf8();
    content[width..].starts_with('\'').then_some(1 + width + 1)
}

/// `code` with blanks in place of its `#[cfg(test)]` items.
fn without_test_modules(code: &str) -> String {
    let mut result = code.to_owned();
    let mut from = 0;
    while let Some(found) = code[from..].find("#[cfg(test)]") {
        let start = from + found;
        let end = start + item_length(&code[start..]);
        let blanks: String = code[start..end].chars().map(|c| if c == '\n' { '\n' } else { ' ' }).collect();
        // Blanks are one byte each, and code has lost what is not ASCII with its comments and strings.
        if blanks.len() == end - start {
            result.replace_range(start..end, &blanks);
        }
        from = end;
    }
    result
}

/// Bytes up to the end of the item that starts here: its `;` or the brace that closes it.
pub fn item_length(code: &str) -> usize {
    let mut depth = 0usize;
    for (position, character) in code.char_indices() {
        match character {
            '{' | '(' | '[' => depth += 1,
            '}' | ')' | ']' => {
                depth = depth.saturating_sub(1);
                if depth == 0 && character == '}' {
                    return position + 1;
                }
            }
            ';' if depth == 0 => return position + 1,
            _ => {}
        }
    }
    code.len()
}

/// Places of `word` in `code` where it stands alone, as lines from 1.
pub fn lines_with_word(code: &str, word: &str) -> Vec<usize> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let stands_alone = |position: &usize| {
        let before = code[..*position].chars().next_back().is_some_and(is_part) && word.starts_with(is_part);
        let after =
            code[position + word.len()..].chars().next().is_some_and(is_part) && word.ends_with(is_part);
        !before && !after
    };
    let positions = code.match_indices(word).map(|(position, _)| position).filter(stands_alone);
    positions.map(|position| code[..position].matches('\n').count() + 1).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rust(text: &str) -> SourceFile {
        SourceFile::new("a.rs", text.to_owned())
    }

    #[test]
    fn comments_and_strings_are_not_code() {
        let file = rust(
            "// unwrap\nlet a = \"un\\\"wrap\"; /* un /* w */ rap */ let c = '\"'; let d = r#\"x\"y\"#;\n",
        );
        assert!(!file.code.contains("wrap"), "{}", file.code);
        assert!(file.code.contains("let c =") && file.code.contains("let d ="), "{}", file.code);
        let strings: Vec<_> =
            file.strings.iter().map(|literal| (literal.line, literal.text.as_str())).collect();
        assert_eq!(strings, [(2, "un\\\"wrap"), (2, "x\"y")]);
    }

    #[test]
    fn lifetimes_are_no_characters() {
        let file = rust("fn a<'c>(b: &'c str) -> &'static str { 'x'; \"s\" }\n");
        assert!(file.code.contains("<'c>(b: &'c str)"), "{}", file.code);
        assert_eq!(file.strings.len(), 1);
    }

    #[test]
    fn unit_tests_are_not_product_code() {
        let file = rust("fn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() { \"x\" }\n}\nfn c() {}\n");
        assert!(!file.product_code.contains("fn b"), "{}", file.product_code);
        assert!(file.product_code.contains("fn c"), "{}", file.product_code);
        assert!(file.strings.is_empty());
    }

    #[test]
    fn words_stand_alone() {
        assert_eq!(lines_with_word("openat2\n openat(x)\nreopenat", "openat"), [2]);
        assert_eq!(lines_with_word("a.b().c\n", ".b()"), [1]);
    }
}
