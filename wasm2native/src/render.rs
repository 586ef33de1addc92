//! How diagnostics look: as text for people, coloured if the stream wants that, and as JSON for programs.
//!
//! The rule: what comes out of a module is escaped here, so that it cannot act on a terminal.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};

use crate::error::{Diagnostic, ErrorKind, LineColumn, Severity, printable, shown_func};

const ERROR: Style = AnsiColor::Red.on_default().bold();
const WARNING: Style = AnsiColor::Yellow.on_default().bold();
const HINT: Style = AnsiColor::Cyan.on_default().bold();
const PROGRAM: Style = Style::new().bold();

/// Longer lines are no help to anybody.
const LINE_LIMIT_CHARS: usize = 400;

/// The text of `diagnostic` with its place in the source and its hint, as whole lines, with escape sequences
/// for colours; `anstream` takes them out where they are not wanted.
pub fn text(diagnostic: &Diagnostic) -> String {
    let mut text = headline(diagnostic);
    text.push('\n');
    if let Some(lines) = diagnostic.detail_lines() {
        text.push_str(&printable_lines(lines));
        text.push('\n');
    }
    if let Some((place, line)) = diagnostic.source() {
        text.push_str(&excerpt(diagnostic, place, line));
    }
    if let Some(hint) = diagnostic.hint_text() {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{HINT}hint:{HINT:#} {}", printable(hint));
    }
    text
}

/// `wasm2native: error: app.wasm: message, at 0x5a21 in func 718`
fn headline(diagnostic: &Diagnostic) -> String {
    let (style, word) = match (diagnostic.severity(), diagnostic.kind()) {
        (Severity::Error, ErrorKind::Internal) => (ERROR, "internal error"),
        (Severity::Error, _) => (ERROR, "error"),
        (Severity::Warning, _) => (WARNING, "warning"),
        (Severity::Note, _) => return format!("{PROGRAM}wasm2native:{PROGRAM:#} {diagnostic}"),
        (Severity::Remark, _) => return remark(diagnostic),
    };
    format!("{PROGRAM}wasm2native:{PROGRAM:#} {style}{word}:{style:#} {diagnostic}")
}

/// `remark: 0x5a21 in func 718 `name`: loop-vectorize: vectorized loop`
fn remark(diagnostic: &Diagnostic) -> String {
    let mut text = "remark: ".to_owned();
    if let Some(offset) = diagnostic.offset_bytes() {
        let _ = write!(text, "{offset:#x} in ");
    }
    if let Some(func) = diagnostic.func() {
        let _ = write!(text, "{}: ", shown_func(func));
    }
    text + &printable(diagnostic.message())
}

/// The line that it is about, below where that stands, and a mark at the column.
fn excerpt(diagnostic: &Diagnostic, place: LineColumn, line_text: &str) -> String {
    let LineColumn { line, column } = place;
    let file = diagnostic.file().map(|file| file.to_string_lossy()).unwrap_or_default();
    let mut text = format!("     --> {}:{line}:{column}\n", printable(&file));
    if line_text.chars().count() > LINE_LIMIT_CHARS {
        return text;
    }
    let before = usize::try_from(column).unwrap_or_default().saturating_sub(1);
    // What is indented with tabs is marked below them.
    let indent: String = line_text.chars().take(before).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
    let _ = writeln!(text, "      |\n{line:>5} | {}\n      | {indent}^", printable_lines(line_text));
    text
}

/// `lines` with everything escaped that is neither text, a tab nor the end of a line.
fn printable_lines(lines: &str) -> String {
    // Source lines are indented with tabs.
    let printable_line = |line: &str| line.split('\t').map(printable).collect::<Vec<_>>().join("\t");
    lines.lines().map(printable_line).collect::<Vec<_>>().join("\n")
}

/// `diagnostic` as one line of JSON: an object that always has the same keys, null where there is nothing to
/// say.
pub fn json(diagnostic: &Diagnostic) -> String {
    let severity = match diagnostic.severity() {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Remark => "remark",
        Severity::Note => "note",
    };
    let function = diagnostic.func().map_or_else(
        || "null".to_owned(),
        |(index, name)| format!("{{\"index\":{index},\"name\":{}}}", json_text(name.as_deref())),
    );
    let file = diagnostic.file().map(|file| file.to_string_lossy());
    let source = diagnostic.source();
    let fields = [
        ("severity", json_text(Some(severity))),
        ("code", json_text(Some(diagnostic.code_name().name()))),
        ("message", json_text(Some(diagnostic.message()))),
        ("file", json_text(file.as_deref())),
        ("function", function),
        ("offset", json_number(diagnostic.offset_bytes().map(|offset| offset as u64))),
        ("line", json_number(source.map(|(place, _)| place.line))),
        ("column", json_number(source.map(|(place, _)| place.column))),
        ("source", json_text(source.map(|(_, line)| line))),
        ("detail", json_text(diagnostic.detail_lines())),
        ("hint", json_text(diagnostic.hint_text())),
    ];
    let fields: Vec<_> = fields.into_iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
    format!("{{{}}}\n", fields.join(","))
}

fn json_number(number: Option<u64>) -> String {
    number.map_or_else(|| "null".to_owned(), |number| number.to_string())
}

/// `text` in quotes. What a terminal would act on is escaped too, since logs are looked at.
fn json_text(text: Option<&str>) -> String {
    let Some(text) = text else { return "null".to_owned() };
    let mut json = String::with_capacity(text.len() + 2);
    json.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => json.extend(['\\', character]),
            '\n' => json.push_str("\\n"),
            '\t' => json.push_str("\\t"),
            ' '..='~' => json.push(character),
            _ if printable(&character.to_string()) == character.to_string() => json.push(character),
            _ => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    let _ = write!(json, "\\u{unit:04x}");
                }
            }
        }
    }
    json.push('"');
    json
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::error::Code;

    fn plain(diagnostic: &Diagnostic) -> String {
        anstream::adapter::strip_str(&text(diagnostic)).to_string()
    }

    #[test]
    fn text_has_the_line_and_a_mark_below_the_column() {
        let place = LineColumn { line: 7, column: 3 };
        let error = Diagnostic::input("wrong").in_file(Path::new("a.wat")).at_line(place, "\t(\u{1b} x");
        let expected = "wasm2native: error: a.wat: wrong\n     --> a.wat:7:3\n      |\n    7 | \t(\\u{1b} x\n      | \t ^\n";
        assert_eq!(plain(&error), expected);
        let long = Diagnostic::input("wrong").at_line(place, "x".repeat(LINE_LIMIT_CHARS + 1));
        assert_eq!(plain(&long), "wasm2native: error: wrong\n     --> :7:3\n");
    }

    #[test]
    fn remarks_and_notes_have_forms_of_their_own() {
        let remark = Diagnostic::remark("licm: moved").at(16).in_func(3, Some("f\n"));
        assert_eq!(plain(&remark), "remark: 0x10 in func 3 `f\\n`: licm: moved\n");
        assert_eq!(plain(&Diagnostic::note("reading")), "wasm2native: reading\n");
        let warning = Diagnostic::warning(Code::NoEffect, "a").hint("b");
        assert_eq!(plain(&warning), "wasm2native: warning: a\nhint: b\n");
    }

    #[test]
    fn json_is_one_line_whatever_is_in_it() {
        let error = Diagnostic::internal("a\"\\\n\u{1b}\u{202e}é\u{10ffff}").in_func(1, None);
        let json = json(&error);
        assert!(json.starts_with(
            r#"{"severity":"error","code":"internal","message":"a\"\\\n\u001b\u202eé\udbff\udfff","#
        ));
        assert!(json.contains(r#""function":{"index":1,"name":null},"offset":null,"#), "{json}");
        assert_eq!(json.lines().count(), 1);
    }
}
