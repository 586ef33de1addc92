//! Flags of C compilers, which build systems give to whatever stands in for one.
//!
//! The rule: what is for C goes to the C compiler if there is a C source, and otherwise is named in one
//! warning. A flag that might change what is made, and is not known here, stays an unknown option.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use crate::error::{CompileError, Result};
use crate::options::Warnings;

/// Flags that are for C alone, as they are.
const WORDS: [&str; 22] = [
    "-pipe",
    "-pedantic",
    "-pedantic-errors",
    "-pthread",
    "-m64",
    "-ansi",
    "-fPIC",
    "-fpic",
    "-fPIE",
    "-fpie",
    "-fno-plt",
    "-fno-common",
    "-fno-exceptions",
    "-fno-rtti",
    "-fno-strict-aliasing",
    "-ffunction-sections",
    "-fdata-sections",
    "-fomit-frame-pointer",
    "-fno-omit-frame-pointer",
    "-fno-stack-protector",
    "-fstack-clash-protection",
    "-fcolor-diagnostics",
];

/// What such flags begin with.
const BEGINNINGS: [&str; 6] =
    ["-W", "-std=", "-fstack-protector", "-fvisibility=", "-fcf-protection", "-fdiagnostics-color"];

/// Those with a value, which follows at once or is the next word.
const WITH_VALUE: [&str; 3] = ["-I", "-D", "-U"];

/// Those whose value is the next word.
const WITH_NEXT_WORD: [&str; 4] = ["-include", "-isystem", "-iquote", "-idirafter"];

/// Options of ours whose value is the next word, whatever it looks like.
const OURS_WITH_NEXT_WORD: [&str; 4] = ["-o", "-MF", "-MT", "-MQ"];

/// Flags that were among the arguments.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// For the C compiler.
    pub c: Vec<OsString>,
    /// For the C compiler when it links.
    pub link: Vec<OsString>,
    /// What becomes of warnings.
    pub warnings: Warnings,
}

/// Takes the flags out of the arguments.
pub fn take(arguments: Vec<OsString>) -> Result<(Vec<OsString>, Flags)> {
    let mut flags = Flags::default();
    let mut others = Vec::new();
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        let is = |known: &[&str]| known.iter().any(|flag| argument == *flag);
        if argument == "--" {
            others.push(argument);
            others.extend(arguments);
            break;
        } else if is(&OURS_WITH_NEXT_WORD) {
            others.push(argument);
            others.extend(arguments.next());
        } else if is(&WITH_NEXT_WORD) || is(&WITH_VALUE) {
            let value = value_of(&argument, arguments.next())?;
            flags.c.extend([argument, value]);
        } else if argument == "-Xlinker" {
            let value = value_of(&argument, arguments.next())?;
            flags.link.extend([argument, value]);
        } else if begins_with(&argument, &["-Wl,", "-fuse-ld="]) {
            flags.link.push(argument);
        } else if argument == "-w" || argument == "-Werror" {
            // The last one counts.
            flags.warnings = if argument == "-w" { Warnings::Silent } else { Warnings::Errors };
            flags.c.push(argument);
        } else if is(&WORDS) || begins_with(&argument, &BEGINNINGS) || begins_with(&argument, &WITH_VALUE) {
            flags.c.push(argument);
        } else {
            others.push(argument);
        }
    }
    Ok((others, flags))
}

fn value_of(option: &OsStr, value: Option<OsString>) -> Result<OsString> {
    let missing = || CompileError::usage(format!("option `{}` needs a value", option.display()));
    value.ok_or_else(missing)
}

fn begins_with(argument: &OsStr, beginnings: &[&str]) -> bool {
    beginnings.iter().any(|beginning| argument.as_bytes().starts_with(beginning.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_for_c_are_taken_out_with_their_values() {
        let words = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
        let arguments =
            ["-Wall", "-I", "-inc", "-DX=1", "-o", "-Wall", "-fPIC", "a.wasm", "-Wl,-x", "--", "-Wall"];
        let (others, flags) = take(words(&arguments)).expect("all have values");
        assert_eq!(others, words(&["-o", "-Wall", "a.wasm", "--", "-Wall"]));
        assert_eq!(flags.c, words(&["-Wall", "-I", "-inc", "-DX=1", "-fPIC"]));
        assert_eq!((flags.link, flags.warnings), (words(&["-Wl,-x"]), Warnings::Shown));
        assert_eq!(
            take(words(&["-w", "-Werror"])).map(|(_, flags)| flags.warnings).ok(),
            Some(Warnings::Errors)
        );
        assert!(take(words(&["-include"])).is_err());
        // What might change what is made is nothing to pass over.
        let unknown = words(&["-flto", "-fsanitize=address", "-mavx2"]);
        assert_eq!(take(unknown.clone()).expect("no values"), (unknown, Flags::default()));
    }
}
