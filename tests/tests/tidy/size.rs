//! Files, functions and lines are short enough to be read in one go.

use super::source::{Problem, SourceFile, item_length, lines_with_word};

/// Lines that a file of code may have.
const MAX_FILE_LINES: usize = 500;

/// Lines that a function may have.
const MAX_FUNCTION_LINES: usize = 70;

/// Columns that a line of the product may have, comments included.
const MAX_COLUMNS: usize = 110;

/// Where the product is.
const PRODUCT: [&str; 3] = ["wasm2native", "rt", "libwasirt"];

/// Files with longer lines, and why.
const WIDE_FILES: &[(&str, &str)] = &[
    ("rt/abi/src/runtime.rs", "the list of runtime functions: one line each"),
    ("wasm2native/src/translate/operator.rs", "the table of operators: one line each"),
];

/// Endings of files that are code.
const CODE_ENDINGS: [&str; 7] = [".rs", ".sh", ".py", ".h", ".c", ".cpp", ".go"];

/// A function that may be longer, and why.
pub struct LongFunction {
    path: &'static str,
    name: &'static str,
    reason: &'static str,
}

/// Functions that are longer.
pub const LONG_FUNCTIONS: &[LongFunction] = &[
    LongFunction {
        path: "wasm2native/src/translate/operator.rs",
        name: "translate_operator",
        reason: "the table of operators: one line each",
    },
    LongFunction {
        path: "wasm2native/src/translate/simd/operator.rs",
        name: "translate_vector_operator",
        reason: "the table of vector operators: one line each",
    },
];

/// Files of code have at most [`MAX_FILE_LINES`].
pub fn file_length(file: &SourceFile) -> Vec<Problem> {
    let is_code = CODE_ENDINGS.iter().any(|ending| file.path.ends_with(ending));
    let lines = file.text.lines().count();
    if !is_code || lines <= MAX_FILE_LINES {
        return Vec::new();
    }
    vec![Problem::new(lines, format!("has {lines} lines, more than {MAX_FILE_LINES}"))]
}

/// Lines of the product have at most [`MAX_COLUMNS`]. What a string says may go beyond: it is found by
/// searching for it only where it is in one piece.
pub fn line_width(file: &SourceFile) -> Vec<Problem> {
    if WIDE_FILES.iter().any(|(path, _)| *path == file.path) {
        return Vec::new();
    }
    let wide = wide_lines(file).into_iter();
    wide.map(|(line, columns)| Problem::new(line, format!("has {columns} columns, more than {MAX_COLUMNS}")))
        .collect()
}

/// Files of [`WIDE_FILES`] whose lines are not long.
pub fn stale_wide_files(files: &[SourceFile]) -> Vec<String> {
    let is_wide = |path: &str| files.iter().any(|file| file.path == path && !wide_lines(file).is_empty());
    let stale = WIDE_FILES.iter().filter(|(path, reason)| reason.is_empty() || !is_wide(path));
    stale.map(|(path, _)| format!("{path} has no long lines")).collect()
}

/// Number and columns of each line that is too long.
fn wide_lines(file: &SourceFile) -> Vec<(usize, usize)> {
    let is_code = CODE_ENDINGS.iter().any(|ending| file.path.ends_with(ending));
    if !is_code || file.is_test() || !PRODUCT.iter().any(|folder| file.is_in(folder)) {
        return Vec::new();
    }
    // Of Rust, what is in strings is blank in `code`, and so are comments.
    let mut code = file.code.lines();
    let mut wide = Vec::new();
    for (number, line) in file.text.lines().enumerate() {
        let code = code.next().unwrap_or(line);
        // What closes behind a string belongs to it.
        let closes = |c: char| c.is_whitespace() || "\",;)?#".contains(c);
        let code = if code == line { line } else { code.trim_end_matches(closes) };
        let is_comment = line.trim_start().starts_with("//");
        let columns = line.chars().count();
        if columns > MAX_COLUMNS && (is_comment || code.chars().count() > MAX_COLUMNS) {
            wide.push((number + 1, columns));
        }
    }
    wide
}

/// Functions have at most [`MAX_FUNCTION_LINES`], but for [`LONG_FUNCTIONS`].
pub fn function_length(file: &SourceFile) -> Vec<Problem> {
    long_functions(file)
        .into_iter()
        .filter(|(_, name, _)| !is_exception(file, name))
        .map(|(line, name, lines)| {
            Problem::new(line, format!("{name} has {lines} lines, more than {MAX_FUNCTION_LINES}"))
        })
        .collect()
}

fn is_exception(file: &SourceFile, name: &str) -> bool {
    LONG_FUNCTIONS.iter().any(|long| long.path == file.path && long.name == name && !long.reason.is_empty())
}

/// Exceptions that name no long function.
pub fn stale_exceptions(files: &[SourceFile]) -> Vec<String> {
    let is_needed = |long: &&LongFunction| {
        let file = files.iter().find(|file| file.path == long.path);
        file.is_some_and(|file| long_functions(file).iter().any(|(_, name, _)| name == long.name))
    };
    let stale = LONG_FUNCTIONS.iter().filter(|long| !is_needed(long));
    stale.map(|long| format!("{} in {} is not long", long.name, long.path)).collect()
}

/// Line, name and number of lines of each function that is too long.
fn long_functions(file: &SourceFile) -> Vec<(usize, String, usize)> {
    let mut long = Vec::new();
    for line in lines_with_word(&file.code, "fn") {
        let from_line: String = file.code.lines().skip(line - 1).flat_map(|line| [line, "\n"]).collect();
        let item = &from_line[from_line.find("fn ").unwrap_or(0)..];
        let lines = item[..item_length(item)].lines().count();
        let name =
            item["fn ".len()..].split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default();
        if lines > MAX_FUNCTION_LINES {
            long.push((line, name.to_owned(), lines));
        }
    }
    long
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rust(text: &str) -> SourceFile {
        SourceFile::new("a.rs", text.to_owned())
    }

    #[test]
    fn a_long_file_is_found() {
        assert!(file_length(&rust(&"\n".repeat(MAX_FILE_LINES))).is_empty());
        assert_eq!(file_length(&rust(&"\n".repeat(MAX_FILE_LINES + 1))).len(), 1);
        assert!(file_length(&SourceFile::new("a.wat", "\n".repeat(MAX_FILE_LINES + 1))).is_empty());
    }

    #[test]
    fn a_long_function_is_found_where_it_is() {
        let function =
            |lines: usize| format!("fn a(b: [u8; 2]) -> u8 {{\n{}}}\n", "x();\n".repeat(lines - 2));
        assert!(function_length(&rust(&function(MAX_FUNCTION_LINES))).is_empty());
        let text = format!("fn short();\n{}", function(MAX_FUNCTION_LINES + 1));
        let problems = function_length(&rust(&text));
        assert_eq!(problems.iter().map(|problem| problem.line).collect::<Vec<_>>(), [2]);
    }

    #[test]
    fn a_long_line_is_found() {
        let lines = |path: &str, line: &str| line_width(&SourceFile::new(path, format!("a\n{line}\n"))).len();
        let comment = |columns: usize| format!("// {}", "a".repeat(columns - 3));
        assert_eq!(lines("rt/src/a.rs", &comment(MAX_COLUMNS)), 0);
        assert_eq!(lines("rt/src/a.rs", &comment(MAX_COLUMNS + 1)), 1);
        assert_eq!(lines("wasm2native/llvm/a.cpp", &comment(MAX_COLUMNS + 1)), 1);
        assert_eq!(lines("tests/src/a.rs", &comment(MAX_COLUMNS + 1)), 0);
        let text = "a".repeat(MAX_COLUMNS);
        assert_eq!(lines("rt/src/a.rs", &format!("const A: &str = \"{text}\";")), 0);
        assert_eq!(lines("rt/src/a.rs", &format!("fn {text}() {{}}")), 1);
        assert_eq!(stale_wide_files(&[]).len(), WIDE_FILES.len());
    }

    #[test]
    fn an_exception_that_is_not_needed_is_found() {
        let path = LONG_FUNCTIONS[0].path;
        let short = SourceFile::new(path, format!("fn {}() {{}}\n", LONG_FUNCTIONS[0].name));
        assert_eq!(stale_exceptions(&[short]).len(), LONG_FUNCTIONS.len());
    }
}
