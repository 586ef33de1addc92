//! An exported function, table, memory or global, usable while somebody names it.

use std::rc::Rc;

use w2n_abi::{
    ExternKind, HostFuncRef, ValueSlot, ValueType, W2nApi, W2nExtern, W2nTrap, extern_kind_number,
};

use super::{Failure, InstanceHandle, Type, Value, copy_bytes};

/// An export of an instance, which it keeps alive.
#[derive(Clone)]
pub struct Extern {
    raw: W2nExtern,
    handle: Rc<InstanceHandle>,
}

impl Extern {
    pub(crate) fn new(raw: W2nExtern, handle: Rc<InstanceHandle>) -> Self {
        Self { raw, handle }
    }

    pub(crate) fn raw(&self) -> &W2nExtern {
        &self.raw
    }

    fn api(&self) -> &'static W2nApi {
        self.handle.api
    }

    /// Panics unless it is of `kind`.
    fn assert_kind(&self, kind: ExternKind) {
        assert_eq!(self.raw.kind, extern_kind_number(kind), "export is no {kind:?}");
    }

    /// Whether it is of `kind`.
    pub fn is(&self, kind: ExternKind) -> bool {
        self.raw.kind == extern_kind_number(kind)
    }

    /// Type of a function.
    pub fn func_type(&self) -> Type {
        self.assert_kind(ExternKind::Func);
        Type::decode(&copy_bytes(self.raw.func_type))
    }

    /// Calls a function. Panics if the arguments are not of its type, which would be undefined.
    pub fn call(&self, args: &[Value]) -> Result<Vec<Value>, Failure> {
        let ty = self.func_type();
        let given: Vec<_> = args.iter().map(|arg| arg.ty()).collect();
        assert_eq!(given, ty.params, "arguments");
        let mut slots: Vec<_> = args.iter().map(|arg| arg.to_slot()).collect();
        // One slot more than needed, to see that nothing is written past the results.
        let sentinel = ValueSlot { bits: [0x5e47_1e15_5e47_1e15; 2] };
        let needed = ty.params.len().max(ty.results.len());
        slots.resize(needed, ValueSlot::default());
        slots.push(sentinel);
        let mut trap = Box::new(W2nTrap::EMPTY);
        // SAFETY: the definition of a function is its `VmFuncRef`, alive while `handle` is; the slots
        // suffice and hold arguments of its type.
        let status = unsafe {
            (self.api().call)(
                self.raw.definition.cast::<HostFuncRef>().cast_const(),
                slots.as_mut_ptr(),
                needed as u32,
                &mut *trap,
            )
        };
        assert_eq!(slots[needed], sentinel, "a call wrote past its slots");
        if status != 0 {
            return Err(Failure::new(self.api(), status, &trap));
        }
        Ok(ty.results.iter().zip(slots).map(|(ty, slot)| Value::from_slot(*ty, slot)).collect())
    }

    /// The value of a global.
    pub fn global_get(&self) -> Value {
        self.assert_kind(ExternKind::Global);
        let mut slot = ValueSlot::default();
        // SAFETY: the global is alive while `handle` is.
        let status = unsafe { (self.api().global_get)(&self.raw, &mut slot) };
        assert_eq!(status, 0, "global_get");
        Value::from_slot(self.value_type(), slot)
    }

    /// Sets a mutable global. False if it is immutable.
    pub fn global_set(&self, value: Value) -> bool {
        self.assert_kind(ExternKind::Global);
        assert_eq!(value.ty(), self.value_type(), "type of the global");
        // SAFETY: the global is alive while `handle` is, and the value of its type.
        unsafe { (self.api().global_set)(&self.raw, &value.to_slot()) == 0 }
    }

    /// Value type of a global, element type of a table.
    fn value_type(&self) -> ValueType {
        u8::try_from(self.raw.ty).ok().and_then(ValueType::from_code).expect("the value type of an export")
    }

    /// Bytes of a memory now.
    pub fn memory_size_bytes(&self) -> u64 {
        self.assert_kind(ExternKind::Memory);
        // SAFETY: the memory is alive while `handle` is.
        unsafe { (self.api().memory_size)(&self.raw) }
    }

    /// Address of byte 0 of a memory.
    pub fn memory_base(&self) -> usize {
        self.assert_kind(ExternKind::Memory);
        // SAFETY: the memory is alive while `handle` is.
        unsafe { (self.api().memory_data)(&self.raw) as usize }
    }

    /// Copies `length` bytes at `offset` out of a memory; `None` past its end.
    pub fn memory_read(&self, offset: u64, length: u64) -> Option<Vec<u8>> {
        if offset.checked_add(length)? > self.memory_size_bytes() {
            return None;
        }
        // SAFETY: the range lies inside the memory, and no Wasm code runs meanwhile.
        Some(unsafe {
            let start = (self.api().memory_data)(&self.raw).add(offset as usize);
            std::slice::from_raw_parts(start, length as usize).to_vec()
        })
    }

    /// Copies `bytes` to `offset` of a memory; false past its end.
    pub fn memory_write(&self, offset: u64, bytes: &[u8]) -> bool {
        let Some(end) = offset.checked_add(bytes.len() as u64) else { return false };
        if end > self.memory_size_bytes() {
            return false;
        }
        // SAFETY: the range lies inside the memory, and no Wasm code runs meanwhile.
        unsafe {
            let start = (self.api().memory_data)(&self.raw).add(offset as usize);
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), start, bytes.len());
        }
        true
    }

    /// Grows a memory; its old size in pages.
    pub fn memory_grow(&self, delta_pages: u64) -> Option<u64> {
        self.assert_kind(ExternKind::Memory);
        // SAFETY: the memory is alive while `handle` is.
        u64::try_from(unsafe { (self.api().memory_grow)(&self.raw, delta_pages) }).ok()
    }

    /// Elements of a table now.
    pub fn table_size(&self) -> u64 {
        self.assert_kind(ExternKind::Table);
        // SAFETY: the table is alive while `handle` is.
        unsafe { (self.api().table_size)(&self.raw) }
    }

    /// Reads an element of a table; `None` past its end.
    pub fn table_get(&self, index: u64) -> Option<Value> {
        self.assert_kind(ExternKind::Table);
        let mut slot = ValueSlot::default();
        // SAFETY: the table is alive while `handle` is.
        let status = unsafe { (self.api().table_get)(&self.raw, index, &mut slot) };
        (status == 0).then(|| Value::from_slot(self.value_type(), slot))
    }

    /// Writes an element of a table; false past its end.
    pub fn table_set(&self, index: u64, value: Value) -> bool {
        self.assert_kind(ExternKind::Table);
        assert_eq!(value.ty(), self.value_type(), "type of the element");
        // SAFETY: the table is alive while `handle` is; a funcref came out of a live instance.
        unsafe { (self.api().table_set)(&self.raw, index, &value.to_slot()) == 0 }
    }

    /// Grows a table by `delta` elements that are `value`; its old size.
    pub fn table_grow(&self, delta: u64, value: Value) -> Option<u64> {
        self.assert_kind(ExternKind::Table);
        assert_eq!(value.ty(), self.value_type(), "type of the element");
        // SAFETY: as for `table_set`.
        u64::try_from(unsafe { (self.api().table_grow)(&self.raw, delta, &value.to_slot()) }).ok()
    }
}
