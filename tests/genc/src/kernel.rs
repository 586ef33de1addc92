//! A kernel: arrays, a function that works on them, and a caller that prints a hash of all of it.
//!
//! The rule: whatever a kernel wrote goes into its hash, and into that of no other, so a difference names
//! the kernel.

use std::fmt::Write as _;

use fastrand::Rng;

use crate::scope::{Array, Place, Scope, Shape};
use crate::types::{Domain, Element};

/// Calls of each kernel, with other lengths and other distances between arrays.
const CALLS: usize = 4;

/// Storage that parameters point into.
#[derive(Clone, Debug)]
pub struct Base {
    /// Name of the global.
    pub name: String,
    /// Whether the only parameter that points there says so.
    pub is_restrict: bool,
}

/// A kernel of a generated program, in C.
#[derive(Clone, Debug)]
pub struct Kernel {
    /// Its number, which is printed with its hash.
    pub number: u32,
    /// Globals and functions; `run` and the number is the one without parameters.
    pub text: String,
}

/// A global with its extents.
struct Global<'a> {
    name: &'a str,
    fields: &'a [Element],
    shape: Shape,
    extent: [u32; 2],
}

impl Kernel {
    /// The kernel of `body`, whose counters do not pass `limit`.
    pub fn of_scope(mut scope: Scope, bases: Vec<Base>, number: u32, limit: u32, body: &str) -> Self {
        let pads: Vec<u32> = (0..scope.arrays.len()).map(|_| scope.rng.u32(0..4)).collect();
        for (array, pad) in scope.arrays.iter_mut().zip(pads) {
            array.extent[1] += pad;
        }
        let mut rng = scope.rng.fork();
        let globals = globals(&scope.arrays, &bases);
        let mut text = String::new();
        for global in &globals {
            text += &declaration(global);
        }
        text += &function(&scope.arrays, &bases, &scope, &globals, number, body);
        text += &caller(&scope, &mut rng, &bases, &globals, number, limit);
        Self { number, text }
    }

    /// A kernel written by hand: `function` is called by `call` on `arrays` of one index each.
    pub fn of_text(number: u32, arrays: &[(&str, Element, u32)], function: &str, calls: &[String]) -> Self {
        let fields: Vec<[Element; 1]> = arrays.iter().map(|(_, element, _)| [*element]).collect();
        let globals: Vec<Global<'_>> = arrays
            .iter()
            .zip(&fields)
            .map(|((name, _, length), fields)| Global {
                name,
                fields,
                shape: Shape::Line,
                extent: [*length, 1],
            })
            .collect();
        let mut text: String = globals.iter().map(declaration).collect();
        let _infallible = write!(text, "{function}\nstatic NOINLINE void run{number}(void) {{\n");
        text.extend(globals.iter().map(fill));
        for call in calls {
            let _infallible = writeln!(text, "{call}");
        }
        text.extend(globals.iter().map(fold));
        text += "}\n";
        Self { number, text }
    }
}

fn globals<'a>(arrays: &'a [Array], bases: &'a [Base]) -> Vec<Global<'a>> {
    let direct = arrays.iter().filter(|array| array.place == Place::Global).map(|array| Global {
        name: &array.name,
        fields: &array.fields,
        shape: array.shape,
        extent: array.extent,
    });
    let shared = bases.iter().enumerate().map(|(index, base)| {
        let views = arrays.iter().filter(|array| matches!(array.place, Place::View(of, _) if of == index));
        let first = views.clone().next().expect("a base has views");
        let longest = |dimension: usize| views.clone().map(|view| view.extent[dimension]).max().unwrap_or(1);
        // Room for the distances of the calls.
        let extent = [longest(0) + 2 * (longest(0) + 16), longest(1)];
        Global { name: &base.name, fields: &first.fields, shape: first.shape, extent }
    });
    direct.chain(shared).collect()
}

fn type_name(global: &Global<'_>) -> String {
    match global.fields {
        [element] => element.name().to_owned(),
        _ => format!("struct {}_s", global.name),
    }
}

fn declaration(global: &Global<'_>) -> String {
    let mut text = String::new();
    if global.fields.len() > 1 {
        let _infallible = write!(text, "{} {{ ", type_name(global));
        for (index, field) in global.fields.iter().enumerate() {
            let _infallible = write!(text, "{} f{index}; ", field.name());
        }
        let _infallible = write!(text, "}};\nstatic const uint8_t {}_f[] = {{ ", global.name);
        for (index, field) in global.fields.iter().enumerate() {
            let (name, ty) = (type_name(global), field.name());
            let is_float = u8::from(field.is_float());
            let _infallible = write!(text, "offsetof({name}, f{index}), sizeof({ty}), {is_float}, ");
        }
        text += "};\n";
    }
    let columns = if global.shape == Shape::Grid { format!("[{}]", global.extent[1]) } else { String::new() };
    let _infallible =
        writeln!(text, "static {} {}[{}]{columns};", type_name(global), global.name, global.extent[0]);
    text
}

fn function(
    arrays: &[Array],
    bases: &[Base],
    scope: &Scope,
    globals: &[Global<'_>],
    number: u32,
    body: &str,
) -> String {
    let mut text = format!("NOINLINE uint64_t k{number}(uint32_t n");
    for array in arrays {
        let Place::View(base, _) = array.place else { continue };
        let global = globals.iter().find(|global| global.name == bases[base].name).expect("it is there");
        let restrict = if bases[base].is_restrict { "restrict " } else { "" };
        let _infallible = match global.shape {
            Shape::Line => write!(text, ", {} *{restrict}{}", type_name(global), array.name),
            Shape::Grid => {
                write!(text, ", {} (*{restrict}{})[{}]", type_name(global), array.name, global.extent[1])
            }
        };
    }
    text += ") {\nuint64_t r = 0;\n";
    for (index, variable) in scope.variables.iter().enumerate() {
        let (name, ty) = (&variable.name, variable.domain.name());
        let _infallible = writeln!(text, "{ty} {name} = ({ty})(int32_t)(n * {index} + {});", index + 3);
    }
    let locals: Vec<&Array> = arrays.iter().filter(|array| array.place == Place::Local).collect();
    for local in &locals {
        let (name, ty, length) = (&local.name, local.fields[0].name(), local.extent[0]);
        let _infallible = writeln!(
            text,
            "{ty} {name}[{length}]; for (int x = 0; x < {length}; x++) {name}[x] = ({ty})(x * 7 - 3);"
        );
    }
    text += body;
    for variable in &scope.variables {
        let _infallible = writeln!(text, "r = r * 31 + {};", bits(&variable.name, variable.domain));
    }
    for local in &locals {
        let (name, length) = (&local.name, local.extent[0]);
        let element = bits(&format!("{name}[x]"), local.fields[0].domain());
        let _infallible = writeln!(text, "for (int x = 0; x < {length}; x++) r = r * 31 + {element};");
    }
    text + "return r;\n}\n"
}

/// A number, as bits that are the same everywhere.
fn bits(text: &str, domain: Domain) -> String {
    match domain {
        Domain::Single | Domain::Double => format!("bits({text})"),
        Domain::Wide => format!("((uint64_t){text} ^ (uint64_t)({text} >> 64) * 7)"),
        _ => format!("(uint64_t){text}"),
    }
}

fn caller(
    scope: &Scope,
    rng: &mut Rng,
    bases: &[Base],
    globals: &[Global<'_>],
    number: u32,
    limit: u32,
) -> String {
    let mut text = format!("static NOINLINE void run{number}(void) {{\n");
    text.extend(globals.iter().map(fill));
    let lengths = [limit, limit - 1, rng.u32(0..=limit), rng.u32(0..4)];
    for (call, length) in lengths.into_iter().take(CALLS).enumerate() {
        let mut arguments = format!("opaque({length})");
        for array in &scope.arrays {
            let Place::View(base, distance) = array.place else { continue };
            let longest =
                globals.iter().find(|global| global.name == bases[base].name).map_or(0, |g| g.extent[0]);
            let room = longest - array.extent[0];
            let distance = match call {
                0 => distance,
                // The last ones far from each other, if there are two.
                1 => (room / 2) * u32::from(rng.bool()),
                _ => rng.u32(0..=room.min(12)),
            };
            let _infallible = write!(arguments, ", {} + {}", bases[base].name, distance.min(room));
        }
        let _infallible = writeln!(text, "fold(k{number}({arguments}));");
    }
    text.extend(globals.iter().map(fold));
    text + "}\n"
}

/// Calls the helper of that name for a global.
fn of_all(global: &Global<'_>, helper: &str) -> String {
    let name = global.name;
    let (suffix, cast) = match global.fields {
        [Element::F32] => ("_float", "float"),
        [Element::F64] => ("_double", "double"),
        [_] => ("_bytes", "char"),
        _ => {
            return format!(
                "{helper}_records({name}, sizeof {name}, sizeof(struct {name}_s), {name}_f, sizeof {name}_f);\n"
            );
        }
    };
    format!("{helper}{suffix}((void *){name}, sizeof {name} / sizeof({cast}));\n")
}

fn fill(global: &Global<'_>) -> String {
    of_all(global, "fill")
}

fn fold(global: &Global<'_>) -> String {
    of_all(global, "fold")
}
