//! What can go wrong or is worth knowing, said so that the user can act on it: what, where, and what to do.
//!
//! The rule: it is data. What it looks like is decided in `render.rs` alone.

use std::borrow::Cow;
use std::fmt;
use std::path::{Path, PathBuf};

pub use crate::code::Code;

/// Result of everything in the compiler that can fail.
pub type Result<T> = std::result::Result<T, CompileError>;

/// A diagnostic that ends the compilation.
pub type CompileError = Diagnostic;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Nothing is made.
    Error,
    /// The output is made, and may not be what was meant.
    Warning,
    /// What the optimiser did with a piece of code, if it was asked for.
    Remark,
    /// What is done, step by step, if it was asked for.
    Note,
}

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

/// A function of a module: its index and its name, if it has one.
pub type NamedFunc = (u32, Option<String>);

/// A place in a text, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineColumn {
    /// Line.
    pub line: u64,
    /// Column, in characters.
    pub column: u64,
}

/// What there is to say, with its place and a hint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic(Box<Details>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Details {
    severity: Severity,
    kind: ErrorKind,
    code: Code,
    message: String,
    file: Option<PathBuf>,
    is_about_machine: bool,
    offset_bytes: Option<usize>,
    func: Option<NamedFunc>,
    source: Option<(LineColumn, String)>,
    detail: Option<String>,
    hint: Option<String>,
}

impl Diagnostic {
    fn new(severity: Severity, kind: ErrorKind, code: Code, message: impl Into<String>) -> Self {
        let message = message.into();
        Self(Box::new(Details {
            severity,
            kind,
            code,
            message,
            file: None,
            is_about_machine: false,
            offset_bytes: None,
            func: None,
            source: None,
            detail: None,
            hint: None,
        }))
    }

    /// The input (or the machine) is at fault.
    pub fn input(message: impl Into<String>) -> Self {
        Self::new(Severity::Error, ErrorKind::Input, Code::Input, message)
    }

    /// The machine is at fault, not the module: no file is to be named beside the message.
    pub fn machine(message: impl Into<String>) -> Self {
        let mut error = Self::input(message).code(Code::Machine);
        error.0.is_about_machine = true;
        error
    }

    /// The command line is at fault.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Severity::Error, ErrorKind::Usage, Code::Usage, message)
    }

    /// We are at fault.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(Severity::Error, ErrorKind::Internal, Code::Internal, message)
    }

    /// What the user should know though it is no error.
    pub fn warning(code: Code, message: impl Into<String>) -> Self {
        let mut warning = Self::new(Severity::Warning, ErrorKind::Input, code, message);
        // As an error it names the files that it is about itself.
        warning.0.is_about_machine = true;
        warning
    }

    /// What a pass did.
    pub fn remark(message: impl Into<String>) -> Self {
        Self::new(Severity::Remark, ErrorKind::Input, Code::Remark, message)
    }

    /// A step of the work.
    pub fn note(message: impl Into<String>) -> Self {
        Self::new(Severity::Note, ErrorKind::Input, Code::Step, message)
    }

    /// Says more exactly what it is.
    pub fn code(mut self, code: Code) -> Self {
        self.0.code = code;
        self
    }

    /// The same as an error: warnings were asked to be errors.
    pub fn into_error(mut self) -> Self {
        self.0.severity = Severity::Error;
        self
    }

    /// The same as a warning: nothing is lost by going on.
    pub fn into_warning(mut self) -> Self {
        self.0.severity = Severity::Warning;
        self
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

    /// Names the place in the text that the module was made from; `line_text` is that line.
    pub fn at_line(mut self, place: LineColumn, line_text: impl Into<String>) -> Self {
        self.0.source = Some((place, line_text.into()));
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
        Self::machine(format!("cannot {verb} {}: {}", path.display(), plain_reason(error))).code(Code::File)
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
}

/// What it says. Texts are as they came, from hostile modules too: see [`printable`].
impl Diagnostic {
    /// How bad it is.
    pub fn severity(&self) -> Severity {
        self.0.severity
    }

    /// Whose turn it is.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// What it is, for programs: it does not change with the words.
    pub fn code_name(&self) -> Code {
        self.0.code
    }

    /// The message alone, without place and hint.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The file that it is about.
    pub fn file(&self) -> Option<&Path> {
        self.0.file.as_deref()
    }

    /// The function that it is about.
    pub fn func(&self) -> Option<&NamedFunc> {
        self.0.func.as_ref()
    }

    /// The byte offset in the Wasm binary, if it is known.
    pub fn offset_bytes(&self) -> Option<usize> {
        self.0.offset_bytes
    }

    /// The place in the text that the module was made from, and that line.
    pub fn source(&self) -> Option<(LineColumn, &str)> {
        self.0.source.as_ref().map(|(place, line)| (*place, line.as_str()))
    }

    /// Whether it was made by [`Diagnostic::machine`].
    pub fn is_about_machine(&self) -> bool {
        self.0.is_about_machine
    }

    /// Lines below the message.
    pub fn detail_lines(&self) -> Option<&str> {
        self.0.detail.as_deref().filter(|lines| !lines.is_empty())
    }

    /// What to do about it.
    pub fn hint_text(&self) -> Option<&str> {
        let of_kind = (self.0.kind == ErrorKind::Internal).then_some(REPORT_HINT);
        self.0.hint.as_deref().or(of_kind)
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
impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.0.file {
            write!(f, "{}: ", printable(&file.to_string_lossy()))?;
        }
        f.write_str(&printable(&self.0.message))?;
        if let Some(offset) = self.0.offset_bytes {
            write!(f, ", at {offset:#x}")?;
        }
        match &self.0.func {
            Some(func) => write!(f, " in {}", shown_func(func)),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Diagnostic {}

/// `func 718 `name``
pub fn shown_func((index, name): &NamedFunc) -> String {
    match name {
        Some(name) => format!("func {index} `{}`", shown_name(name)),
        None => format!("func {index}"),
    }
}

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
