//! The totals on record: `tests/ratchet/<suite>.txt`, one line per file, or per file and configuration
//! where these differ. A run must reproduce them exactly; `W2N_BLESS=1` replaces them by what it saw.

use std::collections::BTreeMap;
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

/// Compares `results` with the record; answers what differs, one line each. Files on record that were
/// not run differ too, unless only a part was asked for (`is_partial`).
pub fn differences(suite: Suite, results: &Results, is_partial: bool) -> Vec<String> {
    let text = std::fs::read_to_string(path(suite)).unwrap_or_default();
    let record = parse(&text);
    let mut lines = Vec::new();
    for (file, configs) in results {
        for (config, totals) in configs {
            match record.get(file).and_then(|configs| configs.get(&name_on_record(config))) {
                Some(recorded) if recorded == totals => {}
                Some(recorded) => lines.push(format!("{file} {config}: {totals}; on record: {recorded}")),
                None => lines.push(format!("{file} {config}: {totals}; not on record")),
            }
        }
    }
    if !is_partial {
        let gone = record.keys().filter(|file| !results.contains_key(*file));
        lines.extend(gone.map(|file| format!("{file}: on record, but not in the suite")));
    }
    lines
}

/// The configuration whose totals those of `config` must equal.
fn name_on_record(config: &str) -> String {
    let config: Config = config.parse().expect("results have known configurations");
    config.on_record().to_string()
}

/// Puts `results` on record: as all there is, or in place of those of the same files (`is_partial`).
pub fn bless(suite: Suite, results: &Results, is_partial: bool) -> std::io::Result<()> {
    let path = path(suite);
    std::fs::create_dir_all(path.parent().expect("below the package"))?;
    let mut record = match is_partial {
        true => parse(&std::fs::read_to_string(&path).unwrap_or_default()),
        false => Results::new(),
    };
    record.extend(results.clone());
    for configs in record.values_mut() {
        configs.retain(|config, _| name_on_record(config) == *config);
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
