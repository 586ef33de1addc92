//! Does what one module exports fit what another imports? Types are compared by structure, since each
//! module numbers its own. spec: valid/matching.
//!
//! The runtime asks again at instantiation, of the tables and memories as they have grown by then.

use super::module::{ExternType, Limits, Module};

/// Whether `given`, of the module `exporter`, may stand where `importer` wants `wanted`.
pub fn matches(
    importer: &Module<'_>,
    wanted: &ExternType,
    exporter: &Module<'_>,
    given: &ExternType,
) -> bool {
    match (wanted, given) {
        (ExternType::Func(wanted), ExternType::Func(given)) => {
            importer.types[wanted.index()] == exporter.types[given.index()]
        }
        (ExternType::Table(wanted), ExternType::Table(given)) => {
            wanted.element == given.element && limits_match(&wanted.limits, &given.limits)
        }
        (ExternType::Memory(wanted), ExternType::Memory(given)) => {
            limits_match(&wanted.limits, &given.limits)
        }
        (ExternType::Global(wanted), ExternType::Global(given)) => {
            wanted.value == given.value && wanted.mutable == given.mutable
        }
        _ => false,
    }
}

fn limits_match(wanted: &Limits, given: &Limits) -> bool {
    let max_fits = wanted.max.is_none_or(|wanted| given.max.is_some_and(|given| given <= wanted));
    given.min >= wanted.min && max_fits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_fit_when_they_promise_no_less() {
        let limits = |min, max| Limits { min, max };
        for (wanted, given, fits) in [
            ((1, None), (1, None), true),
            ((1, None), (2, Some(3)), true),
            ((2, None), (1, None), false),
            ((1, Some(3)), (1, Some(3)), true),
            ((1, Some(3)), (1, Some(2)), true),
            ((1, Some(3)), (1, Some(4)), false),
            ((1, Some(3)), (1, None), false),
        ] {
            let (wanted, given) = (limits(wanted.0, wanted.1), limits(given.0, given.1));
            assert_eq!(limits_match(&wanted, &given), fits, "{wanted} {given}");
        }
    }
}
