//! A child process: compares some modules and says what it does, line by line, so that a crash costs
//! one batch and names who did it.
//!
//! The rule: it says what it turns to before it does.

use std::io::Write;

use w2n_tests::host::Library;
use w2n_tests::plugin::{Source, build_for, descriptor_symbol};

use crate::observe::Outcome;
use crate::reference::{self, Trace};
use crate::report::{Finding, Line, Tally};
use crate::subject::{self, Agreement, Divergence, Setup};

/// A module by its seed; a file has none and counts as 0.
pub struct Subject {
    /// Its seed.
    pub seed: u64,
    /// Its binary.
    pub bytes: Vec<u8>,
}

/// Compares `modules` in all `setups`.
pub fn run(modules: &[Subject], setups: &[Setup]) {
    let libraries: Vec<_> = setups.iter().map(|setup| libraries(modules, *setup)).collect();
    for (index, module) in modules.iter().enumerate() {
        let mut trace = match reference::trace(&module.bytes) {
            Ok(trace) => trace,
            Err(reason) => {
                say_failed(module, setups[0], None, format!("the reference: {reason}"));
                continue;
            }
        };
        let mut agreements = Vec::new();
        for (setup, libraries) in setups.iter().zip(&libraries) {
            let Some(library) = libraries[index] else { continue };
            say(&Line::At(Some(module.seed), *setup));
            let descriptor = library.module(&descriptor_symbol(&prefix(index)));
            let followed = descriptor
                .map_err(|message| Divergence { step: None, message })
                .and_then(|descriptor| subject::follow(&descriptor, *setup, &mut trace));
            match followed {
                Ok(agreement) => agreements.push(agreement),
                Err(Divergence { step, message }) => say_failed(module, *setup, step, message),
            }
        }
        if agreements.len() == setups.len() {
            say(&Line::Finished(tally(&trace, &agreements)));
        }
    }
    say(&Line::Done);
}

/// A module counts as far as all setups went.
fn tally(trace: &Trace, agreements: &[Agreement]) -> Tally {
    let mut tally = Tally { modules: 1, ..Tally::default() };
    let steps = agreements.iter().map(|agreement| agreement.steps(trace)).min().unwrap_or(0);
    for step in trace.steps[..steps].iter().skip(1) {
        match step.outcome {
            Outcome::Returned(_) => tally.returned += 1,
            Outcome::Trapped(_) => tally.trapped += 1,
        }
    }
    let any = |is: fn(&Agreement) -> bool| u64::from(agreements.iter().any(is));
    tally.parted = any(|agreement| matches!(agreement, Agreement::Parted(_)));
    tally.exhausted = any(|agreement| matches!(agreement, Agreement::Exhausted(_)));
    tally
}

/// The library of each module: one for all, unless the compiler refuses one of them.
fn libraries(modules: &[Subject], setup: Setup) -> Vec<Option<Library>> {
    say(&Line::At(None, setup));
    let source =
        |(index, module): (usize, &Subject)| Source { prefix: prefix(index), bytes: module.bytes.clone() };
    let sources: Vec<_> = modules.iter().enumerate().map(source).collect();
    if let Ok(library) = build_for(&setup.target(), &sources, &setup.code_options()) {
        return vec![Some(library); modules.len()];
    }
    let alone = |(source, module): (&Source, &Subject)| {
        say(&Line::At(Some(module.seed), setup));
        let library = build_for(&setup.target(), std::slice::from_ref(source), &setup.code_options());
        library.map_err(|reason| say_failed(module, setup, None, format!("refused: {reason}"))).ok()
    };
    sources.iter().zip(modules).map(alone).collect()
}

fn prefix(index: usize) -> String {
    format!("m{index}")
}

fn say_failed(module: &Subject, setup: Setup, step: Option<usize>, message: String) {
    say(&Line::Failed(Finding { seed: Some(module.seed), setup, step, message }));
}

fn say(line: &Line) {
    let mut output = std::io::stdout().lock();
    // A parent that is gone reads nothing.
    let _ = writeln!(output, "{line}").and_then(|()| output.flush());
}
