//! Kernels of linear algebra and of stencils as they are known, over types and sizes that vary.
//!
//! The rule: `T` stands for the type, `N` and `M` for the sizes; arrays `a`, `b`, `c` are lines of `N * M`
//! elements, which the kernels take as grids where they want.

use fastrand::Rng;

use crate::kernel::Kernel;
use crate::types::Element;

/// Bodies of `void f(T a[N][M], T b[N][M], T c[N][M], T *x, T *y, uint32_t n)`, all with `n <= N <= M`.
const BODIES: [&str; 20] = [
    "for (int i = 0; i < n; i++) for (int j = 1; j < M; j++) a[i][j] = a[i][j] - H * (b[i][j] - b[i][j - 1]);",
    "for (int i = 1; i < n; i++) for (int j = 0; j < M; j++) a[i][j] -= H * (b[i][j] - b[i - 1][j]);",
    "for (int i = 0; i + 1 < N; i++) for (int j = 0; j < M - 1; j++)
         c[i][j] -= H * (a[i][j + 1] - a[i][j] + b[i + 1][j] - b[i][j]);",
    "for (int i = 0; i < N; i++) for (int j = 0; j < M; j++) {
         T t = 0; for (int k = 0; k < n; k++) t += a[i][k] * b[k][j]; c[i][j] = t * H; }",
    "for (int i = 0; i < N; i++) for (int k = 0; k < N; k++) for (int j = 0; j < M; j++) c[i][j] += a[i][k] * b[k][j] * H;",
    "for (int i = 0; i < n; i++) { T t = 0; for (int j = 0; j < M; j++) t += a[i][j] * x[j]; y[i] = t;
         for (int j = 0; j < M; j++) x[j] = x[j] + a[i][j] * t * H; }",
    "for (int t = 0; t < 3; t++) for (int i = 1; i < N - 1; i++) for (int j = 1; j < M - 1; j++)
         a[i][j] = (a[i - 1][j] + a[i][j - 1] + a[i][j] + a[i][j + 1] + a[i + 1][j]) * H;",
    "for (int t = 0; t < 3; t++) {
         for (int i = 1; i < N - 1; i++) for (int j = 1; j < M - 1; j++)
             b[i][j] = (a[i - 1][j] + a[i][j - 1] + a[i][j] + a[i][j + 1] + a[i + 1][j]) * H;
         for (int i = 1; i < N - 1; i++) for (int j = 1; j < M - 1; j++)
             a[i][j] = (b[i - 1][j] + b[i][j - 1] + b[i][j] + b[i][j + 1] + b[i + 1][j]) * H; }",
    "for (int t = 0; t < 4; t++) { for (int i = 1; i < M - 1; i++) y[i] = (x[i - 1] + x[i] + x[i + 1]) * H;
         for (int i = 1; i < M - 1; i++) x[i] = (y[i - 1] + y[i] + y[i + 1]) * H; }",
    "for (int i = 0; i < N; i++) for (int j = 0; j <= i; j++) { c[i][j] *= H;
         for (int k = 0; k < M; k++) c[i][j] += a[i][k] * b[j][k] + b[i][k] * a[j][k]; }",
    "for (int i = 0; i < N; i++) for (int j = 0; j < n; j++) { for (int k = i + 1; k < N; k++) b[i][j] += a[k][i] * b[k][j];
         b[i][j] = H * b[i][j]; }",
    "for (int i = 0; i < N; i++) { for (int j = 0; j < i; j++) { for (int k = 0; k < j; k++) a[i][j] -= a[i][k] * a[k][j] * H;
         a[i][j] = a[i][j] * H + 1; } for (int j = i; j < N; j++) for (int k = 0; k < i; k++) a[i][j] -= a[i][k] * a[k][j] * H; }",
    "for (int i = 0; i < n; i++) { x[i] = y[i]; for (int j = 0; j < i; j++) x[i] -= a[i][j] * x[j] * H; x[i] = x[i] * H; }",
    "for (int i = (int)n - 1; i >= 0; i--) { T t = y[i]; for (int j = i + 1; j < N; j++) t -= a[i][j] * x[j] * H; x[i] = t * H; }",
    "for (int k = 0; k < N; k++) for (int i = 0; i < N; i++) for (int j = 0; j < N; j++)
         a[i][j] = a[i][j] < a[i][k] + a[k][j] ? a[i][j] : a[i][k] + a[k][j];",
    "for (int i = N - 1; i >= 0; i--) for (int j = i + 1; j < N; j++) {
         T t = a[i][j]; if (j > 0 && a[i][j - 1] > t) t = a[i][j - 1]; if (i + 1 < N && a[i + 1][j] > t) t = a[i + 1][j];
         for (int k = i + 1; k < j; k++) if (a[i][k] + a[k + 1][j] > t) t = a[i][k] + a[k + 1][j]; a[i][j] = t * H; }",
    "for (int i = 0; i < N; i++) { T t1 = 0, t2 = 0, u1 = 0; for (int j = 0; j < M; j++) {
         b[i][j] = H * a[i][j] + H * u1 + H * t1 - t2 * H; u1 = a[i][j]; t2 = t1; t1 = b[i][j]; } }
     for (int i = 0; i < N; i++) { T t1 = 0, t2 = 0, u1 = 0, u2 = 0; for (int j = M - 1; j >= 0; j--) {
         c[i][j] = H * u1 - u2 * H + t1 * H + t2 * H; u2 = u1; u1 = a[i][j]; t2 = t1; t1 = c[i][j]; } }",
    "for (int j = 0; j < M; j++) { x[j] = 0; for (int i = 0; i < N; i++) x[j] += a[i][j]; x[j] *= H; }
     for (int i = 0; i < N; i++) for (int j = 0; j < M; j++) a[i][j] -= x[j];
     for (int i = 0; i < N; i++) for (int j = i; j < N; j++) { T t = 0;
         for (int k = 0; k < N; k++) t += a[k][i] * a[k][j]; c[i][j] = t * H; c[j][i] = c[i][j]; }",
    "for (int k = 1; k < N; k++) { T t = 0; for (int i = 0; i < k; i++) t += x[k - i - 1] * y[i]; t = -(x[k] + t) * H;
         for (int i = 0; i < k; i++) b[0][i] = y[i] + t * y[k - i - 1]; for (int i = 0; i < k; i++) y[i] = b[0][i]; y[k] = t; }",
    "for (int i = 1; i < N - 1; i++) for (int j = 1; j < M - 1; j++) { T t = 0;
         for (int p = -1; p <= 1; p++) for (int q = -1; q <= 1; q++) t += a[i + p][j + q] * x[(p + 1) * 3 + q + 1] * H;
         b[i][j] = t; if (t > y[j]) y[j] = t; }",
];

/// Makes the kernel of that number.
pub fn kernel(mut rng: Rng, number: u32) -> Kernel {
    let element = [Element::F64, Element::F64, Element::F32, Element::U32, Element::U64][rng.usize(0..5)];
    let rows = rng.u32(5..=12);
    let columns = rows + rng.u32(0..=30);
    let body = BODIES[rng.usize(0..BODIES.len())];
    of_body(&mut rng, number, element, [rows, columns], body)
}

/// A stencil of one type: neighbours in a row and in the row before, as finite differences have them.
pub fn stencil(mut rng: Rng, number: u32) -> Kernel {
    let types =
        [Element::F64, Element::F64, Element::F64, Element::F32, Element::U32, Element::U64, Element::U8];
    let element = types[rng.usize(0..types.len())];
    let (rows, columns) = (rng.u32(3..6), rng.u32(12..48));
    let (low, last) = (rng.u32(1..4), rng.u32(1..3));
    let mut body = String::new();
    for _ in 0..rng.u32(1..3) {
        let row = ["[i]", "[i]", "[i - 1]", "[0]"];
        let term = |rng: &mut Rng, name: &str| {
            let column = ["j", "j", "j - 1", "j - 1", "j + 1"][rng.usize(0..5)];
            format!("{name}{}[{column}]", row[rng.usize(0..4)])
        };
        let names = ["a", "b", "c"];
        let target = names[rng.usize(0..3)];
        let source = names[rng.usize(0..3)];
        let (first, second) = (term(&mut rng, source), term(&mut rng, source));
        let name = names[rng.usize(0..3)];
        let other = term(&mut rng, name);
        let sign = ["+", "-"][rng.usize(0..2)];
        body += &match rng.u32(0..6) {
            0..=1 => format!("{target}[i][j] = {target}[i][j] {sign} H * ({first} - {second});\n"),
            2 => format!("{target}[i][j] = {first} {sign} {second};\n"),
            3 => format!("{target}[i][j] = {first} * H {sign} {other};\n"),
            4 => format!("{target}[i][j] = {target}[i][j - 1] * H {sign} {other};\n"),
            _ => format!("t = t * H {sign} {first}; {target}[i][j] = {second} - t;\n"),
        };
    }
    let high = match rng.u32(0..3) {
        0 => "n + 2".to_owned(),
        _ => format!("(M - {last})"),
    };
    let rows_loop = "T t = 1; for (int i = 1; i < N; i++)";
    let columns_loop = match rng.u32(0..5) {
        0 => format!("for (int j = {high} - 1; j >= {low}; j--)"),
        _ => format!("for (int j = {low}; j < {high}; j++)"),
    };
    let text = format!("{rows_loop} {columns_loop} {{ {body} }} x[0] = t;");
    of_body(&mut rng, number, element, [rows, columns], &text)
}

/// The kernel of that body.
fn of_body(rng: &mut Rng, number: u32, element: Element, [rows, columns]: [u32; 2], body: &str) -> Kernel {
    let factor = match element.is_float() {
        true => format!("({})0.375", element.name()),
        false => format!("({})13", element.name()),
    };
    let names = ["a", "b", "c", "x", "y"].map(|name| format!("k{number}_{name}"));
    let lengths = [rows * columns, rows * columns, rows * columns, columns + 10, columns + 10];
    let arrays: Vec<_> =
        names.iter().zip(lengths).map(|(name, length)| (name.as_str(), element, length)).collect();
    let [a, b, c, x, y] = &names;
    let is_global = rng.bool();
    let place = match is_global {
        // The compiler sees where they are.
        true => format!(
            "T (*a)[M] = (void *){a}, (*b)[M] = (void *){b}, (*c)[M] = (void *){c}, *x = {x}, *y = {y};"
        ),
        false => String::new(),
    };
    let parameters = if is_global { "int n" } else { "T a[N][M], T b[N][M], T c[N][M], T *x, T *y, int n" };
    let function = format!(
        "#define T {}\n#define N {rows}\n#define M {columns}\n#define H {factor}\n\
         NOINLINE void k{number}({parameters}) {{ {place}\n{body}\n}}\n\
         #undef T\n#undef N\n#undef M\n#undef H",
        element.name()
    );
    let call = |length: u32| match is_global {
        true => format!("k{number}((int)opaque({length}));"),
        false => {
            format!("k{number}((void *){a}, (void *){b}, (void *){c}, {x}, {y}, (int)opaque({length}));")
        }
    };
    let calls = [call(rows), call(rng.u32(1..=rows))];
    Kernel::of_text(number, &arrays, &function, &calls)
}
