//! Statements of the innermost loop, each in text that can be copied: see [`crate::scope`].
//!
//! The rule: a statement may read and write whatever is in scope, and leaves every pointer and index
//! within the bounds that were counted for it.

use crate::expression::PLUS;
use crate::scope::{COPY, Scope};
use crate::types::{Domain, Element};

impl Scope {
    /// One statement.
    pub fn statement(&mut self) -> String {
        match self.rng.u32(0..100) {
            0..=34 => self.assignment(),
            35..=52 => self.update(),
            53..=68 if !self.variables.is_empty() => self.carried(),
            69..=75 if !self.walkers.is_empty() => self.walking_store(),
            76..=79 if self.variables.len() > 1 => self.shifted(),
            80..=84 => self.exchange(),
            85..=93 => self.branch(),
            _ => self.assignment(),
        }
    }

    fn depth(&mut self) -> u32 {
        self.pick(&[1, 1, 1, 1, 2])
    }

    /// What one would compute an element with, mostly.
    fn domain_for(&mut self, element: Element) -> Domain {
        match self.rng.u32(0..20) {
            0 => self.pick(&[Domain::Word, Domain::Long, Domain::Single, Domain::Double]),
            1..=2 if !element.is_float() => Domain::Long,
            _ => element.domain(),
        }
    }

    fn assignment(&mut self) -> String {
        let (slot, element) = self.slot();
        let (domain, depth) = (self.domain_for(element), self.depth());
        let value = self.expression(domain, depth);
        format!("{slot} = {};", element.store(&value, domain))
    }

    fn update(&mut self) -> String {
        let (slot, element) = self.slot();
        let (domain, depth) = (self.domain_for(element), self.depth());
        let (old, value) = (element.load(&slot, domain), self.expression(domain, depth));
        let sign = match domain.is_float() {
            true => self.pick(&[PLUS, PLUS, '-']),
            false => self.pick(&[PLUS, PLUS, PLUS, '-', '^', '*', '|']),
        };
        format!("{slot} = {};", element.store(&format!("{old} {sign} {value}"), domain))
    }

    /// A reduction, or a recurrence.
    fn carried(&mut self) -> String {
        let variable = self.rng.usize(0..self.variables.len());
        let variable = self.variables[variable].clone();
        let (name, domain) = (variable.name, variable.domain);
        let depth = self.depth();
        let value = self.expression(domain, depth);
        let small = self.rng.u32(1..12);
        if domain.is_float() {
            return match self.rng.u32(0..5) {
                0..=2 => format!("{name} = {name} {PLUS} {value};"),
                3 => format!("if ({value} > {name}) {name} = {value};"),
                _ => format!("{name} = {name} * ({})0.5 + {value};", domain.name()),
            };
        }
        match self.rng.u32(0..12) {
            0..=3 => format!("{name} = {name} {PLUS} {value};"),
            4 => format!("{name} = {name} ^ {value};"),
            5 => format!("if (({0}){value} < ({0}){name}) {name} = {value};", domain.signed()),
            6 => format!("{name} = {name} * {}u + {small}u;", self.pick(&[3u32, 5, 31, 1_664_525])),
            7..=8 => format!("{name} = {name} - {small}u;"),
            9 => format!("{name} = {name} + {small}u * ({COPY}u + 1u);"),
            10 => format!("{name} = {value};"),
            _ => {
                let counter = self.counter_text(self.counters.len() - 1);
                let condition = self.condition(1);
                format!("if ({condition}) {name} = (uint32_t)({counter});")
            }
        }
    }

    /// The value of an earlier iteration, and of the one before that.
    fn shifted(&mut self) -> String {
        let first = self.rng.usize(0..self.variables.len());
        let (older, newer) =
            (self.variables[first].clone(), self.variables[(first + 1) % self.variables.len()].clone());
        let (slot, element) = self.slot();
        let value = self.expression(newer.domain, 1);
        format!(
            "{slot} = {}; {} = {}; {} = {value};",
            element.store(&older.name, older.domain),
            older.name,
            newer.domain.convert(&newer.name, older.domain),
            newer.name
        )
    }

    fn exchange(&mut self) -> String {
        let array = self.rng.usize(0..self.arrays.len());
        let (left, element) = self.slot_of(array);
        let (mut right, mut other) = self.slot_of(array);
        for _ in 0..8 {
            if other == element {
                break;
            }
            (right, other) = self.slot_of(array);
        }
        let old = format!("{}_{COPY}", self.fresh("t"));
        // The sign of a NaN must not become a number, so floats are not exchanged with integers.
        let through = if other == element { element.name() } else { "int32_t" };
        if other != element {
            return format!("{left} = {};", element.store(&other.load(&right, Domain::Word), Domain::Word));
        }
        format!("{through} {old} = {left}; {left} = {right}; {right} = {old};")
    }

    fn branch(&mut self) -> String {
        let condition = self.condition(1);
        let first = self.simple();
        match self.rng.u32(0..10) {
            0..=4 => format!("if ({condition}) {{ {first} }}"),
            5..=8 => {
                let second = self.simple();
                format!("if ({condition}) {{ {first} }} else {{ {second} }}")
            }
            _ => format!("if ({condition}) {{ {first} break; }}"),
        }
    }

    fn simple(&mut self) -> String {
        match self.rng.u32(0..4) {
            0 if !self.variables.is_empty() => self.carried(),
            1 => self.update(),
            _ => self.assignment(),
        }
    }

    fn walking_store(&mut self) -> String {
        let walker = self.rng.usize(0..self.walkers.len());
        let walker = self.walkers[walker].clone();
        let (domain, depth) = (self.domain_for(walker.element), self.depth());
        let value = self.expression(domain, depth);
        let place = self.rng.u32(0..3);
        match walker.is_backward {
            true => format!("{}[-{}] = {};", walker.name, place + 1, walker.element.store(&value, domain)),
            false => format!("{}[{place}] = {};", walker.name, walker.element.store(&value, domain)),
        }
    }

    /// The step of a pointer, which another may stay behind.
    pub fn step_of(&mut self, walker: usize) -> String {
        let walker = self.walkers[walker].clone();
        let (name, element) = (walker.name, walker.element);
        let sign = if walker.is_backward { '-' } else { '+' };
        match self.rng.u32(0..4) {
            0 if !walker.is_backward => {
                let old = format!("{}_{COPY}", self.fresh("o"));
                let domain = element.domain();
                let sum = format!("{} - {}", element.load(&format!("*{name}"), domain), {
                    element.load(&format!("*{old}"), domain)
                });
                let type_name = element.name();
                format!("{type_name} *{old} = {name}; {name}++; *{old} = {};", element.store(&sum, domain))
            }
            _ => format!("{name} {sign}= 1;"),
        }
    }
}
