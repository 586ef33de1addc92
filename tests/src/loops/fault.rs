//! Faults planted in the passes, each of which the generated loops must notice.
//!
//! How: the passes are built once more as a plugin of LLVM's `opt`, from sources in which each fragment
//! of [`FAULTS`] has a wrong alternative that an environment variable turns on. The compiler that users
//! run has none of this. A fragment that is no longer in the sources, or is there twice, is an error.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use w2n_abi::{RtFunc, TrapCode};
use wasm2native::backend::link::{Link, LinkKind, Strip};
use wasm2native::backend::runtime::Bundle;
use wasm2native::backend::target::DEFAULT_TRIPLE;
use wasm2native::options::BoundsChecks;
use wasm2native::options::Environment;

use crate::corpus::run_to_end;
use crate::program::compiler;

/// Names the fault that is on.
const VARIABLE: &str = "W2N_PLANTED_FAULT";

/// Is set where loops are checked.
const CHECK_VARIABLE: &str = "W2N_CHECK_LOOPS";

/// Whether loops are run twice, as for `-C check-loops=1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loops {
    /// Once, as users have them.
    Unchecked,
    /// Twice.
    Checked,
}

/// A way to break a pass.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    /// What is wrong then.
    pub name: &'static str,
    file: &'static str,
    /// An expression of the sources.
    right: &'static str,
    /// One of the same type.
    wrong: &'static str,
}

const fn fault(name: &'static str, file: &'static str, right: &'static str, wrong: &'static str) -> Fault {
    Fault { name, file, right, wrong }
}

/// Each part of the check, missing and wrong by one, and what is made of it.
pub const FAULTS: &[Fault] = &[
    fault(
        "no limit of iterations",
        "address_group.cpp",
        r#"builder.CreateICmpULT(lastIteration, constant(kAddressSpace), "is_short")"#,
        "builder.getTrue()",
    ),
    fault(
        "rising addresses unchecked",
        "address_group.cpp",
        r#"builder.CreateICmpULE(end, constant(limit), "rises")"#,
        "builder.getTrue()",
    ),
    fault(
        "rising addresses by one",
        "address_group.cpp",
        r#"builder.CreateAdd(lowestStart, way, "last_address")"#,
        r#"builder.CreateSub(builder.CreateAdd(lowestStart, way), constant(1))"#,
    ),
    fault(
        "falling addresses unchecked",
        "address_group.cpp",
        r#"builder.CreateICmpULE(way, lowestStart, "falls")"#,
        "builder.getTrue()",
    ),
    fault(
        "falling addresses by one",
        "address_group.cpp",
        "builder.CreateAnd(isShort, builder.CreateAnd(falls, fits), \"no_wrap\")",
        "builder.CreateAnd(isShort, builder.CreateAnd(builder.CreateICmpULE(way, builder.CreateAdd(lowestStart, \
         constant(1))), fits))",
    ),
    fault(
        "start of falling addresses unchecked",
        "address_group.cpp",
        r#"builder.CreateICmpULE(lowestStart, constant(limit), "fits")"#,
        "builder.getTrue()",
    ),
    fault(
        "span by one",
        "address_group.cpp",
        "kAddressSpace - 1 - group.span()",
        "kAddressSpace - group.span()",
    ),
    fault("span ignored", "address_group.h", "uint64_t(highest - lowest)", "uint64_t(0)"),
    fault("way too short", "address_group.cpp", "constant(stride), \"way\"", "constant(stride / 2), \"way\""),
    fault(
        "ends unchecked",
        "address_group.cpp",
        r#"builder.CreateICmpULE(last, wideLimit(end, builder), "ends")"#,
        "builder.getTrue()",
    ),
    fault(
        "ends by one",
        "address_group.cpp",
        r#"builder.getInt64(end.reach), "last_end""#,
        r#"builder.getInt64(end.reach - 1), "last_end""#,
    ),
    fault(
        "ends of the first iteration only",
        "address_group.cpp",
        "builder.getInt64(group.step)",
        "builder.getInt64(0)",
    ),
    fault(
        "ends of the last iteration only",
        "address_group.cpp",
        "isRising ? inLastIteration : lowestStart",
        "inLastIteration",
    ),
    fault(
        "no limit of iterations for 64-bit addresses",
        "address_group.cpp",
        r#"builder.CreateICmpULT(lastIteration, builder.getInt64(kAddressSpace), "is_short")"#,
        "builder.getTrue()",
    ),
    fault(
        "64-bit addresses may fall below 0",
        "address_group.cpp",
        r#"builder.CreateICmpULE(way, start, "falls")"#,
        "builder.getTrue()",
    ),
    fault(
        "64-bit addresses need no room",
        "address_group.cpp",
        r#"builder.CreateICmpULE(need, limit, "fits")"#,
        "builder.getTrue()",
    ),
    fault(
        "ends of 64-bit addresses unchecked",
        "address_group.cpp",
        r#"builder.CreateICmpULE(start, builder.CreateSub(limit, need, "room"), "ends")"#,
        "builder.getTrue()",
    ),
    fault(
        "64-bit addresses do not advance",
        "address_group.cpp",
        r#"builder.CreateAdd(way, need, "need")"#,
        "need",
    ),
    fault("limits are reached by one", "bound.cpp", "isStrict ? uint64_t(1) : 0", "uint64_t(0)"),
    fault("ends of one access only", "removable_checks.cpp", "std::max(known->reach, reach)", "known->reach"),
    fault(
        "ends of the lowest access only",
        "removable_checks.cpp",
        "uint64_t(check.place->distance - group.lowest) + check.bound.reach",
        "check.bound.reach",
    ),
    fault(
        "assumptions unchecked",
        "wrap_versioning.cpp",
        r#"builder.CreateNot(expander.expandCodeForPredicate(assumption, position), "as_assumed")"#,
        "builder.getTrue()",
    ),
    fault(
        "one iteration missing",
        "wrap_versioning.cpp",
        r#"builder.CreateAdd(lastIteration, builder.getInt64(1), "iterations")"#,
        "lastIteration",
    ),
    fault(
        "one iteration too many",
        "wrap_versioning.cpp",
        "countIterations(loop, check.iterations)",
        "countIterations(loop, IRBuilder<>(loop.getLoopPreheader()->getTerminator())\
         .CreateAdd(check.iterations, ConstantInt::get(check.iterations->getType(), 1)))",
    ),
    fault(
        "distance from the wrong member",
        "address_rewriter.cpp",
        "member.distance - group.lowest + constant.getSExtValue()",
        "member.distance + constant.getSExtValue()",
    ),
    fault("loads may pass stores", "copies.cpp", "isBefore != willBeBefore", "false"),
    fault(
        "rerolled steps too long",
        "reroll.cpp",
        "copies.stepPerCopy(*recurrence);",
        "copies.stepPerCopy(*recurrence) * factor;",
    ),
];

/// The passes as a plugin, with all faults in them and none turned on.
#[derive(Debug)]
pub struct FaultyPasses {
    plugin: PathBuf,
}

impl FaultyPasses {
    /// Builds them in `dir`.
    pub fn build(dir: &Path) -> Result<Self, String> {
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wasm2native/llvm");
        let mut texts = Vec::new();
        for entry in fs::read_dir(&sources).map_err(|error| error.to_string())? {
            let path = entry.map_err(|error| error.to_string())?.path();
            let name = path.file_name().and_then(|name| name.to_str()).expect("our files have plain names");
            let text = fs::read_to_string(&path).map_err(|error| format!("{name}: {error}"))?;
            texts.push((name.to_owned(), text));
        }
        plant(&mut texts)?;
        texts.push(("planted.h".to_owned(), PLANTED.to_owned()));
        texts.push(("plugin.cpp".to_owned(), plugin()));
        for (name, text) in &texts {
            fs::write(dir.join(name), text).map_err(|error| format!("{name}: {error}"))?;
        }
        let flags = run_to_end(Command::new("llvm-config-22").arg("--cxxflags"))?;
        let plugin = dir.join("faulty_passes.so");
        let mut cxx = Command::new("clang++-22");
        cxx.current_dir(dir).args(flags.split_whitespace());
        cxx.args(["-O0", "-fPIC", "-UNDEBUG", "-w", "-shared", "plugin.cpp", "-o"]).arg(&plugin);
        run_to_end(&mut cxx)?;
        Ok(Self { plugin })
    }

    /// Compiles `input` as a plugin, with the fault called `fault` or none; the shared object.
    pub fn compile(&self, input: &Input, fault: Option<&str>, loops: Loops) -> Result<PathBuf, String> {
        let path = |name: &str| input.dir.join(name);
        let mut opt = Command::new("opt-22");
        opt.arg(format!("-load-pass-plugin={}", self.plugin.display()));
        opt.args(["-passes=default<O2>", "-indvars-widen-indvars=false"]).env_remove(VARIABLE);
        opt.env_remove(CHECK_VARIABLE).envs((loops == Loops::Checked).then_some((CHECK_VARIABLE, "1")));
        opt.envs(fault.map(|fault| (VARIABLE, fault)));
        run_to_end(opt.arg(&input.bitcode).arg("-o").arg(path("optimised.bc")))?;
        let mut llc = Command::new("llc-22");
        llc.args(["-O2", "-relocation-model=pic", "-filetype=obj"]).arg(path("optimised.bc"));
        run_to_end(llc.arg("-o").arg(path("module.o")))?;

        let environment = Environment::of_process();
        let archive = Bundle::Runtime.find(DEFAULT_TRIPLE, &input.dir, &environment);
        let archive = archive.map_err(|error| error.to_string())?;
        let output = path("module.so");
        let link = Link {
            kind: LinkKind::SharedLibrary,
            output: &output,
            shown_output: &output,
            objects: &[path("module.o")],
            native: &[],
            archive: Some(&archive),
            old_symbols: None,
            strip: Strip::Nothing,
            linker: None,
            environment: &environment,
            temp_dir: &input.dir,
        };
        link.command().and_then(|command| command.start()?.finish()).map_err(|error| error.to_string())?;
        Ok(output)
    }
}

/// A module for the faulty passes, and what it is without any pass.
#[derive(Debug)]
pub struct Input {
    dir: PathBuf,
    /// The LLVM module that our compiler makes before it optimises.
    bitcode: PathBuf,
    /// The module as a plugin, compiled at -O0.
    pub reference: PathBuf,
}

impl Input {
    /// Makes the files in `dir`.
    pub fn new(module: &[u8], bounds_checks: BoundsChecks, dir: &Path) -> Result<Self, String> {
        let (input, bitcode, reference) =
            (dir.join("module.wasm"), dir.join("module.bc"), dir.join("reference.so"));
        fs::write(&input, module).map_err(|error| error.to_string())?;
        let checks = match bounds_checks {
            BoundsChecks::Guard => "--bounds-checks=guard",
            BoundsChecks::Software => "--bounds-checks=software",
        };
        let as_bitcode: &[&str] = &["-emit-llvm", "-c", "-g0", checks];
        for (options, output) in [(as_bitcode, &bitcode), (&[], &reference)] {
            let mut ours = Command::new(compiler());
            ours.args(["-O0", "-shared"]).args(options).arg(&input).arg("-o").arg(output);
            run_to_end(&mut ours)?;
        }
        Ok(Self { dir: dir.to_owned(), bitcode, reference })
    }
}

/// Gives each fragment its wrong alternative.
fn plant(texts: &mut [(String, String)]) -> Result<(), String> {
    for Fault { name, file, right, wrong } in FAULTS {
        let (_, text) =
            texts.iter_mut().find(|(known, _)| known == file).ok_or_else(|| format!("no file {file}"))?;
        if text.matches(right).count() != 1 {
            return Err(format!("{file} has {} times: {right}", text.matches(right).count()));
        }
        // What follows the expression stays behind the parentheses.
        let end = |text: &str| text.len() - text.trim_end_matches([';']).len();
        let (right_end, wrong_end) = (right.len() - end(right), wrong.len() - end(wrong));
        let planted = alternative(name, &right[..right_end], &wrong[..wrong_end]) + &right[right_end..];
        *text = text.replace(right, &planted);
    }
    Ok(())
}

/// `right` or `wrong`. Where the fragment is a list of arguments, each argument is chosen for itself.
fn alternative(name: &str, right: &str, wrong: &str) -> String {
    let (rights, wrongs) = (arguments(right), arguments(wrong));
    assert_eq!(rights.len(), wrongs.len(), "{name}");
    let chosen = rights.iter().zip(wrongs).map(|(right, wrong)| {
        if *right == wrong {
            (*right).to_owned()
        } else {
            format!("(isPlanted(\"{name}\") ? {wrong} : {right})")
        }
    });
    chosen.collect::<Vec<_>>().join(",")
}

/// Splits at commas that are not in parentheses.
fn arguments(text: &str) -> Vec<&str> {
    let (mut parts, mut start, mut depth) = (Vec::new(), 0, 0);
    for (position, character) in text.char_indices() {
        match character {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&text[start..position]);
                start = position + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

const PLANTED: &str = r#"
#pragma once
#include <cstdlib>
#include <cstring>
inline bool isPlanted(const char *fault) {
    const char *planted = std::getenv("W2N_PLANTED_FAULT");
    return planted && std::strcmp(planted, fault) == 0;
}
"#;

/// The plugin's own source: it verifies after each pass, and checks loops if told to.
fn plugin() -> String {
    let symbols = [
        RtFunc::LoopCheckBegin,
        RtFunc::LoopCheckStore,
        RtFunc::LoopCheckSwap,
        RtFunc::LoopCheckEnd,
        RtFunc::Trap,
    ];
    let symbols = symbols.map(|func| format!("\"{}\"", func.symbol())).join(", ");
    let stack_overflow = TrapCode::StackOverflow as u32;
    let prelude = "#include \"planted.h\"\n#include \"all.cpp\"\n#include \"llvm/Plugins/PassPlugin.h\"\n";
    let add = format!(
        "bool checks = std::getenv(\"{CHECK_VARIABLE}\");\n\
         w2n::addPasses(builder, {{true, checks, {{{symbols}, {stack_overflow}}}}});"
    );
    format!(
        "{prelude}extern \"C\" LLVM_ATTRIBUTE_WEAK llvm::PassPluginLibraryInfo llvmGetPassPluginInfo() {{\n\
         return {{LLVM_PLUGIN_API_VERSION, \"w2n\", \"1\", [](llvm::PassBuilder &builder) {{\n{add}\n}}}};\n}}\n"
    )
}
