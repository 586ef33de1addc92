//! The operators that trap, as WAT, with what each may leave behind.
//!
//! The rule: a case says what is written before its trap when every trap is exact, and, apart from that,
//! which bytes it writes at all; nothing else may change in any mode.

use std::ops::Range;

use w2n_abi::TrapCode;
use w2n_tests::ir::{OPERATORS, OperatorInfo};

/// First address past the memory, which is parameter `$end` less what a position takes away.
pub const END: u32 = 0x1_0000;

/// How a trap is noticed, on which its precision depends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// Compiled code checks for itself, however it is compiled.
    Checked,
    /// An access to memory: a fault, or a check with software checks.
    Access,
    /// A fault below the stack.
    Stack,
}

/// A function that traps.
pub struct Case {
    /// Name of the export.
    pub name: String,
    /// Operators between the marks. `$p` is an address, `$zero` 0, `$big` 1e300, `$nan` a NaN, `$i` and
    /// `$sum` are locals.
    pub code: String,
    /// How it is noticed.
    pub notice: Notice,
    /// The trap; where it is not exact, any of these.
    pub traps: Vec<TrapCode>,
    /// Values of `$p` to try.
    pub addresses: Vec<u32>,
    /// Bytes written before an exact trap, beside the marks.
    pub written: Vec<(u32, Vec<u8>)>,
    /// The global at an exact trap.
    pub mark: u64,
    /// Bytes that may be written where the trap is not exact, beside the marks.
    pub may_be_written: Vec<Range<u32>>,
}

impl Case {
    fn new(name: &str, code: &str, notice: Notice, trap: TrapCode) -> Self {
        Self {
            name: name.to_owned(),
            code: code.to_owned(),
            notice,
            traps: vec![trap],
            addresses: vec![END],
            written: Vec::new(),
            mark: 1,
            may_be_written: Vec::new(),
        }
    }

    fn access(name: &str, code: &str) -> Self {
        Self::new(name, code, Notice::Access, TrapCode::MemoryOutOfBounds)
    }

    /// A loop over `$i` that traps in the iteration whose number is `mark`.
    fn looping(name: &str, mark: u64, code: &str) -> Self {
        let code = format!(
            "(loop $again
               (global.set $mark (i64.extend_i32_u (local.get $i)))
               {code}
               (local.set $i (i32.add (local.get $i) (i32.const 1)))
               (br_if $again (i32.lt_u (local.get $i) (i32.const 1000))))
             (i32.store (i32.const 256) (local.get $sum))"
        );
        Self { mark, ..Self::access(name, &code) }
    }

    fn writes(mut self, start: u32, bytes: Vec<u8>) -> Self {
        self.may_be_written.push(start..start + bytes.len() as u32);
        self.written.push((start, bytes));
        self
    }
}

/// Every case.
pub fn all() -> Vec<Case> {
    let mut cases = checked();
    cases.extend(ranges());
    cases.extend(accesses());
    cases.extend(sequences());
    cases.extend(loops());
    let deep = "(i32.store (i32.const 256) (call $deep (local.get $p)))";
    cases.push(Case::new("stack", deep, Notice::Stack, TrapCode::StackOverflow));
    cases
}

/// Traps that are a comparison and a branch in every mode.
fn checked() -> Vec<Case> {
    use TrapCode::*;
    let mut cases = Vec::new();
    let mut add = |name: &str, trap: TrapCode, code: &str| {
        cases.push(Case::new(name, code, Notice::Checked, trap));
    };
    add("unreachable", Unreachable, "(if (i32.eqz (local.get $zero)) (then (unreachable)))");
    add("host", HostError, "(call $fail)");
    add("in_callee", IntegerDivideByZero, "(drop (call $divide (local.get $zero)))");
    for ty in ["i32", "i64"] {
        let zero = if ty == "i32" { "(local.get $zero)" } else { "(i64.extend_i32_u (local.get $zero))" };
        for operator in ["div_s", "div_u", "rem_s", "rem_u"] {
            let code = format!("({ty}.store (i32.const 256) ({ty}.{operator} ({ty}.const 1) {zero}))");
            add(&format!("{ty}.{operator}"), IntegerDivideByZero, &code);
        }
        let min = if ty == "i32" { "0x80000000" } else { "0x8000000000000000" };
        let minus_one = format!("({ty}.sub {zero} ({ty}.const 1))");
        let code = format!("({ty}.store (i32.const 256) ({ty}.div_s ({ty}.const {min}) {minus_one}))");
        add(&format!("{ty}.overflow"), IntegerOverflow, &code);
        for (from, sign) in [("f32", "s"), ("f32", "u"), ("f64", "s"), ("f64", "u")] {
            for (operand, trap) in [("$big", IntegerOverflow), ("$nan", InvalidConversionToInteger)] {
                let value = format!("(local.get {operand})");
                let value = if from == "f32" { format!("(f32.demote_f64 {value})") } else { value };
                let code = format!("({ty}.store (i32.const 256) ({ty}.trunc_{from}_{sign} {value}))");
                add(&format!("{ty}.trunc_{from}_{sign}.{operand}"), trap, &code);
            }
        }
    }
    for (name, trap, index) in [
        ("call.outside", UndefinedElement, 8),
        ("call.null", UninitializedElement, 7),
        ("call.mismatch", IndirectCallTypeMismatch, 1),
    ] {
        let index = format!("(i32.add (local.get $zero) (i32.const {index}))");
        add(name, trap, &format!("(i32.store (i32.const 256) (call_indirect (type $callee) {index}))"));
    }
    cases
}

/// Operators on whole ranges, of which some part is outside.
fn ranges() -> Vec<Case> {
    use TrapCode::*;
    let mut cases = Vec::new();
    let mut add = |name: &str, trap: TrapCode, code: &str| {
        cases.push(Case::new(name, code, Notice::Checked, trap));
    };
    for (name, code) in [
        (
            "memory.copy.destination",
            "(memory.copy (i32.sub (local.get $p) (i32.const 8)) (i32.const 64) (i32.const 16))",
        ),
        (
            "memory.copy.source",
            "(memory.copy (i32.const 512) (i32.sub (local.get $p) (i32.const 8)) (i32.const 16))",
        ),
        (
            "memory.copy.overlap",
            "(memory.copy (i32.sub (local.get $p) (i32.const 8)) (i32.sub (local.get $p) (i32.const 12)) (i32.const 9))",
        ),
        (
            "memory.copy.length",
            "(memory.copy (i32.const 512) (i32.const 64) (i32.sub (local.get $zero) (i32.const 1)))",
        ),
        ("memory.fill", "(memory.fill (i32.sub (local.get $p) (i32.const 8)) (i32.const 7) (i32.const 9))"),
        (
            "memory.fill.nothing",
            "(memory.fill (i32.add (local.get $p) (i32.const 1)) (i32.const 7) (local.get $zero))",
        ),
        (
            "memory.init",
            "(memory.init $passive (i32.sub (local.get $p) (i32.const 8)) (i32.const 0) (i32.const 9))",
        ),
        ("memory.init.segment", "(memory.init $passive (i32.const 512) (i32.const 8) (i32.const 9))"),
        ("memory.init.dropped", "(memory.init $dropped (i32.const 512) (local.get $zero) (i32.const 1))"),
    ] {
        add(name, MemoryOutOfBounds, code);
    }
    for (name, code) in [
        ("table.get", "(table.set $table (i32.const 5) (table.get $table (i32.const 8)))"),
        ("table.set", "(table.set $table (i32.const 8) (ref.func $after))"),
        ("table.fill", "(table.fill $table (i32.const 5) (ref.func $after) (i32.const 4))"),
        ("table.copy.destination", "(table.copy $table $table (i32.const 6) (i32.const 1) (i32.const 3))"),
        ("table.copy.source", "(table.copy $table $table (i32.const 4) (i32.const 7) (i32.const 2))"),
        ("table.init", "(table.init $table $passive (i32.const 7) (i32.const 0) (i32.const 2))"),
        ("table.init.segment", "(table.init $table $passive (i32.const 4) (i32.const 1) (i32.const 2))"),
        ("table.init.dropped", "(table.init $table $dropped (i32.const 4) (i32.const 0) (i32.const 1))"),
    ] {
        add(name, TableOutOfBounds, code);
    }
    cases
}

/// Each load and store: past the end, and with only its first or all but its last byte inside.
fn accesses() -> Vec<Case> {
    let is_access = |operator: &&OperatorInfo| {
        let is_basic = ["mvp", "simd"].contains(&operator.proposal);
        is_basic && (operator.variant.contains("Load") || operator.variant.contains("Store"))
    };
    let cases: Vec<_> = OPERATORS.iter().filter(is_access).map(|operator| access(&operator.name())).collect();
    assert_eq!(cases.len(), 14 + 9 + 17 + 5, "scalar and vector loads and stores");
    cases
}

fn access(name: &str) -> Case {
    let (ty, operation) = name.split_once('.').unwrap();
    let width = width_of(ty, operation);
    let ones = match ty {
        "v128" => "(v128.const i64x2 0x0707070707070707 0x0707070707070707)".to_owned(),
        "f32" | "f64" => {
            let int = ty.replace('f', "i");
            format!("({ty}.reinterpret_{int} ({int}.const 0x{}))", "07".repeat(width as usize))
        }
        _ => format!("({ty}.const 0x{})", "07".repeat(if ty == "i32" { 4 } else { 8 })),
    };
    let (lane, vector) = match operation.ends_with("_lane") {
        true => ("0", ones.as_str()),
        false => ("", ""),
    };
    let code = match operation.starts_with("load") {
        true => format!("({ty}.store (i32.const 256) ({name} {lane} (local.get $p) {vector}))"),
        false => format!("({name} {lane} (local.get $p) {ones})"),
    };
    let mut addresses = vec![END, END - 1, END - (width - 1), u32::MAX];
    addresses.retain(|address| address + width > END || *address == u32::MAX);
    Case { addresses, ..Case::access(name, &code) }
}

/// Bytes of an access: `i64` and `load32_u` make 4, `v128` and `load8x8_s` 8.
fn width_of(ty: &str, operation: &str) -> u32 {
    let digits: String = operation.chars().filter(|c| c.is_ascii_digit() || *c == 'x').collect();
    match (digits.as_str(), ty) {
        ("", "v128") => 16,
        ("", ty) => ty[1..].parse::<u32>().unwrap() / 8,
        (digits, _) if digits.contains('x') => 8,
        (digits, _) => digits.parse::<u32>().unwrap() / 8,
    }
}

/// Accesses whose order or width LLVM would change.
fn sequences() -> Vec<Case> {
    const SEVENS: &str = "(i64.const 0x0707070707070707)";
    let inside = format!("(i64.store (i32.sub (local.get $p) (i32.const 8)) {SEVENS})");
    let outside = format!("(i64.store (local.get $p) {SEVENS})");
    let mut two_traps = Case::access(
        "two_traps",
        "(i32.store (i32.const 256)
           (i32.add (i32.load (local.get $p)) (i32.div_u (i32.const 1) (local.get $zero))))",
    );
    two_traps.traps.push(TrapCode::IntegerDivideByZero);
    let half = |name: &str, code: &str| Case { addresses: vec![END - 8], ..Case::access(name, code) };
    let mut reversed = Case::access("neighbours.reversed", &format!("{outside} {inside}"));
    reversed.may_be_written.push(END - 8..END);
    vec![
        Case::access("neighbours", &format!("{inside} {outside}")).writes(END - 8, vec![7; 8]),
        reversed,
        two_traps,
        Case::access("dropped", "(drop (i32.load (local.get $p)))"),
        half("half.vector", "(i64.store (i32.const 256) (i64x2.extract_lane 0 (v128.load (local.get $p))))"),
        half(
            "half.widened",
            "(v128.store (i32.const 256) (f64x2.promote_low_f32x4 (v128.load (local.get $p))))",
        ),
        half(
            "half.converted",
            "(v128.store (i32.const 256) (f64x2.convert_low_i32x4_s (v128.load (local.get $p))))",
        ),
        Case {
            addresses: vec![END - 4],
            ..Case::access(
                "half.scalar",
                "(i32.store (i32.const 256) (i32.wrap_i64 (i64.load (local.get $p))))",
            )
        },
    ]
}

/// Loops whose stores LLVM would make one, put behind the loop, or hand to the C library.
fn loops() -> Vec<Case> {
    let at =
        |start: &str, scale: u32| format!("(i32.add {start} (i32.mul (local.get $i) (i32.const {scale})))");
    let before_end = |bytes: u32| format!("(i32.sub (local.get $p) (i32.const {bytes}))");
    let word = |number: u64| number.to_le_bytes().to_vec();
    let load = format!(
        "(i64.store (i32.const 128) (i64.extend_i32_u (local.get $i)))
         (local.set $sum (i32.add (local.get $sum) (i32.load {})))",
        at(&before_end(4096), 1024)
    );
    let store = format!("(i32.store8 {} (i32.const 7))", at(&before_end(100), 1));
    let fill = format!("(i32.store {} (i32.const 0x07070707))", at(&before_end(400), 4));
    let both = format!("{store} (i32.store8 {} (i32.const 7))", at("(i32.const 2048)", 1));
    let map = format!(
        "(i32.store {} (i32.add (i32.load {}) (i32.const 0x07070707)))",
        at("(i32.const 2048)", 4),
        at(&before_end(400), 4)
    );
    let mut cases = vec![
        Case::looping("loop.load", 4, &load).writes(128, word(4)),
        Case::looping("loop.store", 100, &store).writes(END - 100, vec![7; 100]),
        Case::looping("loop.fill", 100, &fill).writes(END - 400, vec![7; 400]),
        Case::looping("loop.both", 100, &both).writes(END - 100, vec![7; 100]).writes(2048, vec![7; 100]),
        Case::looping("loop.map", 100, &map).writes(2048, vec![7; 400]),
    ];
    // An iteration that is done in advance.
    for case in &mut cases[3..] {
        case.may_be_written.push(2048..2048 + 4 * 1000);
    }
    cases
}
