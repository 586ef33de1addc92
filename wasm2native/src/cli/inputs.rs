//! Operands by their names: modules, and what is linked with them.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::error::{CompileError, Result};
use crate::options::{InputFile, NativeInput, Options, OutputKind};

/// Modules and native inputs, each in the order of the command line. What has none of the endings of
/// native inputs is taken for a module. Objects and archives may hold modules that are compiled already.
pub fn classify(operands: &[OsString]) -> Result<(Vec<InputFile>, Vec<NativeInput>)> {
    let (mut modules, mut native) = (Vec::new(), Vec::new());
    for operand in operands {
        let path = PathBuf::from(operand);
        match native_input(&path, modules.len()) {
            _ if operand.is_empty() => return Err(CompileError::usage("the name of the input is empty")),
            Some(input) => native.push(input),
            None if operand == "-" => modules.push(InputFile::Stdin),
            None => modules.push(InputFile::Path(path)),
        }
    }
    if operands.is_empty() {
        return Err(
            CompileError::usage("no input file").hint("`wasm2native app.wasm -o app` compiles app.wasm")
        );
    }
    if modules.iter().filter(|module| **module == InputFile::Stdin).count() > 1 {
        return Err(CompileError::usage("standard input can be read only once"));
    }
    Ok((modules, native))
}

/// What is not Wasm, by the ending of its name.
fn native_input(path: &Path, modules_before: usize) -> Option<NativeInput> {
    let object = || Some(NativeInput::Object { path: path.to_owned(), modules_before });
    let name = path.file_name()?.to_str()?;
    match path.extension()?.to_str()? {
        "c" => Some(NativeInput::C(path.to_owned())),
        "cc" | "cpp" | "cxx" => Some(NativeInput::Cpp(path.to_owned())),
        "o" | "a" | "so" => object(),
        _ if name.contains(".so.") => object(),
        _ => None,
    }
}

/// Which options go with several inputs.
pub fn check_combination(options: &Options) -> Result<()> {
    let links = matches!(options.output_kind, OutputKind::Executable | OutputKind::SharedLibrary);
    if options.inputs.len() > 1 && !links {
        return Err(CompileError::usage("this output holds one module, and several are given").hint(
            "make an executable or -shared of them at once, or compile each with a command of its own",
        ));
    }
    if options.inputs.len() > 1 && options.module_name.is_some() {
        return Err(CompileError::usage("--module-name is for one module, and several are given")
            .hint("each is called like its file"));
    }
    let link = &options.link;
    let has_native = !link.native.is_empty() || !link.libraries.is_empty() || !link.provide.is_empty();
    if has_native && !links {
        return Err(CompileError::usage("nothing is linked for this output")
            .hint("objects and libraries go with an executable or -shared"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_what_is_linked() {
        let is_native = |name: &str| native_input(Path::new(name), 0).is_some();
        assert!(["a.c", "b/a.cpp", "x.o", "libx.a", "libx.so", "libx.so.1.2"].into_iter().all(is_native));
        assert!(!["a.wasm", "a.wat", "-", "a", ".c", "c", "a.so/b"].into_iter().any(is_native));
    }
}
