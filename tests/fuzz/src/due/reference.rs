//! The interpreter that knows which traps are due.

use wasmi::{Engine, Instance, Linker, Store, TrapCode, Val};

/// Operators that a call may take; what takes more is left out.
const FUEL: u64 = 20_000;

/// How a call ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It returns.
    Returned,
    /// At an access.
    Trapped,
    /// Not in the time it has.
    Unknown,
}

pub struct Reference {
    store: Store<()>,
    instance: Instance,
}

impl Reference {
    /// Errors: what the engine refuses, which it must not.
    pub fn new(bytes: &[u8]) -> Result<Self, String> {
        let mut config = wasmi::Config::default();
        config.consume_fuel(true);
        let engine = Engine::new(&config);
        let module = wasmi::Module::new(&engine, bytes).map_err(|error| error.to_string())?;
        let mut store = Store::new(&engine, ());
        store.set_fuel(FUEL).map_err(|error| error.to_string())?;
        let instance = Linker::new(&engine)
            .instantiate_and_start(&mut store, &module)
            .map_err(|error| error.to_string())?;
        Ok(Self { store, instance })
    }

    /// Calls a function with `memory` in its memory. Errors: an end that there must not be.
    pub fn call(&mut self, name: &str, args: [i32; 4], memory: &[u8]) -> Result<End, String> {
        let exported = self.instance.get_memory(&self.store, "memory").ok_or("no memory")?;
        exported.data_mut(&mut self.store).copy_from_slice(memory);
        self.store.set_fuel(FUEL).map_err(|error| error.to_string())?;
        let func = self.instance.get_func(&self.store, name).ok_or("no such function")?;
        let mut results = [Val::I64(0)];
        match func.call(&mut self.store, &args.map(Val::I32), &mut results) {
            Ok(()) => Ok(End::Returned),
            Err(error) => match error.as_trap_code() {
                Some(TrapCode::MemoryOutOfBounds) => Ok(End::Trapped),
                Some(TrapCode::OutOfFuel) => Ok(End::Unknown),
                _ => Err(format!("{name} {args:?}: {error}")),
            },
        }
    }
}
