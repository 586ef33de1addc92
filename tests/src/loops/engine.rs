//! What runs a generated module: ours at some level, or wasmi.

use wasm2native::options::CodeOptions;
use wasmi::{Engine as WasmiEngine, Linker, Module as WasmiModule, Store, Val};

use super::canary::Overrun;
use super::generate::{Arguments, Index};
use crate::host::{Extern, Import, Instance, Library, Value};
use crate::plugin::{Source, build, descriptor_symbol};
use w2n_abi::TrapCode;

/// What came of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It returned this.
    Returned(u64),
    /// An access was out of bounds.
    OutOfBounds,
}

/// What a trap leaves for sure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// Every store before it, and no other.
    Memory,
    /// That there was one.
    Trap,
}

/// An instance of a generated module.
pub enum Runner {
    /// Compiled by us.
    Native(Box<NativeRunner>),
    /// Interpreted by wasmi.
    Wasmi(Box<WasmiRunner>),
}

/// See [`Runner::Native`].
pub struct NativeRunner {
    instance: Instance,
    memory: Extern,
    /// Where the last call trapped.
    fault_address: Option<u64>,
    /// What lies behind the memory, if its bounds are checked by comparing.
    overrun: Option<Overrun>,
}

/// See [`Runner::Wasmi`].
pub struct WasmiRunner {
    store: Store<()>,
    instance: wasmi::Instance,
    memory: wasmi::Memory,
}

/// Compiles `modules` into one library.
pub fn compile(modules: &[Vec<u8>], options: &CodeOptions) -> Result<Vec<crate::host::Module>, String> {
    let sources: Vec<_> = modules
        .iter()
        .enumerate()
        .map(|(number, bytes)| Source { prefix: format!("m{number}"), bytes: bytes.clone() })
        .collect();
    let library = build(&sources, options)?;
    sources.iter().map(|source| library.module(&descriptor_symbol(&source.prefix))).collect()
}

/// The module in a library that holds only one.
pub fn only_module(library: &Library) -> Result<crate::host::Module, String> {
    library.module(w2n_abi::symbol::MODULE)
}

impl Runner {
    /// An instance of a compiled module.
    pub fn native(module: &crate::host::Module) -> Self {
        let imports: &[Import] = &[];
        let instance = module.instantiate(imports).expect("a generated module instantiates");
        let memory = instance.export("memory").expect("the memory is exported");
        Self::Native(Box::new(NativeRunner { instance, memory, fault_address: None, overrun: None }))
    }

    /// As [`Runner::native`], for a module that was compiled with software checks. What is behind its memory
    /// is accessible then, so that nothing but the checks stops an access there.
    pub fn software(module: &crate::host::Module) -> Self {
        let runner = Self::native(module);
        let Self::Native(mut native) = runner else { unreachable!("it is native") };
        native.overrun = Some(Overrun::open(native.memory.memory_base(), native.memory.memory_size_bytes()));
        Self::Native(native)
    }

    /// What of a call that trapped is compared.
    pub fn precision(&self) -> Precision {
        match self {
            Self::Native(runner) if runner.overrun.is_none() => Precision::Trap,
            Self::Native(_) | Self::Wasmi(_) => Precision::Memory,
        }
    }

    /// Whether nothing was stored behind the end of memory, as far as that can be known.
    pub fn is_overrun_untouched(&self) -> bool {
        match self {
            Self::Native(runner) => runner.overrun.as_ref().is_none_or(Overrun::is_untouched),
            Self::Wasmi(_) => true,
        }
    }

    /// An instance of `bytes` in wasmi.
    pub fn wasmi(bytes: &[u8]) -> Self {
        let engine = WasmiEngine::default();
        let module = WasmiModule::new(&engine, bytes).expect("a generated module is valid");
        let mut store = Store::new(&engine, ());
        let instance = Linker::<()>::new(&engine)
            .instantiate_and_start(&mut store, &module)
            .expect("a generated module instantiates");
        let memory = instance.get_memory(&store, "memory").expect("the memory is exported");
        Self::Wasmi(Box::new(WasmiRunner { store, instance, memory }))
    }

    /// Address of byte 0 of the memory, if it is ours.
    pub fn memory_base(&self) -> Option<usize> {
        match self {
            Self::Native(runner) => Some(runner.memory.memory_base()),
            Self::Wasmi(_) => None,
        }
    }

    /// Where the last call that trapped did so, if it is known.
    pub fn fault_address(&self) -> Option<u64> {
        match self {
            Self::Native(runner) => runner.fault_address,
            Self::Wasmi(_) => None,
        }
    }

    /// Calls the function of loop `number`.
    pub fn call(&mut self, number: usize, arguments: &Arguments) -> Result<Outcome, String> {
        let name = format!("f{number}");
        match self {
            Self::Native(runner) => {
                let [a, b] = arguments.starts.map(|start| match arguments.index {
                    Index::I32 => Value::I32(start as u32),
                    Index::I64 => Value::I64(start),
                });
                let values = [a, b, Value::I64(arguments.count)];
                match runner.instance.call(&name, &values) {
                    Ok(results) => match results[..] {
                        [Value::I64(result)] => Ok(Outcome::Returned(result)),
                        _ => Err(format!("results {results:?}")),
                    },
                    Err(failure) if failure.trap() == Some(TrapCode::MemoryOutOfBounds) => {
                        runner.fault_address = failure.access.map(|access| access.address);
                        Ok(Outcome::OutOfBounds)
                    }
                    Err(failure) => Err(failure.to_string()),
                }
            }
            Self::Wasmi(runner) => {
                let function = runner.instance.get_func(&runner.store, &name).ok_or("no such export")?;
                let [a, b] = arguments.starts.map(|start| match arguments.index {
                    Index::I32 => Val::I32(start as i32),
                    Index::I64 => Val::I64(start as i64),
                });
                let values = [a, b, Val::I64(arguments.count as i64)];
                let mut results = [Val::I64(0)];
                match function.call(&mut runner.store, &values, &mut results) {
                    Ok(()) => match results {
                        [Val::I64(result)] => Ok(Outcome::Returned(result as u64)),
                        _ => Err("the result is no i64".to_owned()),
                    },
                    Err(error) if error.as_trap_code() == Some(wasmi::TrapCode::MemoryOutOfBounds) => {
                        Ok(Outcome::OutOfBounds)
                    }
                    Err(error) => Err(error.to_string()),
                }
            }
        }
    }

    /// Writes to memory. Panics outside of it.
    pub fn write(&mut self, address: u64, bytes: &[u8]) {
        match self {
            Self::Native(runner) => {
                assert!(runner.memory.memory_write(address, bytes), "write at {address:#x}")
            }
            Self::Wasmi(runner) => {
                runner.memory.write(&mut runner.store, address as usize, bytes).expect("a write inside");
            }
        }
    }

    /// Reads memory. Panics outside of it.
    pub fn read(&self, address: u64, length: usize) -> Vec<u8> {
        match self {
            Self::Native(runner) => runner.memory.memory_read(address, length as u64).expect("a read inside"),
            Self::Wasmi(runner) => {
                let mut bytes = vec![0; length];
                runner.memory.read(&runner.store, address as usize, &mut bytes).expect("a read inside");
                bytes
            }
        }
    }
}
