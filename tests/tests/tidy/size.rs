//! Files and functions are short enough to be read in one go.

use super::source::{Problem, SourceFile, item_length, lines_with_word};

/// Lines that a file of code may have.
const MAX_FILE_LINES: usize = 500;

/// Lines that a function may have.
const MAX_FUNCTION_LINES: usize = 70;

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
    fn an_exception_that_is_not_needed_is_found() {
        let path = LONG_FUNCTIONS[0].path;
        let short = SourceFile::new(path, format!("fn {}() {{}}\n", LONG_FUNCTIONS[0].name));
        assert_eq!(stale_exceptions(&[short]).len(), LONG_FUNCTIONS.len());
    }
}
