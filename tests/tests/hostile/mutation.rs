//! Thousands of mutants of the suite's modules, the same ones in every run. Each must be refused as the
//! input's fault or compile; a sample goes through the command.
//!
//! What was to be compiled is left in a directory of the build until the next run, so that a mutant on
//! which LLVM ends the whole process can be found.

use std::collections::HashSet;
use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use fastrand::Rng;
use w2n_tests::command::{Bench, holds};
use w2n_tests::plugin::{self, Source};
use w2n_tests::spec::suite::Suite;
use wasm2native::error::ErrorKind;
use wasm2native::options::{CodeOptions, OptLevel, TargetOptions};
use wasm2native::wasm;
use wast::parser::{self, ParseBuffer};
use wast::{Wast, WastDirective};

use crate::mutant::mutant;
use crate::shapes::compile;

/// Where the random choices start.
const SEED: u64 = 0x5e_ed0f_ba5e;

/// Mutants to be made.
const MUTANT_COUNT: usize = 20_000;

/// Larger modules of the suite are left out: changes would miss what matters in them.
const SIZE_LIMIT_BYTES: usize = 4096;

/// Longest time for reading one mutant.
const TIME_LIMIT: Duration = Duration::from_secs(5);

/// Mutants compiled into one shared object.
const BATCH_SIZE: usize = 100;

/// Every how many mutants one goes through the command.
const SAMPLE_STEP: usize = 500;

/// Valid modules that we compile.
fn seeds() -> Vec<Vec<u8>> {
    let mut seen = HashSet::new();
    let mut seeds = Vec::new();
    for file in Suite::Crate.files() {
        // What this version of the crate does not parse is counted by the suite's own test.
        let Ok(buffer) = ParseBuffer::new(&file.text) else { continue };
        let Ok(wast) = parser::parse::<Wast<'_>>(&buffer) else { continue };
        for directive in wast.directives {
            let WastDirective::Module(mut module) = directive else { continue };
            let Ok(bytes) = module.encode() else { continue };
            let is_ours = bytes.len() <= SIZE_LIMIT_BYTES && wasm::parse(&bytes, "seed").is_ok();
            if is_ours && seen.insert(bytes.clone()) {
                seeds.push(bytes);
            }
        }
    }
    seeds
}

/// The mutants, each once.
fn mutants() -> Vec<Vec<u8>> {
    let seeds = seeds();
    assert!(seeds.len() > 800, "only {} modules to start from", seeds.len());
    let mut rng = Rng::with_seed(SEED);
    let mut seen: HashSet<_> = seeds.iter().cloned().collect();
    let any = |rng: &mut Rng| rng.usize(..seeds.len());
    let mut make = || {
        let (module, other) = (any(&mut rng), any(&mut rng));
        mutant(&mut rng, &seeds[module], &seeds[other])
    };
    std::iter::repeat_with(&mut make)
        .filter(|mutant| seen.insert(mutant.clone()))
        .take(MUTANT_COUNT)
        .collect()
}

/// Where mutants are left, empty.
fn directory() -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("hostile");
    let _ = fs::remove_dir_all(&directory);
    fs::create_dir_all(&directory).expect("a directory of the build");
    directory
}

/// Whether the mutant is valid. Errors must be the input's and one short line.
fn is_valid(number: usize, mutant: &[u8], directory: &Path) -> bool {
    let path = directory.join(format!("{number}.wasm"));
    let keep = || fs::write(&path, mutant).expect("a file of the build");
    let start = Instant::now();
    let result = catch_unwind(|| wasm::parse(mutant, "mutant").map(drop));
    let problem = match &result {
        Err(_) => Some("a panic".to_owned()),
        Ok(_) if start.elapsed() > TIME_LIMIT => Some("takes too long".to_owned()),
        Ok(Ok(())) => None,
        Ok(Err(error)) => {
            let said = error.to_string();
            let is_fine = error.kind() == ErrorKind::Input && !said.contains('\n') && said.len() < 1000;
            (!is_fine).then_some(said)
        }
    };
    let is_valid = matches!(result, Ok(Ok(())));
    if is_valid || problem.is_some() {
        keep();
    }
    assert_eq!(problem, None, "{}", path.display());
    is_valid
}

/// Compiles a batch at -O0; an error is found again with the one module that has it.
fn compile_batch(batch: &[(usize, &[u8])], directory: &Path) {
    let code = CodeOptions { opt_level: OptLevel::O0, ..CodeOptions::default() };
    let compile = |batch: &[(usize, &[u8])]| {
        let source =
            |(number, bytes): &(usize, &[u8])| Source { prefix: format!("m{number}"), bytes: bytes.to_vec() };
        let sources: Vec<_> = batch.iter().map(source).collect();
        plugin::compile(&sources, &code, &TargetOptions::default(), &directory.join("batch.so"))
    };
    let Err(error) = compile(batch) else { return };
    for mutant in batch {
        if let Err(error) = compile(&[*mutant]) {
            panic!("{}/{}.wasm: {error}", directory.display(), mutant.0);
        }
    }
    panic!("a batch fails of which each part compiles: {error}");
}

#[test]
fn mutants_of_the_suites_modules_are_refused_or_compile() {
    let directory = directory();
    let mutants = mutants();
    let valid: Vec<_> = mutants
        .iter()
        .enumerate()
        .filter(|(number, mutant)| is_valid(*number, mutant, &directory))
        .map(|(number, mutant)| (number, mutant.as_slice()))
        .collect();
    println!("{} of {} mutants are valid", valid.len(), mutants.len());
    assert!(valid.len() > MUTANT_COUNT / 20, "{} valid mutants test little", valid.len());
    for batch in valid.chunks(BATCH_SIZE) {
        compile_batch(batch, &directory);
    }
    let is_valid: HashSet<_> = valid.iter().map(|(number, _)| *number).collect();
    for (number, mutant) in mutants.iter().enumerate().step_by(SAMPLE_STEP) {
        through_the_command(number, mutant, is_valid.contains(&number));
    }
    for (number, mutant) in valid.iter().step_by(SAMPLE_STEP / 10) {
        through_the_command(*number, mutant, true);
    }
}

/// The command must say the same as the library did, and leave an output or nothing.
fn through_the_command(number: usize, mutant: &[u8], is_valid: bool) {
    let bench = Bench::new("");
    let output = compile(&bench, mutant, &["-shared", "-O0"]);
    if is_valid {
        holds(&output, 0, &[]);
        assert_eq!(bench.files(), ["app.so", "app.wasm", "app.wat"], "mutant {number}");
    } else {
        holds(&output, 1, &["error: app.wasm: "]);
        assert_eq!(bench.files(), ["app.wasm", "app.wat"], "mutant {number}");
    }
}
