//! The totals on record: `tests/ratchet/<suite>.txt`, one line per file, or per file and configuration
//! where these differ. A run must reproduce them exactly; `W2N_BLESS=1` replaces them by what it saw.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::PathBuf;

use super::Totals;
use super::config::Config;
use super::suite::Suite;

/// Totals by file, then by configuration.
pub type Results = BTreeMap<String, BTreeMap<String, Totals>>;

/// Stands for all configurations where their totals are equal.
const ALL_CONFIGS: &str = "all";

fn path(suite: Suite) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("ratchet").join(format!("{}.txt", suite.name()))
}

/// What is on record of `suite`.
pub fn read(suite: Suite) -> Results {
    parse(&std::fs::read_to_string(path(suite)).unwrap_or_default())
}

/// How `totals` of a file in a configuration differ from those on record.
pub fn difference(record: &Results, file: &str, config: Config, totals: &Totals) -> Option<String> {
    match record.get(file).and_then(|configs| configs.get(&config.on_record().to_string())) {
        Some(recorded) if recorded == totals => None,
        Some(recorded) => Some(format!("{totals}; on record: {recorded}; `make bless` accepts it")),
        None => Some(format!("{totals}; not on record; `make bless` accepts it")),
    }
}

/// Files on record that are not in `suite`; none where the suite is not there at all.
pub fn gone(record: &Results, suite: Suite) -> Vec<String> {
    let files: BTreeSet<_> = suite.files().into_iter().map(|file| file.name).collect();
    let gone = record.keys().filter(|file| !files.is_empty() && !files.contains(*file));
    gone.map(|file| format!("{}/{file}", suite.name())).collect()
}

/// Whether the configuration of this name has totals of its own on record.
fn is_recorded(config: &str) -> bool {
    let config: Config = config.parse().expect("results have known configurations");
    config.on_record() == config
}

/// Puts `results` on record: as all there is, or in place of those of the same files and configurations
/// (`is_partial`).
pub fn bless(suite: Suite, results: &Results, is_partial: bool) -> std::io::Result<()> {
    let path = path(suite);
    std::fs::create_dir_all(path.parent().expect("below the package"))?;
    let mut record = match is_partial {
        true => parse(&std::fs::read_to_string(&path).unwrap_or_default()),
        false => Results::new(),
    };
    for (file, configs) in results {
        record.entry(file.clone()).or_default().extend(configs.clone());
    }
    for configs in record.values_mut() {
        configs.retain(|config, _| is_recorded(config));
    }
    std::fs::write(path, render(suite, &record))
}

fn render(suite: Suite, results: &Results) -> String {
    let mut text = format!(
        "# Suite `{}`: file, configuration, passed, failed, skipped by reason. Written by `make bless`.\n",
        suite.name()
    );
    for (file, configs) in results {
        let mut all = configs.values();
        let first = all.next().expect("a file is run at least once");
        if configs.len() == Config::ALL.len() && all.all(|totals| totals == first) {
            render_line(&mut text, file, ALL_CONFIGS, first);
        } else {
            configs.iter().for_each(|(config, totals)| render_line(&mut text, file, config, totals));
        }
    }
    text
}

fn render_line(text: &mut String, file: &str, config: &str, totals: &Totals) {
    let reasons: Vec<_> =
        totals.skipped.iter().map(|(reason, count)| format!("{count} × {reason}")).collect();
    writeln!(text, "{file}\t{config}\t{}\t{}\t{}", totals.passed, totals.failed, reasons.join("; "))
        .expect("a string takes everything");
}

fn parse(text: &str) -> Results {
    let mut results = Results::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let fields: Vec<_> = line.split('\t').collect();
        let [file, config, passed, failed, reasons] = fields[..] else { panic!("ratchet: `{line}`") };
        let number = |text: &str| text.parse().unwrap_or_else(|_| panic!("ratchet: `{line}`"));
        let skipped = reasons.split("; ").filter(|reason| !reason.is_empty()).map(|reason| {
            let (count, reason) = reason.split_once(" × ").unwrap_or_else(|| panic!("ratchet: `{line}`"));
            (reason.to_owned(), number(count))
        });
        let totals = Totals { passed: number(passed), failed: number(failed), skipped: skipped.collect() };
        let configs = results.entry(file.to_owned()).or_default();
        if config == ALL_CONFIGS {
            configs.extend(Config::ALL.map(|config| (config.to_string(), totals.clone())));
        } else {
            configs.insert(config.to_owned(), totals);
        }
    }
    results
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_reads_as_it_was_written() {
        let skipped = BTreeMap::from([("needs the SIMD proposal".to_owned(), 3), ("b".to_owned(), 1)]);
        let totals = Totals { passed: 5, failed: 1, skipped };
        let same = Config::ALL.map(|config| (config.to_string(), totals.clone()));
        let differing = Config::ALL.map(|config| {
            (config.to_string(), Totals { passed: config.to_string().len(), ..Totals::default() })
        });
        let results = Results::from([
            ("a/same.wast".to_owned(), BTreeMap::from(same)),
            ("b/differing.wast".to_owned(), BTreeMap::from(differing)),
        ]);
        let text = render(Suite::Crate, &results);
        assert_eq!(text.lines().count(), 1 + 1 + Config::ALL.len());
        assert_eq!(parse(&text), results);
    }
}
