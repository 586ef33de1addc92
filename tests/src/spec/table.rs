//! The totals of a run as a table: a row per file, then the sums of each configuration.

use std::collections::BTreeMap;

use super::Totals;
use super::config::Config;
use super::process::JobResult;
use super::suite::Suite;

/// Prints the table of `suite`.
pub fn print(suite: Suite, results: &[&JobResult]) {
    let mut files: BTreeMap<&str, (Totals, f64)> = BTreeMap::new();
    for result in results {
        let (totals, seconds) = files.entry(&result.job.file).or_default();
        totals.add(&result.totals);
        *seconds += result.duration.as_secs_f64();
    }
    let title = format!("suite {}", suite.name());
    println!("\n{title:<52} {:>8} {:>7} {:>8} {:>7}", "passed", "failed", "skipped", "s");
    for (file, (totals, seconds)) in files {
        let reason = totals.skipped.keys().next().map_or("", String::as_str);
        let Totals { passed, failed, .. } = totals;
        let skipped = totals.skipped_count();
        println!("{file:<52} {passed:>8} {failed:>7} {skipped:>8} {seconds:>7.1}  {reason}");
    }
    for config in Config::every() {
        let mut totals = Totals::default();
        let chosen = results.iter().filter(|result| result.job.config == config);
        chosen.for_each(|result| totals.add(&result.totals));
        if totals != Totals::default() {
            println!("suite {} {config}: {totals}", suite.name());
        }
    }
}
