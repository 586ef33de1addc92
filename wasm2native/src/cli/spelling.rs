//! Compiler drivers write long options with one dash (`-shared`); clap wants two. This is the one
//! place that turns one into the other, in both directions.

use std::ffi::OsString;

/// How a user may write an option, and how clap knows it.
const SPELLINGS: &[(&str, &str)] = &[
    ("-shared", "--shared"),
    ("-static", "--static"),
    ("-static-pie", "--static"),
    ("-emit-llvm", "--emit-llvm"),
    ("-###", "--print-link-command"),
    ("-g0", "--no-debug-info"),
    ("-g1", "--pc-map-only"),
    ("-g2", "-g"),
    ("-g3", "-g"),
    ("-O", "-O1"),
    ("-Ofast", "-O3"),
    ("-target", "--target"),
    ("-march", "--march"),
    ("-mcpu", "--mcpu"),
    ("-time-passes", "--time-passes"),
    ("-help", "--help"),
    ("-version", "--version"),
];

/// The arguments as clap knows them. What follows `--` is left alone.
pub fn to_clap(arguments: Vec<OsString>) -> Vec<OsString> {
    let mut is_operand = false;
    let mut result = Vec::with_capacity(arguments.len());
    for argument in arguments {
        is_operand |= argument == "--";
        let normalised = if is_operand { None } else { argument.to_str().and_then(normalise) };
        result.push(normalised.map_or(argument, OsString::from));
    }
    result
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

/// An option of clap's as our help writes it.
pub fn from_clap(option: &str) -> &str {
    let name = option.split([' ', '=', '<']).next().unwrap_or(option);
    SPELLINGS.iter().find(|(_, clap)| *clap == name).map_or(option, |(user, _)| user)
}

/// Options with one dash in the help, for suggestions.
pub fn single_dash() -> impl Iterator<Item = &'static str> {
    SPELLINGS.iter().map(|(user, _)| *user)
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
}
