//! Statements: what becomes of loaded values, and loops, branches and stores around accesses.

use std::fmt::Write as _;

use super::generate::{Generator, Type};

impl Generator {
    pub fn statement(&mut self, depth: u32) {
        match self.rng.u8(..if depth == 0 { 12 } else { 19 }) {
            0..=2 => self.assignment(),
            3 => self.dropped(),
            4..=6 => self.store(),
            7 => self.store_back(),
            8 => self.overwritten(),
            9 => self.branch_to_one_place(),
            10 if self.has_helpers => {
                self.put("(drop ");
                self.call();
                self.put(")\n");
            }
            10 | 11 => self.exit_early(),
            12 | 13 => self.conditional_statement(depth),
            14 => self.equal_arms(depth),
            15 | 16 => self.counted_loop(depth),
            17 => self.searching_loop(depth),
            _ => self.endless_loop(depth),
        }
    }

    fn any_type(&mut self) -> Type {
        Type::ALL[self.rng.usize(..Type::ALL.len())]
    }

    fn assignment(&mut self) {
        let ty = self.any_type();
        let local = self.one(ty.locals());
        let _ = write!(self.text, "(local.set ${local} ");
        self.expression(ty, 2);
        self.put(")\n");
    }

    fn dropped(&mut self) {
        let ty = self.any_type();
        self.put("(drop ");
        self.expression(ty, 2);
        self.put(")\n");
    }

    fn store(&mut self) {
        let ty = self.any_type();
        let operator = match ty {
            Type::I32 => self.one(&["store", "store8", "store16"]),
            Type::I64 => self.one(&["store", "store8", "store16", "store32"]),
            _ => "store",
        };
        let _ = write!(self.text, "({}.{operator}", ty.name());
        self.offset();
        self.put(" ");
        match self.chance(3) {
            true => self.put("(i32.const 64)"),
            false => self.address(),
        }
        self.expression(ty, 2);
        self.put(")\n");
    }

    /// What was just loaded goes back to where it was.
    fn store_back(&mut self) {
        let ty = self.any_type();
        let (name, address) = (ty.name(), self.one(&["p", "q"]));
        let _ =
            writeln!(self.text, "({name}.store (local.get ${address}) ({name}.load (local.get ${address})))");
    }

    /// Nobody reads what is stored first.
    fn overwritten(&mut self) {
        let ty = self.any_type();
        let name = ty.name();
        let address = self.one(&["(local.get $q)", "(i32.const 128)"]);
        for depth in [2, 0] {
            let _ = write!(self.text, "({name}.store {address} ");
            self.expression(ty, depth);
            self.put(")\n");
        }
    }

    fn branch_to_one_place(&mut self) {
        match self.rng.u8(..3) {
            0 => {
                self.put("(block (br_table 0 0 0 ");
                self.expression(Type::I32, 1);
                self.put("))\n");
            }
            1 => {
                self.put("(block (br_if 0 ");
                self.expression(Type::I32, 1);
                self.put("))\n");
            }
            _ => {
                self.put("(if ");
                self.expression(Type::I32, 1);
                self.put("(then) (else))\n");
            }
        }
    }

    fn exit_early(&mut self) {
        self.put("(if ");
        self.expression(Type::I32, 1);
        self.put("(then (return (local.get $w))))\n");
    }

    fn conditional_statement(&mut self, depth: u32) {
        self.put("(if ");
        match self.chance(2) {
            true => self.put("(local.get $a)"),
            false => self.expression(Type::I32, 1),
        }
        self.put("(then ");
        self.statement(depth - 1);
        self.put(") (else ");
        if self.chance(2) {
            self.statement(depth - 1);
        }
        self.put("))\n");
    }

    /// Both ways do the same.
    fn equal_arms(&mut self, depth: u32) {
        let start = self.text.len();
        self.statement(depth - 1);
        let body = self.text.split_off(start);
        self.put("(if ");
        self.expression(Type::I32, 1);
        // Labels have to differ.
        let other = body.replace("$loop", "$other").replace("$out", "$off");
        let _ = writeln!(self.text, "(then {body}) (else {other}))");
    }

    fn label(&mut self) -> u32 {
        self.labels += 1;
        self.labels
    }

    /// Counts up or down to a constant or a parameter that is not large.
    fn counted_loop(&mut self, depth: u32) {
        let label = self.label();
        let limit = self.one(&[
            "(i32.const 3)",
            "(i32.const 17)",
            "(i32.const 64)",
            "(i32.and (local.get $b) (i32.const 31))",
        ]);
        let _ = writeln!(self.text, "(local.set $i (i32.const 0)) (loop $loop{label}");
        match self.rng.u8(..4) {
            0 => self.reduction(),
            1 => self.elementwise(),
            _ => self.statement(depth - 1),
        }
        let _ = writeln!(
            self.text,
            "(local.set $i (i32.add (local.get $i) (i32.const 1)))
             (br_if $loop{label} (i32.lt_u (local.get $i) {limit})))"
        );
    }

    fn element(&mut self, base: &str, width: u32) -> String {
        let shift = width.ilog2();
        match self.chance(6) {
            // Not one after the other.
            true => format!("(i32.add (local.get ${base}) (i32.mul (local.get $i) (i32.const 20000)))"),
            false => format!("(i32.add (local.get ${base}) (i32.shl (local.get $i) (i32.const {shift})))"),
        }
    }

    fn reduction(&mut self) {
        let (ty, local, width) =
            [(Type::I32, "x", 4), (Type::I64, "w", 8), (Type::F32, "f", 4), (Type::F64, "d", 8)]
                [self.rng.usize(..4)];
        let name = ty.name();
        let operator = match ty {
            Type::I32 | Type::I64 => self.one(&["add", "mul", "xor", "or", "and", "sub"]),
            _ => self.one(&["add", "mul", "max"]),
        };
        let element = self.element("p", width);
        let load = format!("({name}.load {element})");
        let term = match self.rng.u8(..4) {
            0 => format!("({name}.mul {load} {load})"),
            1 => format!("({name}.mul {load} ({name}.load (local.get $q)))"),
            2 if ty == Type::I32 => format!("(i32.gt_s {load} (i32.const 5))"),
            3 if ty == Type::I32 => format!("(i32.mul {load} (local.get $i))"),
            _ => load,
        };
        let _ = writeln!(self.text, "(local.set ${local} ({name}.{operator} (local.get ${local}) {term}))");
    }

    fn elementwise(&mut self) {
        let (ty, width) =
            [(Type::I32, 4), (Type::I64, 8), (Type::F32, 4), (Type::F64, 8)][self.rng.usize(..4)];
        let name = ty.name();
        let (from, to) = (self.element("p", width), self.element("q", width));
        let value = match self.rng.u8(..5) {
            0 => format!("({name}.load {from})"),
            1 => format!("({name}.add ({name}.load {from}) ({name}.load {to}))"),
            2 => format!("({name}.sub ({name}.load {from}) ({name}.load {from}))"),
            3 => format!("({name}.mul ({name}.load {from}) ({name}.load {to}))"),
            _ => format!("({name}.add ({name}.load {from}) ({name}.load offset={width} {from}))"),
        };
        let _ = writeln!(self.text, "({name}.store {to} {value})");
    }

    /// Ends at a value that is loaded, or after a while.
    fn searching_loop(&mut self, depth: u32) {
        let label = self.label();
        let _ = writeln!(self.text, "(local.set $j (i32.const 0)) (block $out{label} (loop $loop{label}");
        if self.chance(2) {
            self.statement(depth - 1);
        }
        let _ = write!(self.text, "(br_if $out{label} ");
        self.expression(Type::I32, 1);
        let step = self.one(&["1", "4", "4096"]);
        let _ = writeln!(
            self.text,
            ") (local.set $p (i32.add (local.get $p) (i32.const {step})))
             (local.set $j (i32.add (local.get $j) (i32.const 1)))
             (br_if $loop{label} (i32.lt_u (local.get $j) (i32.const 20)))))"
        );
    }

    /// Ends at a trap, or if `$b` is zero.
    fn endless_loop(&mut self, depth: u32) {
        let label = self.label();
        let _ =
            writeln!(self.text, "(loop $loop{label} (local.set $x (i32.add (local.get $x) (i32.const 1)))");
        for _ in 0..self.rng.u8(1..3) {
            self.statement(depth - 1);
        }
        let _ = match self.chance(3) {
            true => writeln!(self.text, "(br $loop{label}))"),
            false => writeln!(self.text, "(br_if $loop{label} (local.get $b)))"),
        };
    }
}
