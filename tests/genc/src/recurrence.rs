//! Kernels that were unrolled by hand around a recurrence, of 32 to 128 bits, as compilers leave them.
//!
//! The rule: the copies are equal but for constants that make the recurrence; some have one that is not.

use fastrand::Rng;

use crate::kernel::Kernel;
use crate::types::Element;

/// Makes the kernel of that number.
pub fn kernel(mut rng: Rng, number: u32) -> Kernel {
    let copies = [2, 2, 2, 3, 4, 4][rng.usize(0..6)];
    let (ty, is_wide) = [
        ("uint32_t", false),
        ("int64_t", false),
        ("uint64_t", true),
        ("int64_t", true),
        ("int64_t", true),
        ("int32_t", true),
        ("wide", true),
    ][rng.usize(0..7)];
    let step = rng.u32(1..9);
    let (sign, factor, xor) = (["+", "-", "-"][rng.usize(0..3)], rng.u32(3..2_000_000), rng.u32(0..9));
    let product = match (is_wide, ty) {
        (true, "uint64_t" | "wide") => "(wide)",
        (true, _) => "(signed_wide)",
        (false, "int64_t") => "(uint64_t)",
        (false, _) => "(uint32_t)",
    };
    let shift = if is_wide { [64, 64, 0, 32][rng.usize(0..4)] } else { [0, 7, 0, 16][rng.usize(0..4)] };
    let result = [Element::U64, Element::U64, Element::U32, Element::I16][rng.usize(0..4)];
    let is_carried = rng.u32(0..4) == 0;
    let odd = if rng.u32(0..6) == 0 { rng.u32(0..copies) } else { copies };
    let mut body = String::new();
    for copy in 0..copies {
        let distance = copy * step + u32::from(copy == odd);
        let value = match is_carried {
            true => "v".to_owned(),
            false => format!("(v {sign} {distance})"),
        };
        let combine = ["^", "+"][usize::from(xor & 1 == 1)];
        body += &format!(
            "o[k + {copy}] = ({})((({product}{value} * {factor}) >> {shift}) {combine} {xor});\n",
            result.name()
        );
        if is_carried {
            body += &format!("v = v {sign} {};\n", step + u32::from(copy == odd));
        }
    }
    if !is_carried {
        body += &format!("v {sign}= {};\n", step * copies);
    }
    let limit = rng.u32(3..40) * copies;
    let high = if rng.bool() { "n".to_owned() } else { limit.to_string() };
    let start = rng.i32(-3000..3000);
    let function = format!(
        "NOINLINE uint64_t k{number}({} *o, uint32_t n) {{\n{ty} v = {start};\n\
         for (uint32_t k = 0; k < {high}; k += {copies}) {{\n{body}}}\nreturn (uint64_t)v;\n}}",
        result.name()
    );
    let name = format!("k{number}_o");
    let call = |length: u32| format!("fold(k{number}({name}, opaque({length})));");
    let calls = [call(limit), call(copies * rng.u32(0..3))];
    Kernel::of_text(number, &[(&name, result, limit + copies)], &function, &calls)
}
