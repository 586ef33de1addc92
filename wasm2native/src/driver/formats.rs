//! What a file is that is no Wasm, and what makes Wasm of it: packed modules, sources, bitcode.

use std::path::Path;

use super::input::Input;
use crate::backend::link::quote;
use crate::error::CompileError;

/// How a packed file begins, what it is called and what unpacks it.
const PACKED: &[(&[u8], &str, &str)] = &[
    (b"\x1f\x8b", "packed with gzip", "gzip -dk"),
    (b"\x28\xb5\x2f\xfd", "packed with zstd", "zstd -d"),
    (b"\xfd7zXZ\0", "packed with xz", "xz -dk"),
    (b"BZh", "packed with bzip2", "bzip2 -dk"),
    (b"\x04\x22\x4d\x18", "packed with lz4", "lz4 -d"),
    (b"PK\x03\x04", "a zip archive", "unzip"),
];

/// How a file of this machine's own code begins.
const ELF_MAGIC: &[u8] = b"\x7fELF";

/// How Wasm begins.
const WASM_MAGIC: &[u8] = b"\0asm";

/// Marks that editors put in front of a text.
const UTF8_MARK: &[u8] = b"\xef\xbb\xbf";
const UTF16_MARKS: [&[u8]; 2] = [b"\xff\xfe", b"\xfe\xff"];

/// Brotli leaves no mark at the start of a file.
const BROTLI_ENDING: &str = "br";

/// What a tar archive has, and where.
const TAR_MAGIC: (usize, &[u8]) = (257, b"ustar");

/// Where the mark of LLVM bitcode begins.
const BITCODE_MAGIC: &[u8] = b"BC\xc0\xde";

/// How files of other languages end and what makes Wasm of them; `FILE` and `STEM` stand for the names.
const SOURCES: &[(&str, &str)] = &[
    ("rs", "rustc --target wasm32-wasip1 -O FILE -o STEM.wasm"),
    ("go", "GOOS=wasip1 GOARCH=wasm go build -o STEM.wasm FILE"),
    ("zig", "zig build-exe -target wasm32-wasi -O ReleaseFast FILE"),
    ("swift", "swiftc -target wasm32-unknown-wasip1 FILE -o STEM.wasm"),
    ("ll", "clang --target=wasm32-wasi -O2 FILE -o STEM.wasm"),
    ("bc", "clang --target=wasm32-wasi -O2 FILE -o STEM.wasm"),
];

/// What to say of a file with these `bytes`, which are neither binary nor text of Wasm.
pub fn explain(bytes: &[u8], input: &Input) -> CompileError {
    let path = &input.path;
    let file = quote(path.as_os_str());
    if let Some((what, command)) = packed(bytes, path) {
        let error = CompileError::input(format!("is {what}, not a module"));
        return match input.is_stdin {
            true => error.hint("unpack it before it comes here"),
            false => error.hint(format!("unpack it first: `{command} {file}`")),
        };
    }
    if bytes.starts_with(ELF_MAGIC) {
        return CompileError::input("is native code already (ELF), not a module");
    }
    if let Some(error) = wrong_encoding(bytes, path) {
        return error;
    }
    let error = CompileError::input("is neither a Wasm binary (no `\\0asm` at its start) nor Wasm text");
    if input.is_stdin {
        return error;
    }
    if let Some(command) = command_for_source(bytes, path) {
        return error.hint(format!("compile it to Wasm first: `{command}`"));
    }
    match path.extension().and_then(|ending| ending.to_str()) {
        Some("js" | "mjs") => error.hint("a script is there to load a module: give the .wasm file beside it"),
        _ => error.hint(format!("`file {file}` tells what it is")),
    }
}

/// What to say of a file with these `bytes` that is called like an object or a library, but is none.
pub fn explain_object(bytes: &[u8], path: &Path) -> CompileError {
    let error = CompileError::input("is no object, archive or shared library");
    if !bytes.starts_with(WASM_MAGIC) {
        return error;
    }
    let module = path.with_extension("wasm");
    let [object, module] = [path, module.as_path()].map(|path| quote(path.as_os_str()));
    let linked = format!("link it to a module first: `clang --target=wasm32-wasi {object} -o {module}`");
    CompileError::input("is an object file of Wasm, not of this machine").hint(linked)
}

/// What to say of a text of which Wasm's parser could not even read the letters.
fn wrong_encoding(bytes: &[u8], path: &Path) -> Option<CompileError> {
    if bytes.strip_prefix(UTF8_MARK).is_some_and(|rest| rest.trim_ascii_start().starts_with(b"(")) {
        return Some(CompileError::input("begins with a byte order mark, which Wasm text does not have"));
    }
    let file = quote(path.as_os_str());
    if UTF16_MARKS.iter().any(|mark| bytes.starts_with(mark)) {
        let hint = format!("`iconv -f UTF-16 -t UTF-8 {file}` writes it anew");
        return Some(CompileError::input("is in UTF-16, and Wasm text is in UTF-8").hint(hint));
    }
    let error = std::str::from_utf8(bytes).err()?;
    let text = bytes.trim_ascii_start();
    if !(text.starts_with(b"(") || text.starts_with(b";")) {
        return None;
    }
    let before = &bytes[..error.valid_up_to()];
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let byte = bytes[error.valid_up_to()];
    let message = format!("is not in UTF-8, as Wasm text is: byte 0x{byte:02x} in line {line}");
    Some(CompileError::input(message))
}

/// What packed `bytes`, and the command that unpacks them.
fn packed(bytes: &[u8], path: &Path) -> Option<(&'static str, &'static str)> {
    let (place, magic) = TAR_MAGIC;
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    if bytes.get(place..).is_some_and(|rest| rest.starts_with(magic)) {
        return Some(("a tar archive", "tar xf"));
    }
    let found = PACKED.iter().find(|(magic, _, _)| bytes.starts_with(magic));
    match found {
        Some((_, what, _)) if name.contains(".tar.") || name.ends_with(".tgz") => Some((what, "tar xf")),
        Some((_, what, command)) => Some((what, command)),
        None if name.ends_with(&format!(".{BROTLI_ENDING}")) => Some(("packed with brotli", "brotli -d")),
        None => None,
    }
}

/// The command that makes Wasm of a source, or of what a compiler leaves on the way.
fn command_for_source(bytes: &[u8], path: &Path) -> Option<String> {
    let ending = if bytes.starts_with(BITCODE_MAGIC) { "bc" } else { path.extension()?.to_str()? };
    let (_, command) = SOURCES.iter().find(|(known, _)| *known == ending)?;
    let output = quote(Path::new(path.file_stem()?).with_extension("wasm").as_os_str());
    Some(command.replace("STEM.wasm", &output).replace("FILE", &quote(path.as_os_str())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_is_known_by_its_first_bytes_or_its_name() {
        let command = |bytes: &[u8], name: &str| packed(bytes, Path::new(name)).map(|(_, command)| command);
        assert_eq!(command(b"\x1f\x8b\x08", "a.wasm"), Some("gzip -dk"));
        assert_eq!(command(b"\x1f\x8b\x08", "a.tar.gz"), Some("tar xf"));
        assert_eq!(command(b"\x0b", "a.wasm.br"), Some("brotli -d"));
        assert_eq!(command(b"\x0b", "a.wasm"), None);
        let tar = [&[b'a'; 257][..], b"ustar\0"].concat();
        assert_eq!(command(&tar, "a"), Some("tar xf"));
    }

    #[test]
    fn commands_for_sources_have_the_names_of_the_files() {
        let command = |bytes: &[u8], name: &str| command_for_source(bytes, Path::new(name));
        let expected = "GOOS=wasip1 GOARCH=wasm go build -o 'my app.wasm' 'd/my app.go'";
        assert_eq!(command(b"package main", "d/my app.go").as_deref(), Some(expected));
        let expected = "clang --target=wasm32-wasi -O2 a.o -o a.wasm";
        assert_eq!(command(b"BC\xc0\xde", "a.o").as_deref(), Some(expected));
        assert_eq!(command(b"int main", "a.txt"), None);
    }
}
