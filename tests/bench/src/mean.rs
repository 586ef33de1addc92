//! Geometric means of ratios, class by class.
//!
//! The rule: a mean is of unrounded ratios, and of all programs of its class that have one.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::class::{CLASSES, Class};
use crate::engine::{ByEngine, compared_engines};
use crate::record::{Figures, Quantity, Row, ratios, rounded};

/// Of one class.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Means {
    /// How many programs the class has in this run.
    pub programs: usize,
    /// Of times.
    pub time_ratio: ByEngine<f64>,
    /// Of executed instructions.
    pub instruction_ratio: ByEngine<f64>,
}

impl Means {
    /// Those of `quantity`.
    pub fn of(&self, quantity: Quantity) -> &ByEngine<f64> {
        match quantity {
            Quantity::Times => &self.time_ratio,
            Quantity::Instructions => &self.instruction_ratio,
        }
    }
}

/// Of every class that `rows` have a program of.
pub fn by_class(rows: &[Row]) -> BTreeMap<Class, Means> {
    let mut means = BTreeMap::new();
    for class in CLASSES {
        let members: Vec<_> = rows.iter().filter(|row| row.class == class).collect();
        if !members.is_empty() {
            let time_ratio = of_ratios(&members, |figures| &figures.time_ns);
            let instruction_ratio = of_ratios(&members, |figures| &figures.instructions);
            means.insert(class, Means { programs: members.len(), time_ratio, instruction_ratio });
        }
    }
    means
}

fn of_ratios(rows: &[&Row], values: impl Fn(&Figures) -> &ByEngine<u64>) -> ByEngine<f64> {
    let ratios: Vec<_> = rows.iter().map(|row| ratios(values(&row.figures))).collect();
    let mean = |key: &str| geometric_mean(ratios.iter().filter_map(|ratios| ratios.get(key).copied()));
    let engines = compared_engines().map(|engine| engine.key());
    rounded(engines.filter_map(|key| Some((key.to_owned(), mean(key)?))).collect())
}

/// None of nothing.
fn geometric_mean(ratios: impl Iterator<Item = f64>) -> Option<f64> {
    let logarithms: Vec<_> = ratios.map(f64::ln).collect();
    let count = logarithms.len();
    (count > 0).then(|| (logarithms.into_iter().sum::<f64>() / count as f64).exp())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::tests::record_of;

    #[test]
    fn the_geometric_mean_of_a_half_and_a_double_is_one() {
        assert_eq!(geometric_mean([0.5, 2.0].into_iter()), Some(1.0));
        assert_eq!(geometric_mean([].into_iter()), None);
    }

    #[test]
    fn each_class_has_its_own_mean() {
        let record = record_of(&[
            ("lu", Class::Numeric, [100, 200]),
            ("rod", Class::Numeric, [100, 800]),
            ("lu-simd128", Class::NumericSimd128, [100, 110]),
            ("zlib", Class::Application, [100, 130]),
        ]);
        let mean = |class| record.means.get(&class).map(|means| (means.programs, means.time_ratio["-O3"]));
        assert_eq!(mean(Class::Numeric), Some((2, 4.0)));
        assert_eq!(mean(Class::NumericSimd128), Some((1, 1.1)));
        assert_eq!(mean(Class::Application), Some((1, 1.3)));
        assert_eq!(mean(Class::Vector), None);
        assert_eq!(record.means[&Class::Numeric].instruction_ratio["-O3"], 4.0);
    }

    #[test]
    fn an_engine_that_was_not_measured_has_no_mean() {
        let record = record_of(&[("lu", Class::Numeric, [100, 200])]);
        assert_eq!(record.means[&Class::Numeric].time_ratio.get("wasm2c"), None);
    }

    #[test]
    fn a_mean_is_of_ratios_before_they_are_rounded() {
        // 1.00006, 1.00006 and 1.00001: their mean is 1.00004, that of 1.0001, 1.0001 and 1 is 1.00007.
        let record = record_of(&[
            ("lu", Class::Numeric, [100_000, 100_006]),
            ("rod", Class::Numeric, [100_000, 100_006]),
            ("heat", Class::Numeric, [100_000, 100_001]),
        ]);
        assert_eq!(record.means[&Class::Numeric].time_ratio["-O3"], 1.0);
    }
}
