//! The lines of a backtrace, computed from the module that must print them.

use std::path::Path;

use w2n_abi::MAX_TRAP_FRAMES;
use wasm2native::wasm::{self, FuncIndex};

use crate::ir::OperatorInfo;

/// Frames that endless recursion must have at least: the stack has megabytes, and no frame of a fixture
/// has more than a few kilobytes.
const MIN_RECURSION_FRAMES: usize = 500;

/// A line of a backtrace, as a fixture names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    func: String,
    operator: String,
    /// Which of several, from 1 on; 0 when there must be one only.
    number: usize,
}

impl Frame {
    /// Reads `leaf i32.load 2`.
    pub fn read(text: &str) -> Self {
        let mut words = text.split_whitespace();
        let mut next = || words.next().unwrap_or_default();
        let (func, operator, number) = (next().to_owned(), next().to_owned(), next());
        Self { func, operator, number: number.parse().unwrap_or(0) }
    }
}

/// Where the operators of a module are.
#[derive(Debug)]
pub struct Places {
    funcs: Vec<Func>,
    /// Byte offsets of the segments.
    data: Vec<u32>,
    elements: Vec<u32>,
}

#[derive(Debug)]
struct Func {
    index: u32,
    name: String,
    /// Byte offset of the body.
    start: u32,
    /// Name of wasmparser's variant, and byte offset.
    operators: Vec<(String, u32)>,
}

impl Places {
    /// Those of the module at `path`.
    pub fn of(path: &Path) -> Self {
        let bytes = wat::parse_file(path).unwrap_or_else(|error| panic!("{error}"));
        let module = wasm::parse(&bytes, "m").unwrap_or_else(|error| panic!("{path:?}: {error}"));
        let func = |(defined, body): (usize, &wasmparser::FunctionBody<'_>)| {
            let index = module.imported_func_count + defined as u32;
            let operators = body.get_operators_reader().expect("a valid body").into_iter_with_offsets();
            Func {
                index,
                name: module.func_name(FuncIndex(index)).unwrap_or_default().to_owned(),
                start: body.range().start as u32,
                operators: operators
                    .map(|operator| operator.expect("a valid operator"))
                    .map(|(operator, offset)| (OperatorInfo::variant_of(&operator), offset as u32))
                    .collect(),
            }
        };
        Self {
            funcs: module.bodies.iter().enumerate().map(func).collect(),
            data: module.data.iter().map(|segment| segment.module_offset).collect(),
            elements: module.elements.iter().map(|segment| segment.module_offset).collect(),
        }
    }

    /// What of the lines behind the message is not exactly `frames`.
    pub fn backtrace_difference(&self, frames: &[Frame], said: &str) -> Option<String> {
        let line = |(position, frame)| format!("{position:>3}: {}\n", self.line(frame));
        let expected: String = frames.iter().enumerate().map(line).collect();
        (said != expected).then(|| format!("expected the backtrace\n{expected}"))
    }

    /// What of the lines is not that of endless recursion through `cycle`.
    pub fn cycle_difference(&self, cycle: &[Frame], said: &str) -> Option<String> {
        let mut lines: Vec<&str> = said.lines().collect();
        let last = lines.pop().unwrap_or_default();
        let more = last.strip_prefix("  ... and ").and_then(|rest| rest.strip_suffix(" more"));
        let more: usize = more.and_then(|count| count.parse().ok()).unwrap_or(0);
        if lines.len() != MAX_TRAP_FRAMES || more < MIN_RECURSION_FRAMES {
            return Some(format!(
                "expected {MAX_TRAP_FRAMES} lines and more than {MIN_RECURSION_FRAMES} more"
            ));
        }
        let allowed: Vec<String> = cycle.iter().map(|frame| self.line(frame)).collect();
        let is_wrong = |(position, line): &(usize, &&str)| {
            let line = line.trim_start().strip_prefix(&format!("{position}: ")).unwrap_or("").to_owned();
            // The innermost function may not have got further than making its frame.
            let is_prologue = *position == 0 && cycle.iter().any(|frame| line == self.prologue_line(frame));
            !allowed.contains(&line) && !is_prologue
        };
        let wrong = lines.iter().enumerate().find(is_wrong)?;
        Some(format!("line {:?} is none of {allowed:?}", wrong.1))
    }

    fn func(&self, name: &str) -> &Func {
        self.funcs.iter().find(|func| func.name == name).unwrap_or_else(|| panic!("no function {name}"))
    }

    fn prologue_line(&self, frame: &Frame) -> String {
        let Func { index, name, start, .. } = self.func(&frame.func);
        format!("func {index} `{name}` at {start:#x}")
    }

    fn line(&self, frame: &Frame) -> String {
        let Frame { func, operator, number } = frame;
        if func == "instantiation" {
            return match operator.as_str() {
                "" => func.clone(),
                "data" => format!("{func} at {:#x}", self.data[*number]),
                "elem" => format!("{func} at {:#x}", self.elements[*number]),
                other => panic!("instantiation has no {other}"),
            };
        }
        let found = self.func(func);
        let wanted = OperatorInfo::by_name(operator).unwrap_or_else(|| panic!("no operator {operator}"));
        let offsets: Vec<u32> = found
            .operators
            .iter()
            .filter(|(variant, _)| variant == wanted.variant)
            .map(|(_, offset)| *offset)
            .collect();
        let offset = match (number, offsets.as_slice()) {
            (0, [only]) => *only,
            (0, all) => panic!("{func} has {} times {operator}", all.len()),
            (number, all) => all[number - 1],
        };
        format!("func {} `{func}` at {offset:#x}", found.index)
    }
}
