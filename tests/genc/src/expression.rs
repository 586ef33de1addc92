//! Expressions of generated C.
//!
//! The rule: whatever the operands are, an expression is defined, and it is the same number with every
//! compiler: shifts are by less than the width, divisors are not zero, no sign of a NaN is looked at.

use crate::scope::{COPY, Scope};
use crate::types::{Domain, Element};

/// What a copy that is nearly equal to the others may have in place of `+`.
pub const PLUS: char = '\u{1}';

impl Scope {
    /// An expression of `domain`, about so deep.
    pub fn expression(&mut self, domain: Domain, depth: u32) -> String {
        if depth == 0 || self.chance(12) {
            return self.leaf(domain);
        }
        match domain {
            Domain::Wide => self.wide(depth),
            Domain::Single | Domain::Double => self.float(domain, depth),
            Domain::Word | Domain::Long => self.integer(domain, depth),
        }
    }

    /// A truth value.
    pub fn condition(&mut self, depth: u32) -> String {
        let domain = self.pick(&[Domain::Word, Domain::Word, Domain::Long, Domain::Double]);
        let (left, right) = (self.expression(domain, depth), self.expression(domain, 0));
        let relation = self.pick(&["<", ">", "<=", ">=", "==", "!="]);
        match self.rng.u32(0..6) {
            0 if !domain.is_float() => format!("({left}) & {}", self.pick(&[1, 2, 4, 7])),
            1 if !domain.is_float() => format!("({left}) {relation} {}u", self.rng.u32(0..200)),
            2 | 3 if !domain.is_float() => {
                let signed = domain.signed();
                format!("({signed})({left}) {relation} ({signed})({right})")
            }
            4 => {
                let counter = self.counters.len() - 1;
                let parity = self.rng.u32(0..3);
                format!("(uint32_t)({}) % {}u == {parity}u", self.counter_text(counter), parity + 2)
            }
            _ => format!("({left}) {relation} ({right})"),
        }
    }

    fn leaf(&mut self, domain: Domain) -> String {
        match self.rng.u32(0..100) {
            0..=56 => self.loaded(domain),
            57..=64 if !self.walkers.is_empty() => self.walked(domain),
            65..=79 if !self.variables.is_empty() => {
                let variable = self.rng.usize(0..self.variables.len());
                let variable = self.variables[variable].clone();
                variable.domain.convert(&variable.name, domain)
            }
            80..=88 => {
                let counter = self.rng.usize(0..self.counters.len());
                let text = self.counter_text(counter);
                Domain::Word.convert(&format!("(uint32_t)({text})"), domain)
            }
            89..=99 => self.constant(domain),
            _ => self.loaded(domain),
        }
    }

    /// An element, mostly of an array whose numbers are of that kind.
    fn loaded(&mut self, domain: Domain) -> String {
        let fits = |element: &Element| element.is_float() == domain.is_float();
        let fitting: Vec<usize> =
            (0..self.arrays.len()).filter(|array| self.arrays[*array].fields.iter().any(fits)).collect();
        let (text, element) = match fitting.is_empty() || self.chance(15) {
            true => self.slot(),
            false => {
                let array = self.pick(&fitting);
                self.slot_of(array)
            }
        };
        format!("({})", element.load(&text, domain))
    }

    fn walked(&mut self, domain: Domain) -> String {
        let walker = self.rng.usize(0..self.walkers.len());
        let walker = self.walkers[walker].clone();
        let place = self.rng.u32(0..3);
        let text = match walker.is_backward {
            true => format!("{}[-{}]", walker.name, place + 1),
            false => format!("{}[{place}]", walker.name),
        };
        format!("({})", walker.element.load(&text, domain))
    }

    /// A constant, or one that differs from copy to copy.
    pub fn constant(&mut self, domain: Domain) -> String {
        match domain {
            Domain::Single | Domain::Double => {
                let number = self.pick(&["0.5", "-0.5", "0.25", "1.25", "-1.0", "2.0", "0.125", "3.0"]);
                format!("({}){number}", domain.name())
            }
            _ => {
                let number = match self.rng.u32(0..5) {
                    0 => self.rng.u64(..) >> self.rng.u32(0..63),
                    1 => u64::from(self.rng.u32(0..256)),
                    _ => u64::from(self.rng.u32(1..16)),
                };
                match self.chance(6) {
                    true => format!("({})({number}ull + {COPY}u)", domain.name()),
                    false => format!("({}){number}ull", domain.name()),
                }
            }
        }
    }

    fn integer(&mut self, domain: Domain, depth: u32) -> String {
        let left = self.expression(domain, depth - 1);
        let right = self.expression(domain, depth - 1);
        let (name, signed) = (domain.name(), domain.signed());
        let shift = self.rng.u32(1..domain.bits());
        match self.rng.u32(0..26) {
            0..=5 => format!("({left} {PLUS} {right})"),
            6..=8 => format!("({left} - {right})"),
            9..=11 => format!("({left} * {right})"),
            12 => format!("({left} & {right})"),
            13 => format!("({left} | {right})"),
            14..=15 => format!("({left} ^ {right})"),
            16 => format!("({left} << {shift})"),
            17 => format!("({left} >> {shift})"),
            18 => format!("({name})(({signed})({left}) >> {shift})"),
            19 => format!("(({left} << {shift}) | ({left} >> {}))", domain.bits() - shift),
            20 => format!("(({signed})({left}) < ({signed})({right}) ? {left} : {right})"),
            21 => format!("({left} > {right} ? {left} : {right})"),
            22 => format!("({left} / ({right} | 1))"),
            23 => format!("({name})(({signed})({left}) % ({signed})(({right} & 255) | 1))"),
            24 => {
                let condition = self.condition(0);
                format!("({condition} ? {left} : {right})")
            }
            _ => self.other_domain(domain, depth),
        }
    }

    fn float(&mut self, domain: Domain, depth: u32) -> String {
        let left = self.expression(domain, depth - 1);
        let right = self.expression(domain, depth - 1);
        let constant = self.constant(domain);
        match self.rng.u32(0..20) {
            0..=5 => format!("({left} {PLUS} {right})"),
            6..=8 => format!("({left} - {right})"),
            // Products of two loaded numbers would soon be infinite.
            9..=12 => format!("({left} * {constant})"),
            13 => format!("({left} * {right} * ({})0.0625)", domain.name()),
            14 => format!("({left} / (1 + {right} * {right}))"),
            15 => format!("({left} < {right} ? {left} : {right})"),
            16 => format!("({})__builtin_fabs({left})", domain.name()),
            17 => format!("({})__builtin_sqrt(__builtin_fabs({left}))", domain.name()),
            18 => {
                let condition = self.condition(0);
                format!("({condition} ? {left} : {right})")
            }
            _ => self.other_domain(domain, depth),
        }
    }

    fn wide(&mut self, depth: u32) -> String {
        let left = self.expression(Domain::Long, depth - 1);
        let right = self.expression(Domain::Long, depth - 1);
        let factor = self.rng.u32(3..2_000_000);
        match self.rng.u32(0..8) {
            0..=2 => format!("((wide){left} * {right})"),
            3 => format!("(wide)((signed_wide)(int64_t)({left}) * (int64_t)({right}))"),
            4 => format!("(wide)((signed_wide)(int64_t)({left}) * {factor})"),
            5 => format!("((wide){left} {PLUS} {right})"),
            6 => format!("(((wide){left} << 64) - {right})"),
            _ => format!("((wide){left} ^ ((wide){right} << 32))"),
        }
    }

    /// A number that was computed as another type.
    fn other_domain(&mut self, domain: Domain, depth: u32) -> String {
        let other = self.pick(&[Domain::Word, Domain::Long, Domain::Wide, Domain::Single, Domain::Double]);
        let text = self.expression(other, depth - 1);
        if other != Domain::Wide || domain.is_float() {
            return other.convert(&text, domain);
        }
        format!("({})(({text}) >> {})", domain.name(), self.pick(&[0, 64, 64, 32]))
    }
}
