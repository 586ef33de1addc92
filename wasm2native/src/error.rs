//! What can go wrong, said so that the user can act on it: what, where, and what to do.

use std::borrow::Cow;
use std::fmt;
use std::path::{Path, PathBuf};

/// Result of everything in the compiler that can fail.
pub type Result<T> = std::result::Result<T, CompileError>;

/// Whose turn it is to act; decides the exit status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The input, or the machine we run on (missing linker, full disk). Exit status 1.
    Input,
    /// The command line. Exit status 2.
    Usage,
    /// A bug in the compiler. Exit status 70.
    Internal,
}

/// What to do about a bug of ours.
pub const REPORT_HINT: &str =
    "this is a bug in wasm2native; please report it with the module and the command line";

/// An error with its place and a hint.
#[derive(Clone, Debug)]
pub struct CompileError(Box<Details>);

#[derive(Clone, Debug)]
struct Details {
    kind: ErrorKind,
    message: String,
    file: Option<PathBuf>,
    is_about_machine: bool,
    offset_bytes: Option<usize>,
    func: Option<(u32, Option<String>)>,
    detail: Option<String>,
    hint: Option<String>,
}

impl CompileError {
    /// An error of `kind` with nothing but a message yet.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        let message = message.into();
        Self(Box::new(Details {
            kind,
            message,
            file: None,
            is_about_machine: false,
            offset_bytes: None,
            func: None,
            detail: None,
            hint: None,
        }))
    }

    /// The input (or the machine) is at fault.
    pub fn input(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Input, message)
    }

    /// The machine is at fault, not the module: no file is to be named beside the message.
    pub fn machine(message: impl Into<String>) -> Self {
        let mut error = Self::input(message);
        error.0.is_about_machine = true;
        error
    }

    /// The command line is at fault.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Usage, message)
    }

    /// We are at fault.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Internal, message)
    }

    /// Names the file, unless one is named already.
    pub fn in_file(mut self, file: &Path) -> Self {
        self.0.file.get_or_insert_with(|| file.to_owned());
        self
    }

    /// Names the byte offset in the Wasm binary, unless one is named already.
    pub fn at(mut self, offset_bytes: usize) -> Self {
        self.0.offset_bytes.get_or_insert(offset_bytes);
        self
    }

    /// Names the function, unless one is named already.
    pub fn in_func(mut self, index: u32, name: Option<&str>) -> Self {
        self.0.func.get_or_insert_with(|| (index, name.map(str::to_owned)));
        self
    }

    /// Says something better at the same place.
    pub fn message_instead(mut self, message: impl Into<String>) -> Self {
        self.0.message = message.into();
        self
    }

    /// Adds lines that are printed below the message, and below those that are there already.
    pub fn detail(mut self, lines: impl Into<String>) -> Self {
        let lines = lines.into();
        self.0.detail = Some(match self.0.detail.take() {
            Some(before) => format!("{before}\n{lines}"),
            None => lines,
        });
        self
    }

    /// Something the operating system refused to do with a file.
    pub fn cannot(verb: &str, path: &Path, error: &std::io::Error) -> Self {
        Self::machine(format!("cannot {verb} {}: {}", path.display(), plain_reason(error)))
    }

    /// The same with a temporary file.
    pub fn cannot_temporarily(verb: &str, path: &Path, error: &std::io::Error) -> Self {
        Self::cannot(verb, path, error).hint("TMPDIR can name another place for temporary files")
    }

    /// Says what to do about it.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// The byte offset in the Wasm binary, if it is known.
    pub fn offset_bytes(&self) -> Option<usize> {
        self.0.offset_bytes
    }

    /// Whose turn it is.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Whether it was made by [`CompileError::machine`].
    pub fn is_about_machine(&self) -> bool {
        self.0.is_about_machine
    }

    /// Lines to be printed below the message, safe to print.
    pub fn detail_text(&self) -> Option<String> {
        // Source lines are indented with tabs.
        let printable_line = |line: &str| line.split('\t').map(printable).collect::<Vec<_>>().join("\t");
        Some(self.0.detail.as_ref()?.lines().map(printable_line).collect::<Vec<_>>().join("\n"))
    }

    /// The hint, printed apart from the message: one line, safe to print.
    pub fn hint_text(&self) -> Option<String> {
        self.0.hint.as_deref().map(printable)
    }

    /// Status for the process to exit with.
    pub fn exit_status(&self) -> u8 {
        match self.0.kind {
            ErrorKind::Input => 1,
            ErrorKind::Usage => 2,
            ErrorKind::Internal => 70,
        }
    }
}

/// `app.wasm: message, at 0x5a21 in func 718 `name``, without the hint. It is one line, safe to print.
impl fmt::Display for CompileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.0.file {
            write!(f, "{}: ", printable(&file.to_string_lossy()))?;
        }
        f.write_str(&printable(&self.0.message))?;
        if let Some(offset) = self.0.offset_bytes {
            write!(f, ", at {offset:#x}")?;
        }
        match &self.0.func {
            Some((index, Some(name))) => write!(f, " in func {index} `{}`", shown_name(name)),
            Some((index, None)) => write!(f, " in func {index}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for CompileError {}

/// Characters of a name that a message shows; a hostile module's names have a hundred thousand.
const NAME_LIMIT_CHARS: usize = 200;

/// `text` with everything escaped that a terminal acts on or that hides what stands beside it: control
/// characters, line breaks, marks that change the direction of writing. Names in modules are hostile.
pub fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            // These `escape_debug` would escape for the sake of Rust's syntax.
            '"' | '\'' | '\\' => shown.push(character),
            _ => shown.extend(character.escape_debug()),
        }
    }
    shown
}

/// A name out of a module as messages show it: printable, and of a length that can be read.
pub fn shown_name(name: &str) -> String {
    printable(&shortened(name, NAME_LIMIT_CHARS))
}

/// `text`, or its first `limit_chars` characters with a sign that there is more.
pub fn shortened(text: &str, limit_chars: usize) -> Cow<'_, str> {
    match text.char_indices().nth(limit_chars) {
        Some((cut, _)) => format!("{}…", &text[..cut]).into(),
        None => text.into(),
    }
}

/// What the system says, without Rust's `(os error 2)`.
pub fn plain_reason(error: &std::io::Error) -> String {
    let text = error.to_string();
    let end = text.find(" (os error").unwrap_or(text.len());
    text[..end].to_lowercase()
}

/// A failed builder call means we built impossible IR.
impl From<inkwell::builder::BuilderError> for CompileError {
    fn from(error: inkwell::builder::BuilderError) -> Self {
        Self::internal(format!("LLVM refused an instruction: {error}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_act_on_the_terminal_nor_fill_it() {
        assert_eq!(shown_name("a\0\u{1b}[31m\n\u{202e}'é`"), "a\\0\\u{1b}[31m\\n\\u{202e}'é`");
        assert_eq!(shown_name(&"é".repeat(NAME_LIMIT_CHARS)), "é".repeat(NAME_LIMIT_CHARS));
        let long = shown_name(&"é".repeat(NAME_LIMIT_CHARS + 1));
        assert_eq!(long, "é".repeat(NAME_LIMIT_CHARS) + "…");
    }

    #[test]
    fn an_error_is_one_line_whatever_is_in_it() {
        let error = CompileError::input("a\nhint: b").in_file(Path::new("c\r.wasm")).in_func(1, Some("d\ne"));
        assert_eq!(error.to_string(), "c\\r.wasm: a\\nhint: b in func 1 `d\\ne`");
    }
}
