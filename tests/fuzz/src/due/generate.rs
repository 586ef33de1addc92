//! Functions at random: expressions of loads in every width, operators of every family over them.
//!
//! The rule: an address is mostly one of the two parameters that the caller puts out of bounds; nothing
//! traps but accesses.

use std::fmt::Write as _;

use fastrand::Rng;

use super::operator as op;

/// Types of the values that expressions have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    I32,
    I64,
    F32,
    F64,
    V128,
}

impl Type {
    pub const ALL: [Self; 5] = [Self::I32, Self::I64, Self::F32, Self::F64, Self::V128];

    pub fn name(self) -> &'static str {
        match self {
            Self::I32 => "i32",
            Self::I64 => "i64",
            Self::F32 => "f32",
            Self::F64 => "f64",
            Self::V128 => "v128",
        }
    }

    /// Locals of the type.
    pub fn locals(self) -> &'static [&'static str] {
        match self {
            Self::I32 => &["a", "b", "x", "y"],
            Self::I64 => &["w", "z"],
            Self::F32 => &["f", "g"],
            Self::F64 => &["d", "e"],
            Self::V128 => &["u", "v"],
        }
    }
}

/// Helper functions of a module, which the others call; they come first and call none.
pub const HELPERS: usize = 8;

/// The text of a function being made.
pub struct Generator {
    pub rng: Rng,
    pub text: String,
    /// Helpers may be called.
    pub has_helpers: bool,
    /// Labels are numbered.
    pub labels: u32,
}

/// A module of `count` exported functions `f0`, `f1`, … of `(p, q, a, b) -> i64`.
pub fn module(seed: u64, count: usize) -> String {
    let mut generator =
        Generator { rng: Rng::with_seed(seed), text: String::new(), has_helpers: false, labels: 0 };
    generator.text.push_str("(module (memory (export \"memory\") 1 1)\n");
    for index in 0..HELPERS {
        generator.function(&format!("$h{index}"), 3);
    }
    generator.has_helpers = true;
    for index in 0..count {
        let size = generator.rng.usize(1..=6);
        generator.function(&format!("$f{index} (export \"f{index}\")"), size);
    }
    generator.text.push(')');
    generator.text
}

impl Generator {
    pub fn put(&mut self, text: &str) {
        self.text.push_str(text);
    }

    pub fn one<'t>(&mut self, of: &[&'t str]) -> &'t str {
        of[self.rng.usize(..of.len())]
    }

    pub fn chance(&mut self, of: u32) -> bool {
        self.rng.u32(..of) == 0
    }

    fn function(&mut self, head: &str, statements: usize) {
        let _ = write!(
            self.text,
            "(func {head} (param $p i32) (param $q i32) (param $a i32) (param $b i32) (result i64)
  (local $x i32) (local $y i32) (local $i i32) (local $j i32) (local $w i64) (local $z i64)
  (local $f f32) (local $g f32) (local $d f64) (local $e f64) (local $u v128) (local $v v128)\n"
        );
        for _ in 0..statements {
            self.statement(2);
        }
        match self.rng.u8(..3) {
            0 => self.put("(i64.const 0)"),
            1 => self.expression(Type::I64, 3),
            _ => {
                let local = self.one(&["w", "z"]);
                self.local(local);
            }
        }
        self.put(")\n");
    }

    pub fn local(&mut self, name: &str) {
        let _ = write!(self.text, "(local.get ${name})");
    }

    fn any_local(&mut self, ty: Type) {
        let name = self.one(ty.locals());
        self.local(name);
    }

    /// An address, and the offset of the operator that is to use it stands before.
    pub fn address(&mut self) {
        match self.rng.u8(..10) {
            0..=4 => self.put("(local.get $p)"),
            5..=7 => self.put("(local.get $q)"),
            8 => self.put("(i32.add (local.get $p) (i32.and (local.get $a) (i32.const 12)))"),
            _ => self.put("(i32.add (local.get $p) (i32.shl (local.get $i) (i32.const 2)))"),
        }
    }

    pub fn offset(&mut self) {
        if self.chance(4) {
            let offset = [1, 2, 4, 8, 16, 64][self.rng.usize(..6)];
            let _ = write!(self.text, " offset={offset}");
        }
    }

    /// A load that gives a value of the type.
    pub fn load(&mut self, ty: Type) {
        let operator = match ty {
            Type::I32 => self.one(&op::I32_LOAD),
            Type::I64 => self.one(&op::I64_LOAD),
            Type::F32 | Type::F64 => "load",
            Type::V128 => self.one(&op::V128_LOAD),
        };
        let _ = write!(self.text, "({}.{operator}", ty.name());
        self.offset();
        self.put(" ");
        self.address();
        self.put(")");
    }

    pub fn constant(&mut self, ty: Type) {
        const NUMBERS: [&str; 18] = [
            "0",
            "1",
            "2",
            "3",
            "7",
            "8",
            "16",
            "24",
            "31",
            "255",
            "256",
            "65535",
            "65536",
            "-1",
            "-2",
            "-256",
            "16777216",
            "2147483647",
        ];
        let number = self.one(&NUMBERS);
        let _ = match ty {
            Type::V128 => {
                let other = self.one(&NUMBERS);
                write!(self.text, "(v128.const i32x4 {number} {other} {number} 0)")
            }
            ty => write!(self.text, "({}.const {number})", ty.name()),
        };
    }

    pub fn expression(&mut self, ty: Type, depth: u32) {
        if depth == 0 {
            return match self.rng.u8(..5) {
                0 => self.any_local(ty),
                1 => self.constant(ty),
                _ => self.load(ty),
            };
        }
        let depth = depth - 1;
        match self.rng.u8(..14) {
            0 | 1 => self.load(ty),
            2 => self.any_local(ty),
            3 => self.chosen(ty, depth),
            4 => self.conditional(ty, depth),
            5 => self.with_itself(ty),
            _ => match ty {
                Type::I32 => self.i32(depth),
                Type::I64 => self.i64(depth),
                Type::F32 | Type::F64 => self.float(ty, depth),
                Type::V128 => self.v128(depth),
            },
        }
    }

    fn chosen(&mut self, ty: Type, depth: u32) {
        let _ = write!(self.text, "(select (result {}) ", ty.name());
        self.expression(ty, depth);
        self.expression(ty, depth);
        self.expression(Type::I32, depth.min(1));
        self.put(")");
    }

    fn conditional(&mut self, ty: Type, depth: u32) {
        let _ = write!(self.text, "(if (result {}) ", ty.name());
        self.expression(Type::I32, depth.min(1));
        self.put(" (then ");
        self.expression(ty, depth);
        self.put(") (else ");
        self.expression(ty, depth);
        self.put("))");
    }

    /// What is loaded, combined with itself.
    fn with_itself(&mut self, ty: Type) {
        let local = self.one(ty.locals());
        let operator = match ty {
            Type::I32 => format!(
                "i32.{}",
                if self.chance(2) { self.one(&op::I32_BINARY) } else { self.one(&op::COMPARISON) }
            ),
            Type::I64 => format!("i64.{}", self.one(&op::I32_BINARY)),
            Type::F32 | Type::F64 => format!("{}.{}", ty.name(), self.one(&op::FLOAT_BINARY)),
            Type::V128 => self.one(&op::V128_BINARY).to_owned(),
        };
        let _ = write!(self.text, "({operator} (local.tee ${local} ");
        self.load(ty);
        let _ = write!(self.text, ") (local.get ${local}))");
    }

    fn unary(&mut self, operator: &str, ty: Type, depth: u32) {
        let _ = write!(self.text, "({operator} ");
        self.expression(ty, depth);
        self.put(")");
    }

    fn binary(&mut self, operator: &str, ty: Type, depth: u32) {
        let _ = write!(self.text, "({operator} ");
        self.expression(ty, depth);
        match self.chance(2) {
            true => self.constant(ty),
            false => self.expression(ty, depth),
        }
        self.put(")");
    }

    fn divided(&mut self, ty: Type, depth: u32) {
        let operator = self.one(&op::DIVISION);
        let divisor = self.one(&["2", "3", "10", "256", "65536"]);
        let name = ty.name();
        let _ = write!(self.text, "({name}.{operator} ");
        self.expression(ty, depth);
        let _ = write!(self.text, "({name}.const {divisor}))");
    }

    fn i32(&mut self, depth: u32) {
        match self.rng.u8(..12) {
            0..=3 => {
                let operator = self.one(&op::I32_BINARY);
                self.binary(&format!("i32.{operator}"), Type::I32, depth);
            }
            4 => {
                let operator = self.one(&op::COMPARISON);
                self.binary(&format!("i32.{operator}"), Type::I32, depth);
            }
            5 => {
                let operator = self.one(&op::COMPARISON);
                self.binary(&format!("i64.{operator}"), Type::I64, depth);
            }
            6 => {
                let operator = self.one(&op::FLOAT_COMPARISON);
                let ty = if self.chance(2) { Type::F32 } else { Type::F64 };
                self.binary(&format!("{}.{operator}", ty.name()), ty, depth);
            }
            7 => {
                let operator = self.one(&op::INTEGER_UNARY);
                self.unary(&format!("i32.{operator}"), Type::I32, depth);
            }
            8 => self.unary("i32.wrap_i64", Type::I64, depth),
            9 => self.divided(Type::I32, depth),
            10 => match self.rng.u8(..4) {
                0 => self.unary("i32.eqz", Type::I32, depth),
                1 => self.unary("i64.eqz", Type::I64, depth),
                2 => self.unary("i32.reinterpret_f32", Type::F32, depth),
                _ => self.unary("i32.trunc_sat_f64_u", Type::F64, depth),
            },
            _ => {
                let operator = self.one(&op::V128_TO_I32);
                self.unary(operator, Type::V128, depth);
            }
        }
    }

    fn i64(&mut self, depth: u32) {
        match self.rng.u8(..9) {
            0..=3 => {
                let operator = self.one(&op::I32_BINARY);
                self.binary(&format!("i64.{operator}"), Type::I64, depth);
            }
            4 => {
                let operator = self.one(&["clz", "ctz", "popcnt", "extend8_s", "extend16_s", "extend32_s"]);
                self.unary(&format!("i64.{operator}"), Type::I64, depth);
            }
            5 => {
                let operator = self.one(&["i64.extend_i32_s", "i64.extend_i32_u"]);
                self.unary(operator, Type::I32, depth);
            }
            6 => self.divided(Type::I64, depth),
            7 => self.unary("i64.reinterpret_f64", Type::F64, depth),
            _ if self.has_helpers => self.call(),
            _ => {
                let operator = self.one(&["i64x2.extract_lane 0", "i64x2.extract_lane 1"]);
                self.unary(operator, Type::V128, depth);
            }
        }
    }

    /// A helper may drop what it is given, and what it answers may be dropped.
    pub fn call(&mut self) {
        let index = self.rng.usize(..HELPERS);
        let _ = write!(self.text, "(call $h{index} ");
        self.address();
        self.address();
        self.expression(Type::I32, 1);
        self.expression(Type::I32, 0);
        self.put(")");
    }

    fn float(&mut self, ty: Type, depth: u32) {
        let name = ty.name();
        match self.rng.u8(..6) {
            0..=2 => {
                let operator = self.one(&op::FLOAT_BINARY);
                self.binary(&format!("{name}.{operator}"), ty, depth);
            }
            3 => {
                let operator = self.one(&op::FLOAT_UNARY);
                self.unary(&format!("{name}.{operator}"), ty, depth);
            }
            4 => {
                let operator = self.one(&["convert_i32_s", "convert_i32_u"]);
                self.unary(&format!("{name}.{operator}"), Type::I32, depth);
            }
            _ => match ty {
                Type::F32 => self.unary("f32.demote_f64", Type::F64, depth),
                _ => self.unary("f64.promote_f32", Type::F32, depth),
            },
        }
    }

    fn v128(&mut self, depth: u32) {
        match self.rng.u8(..9) {
            0..=2 => {
                let operator = self.one(&op::V128_BINARY);
                self.binary(operator, Type::V128, depth);
            }
            3 | 4 => {
                let operator = self.one(&op::V128_UNARY);
                self.unary(operator, Type::V128, depth);
            }
            5 => {
                let operator = self.one(&op::V128_SHIFT);
                let _ = write!(self.text, "({operator} ");
                self.expression(Type::V128, depth);
                self.expression(Type::I32, 0);
                self.put(")");
            }
            6 => {
                self.put("(i8x16.shuffle");
                for _ in 0..16 {
                    let lane = self.rng.u8(..32);
                    let _ = write!(self.text, " {lane}");
                }
                self.expression(Type::V128, depth);
                self.expression(Type::V128, depth);
                self.put(")");
            }
            7 => {
                let (splat, ty) =
                    [("i8x16.splat", Type::I32), ("i64x2.splat", Type::I64), ("f32x4.splat", Type::F32)]
                        [self.rng.usize(..3)];
                self.unary(splat, ty, depth);
            }
            _ => {
                let (width, lanes) = [(8, 16), (16, 8), (32, 4), (64, 2)][self.rng.usize(..4)];
                let lane = self.rng.u8(..lanes);
                let _ = write!(self.text, "(v128.load{width}_lane {lane} ");
                self.address();
                self.expression(Type::V128, depth);
                self.put(")");
            }
        }
    }
}
