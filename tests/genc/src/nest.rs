//! Kernels that are nests of loops: stencils, reductions, recurrences, unrolled bodies, walking pointers.
//!
//! The rule: the text of the innermost body is made once and repeated, see [`crate::scope`]; a copy may
//! then be made different from the others, as a compiler that unrolls only in part would leave it.

use fastrand::Rng;

use crate::expression::PLUS;
use crate::kernel::{Base, Kernel};
use crate::loops::Bounds;
use crate::scope::{Array, COPY, COPY_OFFSET, Counter, Place, Scope, Shape, Walker};
use crate::types::{Domain, Element};

/// Largest distance of overlapping arrays from each other.
const MAX_DISTANCE: u32 = 9;

/// Makes the kernel of that number.
pub fn kernel(rng: Rng, number: u32) -> Kernel {
    let mut scope = Scope::new(rng);
    let depth = scope.pick(&[1, 1, 1, 2, 2, 2, 3]);
    let mut bases = Vec::new();
    scope.declare_arrays(depth, number, &mut bases);
    scope.declare_variables();
    let limit = match depth {
        1 => scope.rng.u32(12..=45),
        2 => scope.rng.u32(8..=33),
        _ => scope.rng.u32(4..=13),
    };
    let nests = if scope.chance(12) { 2 } else { 1 };
    let mut body = String::new();
    for _ in 0..nests {
        body += &scope.nest(depth, limit);
    }
    Kernel::of_scope(scope, bases, number, limit, &body)
}

impl Scope {
    fn declare_arrays(&mut self, depth: u32, number: u32, bases: &mut Vec<Base>) {
        let count = self.rng.usize(1..=4);
        while self.arrays.len() < count {
            let fields = match self.chance(15) {
                true => (0..self.rng.usize(2..=4)).map(|_| self.pick(&Element::ALL)).collect(),
                false => vec![self.element()],
            };
            let is_grid = depth > 1 && self.chance(60);
            let shape = if is_grid { Shape::Grid } else { Shape::Line };
            let add = |scope: &mut Self, name: String, place| {
                scope.arrays.push(Array { name, fields: fields.clone(), shape, place, extent: [4, 4] });
            };
            match self.rng.u32(0..100) {
                0..=44 => {
                    let name = format!("k{number}_{}", self.fresh("a"));
                    add(self, name, Place::Global);
                }
                45..=51 if shape == Shape::Line && fields.len() == 1 => {
                    let name = self.fresh("l");
                    add(self, name, Place::Local);
                }
                _ => {
                    let name = format!("k{number}_{}", self.fresh("b"));
                    bases.push(Base { name, is_restrict: false });
                    let views = self.pick(&[1, 1, 2, 2, 3]);
                    bases[..].last_mut().expect("pushed").is_restrict = views == 1 && self.chance(40);
                    for _ in 0..views {
                        let (name, distance) = (self.fresh("p"), self.rng.u32(0..=MAX_DISTANCE));
                        add(self, name, Place::View(bases.len() - 1, distance));
                    }
                }
            }
        }
    }

    fn element(&mut self) -> Element {
        match self.chance(40) {
            true => self.pick(&[Element::F64, Element::F64, Element::F32, Element::I32]),
            false => self.pick(&Element::ALL),
        }
    }

    fn declare_variables(&mut self) {
        for _ in 0..self.pick(&[0, 1, 1, 2, 2, 3]) {
            let domain = self.pick(&[
                Domain::Word,
                Domain::Word,
                Domain::Long,
                Domain::Long,
                Domain::Wide,
                Domain::Single,
                Domain::Double,
                Domain::Double,
            ]);
            let name = self.fresh("s");
            self.variables.push(crate::scope::Variable { name, domain });
        }
    }

    /// Loops around an innermost one, with statements between them.
    fn nest(&mut self, depth: u32, limit: u32) -> String {
        let (mut open, mut close) = (String::new(), String::new());
        for _ in 1..depth {
            let (bounds, low, high) = self.bounds(limit, 1);
            let name = self.fresh("i");
            let frame = self.frame(&name, &bounds);
            self.counters.push(Counter { name, low, high: high + 1 });
            open += &format!("{}\n", frame.open);
            let before = if self.chance(30) { self.between() } else { String::new() };
            open += &before;
            let after = if self.chance(25) { self.between() } else { String::new() };
            close = format!("{after}{}\n{close}", frame.close);
        }
        let inner = self.innermost(limit);
        self.counters.clear();
        format!("{open}{inner}{close}")
    }

    /// A statement of an outer loop, or a fresh start of a variable.
    fn between(&mut self) -> String {
        if !self.variables.is_empty() && self.chance(50) {
            let variable = self.rng.usize(0..self.variables.len());
            let variable = self.variables[variable].clone();
            let value = self.expression(variable.domain, 1);
            return copies(&format!("{} = {value};\n", variable.name), 0);
        }
        let statement = self.statement_without_exit();
        copies(&format!("{statement}\n"), 0)
    }

    fn statement_without_exit(&mut self) -> String {
        loop {
            let statement = self.statement();
            if !statement.contains("break;") {
                return statement;
            }
        }
    }

    /// Bounds of a loop in the loops around it, and the smallest and largest values they have.
    fn bounds(&mut self, limit: u32, step: u32) -> (Bounds, u32, u32) {
        let low = self.pick(&[0, 0, 1, 1, 2, 3]);
        if let Some(outer) = self.counters.last().cloned() {
            let text = outer.name.clone();
            let high = outer.high.max(limit);
            match self.rng.u32(0..10) {
                0 => return (bounds(&low.to_string(), &text, step), low, high),
                1 => return (bounds(&low.to_string(), &format!("{text} + 1"), step), low, high + 1),
                2 => return (bounds(&text, &limit.to_string(), step), 0, limit),
                3 => return (bounds(&format!("{text} + 1"), "n", step), 1, limit),
                4 => return (bounds(&low.to_string(), &format!("{high} - {text}"), step), low, high),
                _ => {}
            }
        }
        if self.chance(45) {
            return (bounds(&low.to_string(), "n", step), low, limit);
        }
        let high = self.rng.u32(low + 1..=limit);
        let known = Some((low, high));
        (Bounds { low: low.to_string(), high: high.to_string(), known, step }, low, limit)
    }

    fn innermost(&mut self, limit: u32) -> String {
        let count = if self.chance(45) { 1 } else { self.pick(&[2, 2, 2, 3, 4, 4, 5, 8]) };
        let step = if count == 1 { self.pick(&[1, 1, 1, 1, 2, 3]) } else { count };
        let (bounds, low, high) = self.bounds(limit, step);
        let name = self.fresh("j");
        let frame = self.frame(&name, &bounds);
        self.counters.push(Counter { name, low, high: high + step + 1 });
        let (start, end) = self.start_walkers((high + 2) * count);
        let statements = self.body(count);
        self.walkers.clear();
        let mut body = self.unrolled(&statements, count);
        if let Some(exit) = &frame.exit {
            body = body.replace("break;", &format!("goto {exit};"));
        }
        format!("{start}{}\n{body}{}\n{end}", frame.open, frame.close)
    }

    fn body(&mut self, count: u32) -> Vec<String> {
        let most = match count {
            1 => 3,
            2..=3 => 2,
            _ => 1,
        };
        let mut statements: Vec<String> = (0..self.rng.u32(1..=most)).map(|_| self.statement()).collect();
        for walker in 0..self.walkers.len() {
            let step = self.step_of(walker);
            let is_conditional = self.chance(15) && !step.contains('*');
            let condition = if is_conditional { self.condition(0) } else { String::new() };
            statements.push(if is_conditional { format!("if ({condition}) {step}") } else { step });
        }
        statements
    }

    /// Pointers that make at most so many steps: what comes before the loop, and what after it.
    fn start_walkers(&mut self, steps: u32) -> (String, String) {
        let (mut start, mut end) = (String::new(), String::new());
        let is_walked = |array: &Array| array.shape == Shape::Line && array.fields.len() == 1;
        let walked: Vec<usize> =
            (0..self.arrays.len()).filter(|index| is_walked(&self.arrays[*index])).collect();
        let count = if walked.is_empty() { 0 } else { self.pick(&[0, 0, 0, 0, 1, 1, 2]) };
        for _ in 0..count {
            let array = self.pick(&walked);
            let (name, is_backward) = (self.fresh("w"), self.chance(30));
            let target = &mut self.arrays[array];
            target.extent[0] = target.extent[0].max(steps + 8);
            let first = if is_backward { steps + 4 } else { 2 };
            let (element, base) = (target.fields[0], target.name.clone());
            start += &format!("{} *{name} = {base} + {first};\n", element.name());
            end += &format!("r = r * 31 + (uint32_t)({name} - {base});\n");
            self.walkers.push(Walker { name, element, is_backward });
        }
        (start, end)
    }

    /// The copies of `statements`: one after the other, or statement by statement.
    fn unrolled(&mut self, statements: &[String], count: u32) -> String {
        let mut bodies: Vec<Vec<String>> =
            (0..count).map(|copy| statements.iter().map(|text| copies(text, copy)).collect()).collect();
        if count > 1 && self.chance(35) {
            let copy = self.rng.u32(0..count);
            self.make_different(statements, copy, &mut bodies[copy as usize]);
        }
        let lines: Vec<String> = match self.chance(75) {
            true => bodies.concat(),
            false => (0..statements.len()).flat_map(|at| column(&bodies, at)).collect(),
        };
        lines.join("\n") + "\n"
    }

    /// Makes one copy nearly equal to the others.
    fn make_different(&mut self, statements: &[String], copy: u32, body: &mut [String]) {
        let at = self.rng.usize(0..statements.len());
        let text = &statements[at];
        match self.rng.u32(0..5) {
            // One place further than this copy should be.
            0 => {
                body[at] =
                    text.replace(COPY_OFFSET, &format!(" + {}", copy + 1)).replace(COPY, &copy.to_string())
            }
            1 => body[at] = copies(&text.replacen(PLUS, "-", 1), copy),
            2 => body[at] = copies(&text.replacen("ull", "5ull", 1), copy),
            3 if body.len() > 1 && !text.contains("_$") => body.swap(at, (at + 1) % statements.len()),
            _ if !text.contains("_$") => {
                let other = self.statement();
                body[at] = copies(&other, copy);
            }
            _ => {}
        }
        for line in body {
            *line = line.replace(PLUS, "+");
        }
    }
}

fn bounds(low: &str, high: &str, step: u32) -> Bounds {
    Bounds { low: low.to_owned(), high: high.to_owned(), known: None, step }
}

fn column(bodies: &[Vec<String>], at: usize) -> Vec<String> {
    bodies.iter().filter_map(|body| body.get(at).cloned()).collect()
}

/// `text` as it stands in that copy.
pub fn copies(text: &str, copy: u32) -> String {
    let offset = if copy == 0 { String::new() } else { format!(" + {copy}") };
    text.replace(COPY_OFFSET, &offset).replace(COPY, &copy.to_string()).replace(PLUS, "+")
}
