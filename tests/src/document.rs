//! The project's documents as tests read them: blocks of code, links, and blocks that a program writes.
//!
//! The rule: a block of C or Wasm text behind a line that ends in `` `NAME`: `` is the file of that name; one of
//! `sh` is run, and one of `text` behind it is what that prints.

use std::path::{Path, PathBuf};

/// The files that newcomers read, from the top of the repository.
pub fn all() -> Vec<String> {
    let mut names: Vec<_> =
        ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md"].map(str::to_owned).into();
    names.extend(chapters().into_iter().map(|chapter| format!("docs/src/{chapter}")));
    names.sort();
    names
}

/// The files of `docs/src`.
pub fn chapters() -> Vec<String> {
    let entries = std::fs::read_dir(root().join("docs/src")).expect("the project has a book");
    let names = entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned());
    let mut names: Vec<_> = names.collect();
    names.sort();
    names
}

/// The top of the repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package lies in the project").to_owned()
}

/// The text of a document.
pub fn read(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// What a document shows and does.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// A file of this name and content.
    File(String, String),
    /// Commands, and what they print, if the document says so.
    Run(String, Option<String>),
}

/// The steps of a document. Panics on a block of a language that stands without a file name.
pub fn steps(text: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut lines = text.lines();
    let mut said = "";
    while let Some(line) = lines.next() {
        let Some(language) = line.strip_prefix("```").filter(|language| !language.is_empty()) else {
            said = if line.is_empty() { said } else { line };
            continue;
        };
        let body = lines.by_ref().take_while(|line| *line != "```");
        let body: String = body.flat_map(|line| [line, "\n"]).collect();
        match (language, steps.last_mut()) {
            ("sh", _) => steps.push(Step::Run(body, None)),
            ("text", Some(Step::Run(_, output @ None))) => *output = Some(body),
            _ => {
                let name = said.strip_suffix("`:").and_then(|said| said.rsplit('`').next());
                // What is only shown has no name.
                steps.extend(name.map(|name| Step::File(name.to_owned(), body)));
            }
        }
        said = "";
    }
    steps
}

/// Where the links of a document lead: of `[text](target)`, `target`.
pub fn links(text: &str) -> Vec<&str> {
    text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target).collect()
}

/// A block between two lines of a document, which a program writes.
#[derive(Debug)]
pub struct Block {
    /// The line in front of it, with its end.
    pub begin: &'static str,
    /// The line behind it.
    pub end: &'static str,
}

impl Block {
    /// What stands in it.
    pub fn of<'a>(&self, text: &'a str) -> Result<&'a str, String> {
        self.split(text).map(|(_, block, _)| block)
    }

    /// The document `text` with `block` in it.
    pub fn replaced(&self, text: &str, block: &str) -> Result<String, String> {
        let (before, _, after) = self.split(text)?;
        Ok([before, self.begin, block, self.end, after].concat())
    }

    fn split<'a>(&self, text: &'a str) -> Result<(&'a str, &'a str, &'a str), String> {
        let missing = |marker: &str| format!("the document lacks the line {}", marker.trim_end());
        let (before, rest) = text.split_once(self.begin).ok_or_else(|| missing(self.begin))?;
        let (block, after) = rest.split_once(self.end).ok_or_else(|| missing(self.end))?;
        Ok((before, block, after))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_in_the_order_of_the_text() {
        let text = "A file, `a.c`:\n\n```c\nint a;\n```\n\nRun it:\n\n```sh\n./a\n```\n\n```text\n1\n```\n\n\
                    Only shown:\n\n```c\nint b;\n```\n\n```sh\n./b\n```\n";
        let file = Step::File("a.c".to_owned(), "int a;\n".to_owned());
        let (first, second) = ("./a\n".to_owned(), "./b\n".to_owned());
        assert_eq!(steps(text), [file, Step::Run(first, Some("1\n".to_owned())), Step::Run(second, None)]);
    }

    #[test]
    fn links_are_found() {
        assert_eq!(links("see [a](b.md), [c](d.md#e) and (f)"), ["b.md", "d.md#e"]);
    }

    #[test]
    fn only_the_block_is_replaced() {
        let block = Block { begin: "<!-- begin -->\n", end: "<!-- end -->\n" };
        let text = "# Title\n\n<!-- begin -->\n| old |\n<!-- end -->\nMore.\n";
        assert_eq!(block.of(text), Ok("| old |\n"));
        assert_eq!(block.replaced(text, "| new |\n"), Ok(text.replace("old", "new")));
        assert!(block.of("# Title\n").unwrap_err().contains("begin"));
        assert!(block.replaced("<!-- begin -->\n", "").unwrap_err().contains("end"));
    }
}
