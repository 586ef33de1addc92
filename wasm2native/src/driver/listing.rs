//! What each import was bound to, for those who want to hear of the steps of the work.

use super::native::{CFunction, NativeCode};
use super::program::{Source, named, shown};
use super::reports::Reports;
use crate::emit::Binding;
use crate::error::shown_name;

/// What each import became (`-v`), but for WASI's.
pub fn say_bindings(
    sources: &[Source<'_>],
    bindings: &[Vec<Binding>],
    native: &NativeCode,
    reports: &Reports<'_>,
) {
    if !reports.wanted().steps {
        return;
    }
    for (source, bindings) in sources.iter().zip(bindings) {
        for (import, binding) in source.module.imports.iter().zip(bindings) {
            let target = match binding {
                Binding::Wasi => continue,
                Binding::Host => "the host".to_owned(),
                Binding::Undefined => "nothing; a call traps".to_owned(),
                Binding::Export { module, .. } => {
                    format!("the export of {}", shown(&sources[module.index()]))
                }
                Binding::C(symbol) => {
                    let file = match native.function(symbol) {
                        CFunction::Offered(file) | CFunction::Withheld(file, _) => file,
                        CFunction::Missing => String::new(),
                    };
                    format!("the C function `{}` of {file}", shown_name(symbol))
                }
            };
            reports.step(|| format!("{}: {} is {target}", shown(source), named(import)));
        }
    }
}
