//! The C header against the ABI crate: both must say the same, and the header must be clean C and C++.
//!
//! Set up: the text of the header is read for its numbers, and for the fields of its structures in order;
//! what they must be comes from the Rust types. Sizes and offsets are assertions for the C compiler.
//! A change on one side alone fails, be it an addition.

use std::collections::BTreeMap;
use std::ffi::c_void;
use std::fmt::Write as _;
use std::mem::{offset_of, size_of};
use std::process::Command;

use w2n_abi::*;

const HEADER: &str = include_str!("../include/wasm2native.h");

/// A type as the header writes it, with `uint8_t` for the `char` of texts.
trait CType {
    fn c() -> String;
}

macro_rules! c_types {
    ($($rust:ty: $c:literal,)*) => { $(impl CType for $rust { fn c() -> String { $c.to_owned() } })* };
}
c_types! {
    (): "void", u8: "uint8_t", u32: "uint32_t", i32: "int32_t", u64: "uint64_t", i64: "int64_t", c_void: "void",
    HostModule: "w2n_module_t", HostInstance: "w2n_instance_t", HostFuncRef: "w2n_func_t", HostBytes: "w2n_bytes_t",
    ValueSlot: "w2n_slot_t", W2nExtern: "w2n_extern_t", W2nImport: "w2n_import_t", W2nFrame: "w2n_frame_t",
    W2nImportInfo: "w2n_import_info_t", W2nExportInfo: "w2n_export_info_t", W2nTrap: "w2n_trap_t",
    Option<HostCallback>: "w2n_callback_t", HostWasi: "w2n_wasi_t", W2nWasiStream: "w2n_wasi_stream_t",
    W2nWasiDir: "w2n_wasi_dir_t", W2nWasiConfig: "w2n_wasi_config_t",
    Option<WasiStreamCallback>: "w2n_wasi_stream_callback_t",
    Option<WasiClockCallback>: "w2n_wasi_clock_callback_t",
    Option<WasiRandomCallback>: "w2n_wasi_random_callback_t",
}
impl<T: CType> CType for *const T {
    fn c() -> String {
        // C says that the pointer is constant behind it.
        if T::c().ends_with('*') { format!("{}const*", T::c()) } else { format!("const {}*", T::c()) }
    }
}
impl<T: CType> CType for *mut T {
    fn c() -> String {
        format!("{}*", T::c())
    }
}
impl<T: CType, const N: usize> CType for [T; N] {
    fn c() -> String {
        format!("{}[{N}]", T::c())
    }
}
macro_rules! c_function_types {
    ($(($($param:ident),*))*) => { $(
        impl<R: CType, $($param: CType),*> CType for unsafe extern "C" fn($($param),*) -> R {
            fn c() -> String {
                format!("{}(*)({})", R::c(), [$($param::c()),*].join(","))
            }
        }
    )* };
}
c_function_types! { (A) (A, B) (A, B, C) (A, B, C, D) (A, B, C, D, E) (A, B, C, D, E, F) }

fn c_type_of<S, T: CType>(_: impl Fn(&S) -> &T) -> String {
    T::c()
}

/// Calls `$check!` for each structure that hosts see: its name in C and in Rust, and all its fields.
macro_rules! for_each_struct {
    ($check:ident) => {
        $check! { w2n_extern W2nExtern { kind, ty, flags, ref_type, definition, instance, func_type } }
        $check! { w2n_import W2nImport { kind, reserved, callback, env, func_type, external } }
        $check! { w2n_import_info W2nImportInfo { module, name, kind, ty, flags, linked, min, max, func_type } }
        $check! { w2n_export_info W2nExportInfo { name, kind, ty, flags, index, min, max, func_type } }
        $check! { w2n_frame W2nFrame { module, pc, func_index, offset } }
        $check! { w2n_trap W2nTrap {
            code, flags, exit_status, frame_count, total_frame_count, message_len, fault_address,
            access_length, memory_length, message, frames
        } }
        $check! { w2n_api W2nApi {
            abi_version, size, import_count, import_at, export_count, export_at, instantiate, instance_drop,
            get_export, call, func_type, memory_data, memory_size, memory_grow, table_size, table_get,
            table_set, table_grow, global_get, global_set, trap_message, host_error, exit, take_trap
        } }
        $check! { w2n_wasi_stream W2nWasiStream { kind, descriptor, bytes, callback, env } }
        $check! { w2n_wasi_dir W2nWasiDir { host, guest, read_only, reserved } }
        $check! { w2n_wasi_config W2nWasiConfig {
            size, args, arg_count, env, env_count, dirs, dir_count, streams, max_fds, flags, reserved, clock,
            clock_env, random, random_env
        } }
        $check! { w2n_wasi_api W2nWasiApi { abi_version, size, make, discard, take_output, instantiate } }
    };
}

#[test]
fn structures_have_the_same_fields() {
    macro_rules! check {
        ($c:ident $rust:ident { $($field:ident),* }) => {
            // A field that is missing in the list does not compile here.
            let _ = |value: $rust| { let $rust { $($field: _),* } = value; };
            let fields = vec![$((stringify!($field).to_owned(), c_type_of(|s: &$rust| &s.$field))),*];
            assert_eq!(header_fields(stringify!($c)), fields, "{}", stringify!($c));
        };
    }
    for_each_struct!(check);
}

#[test]
fn callbacks_have_the_same_type() {
    for (name, result, expected) in [
        ("w2n_callback_t", "uint32_t", HostCallback::c()),
        ("w2n_wasi_stream_callback_t", "int64_t", WasiStreamCallback::c()),
        ("w2n_wasi_clock_callback_t", "uint64_t", WasiClockCallback::c()),
        ("w2n_wasi_random_callback_t", "uint32_t", WasiRandomCallback::c()),
    ] {
        let (_, typedef) = HEADER.split_once(&format!("typedef {result} (*{name})")).unwrap();
        let (parameters, _) = typedef.split_once(';').unwrap();
        assert_eq!(field(&format!("{result} (*callback){parameters}")).1, expected, "{name}");
    }
}

/// Name and type of each field that the header declares.
fn header_fields(name: &str) -> Vec<(String, String)> {
    let start = HEADER.find(&format!("struct {name} {{")).unwrap_or_else(|| panic!("no struct {name}"));
    let (_, body) = HEADER[start..].split_once('{').unwrap();
    let (body, _) = body.split_once("\n}").unwrap();
    without_comments(body).split(';').map(str::trim).filter(|text| !text.is_empty()).map(field).collect()
}

fn without_comments(text: &str) -> String {
    let mut parts = text.split("/*");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |out, part| out + part.split_once("*/").unwrap().1)
}

/// `uint32_t (*f)(const char *a, uint64_t b)`, `uint64_t *p` or `char text[W2N_MAX]`.
fn field(declaration: &str) -> (String, String) {
    if let Some((result, rest)) = declaration.split_once("(*") {
        let (name, parameters) = rest.split_once(")(").unwrap();
        let parameters = parameters.trim_end_matches(')').split(',').map(|text| variable(text).1);
        let parameters: Vec<_> = parameters.collect();
        return (
            name.to_owned(),
            format!("{}(*)({})", variable(&format!("{result} r")).1, parameters.join(",")),
        );
    }
    variable(declaration)
}

fn variable(declaration: &str) -> (String, String) {
    let (declaration, array) = match declaration.split_once('[') {
        Some((start, length)) => (start, format!("[{}]", number(length.trim_end_matches(']')))),
        None => (declaration, String::new()),
    };
    let name_start = declaration.rfind([' ', '*']).unwrap() + 1;
    let (ty, name) = declaration.split_at(name_start);
    let ty = ty.split_whitespace().collect::<Vec<_>>().join(" ").replace(" *", "*");
    (name.to_owned(), ty.replace("char", "uint8_t") + &array)
}

/// All numbers that the header defines.
fn header_numbers() -> BTreeMap<String, u64> {
    let lines = HEADER.lines().filter(|line| !line.contains("__attribute__"));
    let lines = lines.filter_map(|line| line.strip_prefix("#define W2N_"));
    lines
        .map(|line| {
            let (name, value) = line.split_once(' ').unwrap();
            let value = value.split("/*").next().unwrap().trim();
            (name.to_owned(), number(value))
        })
        .collect()
}

fn number(text: &str) -> u64 {
    let digits = text.trim_end_matches('u');
    match (text, digits.strip_prefix("0x")) {
        ("UINT32_MAX", _) => u32::MAX.into(),
        ("UINT64_MAX", _) => u64::MAX,
        (name, _) if name.starts_with("W2N_") => header_numbers()[&name["W2N_".len()..]],
        (_, Some(digits)) => u64::from_str_radix(digits, 16).unwrap(),
        _ => digits.parse().unwrap(),
    }
}

#[test]
fn numbers_are_the_same() {
    let mut numbers = BTreeMap::new();
    let mut add = |name: String, value: u64| assert!(numbers.insert(name, value).is_none());
    for code in TrapCode::ALL {
        add(format!("TRAP{}", upper_case(&format!("{code:?}"))), *code as u64);
    }
    for error in LinkError::ALL {
        use LinkError::*;
        // One that is missing in the list does not compile here.
        let (UnknownImport | IncompatibleImport | OutOfMemory | AbiVersion | InvalidArgument
        | InSignalHandler | NoWasiContext) = error;
        add(format!("ERROR{}", upper_case(&format!("{error:?}"))), error as u64);
    }
    for kind in [ExternKind::Func, ExternKind::Table, ExternKind::Memory, ExternKind::Global] {
        add(format!("{kind:?}").to_uppercase(), kind as u64);
    }
    assert_eq!(ExternKind::from_code(4), None, "a kind that is not tested");
    for ty in ValueType::ALL {
        add(ty.name().to_uppercase(), ty as u64);
    }
    add("ABI_VERSION".to_owned(), ABI_VERSION.into());
    add("NONE".to_owned(), NONE.into());
    add("NO_MAXIMUM".to_owned(), NO_MAXIMUM);
    add("IMPORT_LINKED".to_owned(), IMPORT_LINKED.into());
    add("IMPORT_HOST_FUNC".to_owned(), IMPORT_HOST_FUNC.into());
    add("IMPORT_EXTERN".to_owned(), IMPORT_EXTERN.into());
    add("MAX_TRAP_FRAMES".to_owned(), MAX_TRAP_FRAMES as u64);
    add("MAX_TRAP_MESSAGE_BYTES".to_owned(), MAX_TRAP_MESSAGE_BYTES as u64);
    add("WASI_STREAM_NONE".to_owned(), WASI_STREAM_NONE.into());
    add("WASI_STREAM_DESCRIPTOR".to_owned(), WASI_STREAM_DESCRIPTOR.into());
    add("WASI_STREAM_BYTES".to_owned(), WASI_STREAM_BYTES.into());
    add("WASI_STREAM_CALLBACK".to_owned(), WASI_STREAM_CALLBACK.into());
    add("WASI_ALLOW_ESCAPES".to_owned(), WASI_ALLOW_ESCAPES.into());
    add("TRAP_HAS_ADDRESS".to_owned(), TRAP_HAS_ADDRESS.into());
    add("TRAP_HAS_LENGTH".to_owned(), TRAP_HAS_LENGTH.into());
    assert_eq!(header_numbers(), numbers);
}

/// `TableOutOfBounds` as `_TABLE_OUT_OF_BOUNDS`.
fn upper_case(name: &str) -> String {
    let word = |c: char| if c.is_uppercase() { format!("_{c}") } else { c.to_uppercase().to_string() };
    name.chars().map(word).collect()
}

#[test]
fn compilers_see_the_same_layout_and_nothing_to_warn_of() {
    let mut source = String::from("#include \"wasm2native.h\"\n");
    let mut assertion = |condition: String| {
        let line = source.lines().count();
        writeln!(source, "typedef char assertion_{line}[({condition}) ? 1 : -1];").unwrap();
    };
    macro_rules! check {
        ($c:ident $rust:ident { $($field:ident),* }) => {
            let name = stringify!($c);
            assertion(format!("sizeof({name}_t) == {}", size_of::<$rust>()));
            $(assertion(format!(
                "offsetof({name}_t, {}) == {}",
                stringify!($field),
                offset_of!($rust, $field)
            ));)*
        };
    }
    for_each_struct!(check);
    check! { w2n_bytes HostBytes { ptr, len } }
    check! { w2n_slot ValueSlot { bits } }
    // The head of the descriptor, of which the rest is opaque.
    for (field, offset) in [
        ("abi_version", offset_of!(HostModule, abi_version)),
        ("flags", offset_of!(HostModule, flags)),
        ("api", offset_of!(HostModule, api)),
        ("wasi", offset_of!(HostModule, wasi)),
    ] {
        assertion(format!("offsetof(w2n_module_t, {field}) == {offset}"));
    }
    for (compiler, language, standard) in [
        ("cc", "c", "-std=c99"),
        ("cc", "c", "-std=c11"),
        ("c++", "c++", "-std=c++11"),
        ("c++", "c++", "-std=c++20"),
    ] {
        compile(compiler, &["-x", language, standard], &source);
    }
}

fn compile(compiler: &str, options: &[&str], source: &str) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("source");
    std::fs::write(&path, source).unwrap();
    let mut command = Command::new(compiler);
    command.args(options).args(["-fsyntax-only", "-pedantic", "-Wall", "-Wextra", "-Wconversion", "-Werror"]);
    command.arg("-Wno-unused-local-typedefs").arg("-I").arg(concat!(env!("CARGO_MANIFEST_DIR"), "/include"));
    let output = command.arg(&path).output().unwrap_or_else(|error| panic!("{compiler}: {error}"));
    assert!(output.status.success(), "{options:?}: {}", String::from_utf8_lossy(&output.stderr));
}
