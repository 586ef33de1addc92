//! Loops as people and compilers write them, around a body.
//!
//! The rule: within the body the counter is at least the lower bound and less than the upper one, whatever
//! the form; with several copies of a body the largest copy may look that much further.

use crate::scope::Scope;

/// What a loop counts from, to, and by.
#[derive(Clone, Debug)]
pub struct Bounds {
    /// First value, in C.
    pub low: String,
    /// One more than the last, in C.
    pub high: String,
    /// Both, when they are known before the program runs.
    pub known: Option<(u32, u32)>,
    /// Step.
    pub step: u32,
}

/// Text around a body.
#[derive(Clone, Debug)]
pub struct Frame {
    /// What comes before it.
    pub open: String,
    /// What comes after it.
    pub close: String,
    /// A label that leaves it, where `break` would not.
    pub exit: Option<String>,
}

/// Types of counters.
const TYPES: [&str; 12] = [
    "int", "int", "int", "int", "uint32_t", "uint32_t", "size_t", "size_t", "int64_t", "uint8_t", "uint16_t",
    "short",
];

/// What clang is told about a loop. Nothing that lets it add floats in another order.
const PRAGMAS: [&str; 5] =
    ["unroll(disable)", "unroll_count(2)", "unroll_count(3)", "unroll_count(4)", "vectorize(disable)"];

impl Scope {
    /// A loop over `bounds` with the counter `name`.
    pub fn frame(&mut self, name: &str, bounds: &Bounds) -> Frame {
        let ty = self.pick(&TYPES);
        let Bounds { low, high, known, step } = bounds;
        let pragma = match self.chance(25) {
            true => format!("#pragma clang loop {}\n", self.pick(&PRAGMAS)),
            false => String::new(),
        };
        let end = known.map(|(low, high)| low + (high - low).div_ceil(*step) * step);
        let plain =
            |head: String| Frame { open: format!("{pragma}{head} {{"), close: "}".to_owned(), exit: None };
        match self.rng.u32(0..14) {
            0..=1 => plain(format!(
                "for ({ty} {name} = {low}; (uint64_t){name} + {step} <= (uint64_t)({high}); {name} += {step})"
            )),
            2 if known.is_some_and(|(low, high)| low < high) => {
                let end = end.expect("it is known");
                plain(format!("for ({ty} {name} = {low}; {name} != {end}; {name} += {step})"))
            }
            3 if *step == 1 => plain(format!("for ({ty} {name} = {high}; {name}-- > {low};)")),
            4 => plain(format!(
                "for (int {name} = (int)({high}) - 1; {name} >= (int)({low}); {name} -= {step})"
            )),
            5 if known.is_some_and(|(low, high)| low < high) => Frame {
                open: format!("{ty} {name} = {low};\n{pragma}do {{"),
                close: format!(
                    "{name} += {step}; }} while ({name} < {high}); r = r * 31 + (uint32_t){name};"
                ),
                exit: None,
            },
            6..=7 => Frame {
                open: format!("{ty} {name} = {low};\n{pragma}while ({name} < {high}) {{"),
                close: format!("{name} += {step}; }} r = r * 31 + (uint32_t){name};"),
                exit: None,
            },
            8 => {
                let (again, exit) = (self.fresh("again"), self.fresh("exit"));
                Frame {
                    open: format!("{ty} {name} = {low};\n{again}: if ({name} >= {high}) goto {exit}; {{"),
                    close: format!(
                        "}} {name} += {step}; goto {again}; {exit}: r = r * 31 + (uint32_t){name};"
                    ),
                    exit: Some(exit),
                }
            }
            _ => plain(format!("for ({ty} {name} = {low}; {name} < {high}; {name} += {step})")),
        }
    }
}
