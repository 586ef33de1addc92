//! Kernels over bytes: strings, sorting, state machines with `switch` and `goto`, walks from both ends.
//!
//! The rule: `s` is 200 bytes and `d` is 800, both unsigned; what is read as a string ends within `n`.

use fastrand::Rng;

use crate::kernel::Kernel;
use crate::types::Element;

/// Bodies of `uint64_t f(uint8_t *s, uint8_t *d, uint32_t n)`; `C1` to `C3` are constants, `n <= 190`.
const BODIES: [&str; 22] = [
    "s[n] = 0; uint8_t *p = s; while (*p) p++; return p - s;",
    "uint8_t *p = s, *q = d; for (uint32_t i = 0; i < n; i++) { *q++ = *p; *q++ = *p++ ^ C1; } return q - d;",
    "uint8_t *p = s, *q = s + n; while (p < q) { uint8_t t = *p; *p++ = *--q; *q = t; } return p - s;",
    "uint8_t *p = s + n, *q = d + n + C3; while (p != s) *--q = *--p + C1; return q - d;",
    "for (uint32_t i = n; i > 0; i--) s[i + C3] = s[i - 1]; return s[n];",
    "for (uint32_t i = 0; i < n; i++) s[i] = s[i + C3] ^ (uint8_t)i; return s[0];",
    "uint32_t k = 0; for (uint32_t i = 0; i < n; i++) if (s[i] > C1) d[k++] = s[i]; else d[k] += C2; return k;",
    "for (uint32_t i = 1; i < n; i++) { uint8_t t = s[i]; int j = (int)i - 1; while (j >= 0 && s[j] > t) { s[j + 1] = s[j]; j--; }
         s[j + 1] = t; } return n;",
    "uint32_t i = 0, j = n / 2, k = 0; while (i < n / 2 && j < n) d[k++] = s[i] <= s[j] ? s[i++] : s[j++];
         while (i < n / 2) d[k++] = s[i++]; while (j < n) d[k++] = s[j++]; return k;",
    "uint64_t h = C1; for (uint32_t i = 0; i < n; i++) { h = (h ^ s[i]) * 0x100000001b3ull; d[i] = (uint8_t)(h >> 13); } return h;",
    "uint32_t a = 1, b = C1; for (uint32_t i = 0; i < n; i++) { a = (a + s[i]) % 65521; b = (b + a) % 65521; } return (uint64_t)b << 16 | a;",
    "uint32_t c = 0; for (uint32_t i = 0; i < n; i++) { c ^= s[i]; for (int k = 0; k < 8; k++) c = c & 1 ? c >> 1 ^ 0xedb88320u : c >> 1;
         d[i] = (uint8_t)c; } return c;",
    "int state = 0; uint64_t r = 0; for (uint32_t i = 0; i < n; i++) switch (state) {
         case 0: if (s[i] & 1) state = 1; else if (s[i] > C1) state = 2; d[i] = 1; break;
         case 1: d[i] = s[i] + 1; state = s[i] & 2 ? 3 : 0; break;
         case 2: r += s[i]; state = s[i] % 5; break;
         case 3: r = r * 3 + i; d[i] ^= (uint8_t)r; // fall through
         default: state = (state + s[i]) % 4; } return r * 8 + state;",
    "uint32_t i = 0; uint64_t r = 0;
     start: if (i >= n) goto end; if (s[i] < C1) goto low; r += 3; i++; if (r & 1) goto start; goto high;
     low: d[i] = s[i] + 1; i++; r ^= i; if (i & 3) goto start; goto high;
     high: if (i >= n) goto end; d[i + 1] = d[i] ^ s[i]; i += 1 + (s[i] & 1); goto start;
     end: return r * 31 + i;",
    "uint64_t r = 0; uint32_t i = 0, k = n & 3; switch (k) { do { case 0: r += s[i]; d[i] = s[i]; i++; case 3: r = r * 3 + s[i]; i++;
         case 2: d[i] = (uint8_t)r; i++; case 1: r ^= i; i++; } while (i < n); } return r;",
    "for (uint32_t i = 0; i < 256; i++) d[i] = 0; for (uint32_t i = 0; i < n; i++) d[s[i]]++;
         for (uint32_t i = 1; i < 256; i++) d[i] += d[i - 1]; for (uint32_t i = n; i-- > 0;) d[300 + d[s[i]]--] = s[i]; return d[255];",
    "uint64_t r = 0; for (uint32_t i = 0; i + 4 <= n; i += 4) { uint32_t w = s[i] | s[i + 1] << 8 | s[i + 2] << 16 | (uint32_t)s[i + 3] << 24;
         w = w * 2654435761u; d[i] = w; d[i + 1] = w >> 8; d[i + 2] = w >> 16; d[i + 3] = w >> 24; r += w; } return r;",
    "uint32_t k = 0; for (uint32_t i = 0; i < n;) { uint32_t run = 1; s[n] = s[n - 1] + 1; while (s[i + run] >> 6 == s[i] >> 6 && i + run < n && run < C2 + 2) run++;
         d[k++] = (uint8_t)run; d[k++] = s[i]; i += run; } return k;",
    "uint32_t k = 0; for (uint32_t i = 0; i + 3 <= n; i += 3) { uint32_t w = (uint32_t)s[i] << 16 | s[i + 1] << 8 | s[i + 2];
         d[k] = 32 + (w >> 18); d[k + 1] = 32 + (w >> 12 & 63); d[k + 2] = 32 + (w >> 6 & 63); d[k + 3] = 32 + (w & 63); k += 4; } return k;",
    "int best = -1; for (uint32_t i = 0; i < n; i++) { if (s[i] == C1) { best = (int)i; break; } d[i] = s[i] >= 'a' && s[i] <= 'z' ? s[i] - 32 : s[i]; }
         return (uint64_t)(best + 1);",
    "uint64_t r = 0; for (uint32_t i = 0; i < n; i++) for (uint32_t j = i; j < n && j < i + C2; j++) { if (s[i] == s[j] + 1) continue; if (s[j] == C1) break;
         r += (uint64_t)s[i] * s[j]; d[j] -= s[i]; } return r;",
    "uint64_t v = n * 0x9e3779b97f4a7c15ull + C1; uint8_t *p = d + 40; *p = 0; do { *--p = '0' + v % 10; v /= 10; } while (v); uint8_t *q = s;
         while (*p) *q++ = *p++; return q - s;",
];

/// Makes the kernel of that number.
pub fn kernel(mut rng: Rng, number: u32) -> Kernel {
    let body = BODIES[rng.usize(0..BODIES.len())]
        .replace("C1", &rng.u32(1..200).to_string())
        .replace("C2", &rng.u32(1..9).to_string())
        .replace("C3", &rng.u32(0..9).to_string());
    let (source, target) = (format!("k{number}_s"), format!("k{number}_d"));
    let arrays = [(source.as_str(), Element::U8, 200), (target.as_str(), Element::U8, 800)];
    let function = format!("NOINLINE uint64_t k{number}(uint8_t *s, uint8_t *d, uint32_t n) {{\n{body}\n}}");
    let call = |target: &str, length: u32| format!("fold(k{number}({source}, {target}, opaque({length})));");
    let calls = [
        call(&target, rng.u32(150..=190)),
        call(&target, rng.u32(4..40)),
        call(&format!("{target} + {}", rng.u32(0..9)), rng.u32(4..=100)),
        call(&target, rng.u32(1..4)),
    ];
    Kernel::of_text(number, &arrays, &function, &calls)
}
