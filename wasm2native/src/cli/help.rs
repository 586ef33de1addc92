//! `--help` and `--help-all`, laid out from the declarations of the options.

use clap::{Arg, CommandFactory};

use super::arguments::{Arguments, HEADINGS};
use super::spelling;

/// How much of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// What most users need.
    Short,
    /// Every option.
    All,
}

const INTRODUCTION: &str = "\
wasm2native compiles WebAssembly to native executables, plugins and objects.

usage: wasm2native [options] INPUT…
INPUT is a .wasm or .wat file, or - for standard input. Several become one program: a module's imports are
looked for in the module of that file name; objects made by -c, and archives of them, are modules as well. C code
and libraries can provide imports too: .c .cpp .o .a .so.
";

const FLAGS: &str = "
Flags of C compilers:
  -I -D -U -include -std= -W… -fPIC -pthread and their like go to the C compiler with C sources; without any, one warning
  names them. -Wl,… -Xlinker -fuse-ld= go to it when it links. -w: no warnings; -Werror: warnings are errors.
  -dumpmachine, -dumpversion: the target, the version.
";

const ENVIRONMENT: &str = "
Environment: CC, NO_COLOR, TMPDIR, WASM2NATIVE_RT_DIR (a directory of runtime archives).
Exit status: 0 done, 1 the input or the machine is at fault, 2 the command line is, 70 wasm2native is.
";

/// Where descriptions begin.
const COLUMN: usize = 27;

/// The help.
pub fn help(extent: Extent) -> String {
    let command = Arguments::command();
    let mut text = INTRODUCTION.to_owned();
    for heading in HEADINGS {
        let shown = command.get_arguments().filter(|argument| {
            argument.get_help_heading() == Some(heading)
                && !argument.is_hide_set()
                && (extent == Extent::All || !argument.is_hide_short_help_set())
        });
        text += &format!("\n{heading}:\n");
        text.extend(shown.map(entry));
    }
    text += match extent {
        Extent::Short => "\nAll options: wasm2native --help-all\n",
        Extent::All => FLAGS,
    };
    if extent == Extent::All {
        text += ENVIRONMENT;
    }
    text
}

/// An option and what it does, which may take several lines.
fn entry(argument: &Arg) -> String {
    let mut text = format!("  {}", names(argument));
    let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
    for (number, line) in help.lines().enumerate() {
        let width = text.rsplit('\n').next().unwrap_or_default().chars().count();
        match number {
            0 if width < COLUMN => text.extend(std::iter::repeat_n(' ', COLUMN - width)),
            _ => text += &format!("\n{:COLUMN$}", ""),
        }
        text += line;
    }
    text + "\n"
}

/// `-s, --strip`, `--emit=KIND`, `-lNAME`: as users write it.
fn names(argument: &Arg) -> String {
    if argument.get_id() == "opt_level" {
        return "-O0 -O1 -O2 -O3 -Os -Oz".to_owned();
    }
    let takes_value = argument.get_action().takes_values();
    let value = argument.get_value_names().filter(|_| takes_value).map_or("", |names| names[0].as_str());
    let short = argument.get_short().map(|letter| match letter {
        'l' | 'L' => format!("-{letter}{value}"),
        _ if takes_value => format!("-{letter} {value}"),
        _ => format!("-{letter}"),
    });
    let long = argument.get_long().map(|name| {
        let (option, equals) = (format!("--{name}"), if takes_value { "=" } else { "" });
        format!("{}{equals}{value}", spelling::from_clap(&option))
    });
    short.into_iter().chain(long).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_option_stands_in_the_help_once_under_a_heading() {
        let all = help(Extent::All);
        for argument in Arguments::command().get_arguments().filter(|argument| !argument.is_positional()) {
            let id = argument.get_id();
            assert!(argument.get_help().is_some(), "{id}: no help");
            let heading = argument.get_help_heading().unwrap_or_default();
            assert!(HEADINGS.contains(&heading), "{id}: under no heading");
            let (line, start) = (format!("  {}", names(argument)), format!("  {} ", names(argument)));
            let count = all.lines().filter(|known| *known == line || known.starts_with(&start)).count();
            assert!(count == 1 || argument.is_hide_set(), "{id}: {count} times in the help");
        }
    }

    #[test]
    fn the_short_help_is_a_part_of_all_of_it_and_fits_a_screen() {
        let (short, all) = (help(Extent::Short), help(Extent::All));
        let options = |text: &str| -> Vec<String> {
            text.lines().filter(|line| line.starts_with("  -")).map(str::to_owned).collect()
        };
        assert!(options(&short).iter().all(|line| options(&all).contains(line)));
        assert!(options(&short).len() * 2 < options(&all).len() + 10, "{short}");
        assert!(short.lines().count() <= 50, "{short}");
        assert!(all.lines().all(|line| line.chars().count() <= 130), "{all}");
        for option in ["\n  -shared ", "\n  -emit-llvm ", "\n  -lNAME ", "\n  --dir=HOST[::GUEST][:ro] "] {
            assert!(short.contains(option), "{option} in {short}");
        }
        assert!(all.contains("\n  -###") && all.contains("\n  -s, --strip ") && !short.contains("--timeout"));
    }
}
