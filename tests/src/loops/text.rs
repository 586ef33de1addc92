//! A generated loop as WebAssembly text.

use std::fmt::Write as _;

use super::generate::{Access, Counter, GuestLoop, Kind, Memory};

/// The module with a function `f0`, `f1`, … per loop: `(start, start, iterations) -> result`.
pub fn module(loops: &[GuestLoop], memory: Memory) -> Vec<u8> {
    let mut text = format!("(module (memory (export \"memory\") {0} {0})\n", memory.pages());
    for (number, guest_loop) in loops.iter().enumerate() {
        text += &function(guest_loop, number);
    }
    text += ")";
    wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// The function of one loop.
pub fn function(guest_loop: &GuestLoop, number: usize) -> String {
    let GuestLoop { counter, strides, copies, repeats, shift, .. } = guest_loop;
    let steps = strides.map(|stride| stride.wrapping_mul(*copies as i32));
    let body = body(guest_loop);
    let (init, next) = counting(*counter, steps[0]);
    let values: String = (0..*copies).map(|copy| format!("(local $value{copy} i64)")).collect();
    format!(
        "(func (export \"f{number}\") (param $a i32) (param $b i32) (param $n i64) (result i64)
  (local $p i32) (local $q i32) (local $end i32) (local $i i32) (local $k i64) (local $r i32)
  (local $sum i64) {values}
  (block $done
    (br_if $done (i64.eqz (local.get $n)))
    (loop $outer
      (local.set $p (local.get $a)) (local.set $q (local.get $b))
      {init}
      (loop $inner
{body}        (local.set $p (i32.add (local.get $p) (i32.const {})))
        (local.set $q (i32.add (local.get $q) (i32.const {})))
        {next})
      (local.set $a (i32.add (local.get $a) (i32.const {shift})))
      (local.set $b (i32.add (local.get $b) (i32.const {shift})))
      (local.set $r (i32.add (local.get $r) (i32.const 1)))
      (br_if $outer (i32.lt_u (local.get $r) (i32.const {repeats})))))
  (local.get $sum))\n",
        steps[0], steps[1]
    )
}

/// What sets the counter up before the inner loop, and what ends an iteration.
fn counting(counter: Counter, step: i32) -> (String, String) {
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
        Counter::Pointer => (
            format!(
                "(local.set $end (i32.add (local.get $p) (i32.mul (i32.wrap_i64 (local.get $n)) (i32.const {step}))))"
            ),
            "(br_if $inner (i32.ne (local.get $p) (local.get $end)))".to_owned(),
        ),
    }
}

fn body(guest_loop: &GuestLoop) -> String {
    let mut text = String::new();
    let mut write = |copy: u32, access: &Access| {
        let moved = guest_loop.strides[access.pointer].wrapping_mul(copy as i32);
        let written = match access.kind {
            Kind::Load => load(access, moved, copy, guest_loop.is_ordered),
            Kind::Store => store(access, moved, copy),
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

fn index(access: &Access, moved: i32) -> String {
    let pointer = ["$p", "$q"][access.pointer];
    match access.distance.wrapping_add(moved) {
        0 => format!("(local.get {pointer})"),
        distance => format!("(i32.add (local.get {pointer}) (i32.const {distance}))"),
    }
}

fn load(access: &Access, moved: i32, copy: u32, is_ordered: bool) -> String {
    let suffix = ["8_u", "16_u", "32_u", ""][access.width.trailing_zeros() as usize];
    let loaded = format!("(i64.load{suffix} offset={} {})", access.offset, index(access, moved));
    let sum = if is_ordered { "(i64.rotl (local.get $sum) (i64.const 1))" } else { "(local.get $sum)" };
    format!("(local.set $sum (i64.add {sum} (local.tee $value{copy} {loaded})))")
}

fn store(access: &Access, moved: i32, copy: u32) -> String {
    let suffix = ["8", "16", "32", ""][access.width.trailing_zeros() as usize];
    let value = format!("(i64.add (local.get $value{copy}) (i64.const 3))");
    format!("(i64.store{suffix} offset={} {} {value})", access.offset, index(access, moved))
}
