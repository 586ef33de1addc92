//! Tables with 64-bit indices: no index is cut to 32 bits, and no start and length wrap.
//!
//! Operators run on two tables, one of either address type, with arguments around 0, the end of the
//! table and 2^64; what must happen is computed in 128 bits, and after each call every element must be
//! that of a model. At -O0 and -O2.

use w2n_abi::{LinkError, TrapCode, ValueType};
use w2n_tests::host::{Failure, Instance, Value};
use w2n_tests::plugin::{self, Source};
use w2n_tests::spec::config::Config;

/// Elements of each table.
const LENGTH: u64 = 10;

/// Elements of the segment, all null.
const SEGMENT_LENGTH: u64 = 4;

const TABLES: &str = r#"(module
    (table $w (export "w") i64 10 20 externref) (table $n (export "n") 10 20 externref)
    (elem $e externref (ref.null extern) (ref.null extern) (ref.null extern) (ref.null extern))
    (func (export "get w") (param i64) (result externref) (table.get $w (local.get 0)))
    (func (export "set w") (param i64 externref) (table.set $w (local.get 0) (local.get 1)))
    (func (export "grow w") (param externref i64) (result i64) (table.grow $w (local.get 0) (local.get 1)))
    (func (export "size w") (result i64) (table.size $w))
    (func (export "fill w") (param i64 externref i64) (table.fill $w (local.get 0) (local.get 1) (local.get 2)))
    (func (export "copy w w") (param i64 i64 i64) (table.copy $w $w (local.get 0) (local.get 1) (local.get 2)))
    (func (export "copy w n") (param i64 i32 i32) (table.copy $w $n (local.get 0) (local.get 1) (local.get 2)))
    (func (export "copy n w") (param i32 i64 i32) (table.copy $n $w (local.get 0) (local.get 1) (local.get 2)))
    (func (export "init w") (param i64 i32 i32) (table.init $w $e (local.get 0) (local.get 1) (local.get 2)))
)"#;

const CALLS: &str = r#"(module
    (type $answer (func (result i32)))
    (table $t i64 4 funcref)
    (elem (table $t) (i64.const 1) func $one $two)
    (func $one (result i32) (i32.const 1))
    (func $two (result i32) (i32.const 2))
    (func (export "call") (param i64) (result i32) (call_indirect $t (type $answer) (local.get 0)))
)"#;

fn instantiate(text: &str, config: Config) -> Result<Instance, Failure> {
    let source = Source {
        prefix: "m".to_owned(),
        bytes: wat::parse_str(text).unwrap_or_else(|error| panic!("{error}")),
    };
    let library = plugin::build(&[source], &config.code_options()).expect("the module compiles");
    library.module(&plugin::descriptor_symbol("m")).expect("it is there").instantiate(&[])
}

/// Numbers around 0, around `length` and below 2^64, and numbers that are small only when cut to 32 bits.
fn interesting(length: u64) -> Vec<u64> {
    let mut numbers = vec![0, 1, length - 1, length, length + 1, 1 << 31, u32::MAX.into(), 1 << 63];
    numbers.extend([1 << 32, (1 << 32) + 1, (1 << 32) + length - 1, u64::MAX - length]);
    numbers.extend([u64::MAX - 7, u64::MAX - 1, u64::MAX]);
    numbers
}

fn is_inside(start: u64, length: u64, available: u64) -> bool {
    u128::from(start) + u128::from(length) <= u128::from(available)
}

/// The tables of [`TABLES`] and what they must hold: words, 0 for null.
struct Model {
    instance: Instance,
    wide: Vec<usize>,
    narrow: Vec<usize>,
}

impl Model {
    fn new(config: Config) -> Self {
        let instance = instantiate(TABLES, config).expect("it instantiates");
        let mut model = Self { instance, wide: Vec::new(), narrow: Vec::new() };
        model.fill_tables();
        model
    }

    /// Makes all elements different.
    fn fill_tables(&mut self) {
        self.wide = (101..=100 + LENGTH as usize).collect();
        self.narrow = (201..=200 + LENGTH as usize).collect();
        for (name, words) in [("w", &self.wide), ("n", &self.narrow)] {
            let table = self.instance.export(name).expect("it is exported");
            for (index, word) in words.iter().enumerate() {
                assert!(table.table_set(index as u64, Value::ExternRef(*word)));
            }
        }
    }

    fn check(&self, what: &str) {
        for (name, words) in [("w", &self.wide), ("n", &self.narrow)] {
            let table = self.instance.export(name).expect("it is exported");
            let actual: Vec<_> = (0..table.table_size()).map(|index| table.table_get(index)).collect();
            let expected: Vec<_> = words.iter().map(|word| Some(Value::ExternRef(*word))).collect();
            assert_eq!(actual, expected, "{what}: table {name}");
        }
    }

    /// Calls `operator` with integers as its type has them, where it takes such, and `word` where it
    /// takes a reference. It must trap unless `is_inside`; then `apply` says what it did.
    fn call(
        &mut self,
        operator: &str,
        integers: &[u64],
        word: usize,
        is_inside: bool,
        apply: impl FnOnce(&mut Self),
    ) -> Option<Vec<Value>> {
        let func = self.instance.export(operator).expect("it is exported");
        let mut integers = integers.iter();
        let mut next = || *integers.next().expect("an integer for each parameter");
        let args: Vec<_> = func
            .func_type()
            .params
            .iter()
            .map(|ty| match ty {
                ValueType::I64 => Value::I64(next()),
                ValueType::I32 => Value::I32(next() as u32),
                _ => Value::ExternRef(word),
            })
            .collect();
        let what = format!("{operator} {args:x?}");
        let outcome = func.call(&args);
        match &outcome {
            Ok(_) => assert!(is_inside, "{what}: no trap"),
            Err(failure) => {
                assert_eq!(failure.trap(), Some(TrapCode::TableOutOfBounds), "{what}: {failure}");
                assert!(!is_inside, "{what}: a trap");
            }
        }
        if is_inside {
            apply(self);
        }
        self.check(&what);
        outcome.ok()
    }
}

#[test]
fn elements_are_found_by_all_64_bits_of_an_index() {
    for config in Config::ALL {
        let mut model = Model::new(config);
        for index in interesting(LENGTH) {
            let is_inside = index < LENGTH;
            let value = model.call("get w", &[index], 0, is_inside, |_| {});
            if is_inside {
                assert_eq!(value, Some(vec![Value::ExternRef(model.wide[index as usize])]));
            }
            model.call("set w", &[index], 7, is_inside, |model| model.wide[index as usize] = 7);
        }
    }
}

#[test]
fn no_range_wraps() {
    for config in Config::ALL {
        let mut model = Model::new(config);
        for start in interesting(LENGTH) {
            for length in interesting(LENGTH) {
                let inside = is_inside(start, length, LENGTH);
                model.call("fill w", &[start, length], 9, inside, |model| {
                    model.wide[start as usize..][..length as usize].fill(9);
                });
                model.fill_tables();
            }
        }
        for start in interesting(LENGTH) {
            for source in interesting(LENGTH) {
                for length in [0, 1, 5, LENGTH, u32::MAX.into(), u64::MAX - 4, u64::MAX] {
                    copy_all_ways(&mut model, start, source, length);
                }
                model.fill_tables();
            }
        }
        for start in interesting(LENGTH) {
            for (source, length) in [(0, 0), (0, 4), (1, 3), (4, 0), (5, 0), (1, 4), (4, u64::from(u32::MAX))]
            {
                let inside = is_inside(start, length, LENGTH) && is_inside(source, length, SEGMENT_LENGTH);
                model.call("init w", &[start, source, length], 0, inside, |model| {
                    model.wide[start as usize..][..length as usize].fill(0);
                });
            }
        }
    }
}

fn copy_all_ways(model: &mut Model, start: u64, source: u64, length: u64) {
    let inside =
        |start, source, length| is_inside(start, length, LENGTH) && is_inside(source, length, LENGTH);
    model.call("copy w w", &[start, source, length], 0, inside(start, source, length), |model| {
        model.wide.copy_within(source as usize..(source + length) as usize, start as usize);
    });
    // The length of a mixed copy is an i32, like the index of the narrow table.
    let cut = |number: u64| number & 0xffff_ffff;
    let (narrow, length) = (cut(source), cut(length));
    model.call("copy w n", &[start, narrow, length], 0, inside(start, narrow, length), |model| {
        let words = model.narrow[narrow as usize..][..length as usize].to_vec();
        model.wide[start as usize..][..words.len()].copy_from_slice(&words);
    });
    let narrow = cut(start);
    model.call("copy n w", &[narrow, source, length], 0, inside(narrow, source, length), |model| {
        let words = model.wide[source as usize..][..length as usize].to_vec();
        model.narrow[narrow as usize..][..words.len()].copy_from_slice(&words);
    });
}

#[test]
fn growth_is_counted_in_64_bits() {
    for config in Config::ALL {
        let mut model = Model::new(config);
        let refused = Some(vec![Value::I64(u64::MAX)]);
        for delta in [11, 1 << 32, (1 << 32) + 1, 1 << 63, u64::MAX - LENGTH, u64::MAX - 9, u64::MAX] {
            assert_eq!(model.call("grow w", &[delta], 5, true, |_| {}), refused, "{delta}");
        }
        let old_size = model.call("grow w", &[2], 5, true, |model| model.wide.extend([5, 5]));
        assert_eq!(old_size, Some(vec![Value::I64(LENGTH)]));
        assert_eq!(model.call("size w", &[], 0, true, |_| {}), Some(vec![Value::I64(LENGTH + 2)]));
    }
}

#[test]
fn call_indirect_takes_all_64_bits_of_the_index() {
    for config in Config::ALL {
        let instance = instantiate(CALLS, config).expect("it instantiates");
        let call = |index: u64| instance.call("call", &[Value::I64(index)]);
        assert_eq!(call(1).expect("$one"), [Value::I32(1)]);
        assert_eq!(call(2).expect("$two"), [Value::I32(2)]);
        for index in [4, 1 << 32, (1 << 32) + 1, 1 << 63, u64::MAX - 1, u64::MAX] {
            let failure = call(index).expect_err("there is no such element");
            assert_eq!(failure.trap(), Some(TrapCode::UndefinedElement), "{config}: {index:#x}: {failure}");
        }
        for index in [0, 3] {
            let failure = call(index).expect_err("the element is null");
            assert_eq!(failure.trap(), Some(TrapCode::UninitializedElement), "{config}: {index}: {failure}");
        }
    }
}

#[test]
fn a_segment_at_the_end_of_the_index_space_traps() {
    for offset in ["-1", "0x1_0000_0000", "0xffff_ffff_ffff_ff00"] {
        let text = format!("(module (table i64 4 funcref) (elem (i64.const {offset}) func $f $f) (func $f))");
        for config in [Config::ALL[0], Config::ALL[1]] {
            let failure = instantiate(&text, config).err().unwrap_or_else(|| panic!("{offset}: no trap"));
            assert_eq!(failure.trap(), Some(TrapCode::TableOutOfBounds), "{offset}: {failure}");
        }
    }
}

#[test]
fn declared_sizes_near_2_to_the_64_do_not_overflow() {
    let config = Config::ALL[0];
    let maximal = "(module (table (export \"t\") i64 3 0xffff_ffff_ffff_ffff externref))";
    let table = instantiate(maximal, config).expect("it instantiates").export("t").expect("it is exported");
    for delta in [u64::MAX, u64::MAX - 3, 1 << 63, 1 << 60, 1 << 32] {
        assert_eq!(table.table_grow(delta, Value::ExternRef(0)), None, "{delta:#x}");
    }
    assert_eq!(table.table_grow(1, Value::ExternRef(0)), Some(3));
    // More elements than any table may have are refused by the validator or at instantiation.
    for min in ["10_000_001", "0xffff_ffff_ffff_ffff"] {
        let text = format!("(module (table i64 {min} externref))");
        let bytes = wat::parse_str(&text).expect("well-formed");
        if wasm2native::wasm::parse(&bytes, "m").is_ok() {
            let failure = instantiate(&text, config).err().expect("it is too large");
            assert!(failure.is_link_error(LinkError::OutOfMemory), "{min}: {failure}");
        }
    }
}
