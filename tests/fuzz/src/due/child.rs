//! A child process: makes a module, compiles it in some setups, calls its functions and says what was lost.
//!
//! The rule: it says what it calls before it does, so that a call that never ends has a name.

use std::io::Write;

use fastrand::Rng;
use w2n_abi::PAGE_SIZE_BYTES;
use w2n_tests::host::Value;
use w2n_tests::plugin::{Source, build_for, descriptor_symbol};

use super::generate;
use super::reference::{End, Reference};
use super::setup::Setup;

/// Functions of a module.
const FUNCTIONS: usize = 150;

/// Calls of a function.
const CALLS: usize = 20;

const END: i32 = PAGE_SIZE_BYTES as i32;

/// A call whose end is known.
struct Call {
    func: usize,
    args: [i32; 4],
    end: End,
}

/// First argument that asks for the text of a module.
pub const TEXT: &str = "--due-text";

/// Prints the module of a seed. Errors: no number.
pub fn print_text(args: &[String]) -> Result<(), String> {
    let [seed] = args else { return Err(format!("{TEXT} SEED")) };
    let seed = seed.parse::<u64>().map_err(|error| error.to_string())?;
    println!("{}", generate::module(seed, FUNCTIONS));
    Ok(())
}

/// `SEED SETUP FIRST_CALL`. Errors: a module that is refused.
pub fn run(args: &[String]) -> Result<(), String> {
    super::session::limit_time()?;
    let [seed, setup, first] = args else { return Err("SEED SETUP FIRST".to_owned()) };
    let seed = seed.parse::<u64>().map_err(|error| error.to_string())?;
    let first = first.parse::<usize>().map_err(|error| error.to_string())?;
    let setup = Setup::named(setup).ok_or("no such setup")?;
    let text = generate::module(seed, FUNCTIONS);
    let bytes = wat::parse_str(&text).map_err(|error| error.to_string())?;
    let memory = memory(seed);
    let calls = calls(seed, &bytes, &memory)?;
    let source = Source { prefix: "due".to_owned(), bytes };
    let library = build_for(&setup.target(), &[source], &setup.code_options())?;
    let instance =
        library.module(&descriptor_symbol("due"))?.instantiate(&[]).map_err(|failure| failure.to_string())?;
    let exported = instance.export("memory").ok_or("no memory")?;
    let mut due = 0;
    for (index, call) in calls.iter().enumerate().skip(first) {
        say(&format!("at {index} {due} f{} {:?}", call.func, call.args));
        exported.memory_write(0, &memory);
        let ends = match instance.call(format!("f{}", call.func), &call.args.map(Value::from)) {
            Ok(_) => End::Returned,
            Err(_) => End::Trapped,
        };
        due += u64::from(call.end == End::Trapped);
        if ends != call.end {
            say(&format!("lost f{} {:?} {:?}", call.func, call.args, call.end));
        }
    }
    say(&format!("done {due} {}", calls.len()));
    Ok(())
}

/// What is in the memory before each call: small numbers, large ones, and places in it.
fn memory(seed: u64) -> Vec<u8> {
    let mut rng = Rng::with_seed(!seed);
    let mut bytes = vec![0; PAGE_SIZE_BYTES as usize];
    rng.fill(&mut bytes);
    for chunk in bytes.chunks_mut(16).skip(1).step_by(3) {
        chunk.fill(0);
    }
    bytes
}

/// The calls of each function that end, by what the interpreter says.
fn calls(seed: u64, bytes: &[u8], memory: &[u8]) -> Result<Vec<Call>, String> {
    let mut rng = Rng::with_seed(seed ^ 0x5eed);
    let mut reference = Reference::new(bytes)?;
    let mut calls = Vec::new();
    for func in 0..FUNCTIONS {
        for _ in 0..CALLS {
            let args = [address(&mut rng), address(&mut rng), rng.i32(-2..20), rng.i32(0..40)];
            let end = reference.call(&format!("f{func}"), args, memory)?;
            if end != End::Unknown {
                calls.push(Call { func, args, end });
            }
        }
    }
    Ok(calls)
}

/// Inside, across the end, or far behind it.
fn address(rng: &mut Rng) -> i32 {
    match rng.u8(..6) {
        0 | 1 => rng.i32(1024..END / 2),
        2 | 3 => END - rng.i32(1..16),
        4 => END - rng.i32(0..200),
        _ => [END, END + 4096, 0x7fff_0000, -4096, -1, -8][rng.usize(..6)],
    }
}

fn say(line: &str) {
    let mut output = std::io::stdout().lock();
    // A parent that is gone reads nothing.
    let _ = writeln!(output, "{line}").and_then(|()| output.flush());
}
