//! Vectors beyond the suite: how they pass between host and module, and what machine code they become.
//!
//! What is held about machine code is one instruction that must be there, or must not, where LLVM's own
//! way would be many times longer.

use std::arch::x86_64::{__m128i, _mm_set_epi64x, _mm_storeu_si128};
use std::ffi::c_void;

use w2n_abi::ValueType;
use w2n_tests::host::{Import, Instance, Library, Module, Type, Value};
use w2n_tests::plugin::{self, Source};
use w2n_tests::program::compile;
use wasm2native::options::{CodeOptions, OptLevel};

const LEVELS: [OptLevel; 2] = [OptLevel::O0, OptLevel::O2];

/// Vectors as parameter, result, global, block parameter and operand of `select`.
const PASSING: &str = r#"(module
  (import "host" "mix" (func $mix (param i32 v128 f64 v128) (result v128 i64)))
  (global $kept (export "kept") (mut v128) (v128.const i64x2 3 4))
  (func (export "through_host") (param v128 i32) (result v128 i64)
    (call $mix (local.get 1) (local.get 0) (f64.const 0.5) (global.get $kept)))
  (func (export "keep") (param v128) (result v128)
    (global.get $kept)
    (global.set $kept (local.get 0)))
  (func (export "choose") (param v128 v128 i32) (result v128)
    (select (local.get 0) (local.get 1) (local.get 2)))
  (func (export "carried") (param v128 i32) (result v128)
    (local.get 0)
    (loop (param v128) (result v128)
      (i64x2.add (v128.const i64x2 1 1))
      (br_if 0 (local.tee 1 (i32.sub (local.get 1) (i32.const 1))))))
  (func (export "typed") (param i32 v128 v128) (result v128)
    (i64x2.add (i32x4.shl (local.get 1) (local.get 0)) (local.get 2))))"#;

const fn vector(low: u64, high: u64) -> Value {
    Value::V128((high as u128) << 64 | low as u128)
}

fn library(level: OptLevel) -> (Library, Module) {
    let bytes = wat::parse_str(PASSING).expect("a module");
    let sources = [Source { prefix: "v".to_owned(), bytes }];
    let code = CodeOptions { opt_level: level, ..CodeOptions::default() };
    let library = plugin::build(&sources, &code).expect("it compiles");
    let module = library.module(&plugin::descriptor_symbol("v")).expect("it has a descriptor");
    (library, module)
}

/// The host's `mix` hands back its second vector, the first one's low half plus the number, and asserts
/// that the float came through between them.
fn instance(module: &Module) -> Instance {
    let ty = Type {
        params: vec![ValueType::I32, ValueType::V128, ValueType::F64, ValueType::V128],
        results: vec![ValueType::V128, ValueType::I64],
    };
    let mix = Import::func(module, ty, |args| match *args {
        [Value::I32(number), Value::V128(first), Value::F64(float), second] => {
            assert_eq!(float, 0.5f64.to_bits());
            Ok(vec![second, Value::I64(first as u64 + u64::from(number))])
        }
        _ => Err(format!("called with {args:?}")),
    });
    module.instantiate(&[mix]).expect("it links")
}

#[test]
fn vectors_pass_between_host_and_module() {
    for level in LEVELS {
        let instance = instance(&library(level).1);
        let call = |name: &str, args: &[Value]| instance.call(name, args).expect(name);
        let (some, other) = (vector(1, 2), vector(0xfedc_ba98_7654_3210, u64::MAX));
        assert_eq!(
            call("through_host", &[some, Value::I32(41)]),
            [vector(3, 4), Value::I64(42)],
            "{level:?}"
        );
        assert_eq!(call("keep", &[other]), [vector(3, 4)], "{level:?}");
        let global = instance.export("kept").expect("the global");
        assert_eq!(global.global_get(), other, "{level:?}");
        assert!(global.global_set(some), "{level:?}");
        assert_eq!(call("keep", &[other]), [some], "{level:?}");
        assert_eq!(call("choose", &[some, other, Value::I32(7)]), [some], "{level:?}");
        assert_eq!(call("choose", &[some, other, Value::I32(0)]), [other], "{level:?}");
        assert_eq!(call("carried", &[some, Value::I32(5)]), [vector(6, 7)], "{level:?}");
    }
}

/// The typed C function of an export takes and gives vectors as C compilers pass `__m128i`.
#[test]
fn vectors_pass_through_typed_functions() {
    #[allow(improper_ctypes_definitions, reason = "the ABI of x86-64 says how `__m128i` is passed")]
    type Typed = unsafe extern "C" fn(*mut c_void, i32, __m128i, __m128i) -> __m128i;
    for level in LEVELS {
        let (library, module) = library(level);
        let instance = instance(&module);
        let symbol = library.symbol("w2n_v__typed").expect("the typed function");
        // SAFETY: the export has this type, and `RATIONALE.md` says how a vector is passed.
        let typed: Typed = unsafe { std::mem::transmute(symbol) };
        let mut bytes = [0u8; 16];
        // SAFETY: the instance is alive; SSE2 is there on every x86-64, and the store has room.
        unsafe {
            let (first, second) = (_mm_set_epi64x(2, 1), _mm_set_epi64x(20, 10));
            let result = typed(instance.as_ptr().cast(), 33, first, second);
            _mm_storeu_si128(bytes.as_mut_ptr().cast(), result);
        }
        assert_eq!(u128::from_le_bytes(bytes), 24 << 64 | 12, "{level:?}: shifted by 33 modulo 32");
    }
}

/// The instructions of a function that computes `expression`, at -O2.
fn instructions(expression: &str, options: &[&str]) -> Vec<String> {
    let result = match expression.contains("any_true") || expression.contains("bitmask") {
        true => "i32",
        false => "v128",
    };
    let dir = tempfile::tempdir().expect("a directory");
    let (source, assembly) = (dir.path().join("m.wat"), dir.path().join("m.s"));
    let text =
        format!("(module (func (export \"f\") (param v128 v128 v128) (result {result}) {expression}))");
    std::fs::write(&source, text).expect("write the module");
    let options = [&["-shared", "-S", "-g0", "-O2"], options].concat();
    compile(&source, &assembly, &options).unwrap_or_else(|error| panic!("{expression}: {error}"));
    let assembly = std::fs::read_to_string(&assembly).expect("read the assembly");
    let lines = assembly.lines().skip_while(|line| !line.starts_with("m.f0:"));
    let body = lines.take_while(|line| !line.starts_with(".Lfunc_end"));
    let instructions = body.filter(|line| line.starts_with('\t') && !line.starts_with("\t."));
    instructions.map(|line| line.trim().to_owned()).collect()
}

/// Holds that the code of `expression` has `wanted`, none of `unwanted`, and at most `limit` instructions.
#[track_caller]
fn assert_code(expression: &str, options: &[&str], wanted: &str, unwanted: &[&str], limit: usize) {
    let code = instructions(expression, options);
    let has = |word: &str| code.iter().any(|line| line.split_whitespace().next() == Some(word));
    assert!(has(wanted), "no {wanted} for {expression} {options:?}: {code:#?}");
    for word in unwanted {
        assert!(!has(word), "{word} for {expression} {options:?}: {code:#?}");
    }
    assert!(code.len() <= limit, "{} instructions for {expression} {options:?}: {code:#?}", code.len());
}

/// With the frame's set-up and end, which are four instructions.
const FRAME: usize = 4;

#[test]
fn every_processor_gets_vector_code() {
    let expect = |expression: &str, wanted: &str, limit: usize| {
        let scalar = ["callq", "cvttss2si", "cvttsd2si", "imull", "pinsrw", "pextrw"];
        assert_code(expression, &[], wanted, &scalar, limit + FRAME);
    };
    expect("(f32x4.floor (local.get 0))", "addps", 26);
    expect("(f64x2.nearest (local.get 0))", "addpd", 14);
    expect("(i32x4.trunc_sat_f32x4_s (local.get 0))", "cvttps2dq", 12);
    expect("(i32x4.trunc_sat_f32x4_u (local.get 0))", "cvttps2dq", 18);
    expect("(i32x4.trunc_sat_f64x2_s_zero (local.get 0))", "cvttpd2dq", 8);
    expect("(i32x4.trunc_sat_f64x2_u_zero (local.get 0))", "cvttpd2dq", 12);
    expect("(i32x4.dot_i16x8_s (local.get 0) (local.get 1))", "pmaddwd", 2);
    expect("(i8x16.narrow_i16x8_s (local.get 0) (local.get 1))", "packsswb", 2);
    expect("(i8x16.narrow_i16x8_u (local.get 0) (local.get 1))", "packuswb", 2);
    expect("(i16x8.narrow_i32x4_u (local.get 0) (local.get 1))", "packssdw", 12);
    expect("(i8x16.avgr_u (local.get 0) (local.get 1))", "pavgb", 2);
    expect("(i16x8.q15mulr_sat_s (local.get 0) (local.get 1))", "pmulhw", 14);
    expect("(i16x8.extadd_pairwise_i8x16_u (local.get 0))", "psrlw", 5);
    expect("(i8x16.popcnt (local.get 0))", "psrlw", 16);
    expect("(f32x4.min (local.get 0) (local.get 1))", "minps", 12);
    expect("(f64x2.pmax (local.get 0) (local.get 1))", "maxpd", 3);
    expect("(i64x2.mul (local.get 0) (local.get 1))", "pmuludq", 12);
    expect("(i8x16.bitmask (local.get 0))", "pmovmskb", 2);
}

#[test]
fn later_processors_get_their_instructions() {
    let expect = |expression: &str, wanted: &str, limit: usize| {
        assert_code(expression, &["-march=x86-64-v2"], wanted, &["callq"], limit + FRAME);
    };
    expect("(i8x16.swizzle (local.get 0) (local.get 1))", "pshufb", 3);
    expect("(i16x8.q15mulr_sat_s (local.get 0) (local.get 1))", "pmulhrsw", 4);
    expect("(f32x4.ceil (local.get 0))", "roundps", 2);
    expect("(f64x2.trunc (local.get 0))", "roundpd", 2);
    expect("(i64x2.gt_s (local.get 0) (local.get 1))", "pcmpgtq", 2);
    expect("(i16x8.narrow_i32x4_u (local.get 0) (local.get 1))", "packusdw", 2);
    expect("(v128.any_true (local.get 0))", "ptest", 4);
}

#[test]
fn relaxed_operators_become_one_instruction_on_demand() {
    let native = ["-march=x86-64-v3", "-C", "relaxed-simd=native"];
    let expect = |expression: &str, wanted: &str, limit: usize| {
        assert_code(expression, &native, wanted, &["vpaddusb", "vmulps", "vpand"], limit + FRAME);
    };
    expect("(f32x4.relaxed_madd (local.get 0) (local.get 1) (local.get 2))", "vfmadd213ps", 1);
    expect("(f64x2.relaxed_nmadd (local.get 0) (local.get 1) (local.get 2))", "vfnmadd213pd", 1);
    expect("(i8x16.relaxed_swizzle (local.get 0) (local.get 1))", "vpshufb", 1);
    expect("(i32x4.relaxed_trunc_f32x4_s (local.get 0))", "vcvttps2dq", 1);
    expect("(i32x4.relaxed_trunc_f64x2_s_zero (local.get 0))", "vcvttpd2dq", 1);
    expect("(f32x4.relaxed_min (local.get 0) (local.get 1))", "vminps", 1);
    expect("(f64x2.relaxed_max (local.get 0) (local.get 1))", "vmaxpd", 1);
    expect("(i16x8.relaxed_q15mulr_s (local.get 0) (local.get 1))", "vpmulhrsw", 1);
    expect("(i16x8.relaxed_dot_i8x16_i7x16_s (local.get 0) (local.get 1))", "vpmaddubsw", 1);
    expect("(i8x16.relaxed_laneselect (local.get 0) (local.get 1) (local.get 2))", "vpblendvb", 1);
    let default = ["-march=x86-64-v3"];
    let madd = "(f32x4.relaxed_madd (local.get 0) (local.get 1) (local.get 2))";
    assert_code(madd, &default, "vmulps", &["vfmadd213ps"], 2 + FRAME);
}
