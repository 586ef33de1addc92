//! Compiler drivers write long options with one dash (`-shared`); clap wants two. This is the one
//! place that turns one into the other, in both directions.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

/// How a user may write an option, and how clap knows it.
const SPELLINGS: &[(&str, &str)] = &[
    ("-shared", "--shared"),
    ("-static", "--static"),
    ("-static-pie", "--static"),
    ("-emit-llvm", "--emit-llvm"),
    ("-o", "--output"),
    ("-###", "--print-link-command"),
    ("-g0", "--no-debug-info"),
    ("-g1", "--pc-map-only"),
    ("-g2", "-g"),
    ("-g3", "-g"),
    ("-O", "-O1"),
    ("-Og", "-O1"),
    ("-Ofast", "-O3"),
    ("-target", "--target"),
    ("-march", "--march"),
    ("-mcpu", "--mcpu"),
    ("-time-passes", "--time-passes"),
    ("-help", "--help"),
    ("-help-all", "--help-all"),
    ("-version", "--version"),
    ("-MD", "--MD"),
    ("-MMD", "--MMD"),
    ("-MP", "--MP"),
    ("-MF", "--MF"),
    ("-MT", "--MT"),
    ("-MQ", "--MQ"),
];

/// Options of several letters whose value may be the next word or follow at once: `-MF app.d`, `-MFapp.d`.
const TAKES_JOINED_VALUE: [&str; 3] = ["-MF", "-MT", "-MQ"];

/// Letters of options whose value may follow at once: `-O2`, `-j4`, `-oapp`.
const TAKES_ATTACHED_VALUE: [char; 5] = ['O', 'j', 'o', 'l', 'L'];

/// The arguments as clap knows them. What follows `--` is left alone.
pub fn to_clap(arguments: Vec<OsString>) -> Vec<OsString> {
    let mut is_operand = false;
    let mut result = Vec::with_capacity(arguments.len());
    let mut is_value = false;
    for argument in arguments {
        is_operand |= argument == "--";
        if is_operand || is_value {
            is_value = false;
            result.push(argument);
            continue;
        }
        is_value = TAKES_JOINED_VALUE.iter().any(|option| argument == *option);
        let normalised = argument.to_str().and_then(normalise).map(OsString::from);
        result.push(normalised.or_else(|| separated(&argument)).unwrap_or(argument));
    }
    result
}

/// `--MF=app.d` for `-MFapp.d`.
fn separated(argument: &OsStr) -> Option<OsString> {
    let joined = |option: &&&str| argument.as_bytes().starts_with(option.as_bytes());
    let option = TAKES_JOINED_VALUE.iter().find(joined)?;
    let mut words = OsString::from(format!("-{option}="));
    words.push(OsStr::from_bytes(&argument.as_bytes()[option.len()..]));
    Some(words)
}

/// The first of clap's `arguments` that is one word after one dash but no option of ours. Clap would read
/// it as single letters and complain about one of them, or not at all; compiler drivers do not join letters.
pub fn unknown_word(arguments: &[OsString]) -> Option<&str> {
    let options = arguments.iter().take_while(|argument| *argument != "--");
    options.filter_map(|argument| argument.to_str()).find(|argument| {
        let letters = argument.strip_prefix('-').unwrap_or_default();
        letters.chars().count() > 1 && !letters.starts_with('-') && !letters.starts_with(TAKES_ATTACHED_VALUE)
    })
}

fn normalise(argument: &str) -> Option<String> {
    let (name, value) = match argument.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (argument, None),
    };
    let (_, clap) = SPELLINGS.iter().find(|(user, _)| *user == name)?;
    Some(match value {
        Some(value) => format!("{clap}={value}"),
        None => (*clap).to_owned(),
    })
}

/// Options that are written with two dashes as well as with one.
const WRITTEN_LONG: [&str; 3] = ["--help", "--help-all", "--version"];

/// An option of clap's as our help writes it.
pub fn from_clap(option: &str) -> &str {
    if WRITTEN_LONG.contains(&option) {
        return option;
    }
    let name = option.split([' ', '=', '<']).next().unwrap_or(option);
    SPELLINGS.iter().find(|(_, clap)| *clap == name).map_or(option, |(user, _)| user)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn single_dash_options_become_claps_and_operands_stay() {
        let arguments = ["-shared", "-march=native", "-###", "-O", "app.wasm", "--", "-shared"];
        let expected =
            ["--shared", "--march=native", "--print-link-command", "-O1", "app.wasm", "--", "-shared"];
        assert_eq!(to_clap(arguments.map(OsString::from).to_vec()), expected.map(OsString::from));
    }

    #[test]
    fn values_of_depfile_options_may_follow_at_once_or_be_words_of_any_kind() {
        let arguments = ["-MFa b.d", "-MF", "-MD", "-MT", "--shared", "-MD"].map(OsString::from).to_vec();
        let expected = ["--MF=a b.d", "--MF", "-MD", "--MT", "--shared", "--MD"];
        assert_eq!(to_clap(arguments), expected.map(OsString::from));
    }

    #[test]
    fn words_after_one_dash_are_never_read_as_letters() {
        let unknown = |argument: &str| unknown_word(&[argument.into()]).is_some();
        assert!(["-cg", "-shred", "-Wall", "-v=1", "-é?"].into_iter().all(unknown));
        assert!(!["-", "-c", "-O2", "-j4", "-oapp", "--shared", "app.wasm", "--"].into_iter().any(unknown));
        assert_eq!(unknown_word(&["--".into(), "-cg".into()]), None);
    }
}
