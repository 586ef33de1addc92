//! Every operator that wasmparser knows, by its list.

use wasmparser::Operator;

/// An operator and the proposal that brought it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OperatorInfo {
    /// wasmparser's name of the proposal: `mvp`, `simd`, `tail_call`.
    pub proposal: &'static str,
    /// Variant of [`Operator`]: `I32Add`.
    pub variant: &'static str,
    /// wasmparser's method: `visit_i32_add`.
    method: &'static str,
}

macro_rules! list_operators {
    ($(@$proposal:ident $variant:ident $({ $($payload:tt)* })? => $method:ident ($($arity:tt)*))*) => {
        /// All operators, in wasmparser's order.
        pub const OPERATORS: &[OperatorInfo] = &[$(OperatorInfo {
            proposal: stringify!($proposal),
            variant: stringify!($variant),
            method: stringify!($method),
        }),*];
    };
}
wasmparser::for_each_operator!(list_operators);

impl OperatorInfo {
    /// Whether `name` is its name in the specification, such as `i32.add`, or `typed_select`, which the
    /// specification calls `select` too.
    pub fn is_called(&self, name: &str) -> bool {
        self.method.strip_prefix("visit_").is_some_and(|method| method == name.replace('.', "_"))
    }

    /// Its name in the specification, as far as that is a type and an operation: `i32.load8_s`.
    pub fn name(&self) -> String {
        self.method.strip_prefix("visit_").unwrap_or(self.method).replacen('_', ".", 1)
    }

    /// The operator that the specification calls `name`.
    pub fn by_name(name: &str) -> Option<&'static Self> {
        OPERATORS.iter().find(|operator| operator.is_called(name))
    }

    /// Whether `operator` is of this kind, whatever its immediates.
    pub fn is_kind_of(&self, operator: &Operator<'_>) -> bool {
        Self::variant_of(operator) == self.variant
    }

    /// Name of the variant that `operator` is.
    pub fn variant_of(operator: &Operator<'_>) -> String {
        let shown = format!("{operator:?}");
        shown.split([' ', '{', '(']).next().unwrap_or_default().to_owned()
    }
}
