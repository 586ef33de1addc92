//! Symbol names. Everything the linker sees is named here.

/// `int w2n_start(int argc, char **argv, const StartInfo *)`: called by the `main` of an executable.
pub const START: &str = "w2n_start";

/// Entry of executables that are to start with an older glibc, before `main`: `rt/glibc`.
pub const OLD_ENTRY: &str = "w2n_entry";

/// `void w2n_call_export(VmInstance *, const VmFuncRef *, ValueSlot *)`: what the typed C functions of a
/// plugin call. After a trap the results are zero and the trap stays with the instance until taken.
pub const CALL_EXPORT: &str = "w2n_call_export";

/// `*const W2nApi` in the runtime: the host API table.
pub const API: &str = "w2n_api";

/// See [`crate::StartInfo::wasi_init`].
pub const WASI_INIT: &str = "w2n_wasi_init";

/// `*const W2nWasiApi` in libwasirt: see [`crate::ModuleDescriptor::wasi`].
pub const WASI_API: &str = "w2n_wasi_api";

/// Symbol under which a plugin with one module exports its descriptor, whatever its name.
pub const MODULE: &str = "w2n_module";

/// Prefix of the array-call symbol of a WASI preview 1 function: `w2n_wasi_fd_write`.
pub const WASI_PREFIX: &str = "w2n_wasi_";

/// `u32 w2n_undefined_import(name, len)`: what the stub of an undefined import calls; it answers a trap code.
pub const UNDEFINED_IMPORT: &str = "w2n_undefined_import";

/// Export that a WASI reactor wants to be called once, before all others.
pub const REACTOR_INITIALIZE: &str = "_initialize";

/// Import module of WASI preview 1.
pub const WASI_MODULE: &str = "wasi_snapshot_preview1";

/// Import module of snapshot 0, the one before preview 1.
pub const WASI_SNAPSHOT0_MODULE: &str = "wasi_unstable";

/// Prefix of the array-call symbol of a function that differs in snapshot 0: `w2n_wasi0_fd_seek`.
pub const WASI_SNAPSHOT0_PREFIX: &str = "w2n_wasi0_";

/// Byte that separates nothing but is never in a C identifier, for our internal symbols: `app.f12`.
pub const INTERNAL_SEPARATOR: char = '.';

/// Our internal symbol for what runs at instantiation: `app.initialize`.
pub const INITIALIZE: &str = "initialize";

/// What every symbol begins with that others can see: no C library and no language runtime has such names.
pub const NAMESPACE: &str = "w2n_";

/// Between module and export in the name of a typed C function, `w2n_add__add`. No other symbol of ours has
/// two underscores in a row, and [`mangle_module`] leaves none outside of its escapes.
pub const EXPORT_SEPARATOR: &str = "__";

/// Section of the C functions that are marked with `W2N_EXPORT_TO_GUEST`.
pub const OFFERED_SECTION: &str = "w2n_exports";

/// Appends `name` to `out` so that the result is a C identifier tail and different names stay different:
/// bytes other than `[A-Za-z0-9_]` become `_xHH_`, and so does a `_` that is followed by `x`.
///
/// `a b` becomes `a_x20_b`; `a_xylo` becomes `a_x5f_xylo`.
pub fn mangle(name: &[u8], out: &mut impl core::fmt::Write) -> core::fmt::Result {
    escape(name, |next| next != Some(b'x'), out)
}

/// The same for the name of a module. What is left of underscores stands alone and in front of a letter or
/// digit, so that [`EXPORT_SEPARATOR`] behind it can be told from it, whatever the export is called.
///
/// `my_lib` stays; `a__b` becomes `a_x5f__b`; `a_` becomes `a_x5f_`.
pub fn mangle_module(name: &[u8], out: &mut impl core::fmt::Write) -> core::fmt::Result {
    escape(name, |next| next.is_some_and(|next| next.is_ascii_alphanumeric() && next != b'x'), out)
}

/// Escapes what is no letter or digit; a `_` stays if `stays` says so of the byte behind it.
fn escape(
    name: &[u8],
    stays: impl Fn(Option<u8>) -> bool,
    out: &mut impl core::fmt::Write,
) -> core::fmt::Result {
    for (position, &byte) in name.iter().enumerate() {
        let is_plain = match byte {
            b'_' => stays(name.get(position + 1).copied()),
            _ => byte.is_ascii_alphanumeric(),
        };
        if is_plain {
            out.write_char(byte as char)?;
        } else {
            write!(out, "_x{byte:02x}_")?;
        }
    }
    Ok(())
}
