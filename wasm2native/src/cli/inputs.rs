//! Operands by their names: modules, and what is linked with them.

use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::backend::link::quote;
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
    // Objects may hold modules that are compiled already.
    let may_be_module =
        |input: &NativeInput| matches!(input, NativeInput::Object { path, .. } if !is_wasm(path));
    if modules.is_empty() && !native.iter().any(may_be_module) {
        return Err(no_module(&native));
    }
    if modules.iter().filter(|module| **module == InputFile::Stdin).count() > 1 {
        return Err(CompileError::usage("standard input can be read only once"));
    }
    Ok((modules, native))
}

/// What to say when there is nothing but native inputs, or nothing at all.
fn no_module(native: &[NativeInput]) -> CompileError {
    let Some(first) = native.first() else {
        return CompileError::usage("no input file").hint("`wasm2native app.wasm -o app` compiles app.wasm");
    };
    let (NativeInput::C(path) | NativeInput::Cpp(path) | NativeInput::Object { path, .. }) = first;
    let error = CompileError::usage(format!("no module to compile: {} is linked with one", path.display()));
    let compiler = match first {
        NativeInput::C(_) => "clang --target=wasm32-wasi -O2",
        NativeInput::Cpp(_) => "clang++ --target=wasm32-wasi -O2 -fno-exceptions",
        NativeInput::Object { .. } if is_wasm(path) => "clang --target=wasm32-wasi",
        NativeInput::Object { .. } => return error.hint("`wasm2native app.wasm -o app` compiles app.wasm"),
    };
    let all = native.iter().map(|input| {
        let (NativeInput::C(path) | NativeInput::Cpp(path) | NativeInput::Object { path, .. }) = input;
        quote(path.as_os_str())
    });
    let all = all.collect::<Vec<_>>().join(" ");
    let module = PathBuf::from(path.file_stem().unwrap_or_default()).with_extension("wasm");
    let program = module.with_extension("");
    let [module, program] = [module, program].map(|path| quote(path.as_os_str()));
    error.hint(format!(
        "compile it to Wasm first: `{compiler} {all} -o {module}`, then `wasm2native {module} -o {program}`"
    ))
}

/// Whether it is an object of a compiler for Wasm, which is called like others.
fn is_wasm(path: &Path) -> bool {
    let mut magic = [0; 4];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut magic));
    read.is_ok() && magic == *b"\0asm"
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
