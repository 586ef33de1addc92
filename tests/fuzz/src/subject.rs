//! Our compiler in one setup: runs the plan of a trace and says where it goes another way.
//!
//! The rule: what DESIGN.md promises of traps is what is asked. Optimised code that leaves bounds to guard
//! pages may go its own way where an access is out of bounds, unless traps are strict; it is left alone
//! from there on, which is counted.

use std::fmt;
use std::str::FromStr;

use w2n_abi::TrapCode;
use w2n_tests::host::{Extern, Failure, Instance, Module, Value};
use w2n_tests::spec::config::Config;
use wasm2native::options::{BoundsChecks, CodeOptions, OptLevel, RelaxedSimd, TargetOptions};

use crate::generate::{FUEL, FUEL_PER_CALL};
use crate::observe::{Outcome, State, Step, hash, shown};
use crate::plan::{Call, Export};
use crate::reference::Trace;

/// How modules are compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setup {
    config: Config,
    traps: Traps,
}

/// Whether accesses trap in the order written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Traps {
    Strict,
    Relaxed,
}

impl Setup {
    /// All setups that differ; relaxed SIMD is off, so those that are about it differ not.
    pub fn all() -> Vec<Self> {
        let both = |config| [Traps::Strict, Traps::Relaxed].map(|traps| Self { config, traps });
        let is_native = |config: &Config| config.code_options().relaxed_simd == RelaxedSimd::Native;
        let configs = Config::ALL.into_iter().chain(Config::VECTORS);
        configs.filter(|config| !is_native(config)).flat_map(both).collect()
    }

    /// An unoptimised and an optimised one; every pair comes up as `turn` counts.
    pub fn pair(turn: u64) -> [Self; 2] {
        let of_level = |level| -> Vec<Self> {
            Self::all().into_iter().filter(|setup| setup.config.opt_level == level).collect()
        };
        let (plain, optimised) = (of_level(OptLevel::O0), of_level(OptLevel::O2));
        let turn = turn as usize;
        [plain[turn / optimised.len() % plain.len()], optimised[turn % optimised.len()]]
    }

    /// The compiler's options for it.
    pub fn code_options(self) -> CodeOptions {
        CodeOptions { strict_traps: self.traps == Traps::Strict, ..self.config.code_options() }
    }

    /// The processor that it is compiled for.
    pub fn target(self) -> TargetOptions {
        self.config.target()
    }

    /// Whether it may part from what ended as `expected`.
    fn may_part(self, expected: &Outcome) -> bool {
        self.config.opt_level != OptLevel::O0
            && self.config.bounds_checks == BoundsChecks::Guard
            && self.traps == Traps::Relaxed
            && *expected == Outcome::Trapped(TrapCode::MemoryOutOfBounds)
    }
}

/// `O2-guard-strict`
impl fmt::Display for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.config, if self.traps == Traps::Strict { "strict" } else { "relaxed" })
    }
}

impl FromStr for Setup {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let named = Self::all().into_iter().find(|setup| setup.to_string() == text);
        named.ok_or_else(|| format!("no setup `{text}`; try {}", Self::all()[0]))
    }
}

/// How far a setup went with the reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Agreement {
    /// To the end.
    Whole,
    /// This many steps, then the stack ended.
    Exhausted(usize),
    /// This many steps, then a trap that need not be kept was not.
    Parted(usize),
}

impl Agreement {
    /// Steps of `trace` that were compared and equal.
    pub fn steps(self, trace: &Trace) -> usize {
        match self {
            Self::Whole => trace.steps.len(),
            Self::Exhausted(steps) | Self::Parted(steps) => steps,
        }
    }
}

/// Where a module went another way, or could not go on.
#[derive(Clone, Debug)]
pub struct Divergence {
    /// The step; none before the first.
    pub step: Option<usize>,
    /// What was seen.
    pub message: String,
}

/// Carries out the plan of `trace`, and makes its traps exact. Errors: what was seen that must not be.
pub fn follow(module: &Module, setup: Setup, trace: &mut Trace) -> Result<Agreement, Divergence> {
    let mut step = 0;
    follow_to(module, setup, trace, &mut step).map_err(|message| Divergence { step: Some(step), message })
}

/// The same; `at` is the step that was begun last.
fn follow_to(module: &Module, setup: Setup, trace: &mut Trace, at: &mut usize) -> Result<Agreement, String> {
    let Trace { exports, calls, steps } = trace;
    let (start, rest) = steps.split_first_mut().expect("the instantiation");
    let instance = match module.instantiate(&[]) {
        Ok(instance) => instance,
        Err(failure) => {
            let seen = Step { outcome: trapped(&failure)?, state: State::default() };
            return Ok(compare("the instantiation", setup, start, seen, 0)?.unwrap_or(Agreement::Whole));
        }
    };
    let seen = Step { outcome: Outcome::Returned(Vec::new()), state: state(&instance, exports)? };
    if let Some(end) = compare("the instantiation", setup, start, seen, 0)? {
        return Ok(end);
    }
    for (index, (call, expected)) in calls.iter().zip(rest).enumerate() {
        *at = index + 1;
        let outcome = perform(&instance, call)?;
        let seen = Step { outcome, state: state(&instance, exports)? };
        let what = format!("call {index}, {:?} of {:?}", call.name, call.args);
        if let Some(end) = compare(&what, setup, expected, seen, *at)? {
            return Ok(end);
        }
    }
    Ok(Agreement::Whole)
}

/// Compares a step; `Some` when what follows cannot be compared.
fn compare(
    what: &str,
    setup: Setup,
    expected: &mut Step,
    seen: Step,
    steps: usize,
) -> Result<Option<Agreement>, String> {
    if seen.outcome.is_exhaustion() {
        return Ok(Some(Agreement::Exhausted(steps)));
    }
    if seen.outcome.agrees_with(&expected.outcome) && seen.state == expected.state {
        // The next setup is held to the code of this one.
        expected.outcome = seen.outcome;
        return Ok(None);
    }
    if setup.may_part(&expected.outcome) {
        return Ok(Some(Agreement::Parted(steps)));
    }
    Err(format!("{what}: {}", difference(expected, &seen)))
}

/// What differs, in one line.
fn difference(expected: &Step, seen: &Step) -> String {
    if !seen.outcome.agrees_with(&expected.outcome) {
        return format!("ended as {:?}, not {:?}", seen.outcome, expected.outcome);
    }
    let (theirs, ours) = (&expected.state, &seen.state);
    for (index, (theirs, ours)) in theirs.globals.iter().zip(&ours.globals).enumerate() {
        if theirs != ours {
            return format!("left {ours:?} in exported global {index}, not {theirs:?}");
        }
    }
    for (index, (theirs, ours)) in theirs.memories.iter().zip(&ours.memories).enumerate() {
        if theirs != ours {
            let sizes = format!("{} bytes, not {}", ours.0, theirs.0);
            return format!("left something else in exported memory {index} ({sizes})");
        }
    }
    format!("left {:?} in the tables, not {:?}", ours.tables, theirs.tables)
}

fn perform(instance: &Instance, call: &Call) -> Result<Outcome, String> {
    if let Some(fuel) = instance.export(FUEL) {
        fuel.global_set(Value::I32(FUEL_PER_CALL));
    }
    match export(instance, &call.name)?.call(&call.args) {
        Ok(results) => Ok(Outcome::Returned(results.into_iter().map(shown).collect())),
        Err(failure) => trapped(&failure),
    }
}

fn trapped(failure: &Failure) -> Result<Outcome, String> {
    match failure.trap() {
        Some(TrapCode::HostError | TrapCode::Exit) | None => Err(format!("no trap of the module: {failure}")),
        Some(code) => Ok(Outcome::Trapped(code)),
    }
}

fn state(instance: &Instance, exports: &[(String, Export)]) -> Result<State, String> {
    let mut state = State::default();
    for (name, kind) in exports {
        if matches!(kind, Export::Func(_)) {
            continue;
        }
        let export = export(instance, name)?;
        match kind {
            Export::Func(_) => {}
            Export::Memory => {
                let size = export.memory_size_bytes();
                let bytes = export.memory_read(0, size).ok_or("a memory that cannot be read")?;
                state.memories.push((size, hash(&bytes)));
            }
            Export::Global => state.globals.push(shown(export.global_get())),
            Export::Table => {
                let element = |index| {
                    export.table_get(index).map(shown).ok_or_else(|| "an element below the size".to_owned())
                };
                state.tables.push((0..export.table_size()).map(element).collect::<Result<_, _>>()?);
            }
        }
    }
    Ok(state)
}

fn export(instance: &Instance, name: &str) -> Result<Extern, String> {
    instance.export(name).ok_or_else(|| format!("no export {name:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setup_has_its_turn() {
        let all = Setup::all();
        let pairs: Vec<_> = (0..all.len() as u64).map(Setup::pair).collect();
        for setup in &all {
            assert_eq!(setup.to_string().parse(), Ok(*setup));
            assert!((0..1000).any(|turn| Setup::pair(turn).contains(setup)), "{setup}");
        }
        assert!(pairs.iter().all(|[plain, optimised]| plain.config.opt_level != optimised.config.opt_level));
    }

    const MODULE: &str = r#"(module
        (memory (export "memory") 1)
        (global (export "global") (mut i32) (i32.const 5))
        (table (export "table") 2 funcref)
        (func (export "store") (param i32) (result i32)
            (i32.store8 (i32.const 7) (i32.const 1))
            (global.set 0 (i32.const 6))
            (table.set (i32.const 1) (ref.func 0))
            (i32.div_u (i32.const 9) (local.get 0))))"#;

    type Change<'a> = dyn Fn(&mut [Step]) + 'a;

    /// How: what the reference saw is changed in one place at a time, and must then not be met.
    #[test]
    fn any_difference_is_found() {
        let bytes = wat::parse_str(MODULE).unwrap();
        let setup = Setup::pair(0)[1];
        let source = w2n_tests::plugin::Source { prefix: "difference".to_owned(), bytes: bytes.clone() };
        let library = w2n_tests::plugin::build(&[source], &setup.code_options()).unwrap();
        let module = library.module(&w2n_tests::plugin::descriptor_symbol("difference")).unwrap();
        let follow_changed = |change: &Change<'_>| {
            let mut trace = crate::reference::trace(&bytes).unwrap();
            change(&mut trace.steps);
            follow(&module, setup, &mut trace)
        };
        let last = |steps: &[Step], is_trap: bool| {
            steps.iter().rposition(|step| matches!(step.outcome, Outcome::Trapped(_)) == is_trap).unwrap()
        };
        assert_eq!(follow_changed(&|_| ()).unwrap(), Agreement::Whole);
        let changes: [&Change<'_>; 7] = [
            &|steps| steps[0].state.globals[0] = Value::I32(6),
            &|steps| steps[last(steps, false)].outcome = Outcome::Returned(vec![Value::I32(77)]),
            &|steps| steps[last(steps, false)].outcome = Outcome::Trapped(TrapCode::IntegerDivideByZero),
            &|steps| steps[last(steps, true)].outcome = Outcome::Trapped(TrapCode::IntegerOverflow),
            &|steps| steps[last(steps, true)].state.globals[0] = Value::I32(5),
            &|steps| steps[last(steps, true)].state.memories[0].1 ^= 1,
            &|steps| steps[last(steps, true)].state.tables[0][1] = Value::FuncRef(0),
        ];
        for (number, change) in changes.iter().enumerate() {
            assert!(follow_changed(change).is_err(), "change {number}");
        }
    }
}
