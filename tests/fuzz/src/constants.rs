//! Every operator over operands that are constants in one way or another: plain ones, lanes of constant vectors,
//! reinterpretations, splats. What they are to LLVM differs, and so does what the compiler may ask of them.
//!
//! The rule: results are compared as bits with the other engine, at each level. Of a NaN only whether it is quiet
//! is compared, for that is all that the specification says.

use fastrand::Rng;
use w2n_tests::host::Module;
use w2n_tests::plugin::{Source, build, descriptor_symbol};
use wasm2native::options::{BoundsChecks, CodeOptions, OptLevel};

use crate::reference;
use crate::subject::{Setup, follow};

/// Functions for each operator.
const CASES: usize = 8;

/// Functions of one module.
const MODULE_FUNCS: usize = 200;

/// Operators by the types of operands and result, as words: `i32 f64 v128` and, for results that are floats lane by
/// lane, `f32x4` and `f64x2`.
const OPERATORS: &[(&str, &[&str], &str)] = &[
    ("i32.add sub mul div_s div_u rem_s rem_u and or xor shl shr_s shr_u rotl rotr", &["i32", "i32"], "i32"),
    ("i32.eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u", &["i32", "i32"], "i32"),
    ("i32.clz ctz popcnt eqz extend8_s extend16_s", &["i32"], "i32"),
    ("i32.load load8_s load8_u load16_s load16_u", &["address"], "i32"),
    ("i32.wrap_i64", &["i64"], "i32"),
    ("i32.trunc_f32_s trunc_f32_u trunc_sat_f32_s trunc_sat_f32_u reinterpret_f32", &["f32"], "i32"),
    ("i32.trunc_f64_s trunc_f64_u trunc_sat_f64_s trunc_sat_f64_u", &["f64"], "i32"),
    ("i64.add sub mul div_s div_u rem_s rem_u and or xor shl shr_s shr_u rotl rotr", &["i64", "i64"], "i64"),
    ("i64.eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u", &["i64", "i64"], "i32"),
    ("i64.clz ctz popcnt extend8_s extend16_s extend32_s", &["i64"], "i64"),
    ("i64.load load8_s load8_u load16_s load16_u load32_s load32_u", &["address"], "i64"),
    ("i64.eqz", &["i64"], "i32"),
    ("i64.extend_i32_s extend_i32_u", &["i32"], "i64"),
    ("i64.trunc_f32_s trunc_f32_u trunc_sat_f32_s trunc_sat_f32_u", &["f32"], "i64"),
    ("i64.trunc_f64_s trunc_f64_u trunc_sat_f64_s trunc_sat_f64_u reinterpret_f64", &["f64"], "i64"),
    ("f32.add sub mul div min max copysign", &["f32", "f32"], "f32"),
    ("f32.eq ne lt gt le ge", &["f32", "f32"], "i32"),
    ("f32.abs neg ceil floor trunc nearest sqrt", &["f32"], "f32"),
    ("f32.load", &["address"], "f32"),
    ("f32.convert_i32_s convert_i32_u reinterpret_i32", &["i32"], "f32"),
    ("f32.convert_i64_s convert_i64_u", &["i64"], "f32"),
    ("f32.demote_f64", &["f64"], "f32"),
    ("f64.add sub mul div min max copysign", &["f64", "f64"], "f64"),
    ("f64.eq ne lt gt le ge", &["f64", "f64"], "i32"),
    ("f64.abs neg ceil floor trunc nearest sqrt", &["f64"], "f64"),
    ("f64.load", &["address"], "f64"),
    ("f64.convert_i32_s convert_i32_u", &["i32"], "f64"),
    ("f64.convert_i64_s convert_i64_u reinterpret_i64", &["i64"], "f64"),
    ("f64.promote_f32", &["f32"], "f64"),
    ("v128.and andnot or xor", &["v128", "v128"], "v128"),
    ("v128.not", &["v128"], "v128"),
    ("v128.any_true", &["v128"], "i32"),
    ("v128.bitselect", &["v128", "v128", "v128"], "v128"),
    (
        "v128.load load8x8_s load8x8_u load16x4_s load16x4_u load32x2_s load32x2_u load8_splat load16_splat \
      load32_splat load64_splat load32_zero load64_zero",
        &["address"],
        "v128",
    ),
    (
        "i8x16.swizzle add add_sat_s add_sat_u sub sub_sat_s sub_sat_u min_s min_u max_s max_u avgr_u eq ne lt_s lt_u \
      gt_s gt_u le_s le_u ge_s ge_u narrow_i16x8_s narrow_i16x8_u",
        &["v128", "v128"],
        "v128",
    ),
    ("i8x16.abs neg popcnt", &["v128"], "v128"),
    ("i8x16.all_true bitmask", &["v128"], "i32"),
    ("i8x16.shl shr_s shr_u", &["v128", "i32"], "v128"),
    ("i8x16.splat", &["i32"], "v128"),
    (
        "i16x8.add add_sat_s add_sat_u sub sub_sat_s sub_sat_u mul min_s min_u max_s max_u avgr_u q15mulr_sat_s eq ne \
      lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u narrow_i32x4_s narrow_i32x4_u extmul_low_i8x16_s extmul_high_i8x16_s \
      extmul_low_i8x16_u extmul_high_i8x16_u",
        &["v128", "v128"],
        "v128",
    ),
    (
        "i16x8.abs neg extend_low_i8x16_s extend_high_i8x16_s extend_low_i8x16_u extend_high_i8x16_u \
      extadd_pairwise_i8x16_s extadd_pairwise_i8x16_u",
        &["v128"],
        "v128",
    ),
    ("i16x8.all_true bitmask", &["v128"], "i32"),
    ("i16x8.shl shr_s shr_u", &["v128", "i32"], "v128"),
    ("i16x8.splat", &["i32"], "v128"),
    (
        "i32x4.add sub mul min_s min_u max_s max_u dot_i16x8_s eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u \
      extmul_low_i16x8_s extmul_high_i16x8_s extmul_low_i16x8_u extmul_high_i16x8_u",
        &["v128", "v128"],
        "v128",
    ),
    (
        "i32x4.abs neg extend_low_i16x8_s extend_high_i16x8_s extend_low_i16x8_u extend_high_i16x8_u \
      extadd_pairwise_i16x8_s extadd_pairwise_i16x8_u trunc_sat_f32x4_s trunc_sat_f32x4_u trunc_sat_f64x2_s_zero \
      trunc_sat_f64x2_u_zero",
        &["v128"],
        "v128",
    ),
    ("i32x4.all_true bitmask", &["v128"], "i32"),
    ("i32x4.shl shr_s shr_u", &["v128", "i32"], "v128"),
    ("i32x4.splat", &["i32"], "v128"),
    (
        "i64x2.add sub mul eq ne lt_s gt_s le_s ge_s extmul_low_i32x4_s extmul_high_i32x4_s extmul_low_i32x4_u \
      extmul_high_i32x4_u",
        &["v128", "v128"],
        "v128",
    ),
    (
        "i64x2.abs neg extend_low_i32x4_s extend_high_i32x4_s extend_low_i32x4_u extend_high_i32x4_u",
        &["v128"],
        "v128",
    ),
    ("i64x2.all_true bitmask", &["v128"], "i32"),
    ("i64x2.shl shr_s shr_u", &["v128", "i32"], "v128"),
    ("i64x2.splat", &["i64"], "v128"),
    ("f32x4.add sub mul div min max pmin pmax", &["v128", "v128"], "f32x4"),
    ("f32x4.eq ne lt gt le ge", &["v128", "v128"], "v128"),
    (
        "f32x4.abs neg ceil floor trunc nearest sqrt convert_i32x4_s convert_i32x4_u demote_f64x2_zero",
        &["v128"],
        "f32x4",
    ),
    ("f32x4.splat", &["f32"], "f32x4"),
    ("f64x2.add sub mul div min max pmin pmax", &["v128", "v128"], "f64x2"),
    ("f64x2.eq ne lt gt le ge", &["v128", "v128"], "v128"),
    (
        "f64x2.abs neg ceil floor trunc nearest sqrt convert_low_i32x4_s convert_low_i32x4_u promote_low_f32x4",
        &["v128"],
        "f64x2",
    ),
    ("f64x2.splat", &["f64"], "f64x2"),
];

/// Bits of floats at which operators change their mind, as 32 and as 64 bits.
const F32_BITS: [u32; 12] = [
    0,
    0x8000_0000,
    0x3f80_0000,
    0xbf80_0000,
    0x3fc0_0000,
    0x7f80_0000,
    0xff80_0000,
    0x7fa0_0000,
    0xffc0_0000,
    0x4f00_0000,
    0x0000_0001,
    0x4b80_0000,
];
const F64_BITS: [u64; 12] = [
    0,
    1 << 63,
    0x3ff0 << 48,
    0xbff0 << 48,
    0x3ff8 << 48,
    0x7ff0 << 48,
    0xfff0 << 48,
    0x7ff4 << 48,
    0xfff8 << 48,
    0x41e0 << 48,
    1,
    0x4340 << 48,
];
const INTS: [u64; 10] =
    [0, 1, 2, 31, 0x7f, 0xff80, 0x7fff_ffff, 0x8000_0000, 0x7fff_ffff_ffff_ffff, 0x8000_0000_0000_0000];

/// Makes the operands of one function, and counts its parameters.
struct Operands<'a> {
    rng: &'a mut Rng,
    params: Vec<&'static str>,
    may_be_param: bool,
}

impl Operands<'_> {
    /// Text of an operand of type `ty`.
    fn make(&mut self, ty: &'static str) -> String {
        if ty == "address" {
            return format!("(i32.and (i32.const 0xff) {})", self.constant("i32"));
        }
        if self.may_be_param && self.rng.u8(..3) == 0 {
            self.params.push(ty);
            return format!("(local.get {})", self.params.len() - 1);
        }
        self.constant(ty)
    }

    fn constant(&mut self, ty: &str) -> String {
        let choice = self.rng.u8(..4);
        let lane = self.rng.u8(..4);
        match (ty, choice) {
            ("i32", 0) => format!("(i32x4.extract_lane {lane} {})", self.vector()),
            ("i32", 1) => format!("(i16x8.extract_lane_s {lane} {})", self.vector()),
            ("i32", 2) => format!("(i32.reinterpret_f32 {})", self.constant("f32")),
            ("i32", _) => format!("(i32.const {})", self.int() as i32),
            ("i64", 0) => format!("(i64x2.extract_lane {} {})", lane / 2, self.vector()),
            ("i64", 1) => format!("(i64.reinterpret_f64 {})", self.constant("f64")),
            ("i64", 2) => format!("(i64.extend_i32_u {})", self.constant("i32")),
            ("i64", _) => format!("(i64.const {})", self.int() as i64),
            ("f32", 0) => format!("(f32x4.extract_lane {lane} {})", self.vector()),
            ("f32", 1) => format!("(f32.reinterpret_i32 {})", self.lane_of_float_bits()),
            ("f32", 2) => format!("(f32.reinterpret_i32 (i32.const {}))", self.f32_bits() as i32),
            ("f32", _) => format!("(f32.convert_i32_s (i32.const {}))", self.rng.i8(-2..3)),
            ("f64", 0) => format!("(f64x2.extract_lane {} {})", lane / 2, self.vector()),
            ("f64", 1) => format!("(f64.promote_f32 {})", self.constant("f32")),
            ("f64", 2) => format!("(f64.reinterpret_i64 (i64.const {}))", self.f64_bits() as i64),
            ("f64", _) => format!("(f64.convert_i32_s (i32.const {}))", self.rng.i8(-2..3)),
            _ => self.vector(),
        }
    }

    fn lane_of_float_bits(&mut self) -> String {
        format!("(i32x4.extract_lane {} {})", self.rng.u8(..4), self.vector())
    }

    fn vector(&mut self) -> String {
        match self.rng.u8(..10) {
            0 => format!("(f32x4.splat (f32.reinterpret_i32 (i32.const {})))", self.f32_bits() as i32),
            1 => format!("(f64x2.splat {})", self.constant("f64")),
            2 => format!("(f32x4.replace_lane 1 {} {})", self.vector(), self.constant("f32")),
            3 => format!("(i64x2.splat (i64.const {}))", self.int() as i64),
            4 => format!("(v128.const i64x2 {} {})", self.f64_bits() as i64, self.f64_bits() as i64),
            5 => format!(
                "(i8x16.shuffle 0 1 2 3 20 21 22 23 8 9 10 11 31 30 29 28 {} {})",
                self.vector(),
                self.vector()
            ),
            6 => format!("(i32x4.splat (i32.const {}))", self.int() as i32),
            _ => {
                let lanes: Vec<String> = (0..4).map(|_| (self.f32_bits() as i32).to_string()).collect();
                format!("(v128.const i32x4 {})", lanes.join(" "))
            }
        }
    }

    fn int(&mut self) -> u64 {
        INTS[self.rng.usize(..INTS.len())]
    }

    fn f32_bits(&mut self) -> u32 {
        F32_BITS[self.rng.usize(..F32_BITS.len())]
    }

    fn f64_bits(&mut self) -> u64 {
        F64_BITS[self.rng.usize(..F64_BITS.len())]
    }
}

/// The result as it is compared: its type, and text around `(local.get $r)`.
fn shown(ty: &str) -> (&'static str, &'static str, &'static str) {
    match ty {
        "i32" => ("i32", "i32", "(local.get $r)"),
        "i64" => ("i64", "i64", "(local.get $r)"),
        "f32" => (
            "f32",
            "i32",
            "(select (i32.and (i32.reinterpret_f32 (local.get $r)) (i32.const 0x00400000))
              (i32.reinterpret_f32 (local.get $r)) (f32.ne (local.get $r) (local.get $r)))",
        ),
        "f64" => (
            "f64",
            "i64",
            "(select (i64.and (i64.reinterpret_f64 (local.get $r)) (i64.const 0x0008000000000000))
              (i64.reinterpret_f64 (local.get $r)) (f64.ne (local.get $r) (local.get $r)))",
        ),
        "f32x4" => (
            "v128",
            "v128",
            "(v128.bitselect (v128.and (local.get $r) (i32x4.splat (i32.const 0x00400000)))
              (local.get $r) (f32x4.ne (local.get $r) (local.get $r)))",
        ),
        "f64x2" => (
            "v128",
            "v128",
            "(v128.bitselect (v128.and (local.get $r) (i64x2.splat (i64.const 0x0008000000000000)))
              (local.get $r) (f64x2.ne (local.get $r) (local.get $r)))",
        ),
        _ => ("v128", "v128", "(local.get $r)"),
    }
}

/// One function: an operator over operands, of which the first case has no parameters.
fn func(rng: &mut Rng, name: &str, operands: &[&'static str], result: &str, case: usize) -> String {
    let mut maker = Operands { rng, params: Vec::new(), may_be_param: case > 0 };
    let operands: Vec<String> = operands.iter().map(|ty| maker.make(ty)).collect();
    let params: String = maker.params.iter().map(|ty| format!("(param {ty}) ")).collect();
    let (ty, shown_ty, shown) = shown(result);
    format!(
        "(func (export \"{name} {case}\") {params}(result {shown_ty}) (local $r {ty})
          (local.set $r ({name} {})) {shown})\n",
        operands.join(" ")
    )
}

/// All functions.
fn funcs(seed: u64) -> Vec<String> {
    let mut rng = Rng::with_seed(seed);
    let mut funcs = Vec::new();
    for (names, operands, result) in OPERATORS {
        let (family, names) = names.split_once('.').expect("a family");
        for name in names.split_whitespace() {
            let name = format!("{family}.{name}");
            funcs.extend((0..CASES).map(|case| func(&mut rng, &name, operands, result, case)));
        }
    }
    funcs
}

/// The ways to compile them.
fn options() -> Vec<CodeOptions> {
    let at = |opt_level, bounds_checks| CodeOptions { opt_level, bounds_checks, ..CodeOptions::default() };
    let levels = [OptLevel::O0, OptLevel::O1, OptLevel::O2, OptLevel::O3, OptLevel::Os];
    let guarded = levels.into_iter().map(|level| at(level, BoundsChecks::Guard));
    guarded.chain([at(OptLevel::O2, BoundsChecks::Software)]).collect()
}

/// Compares one module in all ways; the number of calls that were compared.
fn compare(text: &str) -> usize {
    let bytes = wat::parse_str(text).unwrap_or_else(|error| panic!("{error}"));
    let mut trace = reference::trace(&bytes).expect("the other engine takes it");
    let setup = Setup::all()[0];
    let mut compared = 0;
    for options in options() {
        let source = Source { prefix: "constants".to_owned(), bytes: bytes.clone() };
        let library = build(&[source], &options).expect("it compiles");
        let module: Module = library.module(&descriptor_symbol("constants")).expect("a module");
        let agreement = follow(&module, setup, &mut trace);
        let agreement =
            agreement.unwrap_or_else(|found| panic!("{:?}: {}", options.opt_level, found.message));
        compared += agreement.steps(&trace) - 1;
    }
    compared
}

#[test]
fn operators_over_constants_agree_at_every_level() {
    let funcs = funcs(1);
    let mut compared = 0;
    for part in funcs.chunks(MODULE_FUNCS) {
        let data = "\\00\\00\\80\\3f\\00\\00\\a0\\7f\\ff\\fe\\7f\\80".repeat(32);
        compared +=
            compare(&format!("(module (memory 1) (data (i32.const 0) \"{data}\")\n{})", part.concat()));
    }
    assert!(compared > 200 * funcs.len() / 2, "{compared}");
}
