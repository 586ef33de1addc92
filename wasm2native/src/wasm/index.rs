//! Index spaces as types of their own, so that no bare number crosses a function boundary.

macro_rules! define_indices {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u32);

        impl $name {
            /// For looking it up in a `Vec`.
            pub fn index(self) -> usize {
                self.0 as usize
            }
        }
    )*};
}

define_indices! {
    /// Index of a function type, after equal types have been made one.
    TypeIndex;
    /// Index in the function index space: imports first.
    FuncIndex;
    /// Index among the functions that the module defines itself.
    DefinedFuncIndex;
    /// Index in the table index space.
    TableIndex;
    /// Index in the memory index space.
    MemoryIndex;
    /// Index in the global index space.
    GlobalIndex;
    /// Index of an element segment.
    ElementIndex;
    /// Index of a data segment.
    DataIndex;
    /// Place among the exports of a module.
    ExportIndex;
    /// Place of a module among those of an executable, in the order of instantiation.
    ModuleIndex;
}
