//! Symbol names of a compiled module. All start with the module's prefix, so that modules can be linked together.

use crate::wasm::FuncIndex;
use w2n_abi::symbol::{self, INTERNAL_SEPARATOR};

/// Symbols of the module with this prefix.
#[derive(Clone, Debug)]
pub struct Symbols {
    prefix: String,
}

impl Symbols {
    /// `prefix` is a C identifier (see [`mangled`]).
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

    /// Typed C function of an export: `app_add`.
    pub fn typed_export(&self, export: &str) -> String {
        typed_symbol(&self.prefix, export)
    }
}

/// C function of `name` in the module with this prefix: `app_add`.
pub fn typed_symbol(prefix: &str, name: &str) -> String {
    format!("{prefix}_{}", mangled(name))
}

/// `name` as the tail of a C identifier. See [`symbol::mangle`].
pub fn mangled(name: &str) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = symbol::mangle(name.as_bytes(), &mut out);
    out
}
