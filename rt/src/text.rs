//! Text into a buffer of fixed size, without `core::fmt`, which would double the runtime.
//!
//! The rule: what does not fit is counted and dropped, never an error.

use w2n_abi::NANOSECONDS_PER_SECOND;

/// A buffer that is being written to.
pub struct Text<'a> {
    buffer: &'a mut [u8],
    len: usize,
}

impl<'a> Text<'a> {
    /// An empty text.
    pub fn new(buffer: &'a mut [u8]) -> Self {
        Self { buffer, len: 0 }
    }

    /// Bytes the text has, also those that did not fit.
    pub fn total_len(&self) -> usize {
        self.len
    }

    /// Bytes that are in the buffer.
    pub fn written_len(&self) -> usize {
        self.len.min(self.buffer.len())
    }

    /// What is in the buffer.
    pub fn written(&self) -> &[u8] {
        &self.buffer[..self.written_len()]
    }

    /// Appends bytes. Inlined, it would be a tenth of the runtime.
    #[inline(never)]
    pub fn push(&mut self, bytes: &[u8]) {
        if let Some(rest) = self.buffer.get_mut(self.len..) {
            let fits = bytes.len().min(rest.len());
            rest[..fits].copy_from_slice(&bytes[..fits]);
        }
        self.len += bytes.len();
    }

    /// Appends a decimal number.
    pub fn push_decimal(&mut self, number: u64) {
        self.push_digits(number, 10);
    }

    /// Appends a number of bytes, in the largest unit that keeps it whole.
    pub fn push_size(&mut self, size_bytes: u64) {
        let units: [(u32, &[u8]); 3] = [(30, b" GiB"), (20, b" MiB"), (10, b" KiB")];
        let whole =
            units.iter().find(|(shift, _)| size_bytes >> shift != 0 && size_bytes.trailing_zeros() >= *shift);
        let (shift, unit) = whole.copied().unwrap_or((0, b" bytes"));
        self.push_decimal(size_bytes >> shift);
        self.push(unit);
    }

    /// Appends a time: in seconds, or in milliseconds where it is not whole seconds.
    pub fn push_duration(&mut self, time_ns: u64) {
        const NANOSECONDS_PER_MILLISECOND: u64 = NANOSECONDS_PER_SECOND / 1000;
        if time_ns.is_multiple_of(NANOSECONDS_PER_SECOND) {
            self.push_decimal(time_ns / NANOSECONDS_PER_SECOND);
            self.push(b" s");
        } else {
            self.push_decimal(time_ns.div_ceil(NANOSECONDS_PER_MILLISECOND));
            self.push(b" ms");
        }
    }

    /// Appends `0x` and a hexadecimal number.
    pub fn push_hex(&mut self, number: u64) {
        self.push(b"0x");
        self.push_digits(number, 16);
    }

    fn push_digits(&mut self, mut number: u64, base: u64) {
        let mut digits = [0; 20];
        let mut first = digits.len();
        loop {
            first -= 1;
            digits[first] = b"0123456789abcdef"[(number % base) as usize];
            number /= base;
            if number == 0 {
                break;
            }
        }
        self.push(&digits[first..]);
    }

    /// Appends a name from a module between backquotes. What could steer a terminal or hide what stands
    /// beside it is escaped.
    pub fn push_name(&mut self, name: &[u8]) {
        self.push(b"`");
        let mut rest = name;
        while let [first, behind @ ..] = rest {
            let (acting, harmless) = rest.split_at(acting_len(rest));
            acting.iter().for_each(|&byte| self.push_escaped(byte));
            rest = harmless;
            if acting.is_empty() {
                self.push(&[*first]);
                rest = behind;
            }
        }
        self.push(b"`");
    }

    fn push_escaped(&mut self, byte: u8) {
        let digit = |half: u8| b"0123456789abcdef"[usize::from(half)];
        self.push(&[b'\\', b'x', digit(byte >> 4), digit(byte & 15)]);
    }
}

/// How many bytes at the start of a text are a character that a terminal acts on: a control character
/// (U+0000 to U+001F, U+007F to U+009F) or one of no width, such as those that turn the direction of
/// writing (U+200B to U+200F, U+2028 to U+202E, U+2060 to U+206F).
fn acting_len(text: &[u8]) -> usize {
    match text {
        [0..=0x1f | 0x7f, ..] => 1,
        [0xc2, 0x80..=0x9f, ..] => 2,
        [0xe2, 0x80, 0x8b..=0x8f | 0xa8..=0xae, ..] | [0xe2, 0x81, 0xa0..=0xaf, ..] => 3,
        _ => 0,
    }
}
