//! What runs a generated module: ours at some level, or wasmi.

use wasm2native::options::CodeOptions;
use wasmi::{Engine as WasmiEngine, Linker, Module as WasmiModule, Store, Val};

use super::generate::Arguments;
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
        Self::Native(Box::new(NativeRunner { instance, memory, fault_address: None }))
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
        let [a, b] = arguments.starts;
        let name = format!("f{number}");
        match self {
            Self::Native(runner) => {
                let values = [Value::I32(a), Value::I32(b), Value::I64(arguments.count)];
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
                let values = [Val::I32(a as i32), Val::I32(b as i32), Val::I64(arguments.count as i64)];
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
