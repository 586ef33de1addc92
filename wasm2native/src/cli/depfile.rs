//! The options that say what is to be said to make.

use super::arguments::Arguments;
use crate::error::{CompileError, Result};
use crate::options::{DepfileOptions, DepfileTarget, OutputFile, Phony, SystemFiles};

/// What they come to; `None` if there is to be no depfile.
pub fn depfile(arguments: &Arguments) -> Result<Option<DepfileOptions>> {
    if !arguments.depfile && !arguments.depfile_of_user {
        let given = [
            ("-MF", arguments.depfile_path.is_some()),
            ("-MT", !arguments.depfile_targets.is_empty()),
            ("-MQ", !arguments.depfile_names.is_empty()),
            ("-MP", arguments.depfile_phony),
        ];
        return match given.iter().find(|(_, is_given)| *is_given) {
            Some((option, _)) => Err(CompileError::usage(format!("{option} needs -MD or -MMD"))
                .hint("-MD writes a rule for make, and the others say how")),
            None => Ok(None),
        };
    }
    let file = match arguments.depfile_path.as_deref() {
        None => OutputFile::Derived,
        Some(path) if path == "-" => OutputFile::Stdout,
        Some(path) if path.is_empty() => return Err(CompileError::usage("-MF: the name is empty")),
        Some(path) => OutputFile::Path(path.into()),
    };
    let as_given = arguments.depfile_targets.iter().cloned().map(DepfileTarget::AsGiven);
    let quoted = arguments.depfile_names.iter().cloned().map(DepfileTarget::Quoted);
    Ok(Some(DepfileOptions {
        file,
        targets: as_given.chain(quoted).collect(),
        phony: if arguments.depfile_phony { Phony::Added } else { Phony::None },
        system: if arguments.depfile_of_user { SystemFiles::LeftOut } else { SystemFiles::Named },
    }))
}
