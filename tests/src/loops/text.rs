//! A generated loop as WebAssembly text.

use std::fmt::Write as _;

use super::generate::{Access, Counter, GuestLoop, Index, Kind, Memory};

/// The module with a function `f0`, `f1`, … per loop: `(start, start, iterations) -> result`.
pub fn module(loops: &[GuestLoop], memory: Memory) -> Vec<u8> {
    let ty = ty(memory.index());
    let mut text = format!("(module (memory (export \"memory\") {ty} {0} {0})\n", memory.pages());
    for (number, guest_loop) in loops.iter().enumerate() {
        text += &function(guest_loop, number, ty);
    }
    text += ")";
    wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn ty(index: Index) -> &'static str {
    match index {
        Index::I32 => "i32",
        Index::I64 => "i64",
    }
}

/// The function of one loop over a memory with indices of type `ty`.
fn function(guest_loop: &GuestLoop, number: usize, ty: &str) -> String {
    let GuestLoop { counter, strides, copies, repeats, shift, .. } = guest_loop;
    let steps = strides.map(|stride| stride.wrapping_mul(*copies as i32));
    let body = body(guest_loop, ty);
    let (init, next) = counting(*counter, steps[0], ty);
    let values: String = (0..*copies).map(|copy| format!("(local $value{copy} i64)")).collect();
    format!(
        "(func (export \"f{number}\") (param $a {ty}) (param $b {ty}) (param $n i64) (result i64)
  (local $p {ty}) (local $q {ty}) (local $end {ty}) (local $i i32) (local $k i64) (local $r i32)
  (local $sum i64) {values}
  (block $done
    (br_if $done (i64.eqz (local.get $n)))
    (loop $outer
      (local.set $p (local.get $a)) (local.set $q (local.get $b))
      {init}
      (loop $inner
{body}        (local.set $p ({ty}.add (local.get $p) ({ty}.const {})))
        (local.set $q ({ty}.add (local.get $q) ({ty}.const {})))
        {next})
      (local.set $a ({ty}.add (local.get $a) ({ty}.const {shift})))
      (local.set $b ({ty}.add (local.get $b) ({ty}.const {shift})))
      (local.set $r (i32.add (local.get $r) (i32.const 1)))
      (br_if $outer (i32.lt_u (local.get $r) (i32.const {repeats})))))
  (local.get $sum))\n",
        steps[0], steps[1]
    )
}

/// What sets the counter up before the inner loop, and what ends an iteration.
fn counting(counter: Counter, step: i32, ty: &str) -> (String, String) {
    let scaled = |by: u32| format!("(i32.mul (i32.wrap_i64 (local.get $n)) (i32.const {by}))");
    let add = |by: u32| format!("(local.tee $i (i32.add (local.get $i) (i32.const {by})))");
    match counter {
        Counter::NotEqual { by } => (
            "(local.set $i (i32.const 0))".to_owned(),
            format!("(br_if $inner (i32.ne {} {}))", add(by), scaled(by)),
        ),
        Counter::Reaching { by } => (
            "(local.set $i (i32.const 0))".to_owned(),
            format!("(br_if $inner (i32.ne {} {}))", add(by), scaled(1)),
        ),
        Counter::Below => (
            "(local.set $i (i32.const 0))".to_owned(),
            format!("(br_if $inner (i32.lt_u {} {}))", add(1), scaled(1)),
        ),
        Counter::ToZero { by } => (
            format!("(local.set $i (i32.sub (i32.const 0) {}))", scaled(by)),
            format!("(br_if $inner {})", add(by)),
        ),
        Counter::Wide => (
            "(local.set $k (i64.const 0))".to_owned(),
            "(br_if $inner (i64.lt_u (local.tee $k (i64.add (local.get $k) (i64.const 1))) (local.get $n)))"
                .to_owned(),
        ),
        Counter::Pointer => {
            let n = if ty == "i32" { "(i32.wrap_i64 (local.get $n))" } else { "(local.get $n)" };
            (
                format!("(local.set $end ({ty}.add (local.get $p) ({ty}.mul {n} ({ty}.const {step}))))"),
                format!("(br_if $inner ({ty}.ne (local.get $p) (local.get $end)))"),
            )
        }
    }
}

fn body(guest_loop: &GuestLoop, ty: &str) -> String {
    let mut text = String::new();
    let mut write = |copy: u32, access: &Access| {
        let moved = guest_loop.strides[access.pointer].wrapping_mul(copy as i32);
        let index = index(access, moved, ty);
        let written = match access.kind {
            Kind::Load => load(access, &index, copy, guest_loop.is_ordered),
            Kind::Store => store(access, &index, copy),
        };
        writeln!(text, "        {written}").expect("writing to a string cannot fail");
    };
    // Each pass over the copies writes the accesses of some kinds.
    let passes: &[&[Kind]] =
        if guest_loop.is_hoisted { &[&[Kind::Load], &[Kind::Store]] } else { &[&[Kind::Load, Kind::Store]] };
    for kinds in passes {
        for copy in 0..guest_loop.copies {
            let of_kinds = guest_loop.accesses.iter().filter(|access| kinds.contains(&access.kind));
            of_kinds.for_each(|access| write(copy, access));
        }
    }
    text
}

fn index(access: &Access, moved: i32, ty: &str) -> String {
    let pointer = ["$p", "$q"][access.pointer];
    match access.distance.wrapping_add(moved) {
        0 => format!("(local.get {pointer})"),
        distance => format!("({ty}.add (local.get {pointer}) ({ty}.const {distance}))"),
    }
}

fn load(access: &Access, index: &str, copy: u32, is_ordered: bool) -> String {
    let suffix = ["8_u", "16_u", "32_u", ""][access.width.trailing_zeros() as usize];
    let loaded = format!("(i64.load{suffix} offset={} {index})", access.offset);
    let sum = if is_ordered { "(i64.rotl (local.get $sum) (i64.const 1))" } else { "(local.get $sum)" };
    format!("(local.set $sum (i64.add {sum} (local.tee $value{copy} {loaded})))")
}

fn store(access: &Access, index: &str, copy: u32) -> String {
    let suffix = ["8", "16", "32", ""][access.width.trailing_zeros() as usize];
    let value = format!("(i64.add (local.get $value{copy}) (i64.const 3))");
    format!("(i64.store{suffix} offset={} {index} {value})", access.offset)
}
