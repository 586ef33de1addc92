//! Memories with 64-bit indices, and with pages of one byte: no sum of index, offset, start and length may wrap.
//!
//! Every access operator is called with offsets and indices around 0, the end of the memory and 2^64;
//! every bulk operator with starts and lengths from there. What must happen is computed in 128 bits.
//! After each call all bytes of all memories must be those of a model, so that a trap writes nothing
//! and nothing is written elsewhere. At -O0 and -O2, compiled for guard pages and for software checks.

use w2n_abi::{LinkError, PAGE_SIZE_BYTES, TrapCode, ValueType};
use w2n_tests::host::{Extern, Failure, Instance, Value};
use w2n_tests::plugin::{self, Source};
use w2n_tests::spec::config::Config;

const PAGE: u64 = PAGE_SIZE_BYTES;

/// Every load: its name and the bytes it reads.
const LOADS: &[(&str, u64)] = &[
    ("i32.load", 4),
    ("i64.load", 8),
    ("f32.load", 4),
    ("f64.load", 8),
    ("i32.load8_s", 1),
    ("i32.load8_u", 1),
    ("i32.load16_s", 2),
    ("i32.load16_u", 2),
    ("i64.load8_s", 1),
    ("i64.load8_u", 1),
    ("i64.load16_s", 2),
    ("i64.load16_u", 2),
    ("i64.load32_s", 4),
    ("i64.load32_u", 4),
];

/// Every store: its name and the bytes it writes.
const STORES: &[(&str, u64)] = &[
    ("i32.store", 4),
    ("i64.store", 8),
    ("f32.store", 4),
    ("f64.store", 8),
    ("i32.store8", 1),
    ("i32.store16", 2),
    ("i64.store8", 1),
    ("i64.store16", 2),
    ("i64.store32", 4),
];

/// A memory to access: its type in the text format, and how many pages it is grown by before.
struct Shape {
    ty: &'static str,
    grown_by: u64,
    /// Whether indices have 64 bits.
    is_wide: bool,
    length: u64,
}

/// The saturating check (a minimum below every reach), the plain one, and lengths inside a host page.
const SHAPES: &[Shape] = &[
    Shape { ty: "i64 1", grown_by: 0, is_wide: true, length: PAGE },
    Shape { ty: "i64 0", grown_by: 1, is_wide: true, length: PAGE },
    Shape { ty: "i64 0", grown_by: 0, is_wide: true, length: 0 },
    Shape { ty: "i64 3 (pagesize 1)", grown_by: 0, is_wide: true, length: 3 },
    Shape { ty: "i64 1 (pagesize 1)", grown_by: 4999, is_wide: true, length: 5000 },
    Shape { ty: "3 (pagesize 1)", grown_by: 0, is_wide: false, length: 3 },
    Shape { ty: "0 (pagesize 1)", grown_by: 5000, is_wide: false, length: 5000 },
    Shape { ty: "1", grown_by: 0, is_wide: false, length: PAGE },
];

impl Shape {
    fn index_type(&self) -> &'static str {
        if self.is_wide { "i64" } else { "i32" }
    }

    fn index(&self, index: u64) -> Value {
        if self.is_wide { Value::I64(index) } else { Value::I32(index as u32) }
    }

    fn largest_index(&self) -> u64 {
        if self.is_wide { u64::MAX } else { u32::MAX.into() }
    }

    fn indices(&self) -> Vec<u64> {
        interesting(self.length, self.largest_index())
    }

    /// Fewer, since each makes a function of each operator.
    fn offsets(&self) -> Vec<u64> {
        let (length, largest) = (self.length, self.largest_index());
        let mut offsets = vec![0, 1, length.saturating_sub(8), length.saturating_sub(1), length, 1 << 31];
        offsets.extend([1 << 32, (1 << 32) + 1, 1 << 63].into_iter().filter(|offset| *offset <= largest));
        offsets.extend([largest - length, largest - 7, largest - 3, largest - 1, largest]);
        offsets.sort_unstable();
        offsets.dedup();
        offsets
    }
}

/// Numbers around 0, around `length` and below `largest`.
fn interesting(length: u64, largest: u64) -> Vec<u64> {
    let near = [0, 1, 2, 4, 7, 8];
    let mut numbers = vec![1 << 31, largest / 2, largest / 2 + 1, largest - length];
    numbers.extend(near);
    numbers.extend(near.map(|distance| length.saturating_sub(distance)));
    numbers.extend(near.map(|distance| length + distance));
    numbers.extend(near.map(|distance| largest - distance));
    // Bits above the 32nd must not be forgotten: these would be inside if they were.
    numbers.extend([1 << 32, (1 << 32) + 8, 1 << 63].into_iter().filter(|number| *number <= largest));
    numbers.sort_unstable();
    numbers.dedup();
    numbers
}

/// A function per operator and offset, called `operator offset`, and a second memory that nobody uses.
fn access_module(shape: &Shape) -> String {
    let index = shape.index_type();
    let mut text = format!(
        "(module (memory $m (export \"memory\") {}) (memory (export \"other\") 1)
         (func (export \"grow\") (param {index}) (result {index}) (memory.grow (local.get 0)))",
        shape.ty
    );
    for offset in shape.offsets() {
        for (load, _) in LOADS {
            let ty = &load[..3];
            text += &format!(
                "(func (export \"{load} {offset}\") (param {index}) (result {ty})
                   ({load} $m offset={offset} (local.get 0)))"
            );
        }
        for (store, _) in STORES {
            let ty = &store[..3];
            text += &format!(
                "(func (export \"{store} {offset}\") (param {index})
                   ({store} $m offset={offset} (local.get 0) ({ty}.const 0)))"
            );
        }
    }
    text + ")"
}

/// Compiles modules given as text into one shared object, and instantiates each.
fn instantiate(texts: &[String], config: Config) -> Vec<Result<Instance, Failure>> {
    let sources: Vec<_> = texts
        .iter()
        .enumerate()
        .map(|(number, text)| Source {
            prefix: format!("m{number}"),
            bytes: wat::parse_str(text).unwrap_or_else(|error| panic!("{error}")),
        })
        .collect();
    let library = plugin::build(&sources, &config.code_options()).expect("the modules compile");
    let module = |source: &Source| library.module(&plugin::descriptor_symbol(&source.prefix));
    sources.iter().map(|source| module(source).expect("it is there").instantiate(&[])).collect()
}

fn instantiate_one(text: &str, config: Config) -> Result<Instance, Failure> {
    instantiate(&[text.to_owned()], config).remove(0)
}

fn memory(instance: &Instance, name: &str) -> Extern {
    instance.export(name).expect("the memory is exported")
}

/// All bytes of a memory.
fn contents(memory: &Extern) -> Vec<u8> {
    memory.memory_read(0, memory.memory_size_bytes()).expect("its own size")
}

/// A memory and what it must hold.
struct Modelled {
    memory: Extern,
    expected: Vec<u8>,
}

impl Modelled {
    /// Fills the memory with bytes that are neither zero nor equal to their neighbours.
    fn new(instance: &Instance, name: &str) -> Self {
        let memory = memory(instance, name);
        let pattern = |position: u64| (position % 251) as u8 + 1;
        let expected: Vec<_> = (0..memory.memory_size_bytes()).map(pattern).collect();
        assert!(memory.memory_write(0, &expected));
        Self { memory, expected }
    }

    fn check(&self, what: &str) {
        assert!(contents(&self.memory) == self.expected, "{what}: other bytes than expected");
    }

    fn length(&self) -> u128 {
        self.expected.len() as u128
    }

    fn restore(&mut self, start: u64, length: u64) {
        let range = start as usize..(start + length) as usize;
        assert!(self.memory.memory_write(start, &self.expected[range]));
    }
}

/// Whether the call did what it must: trap for memory out of bounds, or not.
fn assert_outcome(outcome: &Result<Vec<Value>, Failure>, is_inside: bool, what: &str) {
    match outcome {
        Ok(_) => assert!(is_inside, "{what}: no trap"),
        Err(failure) => {
            assert_eq!(failure.trap(), Some(TrapCode::MemoryOutOfBounds), "{what}: {failure}");
            assert!(!is_inside, "{what}: a trap");
        }
    }
}

#[test]
fn no_access_wraps_at_any_width() {
    for config in Config::ALL {
        let texts: Vec<_> = SHAPES.iter().map(access_module).collect();
        let mut traps = 0;
        for (shape, instance) in SHAPES.iter().zip(instantiate(&texts, config)) {
            let instance = instance.unwrap_or_else(|failure| panic!("{}: {failure}", shape.ty));
            let grown = instance.call("grow", &[shape.index(shape.grown_by)]).expect("grow does not trap");
            assert_ne!(grown, [shape.index(u64::MAX)], "{}", shape.ty);
            let mut model = Modelled::new(&instance, "memory");
            assert_eq!(model.length(), u128::from(shape.length), "{}", shape.ty);
            let other = Modelled::new(&instance, "other");
            for (operator, width) in LOADS.iter().chain(STORES) {
                for offset in shape.offsets() {
                    let func = instance.export(format!("{operator} {offset}")).expect("it is exported");
                    for index in shape.indices() {
                        let what = format!("{config} {}: {operator} {index} + {offset}", shape.ty);
                        let outcome = func.call(&[shape.index(index)]);
                        let end = u128::from(index) + u128::from(offset) + u128::from(*width);
                        assert_outcome(&outcome, end <= model.length(), &what);
                        traps += usize::from(outcome.is_err());
                        if operator.contains("store") && outcome.is_ok() {
                            let start = index + offset;
                            let written = model.memory.memory_read(start, *width).expect("it is inside");
                            assert!(written.iter().all(|byte| *byte == 0), "{what}: not stored");
                            model.restore(start, *width);
                        }
                    }
                    model.check(&format!("{config} {}: {operator} + {offset}", shape.ty));
                }
            }
            other.check(shape.ty);
        }
        println!("{config}: {traps} traps");
        assert!(traps > 50_000, "{config}: only {traps} traps were tried");
    }
}

/// Two memories of each kind, and every bulk operator between them.
const BULK: &str = r#"(module
    (memory $w (export "w") i64 1) (memory $n (export "n") 1) (memory $b (export "b") i64 100 (pagesize 1))
    (data $d "0123456789abcdef")
    (func (export "fill w") (param i64 i32 i64) (memory.fill $w (local.get 0) (local.get 1) (local.get 2)))
    (func (export "fill b") (param i64 i32 i64) (memory.fill $b (local.get 0) (local.get 1) (local.get 2)))
    (func (export "fill n") (param i32 i32 i32) (memory.fill $n (local.get 0) (local.get 1) (local.get 2)))
    (func (export "copy w w") (param i64 i64 i64) (memory.copy $w $w (local.get 0) (local.get 1) (local.get 2)))
    (func (export "copy w b") (param i64 i64 i64) (memory.copy $w $b (local.get 0) (local.get 1) (local.get 2)))
    (func (export "copy b w") (param i64 i64 i64) (memory.copy $b $w (local.get 0) (local.get 1) (local.get 2)))
    (func (export "copy w n") (param i64 i32 i32) (memory.copy $w $n (local.get 0) (local.get 1) (local.get 2)))
    (func (export "copy n w") (param i32 i64 i32) (memory.copy $n $w (local.get 0) (local.get 1) (local.get 2)))
    (func (export "copy n n") (param i32 i32 i32) (memory.copy $n $n (local.get 0) (local.get 1) (local.get 2)))
    (func (export "init w") (param i64 i32 i32) (memory.init $w $d (local.get 0) (local.get 1) (local.get 2)))
    (func (export "init b") (param i64 i32 i32) (memory.init $b $d (local.get 0) (local.get 1) (local.get 2)))
    (func (export "init n") (param i32 i32 i32) (memory.init $n $d (local.get 0) (local.get 1) (local.get 2)))
)"#;

const SEGMENT: &[u8] = b"0123456789abcdef";

/// The three memories of [`BULK`] by name.
struct BulkModel {
    instance: Instance,
    memories: [(char, Modelled); 3],
}

impl BulkModel {
    fn new(config: Config) -> Self {
        let instance = instantiate_one(BULK, config).expect("it instantiates");
        let memories = ['w', 'n', 'b'].map(|name| (name, Modelled::new(&instance, &name.to_string())));
        Self { instance, memories }
    }

    fn named(&mut self, name: char) -> &mut Modelled {
        let found = self.memories.iter_mut().find(|(known, _)| *known == name);
        &mut found.expect("one of the three").1
    }

    /// Calls `operator`, whose parameters are 32 or 64 bits as its type says, and compares all memories
    /// with what `apply` makes of the model, if the ranges are inside.
    fn call(&mut self, operator: &str, args: [u64; 3], is_inside: bool, apply: impl FnOnce(&mut Self)) {
        let func = self.instance.export(operator).expect("it is exported");
        let params = func.func_type().params;
        let values: Vec<_> = params.iter().zip(args).map(|(ty, arg)| value(*ty, arg)).collect();
        let what = format!("{operator} {args:x?}");
        assert_outcome(&func.call(&values), is_inside, &what);
        if is_inside {
            apply(self);
        }
        self.memories.iter().for_each(|(name, memory)| memory.check(&format!("{what}: memory {name}")));
    }

    /// The arguments worth trying for parameter `position` of `operator` about a range of `length`.
    fn args(&self, operator: &str, position: usize, length: u64) -> Vec<u64> {
        let params = self.instance.export(operator).expect("it is exported").func_type().params;
        interesting(length, if params[position] == ValueType::I64 { u64::MAX } else { u32::MAX.into() })
    }
}

fn value(ty: ValueType, number: u64) -> Value {
    if ty == ValueType::I64 { Value::I64(number) } else { Value::I32(number as u32) }
}

fn is_inside(start: u64, length: u64, available: u128) -> bool {
    u128::from(start) + u128::from(length) <= available
}

#[test]
fn no_fill_wraps() {
    for config in Config::ALL {
        let mut model = BulkModel::new(config);
        for name in ['w', 'b', 'n'] {
            let operator = format!("fill {name}");
            let available = model.named(name).length();
            for start in model.args(&operator, 0, available as u64) {
                for length in model.args(&operator, 2, available as u64) {
                    let inside = is_inside(start, length, available);
                    model.call(&operator, [start, 0x5a, length], inside, |model| {
                        model.named(name).expected[start as usize..][..length as usize].fill(0x5a);
                    });
                }
            }
        }
    }
}

#[test]
fn no_copy_wraps_between_memories_of_any_two_kinds() {
    for config in Config::ALL {
        for (to, from) in [('w', 'w'), ('w', 'b'), ('b', 'w'), ('w', 'n'), ('n', 'w'), ('n', 'n')] {
            let mut model = BulkModel::new(config);
            let operator = format!("copy {to} {from}");
            let (room, available) = (model.named(to).length(), model.named(from).length());
            for start in model.args(&operator, 0, room as u64) {
                for source in model.args(&operator, 1, available as u64) {
                    for length in
                        [0, 1, 8, available as u64, u32::MAX.into(), 1 << 63, u64::MAX - 7, u64::MAX]
                    {
                        let params = model.instance.export(&operator).expect("exported").func_type().params;
                        let length = if params[2] == ValueType::I64 { length } else { length & 0xffff_ffff };
                        let inside = is_inside(start, length, room) && is_inside(source, length, available);
                        model.call(&operator, [start, source, length], inside, |model| {
                            let source = source as usize..(source + length) as usize;
                            let bytes = model.named(from).expected[source].to_vec();
                            model.named(to).expected[start as usize..][..bytes.len()].copy_from_slice(&bytes);
                        });
                    }
                }
            }
        }
    }
}

#[test]
fn no_init_wraps() {
    for config in Config::ALL {
        let mut model = BulkModel::new(config);
        for name in ['w', 'b', 'n'] {
            let operator = format!("init {name}");
            let room = model.named(name).length();
            for start in model.args(&operator, 0, room as u64) {
                for source in model.args(&operator, 1, SEGMENT.len() as u64) {
                    for length in [0, 1, 8, 16, 17, u64::from(u32::MAX) - 7, u64::from(u32::MAX)] {
                        let inside = is_inside(start, length, room)
                            && is_inside(source, length, SEGMENT.len() as u128);
                        model.call(&operator, [start, source, length], inside, |model| {
                            let bytes = &SEGMENT[source as usize..][..length as usize];
                            model.named(name).expected[start as usize..][..bytes.len()]
                                .copy_from_slice(bytes);
                        });
                    }
                }
            }
        }
    }
}

#[test]
fn an_active_segment_at_the_end_of_the_address_space_traps() {
    let texts = [
        "(module (memory i64 1) (data (i64.const -1) \"ab\"))",
        "(module (memory i64 1) (data (i64.const -1) \"\"))",
        "(module (memory i64 1) (data (i64.const 0xffff_ffff_0000_0000) \"a\"))",
        "(module (memory i64 1) (data (i64.add (i64.const -8) (i64.const 7)) \"abcdefgh\"))",
    ]
    .map(str::to_owned);
    for config in Config::ALL {
        for (text, instance) in texts.iter().zip(instantiate(&texts, config)) {
            let failure = instance.err().unwrap_or_else(|| panic!("{config}: {text}: no trap"));
            assert_eq!(failure.trap(), Some(TrapCode::MemoryOutOfBounds), "{config}: {text}: {failure}");
        }
    }
}

#[test]
fn a_trap_reports_no_address_inside_the_memory() {
    let text = "(module (memory i64 1)
        (func (export \"load\") (param i64) (result i64) (i64.load offset=8 (local.get 0))))";
    for config in Config::ALL {
        let instance = instantiate_one(text, config).expect("it instantiates");
        for (index, address) in [(PAGE, PAGE + 8), (u64::MAX - 3, u64::MAX), (1 << 63, (1 << 63) + 8)] {
            let failure = instance.call("load", &[Value::I64(index)]).expect_err("it is outside");
            let access = failure.access.expect("the access is known");
            assert_eq!((access.address, access.length), (address, Some(8)), "{config}: {index:#x}");
            assert_eq!(access.memory_length, PAGE);
        }
    }
}

/// Sizes that a module may declare and no machine has: all are refused or cut, none overflows.
#[test]
fn declared_sizes_near_2_to_the_64_neither_overflow_nor_abort() {
    let config = Config::ALL[0];
    let refused = [
        "(module (memory i64 0x1_0000_0000_0000))",
        "(module (memory i64 0xffff_ffff_ffff 0x1_0000_0000_0000))",
        "(module (memory i64 0xffff_ffff_ffff_ffff (pagesize 1)))",
        "(module (memory i64 0xffff_ffff_ffff_0001 (pagesize 1)))",
        "(module (memory i64 0x8000_0000_0000_0000 (pagesize 1)))",
    ]
    .map(str::to_owned);
    for (text, instance) in refused.iter().zip(instantiate(&refused, config)) {
        let failure = instance.err().unwrap_or_else(|| panic!("{text}: it was instantiated"));
        assert!(failure.is_link_error(LinkError::OutOfMemory), "{text}: {failure}");
    }
}

#[test]
fn growth_is_bounded_and_the_base_never_moves() {
    let template = |ty: &str, index: &str| {
        format!(
            "(module (memory (export \"memory\") {ty})
               (func (export \"grow\") (param {index}) (result {index}) (memory.grow (local.get 0)))
               (func (export \"size\") (result {index}) memory.size))"
        )
    };
    // Type, and what growing it by one succeeds as.
    let cases = [
        ("i64 1", "i64", true),
        ("i64 1 0x1_0000_0000_0000", "i64", true),
        ("i64 1 1", "i64", false),
        ("i64 1 (pagesize 1)", "i64", true),
        ("i64 1 0xffff_ffff_ffff_ffff (pagesize 1)", "i64", true),
        ("1 0xffff_ffff (pagesize 1)", "i32", true),
        ("1 (pagesize 1)", "i32", true),
        ("0xffff_ffff (pagesize 1)", "i32", false),
        ("1 65536", "i32", true),
    ];
    let texts = cases.map(|(ty, index, _)| template(ty, index));
    for config in Config::ALL {
        for ((ty, index, grows), instance) in cases.iter().zip(instantiate(&texts, config)) {
            let what = format!("{config} {ty}");
            let instance = instance.unwrap_or_else(|failure| panic!("{what}: {failure}"));
            let memory = memory(&instance, "memory");
            assert!(memory.memory_write(0, &[0x77]));
            let index_type = if *index == "i64" { ValueType::I64 } else { ValueType::I32 };
            let call = |name: &str, args: &[Value]| instance.call(name, args).expect("it does not trap");
            let size = call("size", &[]);
            let base = memory.memory_base();
            let refused = [value(index_type, u64::MAX)];
            for delta in [u64::MAX, u64::MAX - 1, 1 << 63, 1 << 52] {
                if index_type == ValueType::I64 {
                    assert_eq!(call("grow", &[value(index_type, delta)]), refused, "{what} {delta}");
                }
                assert_eq!(memory.memory_grow(delta), None, "{what} {delta} by the host");
            }
            assert_eq!(call("grow", &[value(index_type, u64::MAX)]), refused, "{what}");
            assert_eq!(call("size", &[]), size, "{what}");
            let old_length = memory.memory_size_bytes();
            let answer = call("grow", &[value(index_type, 1)]);
            assert_eq!(answer, if *grows { size } else { refused.to_vec() }, "{what}");
            assert_eq!(memory.memory_size_bytes() > old_length, *grows, "{what}");
            assert_eq!(memory.memory_base(), base, "{what}");
            assert_eq!(memory.memory_read(0, 1), Some(vec![0x77]), "{what}");
            let length = memory.memory_size_bytes();
            assert!(memory.memory_write(length - 1, &[0x78]), "{what}: the last byte");
        }
    }
}
