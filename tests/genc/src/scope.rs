//! What a statement of a kernel can name: arrays, variables, counters of the loops around it.
//!
//! The rule: every index is chosen from counters with known bounds, and an array becomes as long as the
//! largest of them wants. So no access of a generated program is out of its array. In text that is
//! repeated, [`COPY_OFFSET`] stands behind the innermost counter and [`COPY`] for the number of the copy.

use fastrand::Rng;

use crate::types::{Domain, Element};

/// Becomes ` + c` in copy `c`, and nothing in the first.
pub const COPY_OFFSET: char = '@';

/// Becomes the number of the copy.
pub const COPY: char = '$';

/// Where the storage of an array is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A global of the kernel.
    Global,
    /// A parameter that points into the global of that index, this far from its start in the first call.
    View(usize, u32),
    /// On the stack of the kernel.
    Local,
}

/// How elements are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// One index.
    Line,
    /// Two.
    Grid,
}

/// An array of one type or of structures.
#[derive(Clone, Debug)]
pub struct Array {
    /// Its name in the kernel.
    pub name: String,
    /// Types of its fields; a single one is no structure.
    pub fields: Vec<Element>,
    /// How it is indexed.
    pub shape: Shape,
    /// Where it is.
    pub place: Place,
    /// Elements that are needed, by index.
    pub extent: [u32; 2],
}

/// A variable of the kernel that is carried around loops.
#[derive(Clone, Debug)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// Its type.
    pub domain: Domain,
}

/// The counter of a loop: `low <= name < high`.
#[derive(Clone, Debug)]
pub struct Counter {
    /// Its name.
    pub name: String,
    /// The smallest value.
    pub low: u32,
    /// One more than the largest.
    pub high: u32,
}

/// A pointer that walks over an array.
#[derive(Clone, Debug)]
pub struct Walker {
    /// Its name.
    pub name: String,
    /// What it points to.
    pub element: Element,
    /// Whether it goes towards lower addresses.
    pub is_backward: bool,
}

/// Everything that can be named.
#[derive(Debug)]
pub struct Scope {
    /// The dice.
    pub rng: Rng,
    /// Arrays, the overlapping ones with what they lie in.
    pub arrays: Vec<Array>,
    /// Carried variables.
    pub variables: Vec<Variable>,
    /// Counters, the innermost last.
    pub counters: Vec<Counter>,
    /// Pointers of the innermost loop.
    pub walkers: Vec<Walker>,
    names: u32,
}

/// A place in memory: text, type.
pub type Slot = (String, Element);

impl Scope {
    /// Nothing, yet.
    pub fn new(rng: Rng) -> Self {
        Self {
            rng,
            arrays: Vec::new(),
            variables: Vec::new(),
            counters: Vec::new(),
            walkers: Vec::new(),
            names: 0,
        }
    }

    /// True in so many of a hundred cases.
    pub fn chance(&mut self, percent: u32) -> bool {
        self.rng.u32(0..100) < percent
    }

    /// One of `choices`.
    pub fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.rng.usize(0..choices.len())]
    }

    /// A name that nothing else has.
    pub fn fresh(&mut self, prefix: &str) -> String {
        self.names += 1;
        format!("{prefix}{}", self.names)
    }

    /// An element of some array.
    pub fn slot(&mut self) -> Slot {
        let array = self.rng.usize(0..self.arrays.len());
        self.slot_of(array)
    }

    /// An element of that array.
    pub fn slot_of(&mut self, array: usize) -> Slot {
        let (first, last) = match self.arrays[array].shape {
            Shape::Line => (self.index(), None),
            Shape::Grid => (self.row_index(), Some(self.plain_index(self.counters.len() - 1))),
        };
        let field = self.rng.usize(0..self.arrays[array].fields.len());
        let target = &mut self.arrays[array];
        target.extent[0] = target.extent[0].max(first.1 + 1);
        let mut text = format!("{}[{}]", target.name, first.0);
        if let Some((column, largest)) = last {
            target.extent[1] = target.extent[1].max(largest + 1);
            text += &format!("[{column}]");
        }
        if target.fields.len() > 1 {
            text += &format!(".f{field}");
        }
        (text, target.fields[field])
    }

    /// The name of a counter as it stands in text that may be copied.
    pub fn counter_text(&self, counter: usize) -> String {
        let offset = if counter + 1 == self.counters.len() { COPY_OFFSET.to_string() } else { String::new() };
        format!("{}{offset}", self.counters[counter].name)
    }

    /// `i + c` and its largest value.
    fn plain_index(&mut self, counter: usize) -> (String, u32) {
        let Counter { low, high, .. } = self.counters[counter].clone();
        let text = self.counter_text(counter);
        let back = self.rng.u32(0..=low.min(3));
        match self.rng.u32(0..10) {
            0..=3 => (text, high - 1),
            4..=6 if back > 0 => (format!("{text} - {back}"), high - 1),
            _ => {
                let ahead = self.rng.u32(1..=4);
                (format!("{text} + {ahead}"), high - 1 + ahead)
            }
        }
    }

    /// The first index of a grid: an outer counter, as a rule.
    fn row_index(&mut self) -> (String, u32) {
        let innermost = self.counters.len() - 1;
        let outer = if innermost > 0 && self.chance(85) { self.rng.usize(0..innermost) } else { innermost };
        self.plain_index(outer)
    }

    fn index(&mut self) -> (String, u32) {
        let innermost = self.counters.len() - 1;
        let Counter { low, high, .. } = self.counters[innermost].clone();
        let text = self.counter_text(innermost);
        match self.rng.u32(0..40) {
            0..=1 => {
                let factor = self.rng.u32(2..=4);
                let ahead = self.rng.u32(0..factor);
                (format!("({text}) * {factor} + {ahead}"), (high - 1) * factor + ahead)
            }
            2..=3 => (format!("{} - ({text})", high + 3), high + 3 - low),
            // The sum wraps at 2^32 and is in the array again.
            4..=5 if low > 0 => {
                (format!("(uint32_t)((uint32_t)({text}) + {}u)", low.wrapping_neg()), high - 1 - low)
            }
            6 => (format!("(uint8_t)({text} + 1)"), high),
            7..=9 if innermost > 0 => {
                let outer = self.rng.usize(0..innermost);
                let (row, largest) = (self.counters[outer].name.clone(), self.counters[outer].high - 1);
                let width = self.rng.u32(1..=40);
                (format!("{row} * {width} + ({text})"), largest * width + high - 1)
            }
            10..=11 if innermost > 0 => {
                let outer = self.rng.usize(0..innermost);
                self.plain_index(outer)
            }
            12..=14 => self.loaded_index(),
            15 => {
                let index = self.rng.u32(0..20);
                (index.to_string(), index)
            }
            _ => self.plain_index(innermost),
        }
    }

    /// An index that comes from an array of integers.
    fn loaded_index(&mut self) -> (String, u32) {
        let mask = self.pick(&[7, 15, 31, 63]);
        let usable = |array: &&Array| array.shape == Shape::Line && array.fields.len() == 1;
        let integers: Vec<String> = self
            .arrays
            .iter()
            .filter(usable)
            .filter(|array| !array.fields[0].is_float())
            .map(|array| array.name.clone())
            .collect();
        let innermost = self.counters.len() - 1;
        let (index, largest) = self.plain_index(innermost);
        let Some(name) = integers.get(self.rng.usize(0..integers.len().max(1))) else {
            return (index, largest);
        };
        let array = self.arrays.iter_mut().find(|array| array.name == *name).expect("it is there");
        array.extent[0] = array.extent[0].max(largest + 1);
        match self.chance(50) {
            true => (format!("(uint32_t){name}[{index}] & {mask}"), mask),
            false => (format!("(uint32_t){name}[{index}] % {}u", mask - 2), mask - 3),
        }
    }
}
