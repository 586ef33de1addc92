//! A Rust host of compiled modules, over the host API of a `.so`. Used by every test that calls plugins.
//!
//! The rule to know: a library is never unloaded, since the runtime inside it has installed signal
//! handlers and Wasm stacks; a test that loads thousands of them does so in child processes.

mod external;
mod failure;
mod import;
mod value;

use std::ffi::c_void;
use std::path::Path;
use std::ptr;
use std::rc::Rc;

use w2n_abi::{
    HostBytes, HostInstance, HostModule, NO_MAXIMUM, W2nApi, W2nExportInfo, W2nExtern, W2nImportInfo, W2nTrap,
};

pub use external::Extern;
pub use failure::Failure;
pub use import::{HostResult, Import};
pub use value::{Type, Value};

/// A loaded shared object.
#[derive(Clone, Copy)]
pub struct Library {
    inner: &'static libloading::Library,
}

impl Library {
    /// Loads `path`. Errors are the dynamic linker's words.
    pub fn open(path: &Path) -> Result<Self, String> {
        // SAFETY: the file was made by our compiler; its initialisers are those of the runtime, which
        // has none that depend on the host.
        let library = unsafe { libloading::Library::new(path) }.map_err(|error| error.to_string())?;
        Ok(Self { inner: Box::leak(Box::new(library)) })
    }

    /// The module whose descriptor is exported as `symbol`.
    pub fn module(&self, symbol: &str) -> Result<Module, String> {
        let descriptor =
            self.symbol(symbol).ok_or_else(|| format!("no symbol {symbol}"))?.cast::<HostModule>();
        // SAFETY: symbols with descriptor names hold descriptors, which are constant, and the library stays
        // loaded for ever. Only the version is read before it is known to be ours.
        let descriptor = unsafe { &*descriptor };
        if descriptor.abi_version != w2n_abi::ABI_VERSION {
            return Err(format!("{symbol} has ABI version {}", descriptor.abi_version));
        }
        Ok(Module { descriptor })
    }

    /// The address of any symbol, for tests of typed C entry points.
    pub fn symbol(&self, name: &str) -> Option<*mut c_void> {
        // SAFETY: the address is only handed out, and the library stays loaded for ever; who calls it
        // answers for its type.
        unsafe { self.inner.get::<*mut c_void>(name).ok()?.try_as_raw_ptr() }
    }
}

/// A compiled module inside a loaded library.
#[derive(Clone, Copy)]
pub struct Module {
    descriptor: &'static HostModule,
}

/// What a module imports or exports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternInfo {
    /// Module name; empty for exports.
    pub module: Vec<u8>,
    /// Field or export name.
    pub name: Vec<u8>,
    /// Number of a [`w2n_abi::ExternKind`].
    pub kind: u32,
    /// Function type encoding; empty for other kinds.
    pub func_type: Vec<u8>,
    /// Minimum of a table or memory.
    pub min: u64,
    /// Maximum of a table or memory, if it has one.
    pub max: Option<u64>,
}

impl Module {
    /// The host API of the runtime that is linked with the module.
    pub fn api(&self) -> &'static W2nApi {
        // SAFETY: a descriptor with our ABI version holds a pointer to the runtime's constant table.
        unsafe { &*self.descriptor.api.cast::<W2nApi>() }
    }

    /// The name that the module was compiled under.
    pub fn name(&self) -> Vec<u8> {
        copy_bytes(self.descriptor.name)
    }

    /// Every import, in the order of the module.
    pub fn imports(&self) -> Vec<ExternInfo> {
        let api = self.api();
        // SAFETY: the descriptor is valid, and all indices are below the count.
        let count = unsafe { (api.import_count)(self.descriptor) };
        (0..count)
            .map(|index| {
                // SAFETY: all zero is a valid value: null pointers and numbers.
                let mut info: W2nImportInfo = unsafe { std::mem::zeroed() };
                // SAFETY: as above; `info` has room.
                let status = unsafe { (api.import_at)(self.descriptor, index, &mut info) };
                assert_eq!(status, 0, "import {index} of {count}");
                ExternInfo {
                    module: copy_bytes(info.module),
                    name: copy_bytes(info.name),
                    kind: info.kind,
                    func_type: copy_bytes(info.func_type),
                    min: info.min,
                    max: maximum(info.max),
                }
            })
            .collect()
    }

    /// Every export, in the order of the module.
    pub fn exports(&self) -> Vec<ExternInfo> {
        let api = self.api();
        // SAFETY: the descriptor is valid, and all indices are below the count.
        let count = unsafe { (api.export_count)(self.descriptor) };
        (0..count)
            .map(|index| {
                // SAFETY: all zero is a valid value: null pointers and numbers.
                let mut info: W2nExportInfo = unsafe { std::mem::zeroed() };
                // SAFETY: as above; `info` has room.
                let status = unsafe { (api.export_at)(self.descriptor, index, &mut info) };
                assert_eq!(status, 0, "export {index} of {count}");
                ExternInfo {
                    module: Vec::new(),
                    name: copy_bytes(info.name),
                    kind: info.kind,
                    func_type: copy_bytes(info.func_type),
                    min: info.min,
                    max: maximum(info.max),
                }
            })
            .collect()
    }

    /// Makes an instance; `imports` are in the order of [`Self::imports`].
    ///
    /// Errors: a link error, or a trap of a segment or the start function.
    pub fn instantiate(&self, imports: &[Import]) -> Result<Instance, Failure> {
        let api = self.api();
        let raw: Vec<_> = imports.iter().map(Import::to_raw).collect();
        let mut instance = ptr::null_mut();
        let mut trap = Box::new(W2nTrap::EMPTY);
        // SAFETY: `raw` has as many elements as stated; what they point to is alive or leaked.
        let status = unsafe {
            (api.instantiate)(self.descriptor, raw.as_ptr(), raw.len() as u32, &mut instance, &mut *trap)
        };
        if status != 0 {
            assert!(instance.is_null(), "an instance came with status {status}");
            return Err(Failure::new(api, status, &trap));
        }
        assert!(!instance.is_null(), "no instance came with status 0");
        Ok(Instance { handle: Rc::new(InstanceHandle { instance, api }) })
    }
}

/// An instance of a module. Clones are the same instance; the last one gives it up.
#[derive(Clone)]
pub struct Instance {
    handle: Rc<InstanceHandle>,
}

/// What gives the instance up when nobody names it any more.
pub(crate) struct InstanceHandle {
    pub(crate) instance: *mut HostInstance,
    pub(crate) api: &'static W2nApi,
}

impl Drop for InstanceHandle {
    fn drop(&mut self) {
        // SAFETY: the instance came from the same API, is dropped once, and no call is under way,
        // since calls borrow the handle.
        unsafe { (self.api.instance_drop)(self.instance) }
    }
}

impl Instance {
    /// The raw instance, for typed C entry points.
    pub fn as_ptr(&self) -> *mut HostInstance {
        self.handle.instance
    }

    /// The export called `name`.
    pub fn export(&self, name: impl AsRef<[u8]>) -> Option<Extern> {
        let name = name.as_ref();
        // SAFETY: all zero is a valid value: null pointers and numbers.
        let mut raw: W2nExtern = unsafe { std::mem::zeroed() };
        // SAFETY: the instance is alive, the name has the stated length, `raw` has room.
        let found = unsafe {
            (self.handle.api.get_export)(self.handle.instance, name.as_ptr(), name.len() as u64, &mut raw)
        };
        (found == 1).then(|| Extern::new(raw, Rc::clone(&self.handle)))
    }

    /// Calls the exported function `name`. Panics if there is none, or the arguments are not its own.
    pub fn call(&self, name: impl AsRef<[u8]>, args: &[Value]) -> Result<Vec<Value>, Failure> {
        let name = name.as_ref();
        match self.export(name) {
            Some(func) => func.call(args),
            None => panic!("no export {:?}", String::from_utf8_lossy(name)),
        }
    }
}

/// Bytes that the API describes, copied.
pub(crate) fn copy_bytes(bytes: HostBytes) -> Vec<u8> {
    if bytes.len == 0 {
        return Vec::new();
    }
    // SAFETY: the API's byte strings are constant data of the module with the stated length.
    unsafe { std::slice::from_raw_parts(bytes.ptr.cast::<u8>(), bytes.len as usize) }.to_vec()
}

fn maximum(max: u64) -> Option<u64> {
    (max != NO_MAXIMUM).then_some(max)
}
