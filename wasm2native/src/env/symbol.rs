//! Symbol names of a compiled module. Those inside of the output start with the module's prefix, so that
//! modules can be linked together. Those that others can see start with `w2n_`, whatever the guest is called
//! and exports: no library has such names, so nothing of a guest stands in for a function of the host.

use crate::wasm::FuncIndex;
use w2n_abi::symbol::{self, EXPORT_SEPARATOR, INTERNAL_SEPARATOR, NAMESPACE};

/// Symbols of the module with this prefix.
#[derive(Clone, Debug)]
pub struct Symbols {
    prefix: String,
}

impl Symbols {
    /// `prefix` is a C identifier (see [`symbol::mangle_module`]).
    pub fn new(prefix: &str) -> Self {
        Self { prefix: prefix.to_owned() }
    }

    /// Code of a defined function: `app.f12`.
    pub fn func(&self, func: FuncIndex) -> String {
        format!("{}{INTERNAL_SEPARATOR}f{}", self.prefix, func.0)
    }

    /// Code of a defined function for callers in the ordinary convention, when its own is the tail
    /// convention: `app.ordinary12`.
    pub fn ordinary_form(&self, func: FuncIndex) -> String {
        self.internal(&format!("ordinary{}", func.0))
    }

    /// A symbol that is not part of the ABI: `app.initialize`.
    pub fn internal(&self, name: &str) -> String {
        format!("{}{INTERNAL_SEPARATOR}{name}", self.prefix)
    }

    /// The map from code addresses to offsets, which the back end adds: `app.pc_map`.
    pub fn pc_map(&self) -> String {
        self.internal("pc_map")
    }

    /// The descriptor: `w2n_module_app`.
    pub fn descriptor(&self) -> String {
        format!("{}_{}", symbol::MODULE, self.prefix)
    }

    /// Typed C function of an export: `w2n_app__add`.
    pub fn typed_export(&self, export: &str) -> String {
        typed_symbol(&self.prefix, export)
    }
}

/// C function of `name` in the module with this prefix: `w2n_app__add`. Different pairs have different ones.
pub fn typed_symbol(prefix: &str, name: &str) -> String {
    format!("{NAMESPACE}{prefix}{EXPORT_SEPARATOR}{}", mangled(name))
}

/// `name` as the tail of a C identifier. See [`symbol::mangle`].
pub fn mangled(name: &str) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = symbol::mangle(name.as_bytes(), &mut out);
    out
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    /// All names of up to four of these characters, as modules and as exports: no two pairs make one symbol.
    #[test]
    fn different_exports_have_different_symbols() {
        let alphabet = ["a", "x", "_", "2", " "];
        let mut names = vec![String::new()];
        let mut longest = names.clone();
        for _ in 0..3 {
            longest = longest.iter().flat_map(|name| alphabet.map(|more| format!("{name}{more}"))).collect();
            names.extend(longest.clone());
        }
        // What looks like an escape.
        names.extend(["_x20_", "a_x20_", "_x5f_", "x20_", "x5f__"].map(str::to_owned));
        let mut seen = HashMap::new();
        for module in &names {
            let mut prefix = String::new();
            symbol::mangle_module(module.as_bytes(), &mut prefix).expect("a String takes all");
            for export in &names {
                let other = seen.insert(typed_symbol(&prefix, export), (module, export));
                assert_eq!(other, None, "the same symbol as ({module:?}, {export:?})");
            }
        }
        assert_eq!(typed_symbol("my_lib", "add_all"), "w2n_my_lib__add_all");
    }

    /// The C functions of exports and descriptors are apart from all that the runtime has.
    #[test]
    fn no_symbol_of_the_runtime_is_like_an_export() {
        let runtime = [symbol::START, symbol::CALL_EXPORT, symbol::API, symbol::WASI_INIT, symbol::MODULE];
        let runtime = runtime.into_iter().chain([symbol::UNDEFINED_IMPORT, symbol::WASI_PREFIX]);
        for name in runtime.chain(w2n_abi::RtFunc::ALL.iter().map(|func| func.symbol())) {
            assert!(name.starts_with(NAMESPACE) && !name.contains(EXPORT_SEPARATOR), "{name}");
        }
    }
}
