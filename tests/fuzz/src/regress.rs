//! A failure as a script of the suite: the module, the calls up to the one that failed, what the other
//! engine answered, and the state that it left.
//!
//! The rule: the script asks no more than the fuzzer saw; helpers that it adds come after what the module
//! has, so that no index changes.

use std::fmt::{LowerExp, Write};

use w2n_abi::TrapCode;
use w2n_tests::host::Value;
use wasmparser::{ExternalKind, MemoryType, TableType};

use crate::generate::{FUEL, FUEL_PER_CALL};
use crate::observe::{Outcome, SPREAD, State};
use crate::plan::Export;
use crate::reference::{self, Trace};
use crate::report::Finding;
use crate::rewrite;

/// Name of the helper that fills the fuel.
const REFUEL: &str = "w2n refuel";

/// The script for a module that failed. Errors: what the reference or the printer refuses.
pub fn script(bytes: &[u8], finding: &Finding) -> Result<String, String> {
    let trace = reference::trace(bytes)?;
    let printed = wasmprinter::print_bytes(bytes).map_err(|error| error.to_string())?;
    let last = finding.step.unwrap_or(usize::MAX).min(trace.steps.len() - 1);
    let mut script = format!(";; {}\n;; As found by `make fuzz`, {}.\n\n", finding.message, finding.setup);
    if let Outcome::Trapped(code) = trace.steps[0].outcome {
        let _ = writeln!(script, "(assert_trap {} {:?})", printed.trim_end(), message(code));
        return Ok(script);
    }
    let module = printed.trim_end().strip_suffix(')').ok_or("a module without an end")?;
    let _ = writeln!(script, "{module}{})\n", helpers(bytes));
    let has_fuel = trace.exports.iter().any(|(name, _)| name == FUEL);
    for (call, step) in trace.calls.iter().zip(&trace.steps[1..]).take(last) {
        if has_fuel {
            let _ = writeln!(script, "(invoke \"{REFUEL}\")");
        }
        let args: Vec<_> = call.args.iter().copied().map(literal).collect();
        let invoke = format!("(invoke {} {})", quoted(&call.name), args.join(" "));
        let _ = match &step.outcome {
            Outcome::Returned(results) => {
                let results: Vec<_> = results.iter().copied().map(literal).collect();
                writeln!(script, "(assert_return {invoke} {})", results.join(" "))
            }
            Outcome::Trapped(code) => writeln!(script, "(assert_trap {invoke} {:?})", message(*code)),
        };
    }
    script.push_str(&state(&trace, &trace.steps[last].state));
    Ok(script)
}

/// The suite's words. The reference does not tell the two traps of a table apart: which it is, is for the
/// reader to fill in.
fn message(code: TrapCode) -> &'static str {
    if code == TrapCode::TableOutOfBounds { "" } else { code.message() }
}

/// Asserts what was left.
fn state(trace: &Trace, state: &State) -> String {
    let (mut memories, mut tables, mut globals) =
        (state.memories.iter(), state.tables.iter(), state.globals.iter());
    let mut text = String::new();
    for (name, export) in &trace.exports {
        let asked = match export {
            Export::Func(_) => None,
            Export::Memory => memories.next().map(|(_, hash)| (helper("hash", name), Value::I64(*hash))),
            Export::Table => tables.next().map(|elements| (helper("full", name), Value::I64(full(elements)))),
            Export::Global => globals.next().map(|value| (format!("(get {})", quoted(name)), *value)),
        };
        if let Some((asked, value)) = asked {
            let _ = writeln!(text, "(assert_return {asked} {})", literal(value));
        }
    }
    text
}

/// Invokes a helper.
fn helper(word: &str, name: &str) -> String {
    format!("(invoke {})", helper_name(word, name))
}

fn helper_name(word: &str, name: &str) -> String {
    quoted(&format!("w2n {word} {name}"))
}

/// Where the size stands in what tells which elements are null.
const SIZE_BIT: u32 = 56;

/// What [`full_func`] answers.
fn full(elements: &[Value]) -> u64 {
    let is_null = |element: &Value| matches!(element, Value::FuncRef(0) | Value::ExternRef(0));
    let bits = elements.iter().enumerate().map(|(index, element)| u64::from(!is_null(element)) << index);
    bits.fold((elements.len() as u64) << SIZE_BIT, |all, bit| all | bit)
}

/// Functions that show what a script cannot see otherwise.
fn helpers(bytes: &[u8]) -> String {
    let (memories, tables) = (rewrite::memories(bytes), rewrite::tables(bytes));
    let helpers = rewrite::exports(bytes).into_iter().filter_map(|(name, kind, index)| match kind {
        ExternalKind::Global if name == FUEL => {
            Some(format!("  (func (export \"{REFUEL}\") (global.set {index} (i32.const {FUEL_PER_CALL})))\n"))
        }
        ExternalKind::Memory => Some(hash_func(&name, index, &memories[index as usize])),
        ExternalKind::Table => Some(full_func(&name, index, &tables[index as usize])),
        _ => None,
    });
    helpers.collect()
}

/// A function that hashes a memory as [`crate::observe::hash`] does.
fn hash_func(name: &str, index: u32, memory: &MemoryType) -> String {
    let word = if memory.memory64 { "i64" } else { "i32" };
    let page = memory.page_size_log2.unwrap_or(w2n_abi::PAGE_SIZE_BYTES.ilog2());
    let every = |step: u32, load: &str| {
        format!(
            "    (block $done (loop $next
      (br_if $done ({word}.gt_u ({word}.add (local.get $at) ({word}.const {step})) (local.get $end)))
      (local.set $hash (i64.mul (i64.const {})
        (i64.xor (i64.rotl (local.get $hash) (i64.const 5)) ({load} {index} (local.get $at)))))
      (local.set $at ({word}.add (local.get $at) ({word}.const {step})))
      (br $next)))\n",
            SPREAD as i64
        )
    };
    format!(
        "  (func (export {}) (result i64) (local $at {word}) (local $end {word}) (local $hash i64)
    (local.set $end ({word}.shl (memory.size {index}) ({word}.const {page})))\n{}{}    (local.get $hash))\n",
        helper_name("hash", name),
        every(8, "i64.load"),
        every(1, "i64.load8_u")
    )
}

/// A function that tells the size of a table and which of its few elements are not null.
fn full_func(name: &str, index: u32, table: &TableType) -> String {
    let word = if table.table64 { "i64" } else { "i32" };
    let widened =
        |text: &str| if table.table64 { text.to_owned() } else { format!("(i64.extend_i32_u {text})") };
    format!(
        "  (func (export {}) (result i64) (local $at {word}) (local $bits i64)
    (block $done (loop $next
      (br_if $done ({word}.ge_u (local.get $at) (table.size {index})))
      (local.set $bits (i64.or (local.get $bits) (i64.shl
        (i64.extend_i32_u (i32.eqz (ref.is_null (table.get {index} (local.get $at)))))
        {})))
      (local.set $at ({word}.add (local.get $at) ({word}.const 1)))
      (br $next)))
    (i64.or (local.get $bits) (i64.shl {} (i64.const {SIZE_BIT}))))\n",
        helper_name("full", name),
        widened("(local.get $at)"),
        widened(&format!("(table.size {index})")),
    )
}

/// A name as the text format has it.
fn quoted(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b" _.-".contains(&byte);
    let byte = |byte: u8| if plain(byte) { char::from(byte).to_string() } else { format!("\\{byte:02x}") };
    format!("\"{}\"", name.bytes().map(byte).collect::<String>())
}

/// A value as an argument or result of a script.
fn literal(value: Value) -> String {
    match value {
        Value::I32(bits) => format!("(i32.const {})", bits as i32),
        Value::I64(bits) => format!("(i64.const {})", bits as i64),
        Value::F32(bits) => {
            format!("(f32.const {})", float(f32::from_bits(bits), bits.into(), f32::MANTISSA_DIGITS, 31))
        }
        Value::F64(bits) => {
            format!("(f64.const {})", float(f64::from_bits(bits), bits, f64::MANTISSA_DIGITS, 63))
        }
        Value::V128(bits) => format!("(v128.const i64x2 {} {})", bits as i64, (bits >> 64) as i64),
        Value::FuncRef(0) => "(ref.null func)".to_owned(),
        Value::FuncRef(_) => "(ref.func)".to_owned(),
        Value::ExternRef(0) => "(ref.null extern)".to_owned(),
        // The suite counts host references from 0, which is not null.
        Value::ExternRef(word) => format!("(ref.extern {})", word - 1),
    }
}

/// A float in the shortest digits that mean it, or a NaN with its payload.
fn float(value: impl LowerExp, bits: u64, mantissa_digits: u32, sign_bit: u32) -> String {
    let digits = format!("{value:e}");
    if digits != "NaN" {
        return digits;
    }
    let sign = if bits >> sign_bit == 0 { "" } else { "-" };
    let payload = bits & ((1 << (mantissa_digits - 1)) - 1);
    format!("{sign}nan:0x{payload:x}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate;
    use crate::subject::Setup;
    use wast::parser::{self, ParseBuffer};
    use wast::{Wast, WastDirective};

    #[test]
    fn values_are_written_as_the_text_format_has_them() {
        assert_eq!(literal(Value::F32(0x7fa0_0000)), "(f32.const nan:0x200000)");
        assert_eq!(literal(Value::F64(0xfff8_0000_0000_0000)), "(f64.const -nan:0x8000000000000)");
        assert_eq!(literal(Value::F32(0xff80_0000)), "(f32.const -inf)");
        assert_eq!(literal(Value::F32(1)), "(f32.const 1e-45)");
        assert_eq!(literal(Value::F64(0x8000_0000_0000_0000)), "(f64.const -0e0)");
        assert_eq!(literal(Value::V128(1 << 64 | u128::from(u64::MAX))), "(v128.const i64x2 -1 1)");
        assert_eq!(literal(Value::ExternRef(3)), "(ref.extern 2)");
        assert_eq!(quoted("a \"b\\\u{e9}"), "\"a \\22b\\5c\\c3\\a9\"");
    }

    /// How: the module of a script is taken out of its text and traced again; its helpers answer what the
    /// script asserts of the state.
    #[test]
    fn the_helpers_of_a_script_show_the_state_that_was_seen() {
        let setup = Setup::all()[0];
        let mut checked = 0;
        for seed in 0..40 {
            let bytes = generate::module(seed).unwrap();
            let finding = Finding { seed: Some(seed), setup, step: Some(0), message: "none".to_owned() };
            let script = script(&bytes, &finding).unwrap();
            let trace = reference::trace(&bytes).unwrap();
            let buffer = ParseBuffer::new(&script).unwrap();
            let wast: Wast<'_> = parser::parse(&buffer).unwrap();
            let Some(WastDirective::Module(mut module)) = wast.directives.into_iter().next() else {
                continue;
            };
            let module = module.encode().unwrap();
            let is_helper = |(name, kind, _): &rewrite::Export| {
                *kind == ExternalKind::Func && name.starts_with("w2n ") && name != REFUEL
            };
            let helpers: Vec<_> = rewrite::exports(&module).into_iter().filter(is_helper).collect();
            let answers = reference::trace(&rewrite::with_exports(&module, &helpers)).unwrap();
            for (call, step) in answers.calls.iter().zip(&answers.steps[1..]) {
                let Outcome::Returned(results) = &step.outcome else { panic!("{}", call.name) };
                let line = format!("(assert_return (invoke {}) {})", quoted(&call.name), literal(results[0]));
                assert!(script.contains(&line), "{line} is not in {script}");
                checked += 1;
            }
            assert!(matches!(trace.steps[0].outcome, Outcome::Returned(_)));
        }
        assert!(checked > 20, "{checked}");
    }
}
