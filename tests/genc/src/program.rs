//! A generated program: kernels, and a `main` that runs each and prints its number and its hash.
//!
//! The rule: a kernel depends on its seed and its number alone, so any part of a program is a program.

use std::fmt::Write as _;

use fastrand::Rng;

use crate::kernel::Kernel;
use crate::{algebra, bytes, nest, recurrence};

/// Kernels of a program.
pub const KERNELS: u32 = 32;

/// A generated program.
#[derive(Clone, Debug)]
pub struct Program {
    kernels: Vec<Kernel>,
}

impl Program {
    /// The program of that seed.
    pub fn generate(seed: u64) -> Self {
        let kernel = |number: u32| {
            let mut rng = Rng::with_seed(seed.wrapping_mul(1 << 20).wrapping_add(u64::from(number)));
            match rng.u32(0..100) {
                0..=7 => algebra::kernel(rng, number),
                8..=11 => bytes::kernel(rng, number),
                12..=20 => recurrence::kernel(rng, number),
                21..=44 => algebra::stencil(rng, number),
                _ => nest::kernel(rng, number),
            }
        };
        Self { kernels: (0..KERNELS).map(kernel).collect() }
    }

    /// The numbers of its kernels.
    pub fn numbers(&self) -> Vec<u32> {
        self.kernels.iter().map(|kernel| kernel.number).collect()
    }

    /// The program of the kernels with these numbers, in C.
    pub fn source(&self, numbers: &[u32]) -> String {
        let kept = || self.kernels.iter().filter(|kernel| numbers.contains(&kernel.number));
        let mut text = PRELUDE.to_owned();
        for kernel in kept() {
            text += "\n";
            text += &kernel.text;
        }
        text += "\nstatic void (*const runs[])(void) = {";
        for kernel in kept() {
            let _infallible = write!(text, "run{}, ", kernel.number);
        }
        text += "};\nstatic const uint32_t numbers[] = {";
        for kernel in kept() {
            let _infallible = write!(text, "{}, ", kernel.number);
        }
        text + MAIN
    }
}

/// Calls each kernel through a table, so that no compiler makes one function of all of them.
const MAIN: &str = "};
int main(void) {
    for (volatile uint32_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        start(numbers[i]);
        runs[i]();
        report(numbers[i]);
    }
    return 0;
}
";

/// What every program begins with, with loops that are not unrolled by force. Its output does not depend on the signs of NaNs.
const PRELUDE: &str = r#"#include <stdint.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>
#define NOINLINE __attribute__((noinline))
#define ROLLED _Pragma("clang loop unroll(disable) vectorize(disable)")
typedef unsigned __int128 wide;
typedef __int128 signed_wide;
static uint64_t hash;
static uint32_t random_state;
static NOINLINE void fold(uint64_t x) {
    hash = (hash ^ x) * 0x9e3779b97f4a7c15ull;
    hash ^= hash >> 29;
}
static uint32_t next(void) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 17;
    return random_state ^= random_state << 5;
}
static inline uint64_t bits(double x) {
    uint64_t number;
    if (x != x) return 0x7ff8000000000000ull;
    memcpy(&number, &x, sizeof number);
    return number;
}
static inline int32_t to_int(double x) { return x > -1e9 && x < 1e9 ? (int32_t)x : 77; }
static NOINLINE uint32_t opaque(uint32_t x) {
    static volatile uint32_t zero;
    return x + zero;
}
static NOINLINE void fill_bytes(void *to, size_t length) {
    ROLLED for (size_t i = 0; i < length; i++) ((uint8_t *)to)[i] = next() >> 7;
}
static NOINLINE void fill_float(float *to, size_t length) {
    ROLLED for (size_t i = 0; i < length; i++) to[i] = ((int)(next() % 64) - 32) * 0.125f;
}
static NOINLINE void fill_double(double *to, size_t length) {
    ROLLED for (size_t i = 0; i < length; i++) to[i] = ((int)(next() % 64) - 32) * 0.125;
}
static NOINLINE void fold_bytes(const void *from, size_t length) {
    ROLLED for (size_t i = 0; i < length; i++) fold(((const uint8_t *)from)[i]);
}
static NOINLINE void fold_float(const float *from, size_t length) {
    ROLLED for (size_t i = 0; i < length; i++) fold(bits(from[i]));
}
static NOINLINE void fold_double(const double *from, size_t length) {
    ROLLED for (size_t i = 0; i < length; i++) fold(bits(from[i]));
}
static NOINLINE void fill_records(void *to, size_t size, size_t record, const uint8_t *fields, size_t length) {
    ROLLED for (uint8_t *at = to; at < (uint8_t *)to + size; at += record)
        ROLLED for (size_t i = 0; i < length; i += 3) {
            int32_t number = (int32_t)next();
            float single = number & 255;
            double precise = number & 255;
            int64_t integer = number;
            void *value = fields[i + 2] == 0 ? (void *)&integer : fields[i + 1] == 4 ? (void *)&single : &precise;
            memcpy(at + fields[i], value, fields[i + 1]);
        }
}
static NOINLINE void fold_records(const void *from, size_t size, size_t record, const uint8_t *fields, size_t length) {
    ROLLED for (const uint8_t *at = from; at < (const uint8_t *)from + size; at += record)
        ROLLED for (size_t i = 0; i < length; i += 3) {
            float single;
            double precise;
            uint64_t integer = 0;
            memcpy(fields[i + 2] == 0 ? (void *)&integer : fields[i + 1] == 4 ? (void *)&single : &precise,
                   at + fields[i], fields[i + 1]);
            fold(fields[i + 2] == 0 ? integer : bits(fields[i + 1] == 4 ? single : precise));
        }
}
static NOINLINE void start(uint32_t number) {
    hash = number;
    random_state = number * 77 + 1;
}
static NOINLINE void report(uint32_t number) {
    char line[32];
    int length = 0;
    ROLLED for (uint32_t power = 1000; power > 0; power /= 10) line[length++] = '0' + number / power % 10;
    line[length++] = ' ';
    ROLLED for (int shift = 60; shift >= 0; shift -= 4) line[length++] = "0123456789abcdef"[hash >> shift & 15];
    line[length++] = '\n';
    if (write(1, line, length) != length) __builtin_trap();
}
"#;
