//! What a generated loop is, and how one is drawn.
//!
//! The rule: inputs lie where the check could be wrong by one: addresses end at 2^32, at 0 and at the end
//! of memory, give or take a few bytes.

use fastrand::Rng;

/// How a loop counts, with a number in the parameter `$n`: of iterations, if nothing else is said. None runs
/// if it is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counter {
    /// `i += by; i != n * by`
    NotEqual {
        /// Its step.
        by: u32,
    },
    /// `i += by; i != n`: with an `n` that `by` does not divide, it ends in a trap only.
    Reaching {
        /// Its step, a power of two.
        by: u32,
    },
    /// `i += 1; i < n`, unsigned.
    Below,
    /// `i` from `-n * by` to 0.
    ToZero {
        /// Its step.
        by: u32,
    },
    /// As `Below`, in 64 bits.
    Wide,
    /// Until the first pointer has reached its end.
    Pointer,
}

/// What an access does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Adds what it loads to the result.
    Load,
    /// Stores something made of the last load and the counter.
    Store,
}

/// One memory access of a loop.
#[derive(Clone, Copy, Debug)]
pub struct Access {
    /// Which of the two pointers.
    pub pointer: usize,
    /// Load or store.
    pub kind: Kind,
    /// Bytes: 1, 2, 4 or 8.
    pub width: u32,
    /// Added to the pointer in 32 bits.
    pub distance: i32,
    /// The constant offset, added in more than 32 bits.
    pub offset: u32,
}

/// A loop over guest memory.
#[derive(Clone, Debug)]
pub struct GuestLoop {
    /// How it counts.
    pub counter: Counter,
    /// What each pointer advances in one copy of the body.
    pub strides: [i32; 2],
    /// How often the body is repeated in one iteration, as an unrolling compiler does.
    pub copies: u32,
    /// Whether the loads of all copies come before the stores of all, as a compiler may arrange them.
    pub is_hoisted: bool,
    /// The accesses of one copy.
    pub accesses: Vec<Access>,
    /// Runs of an outer loop, each with pointers moved by `shift`.
    pub repeats: u32,
    /// See `repeats`.
    pub shift: i32,
    /// Whether the result depends on the order of loads.
    pub is_ordered: bool,
}

/// Arguments of a call.
#[derive(Clone, Copy, Debug)]
pub struct Arguments {
    /// Of the pointers.
    pub index: Index,
    /// Where each pointer starts.
    pub starts: [u64; 2],
    /// What the inner loop counts to.
    pub count: u64,
}

/// Type of the indices of a memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Index {
    /// i32
    I32,
    /// i64
    I64,
}

impl Index {
    /// The index that arithmetic modulo 2^64 makes `number`.
    fn wrap(self, number: u64) -> u64 {
        match self {
            Self::I32 => u64::from(number as u32),
            Self::I64 => number,
        }
    }
}

/// Bytes of memory of a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Memory {
    /// Two pages: most addresses are outside.
    Small,
    /// All of the 32-bit address space: no address is outside, but for its offset and width.
    Full,
    /// All but the last page.
    AlmostFull,
    /// Two pages, and indices of 64 bits.
    Small64,
}

impl Memory {
    /// Those that generated loops are run with.
    pub const ALL: [Self; 3] = [Self::Small, Self::Full, Self::Small64];

    /// Type of its indices.
    pub fn index(self) -> Index {
        match self {
            Self::Small | Self::Full | Self::AlmostFull => Index::I32,
            Self::Small64 => Index::I64,
        }
    }

    /// Pages of 64 KiB.
    pub fn pages(self) -> u32 {
        match self {
            Self::Small | Self::Small64 => 2,
            Self::Full => 65536,
            Self::AlmostFull => 65535,
        }
    }

    /// Bytes.
    pub fn bytes(self) -> u64 {
        u64::from(self.pages()) << 16
    }
}

impl GuestLoop {
    /// Draws a loop: half of them are such as a vectoriser takes.
    pub fn draw(rng: &mut Rng) -> Self {
        match rng.bool() {
            true => Self::draw_any(rng),
            false => Self::draw_plain(rng),
        }
    }

    /// One array is computed from another, element by element.
    fn draw_plain(rng: &mut Rng) -> Self {
        let width = *pick(rng, &[1, 4, 8]);
        let stride = if rng.u8(..) < 60 { -(width as i32) } else { width as i32 };
        let load = |pointer, distance| Access { pointer, kind: Kind::Load, width, distance, offset: 0 };
        let mut accesses: Vec<_> = (0..rng.usize(1..=3))
            .map(|_| load(*pick(rng, &[0, 0, 1]), *pick(rng, &[0, stride, -stride, 2400])))
            .collect();
        accesses.push(Access { pointer: 1, kind: Kind::Store, width, distance: 0, offset: 0 });
        Self {
            counter: draw_counter(rng),
            strides: [stride, if rng.u8(..) < 40 { -stride } else { stride }],
            copies: *pick(rng, &[1, 2, 3, 4]),
            is_hoisted: rng.bool(),
            accesses,
            repeats: *pick(rng, &[1, 2]),
            shift: *pick(rng, &[0, 64]),
            is_ordered: false,
        }
    }

    fn draw_any(rng: &mut Rng) -> Self {
        let copies = *pick(rng, &[1, 1, 1, 2, 2, 3, 4]);
        let stride = |rng: &mut Rng| {
            let size = *pick(rng, &[1, 2, 4, 4, 8, 8, 8, 12, 16, 24, 40, 800, 1 << 16, 1 << 20, 1 << 28]);
            if rng.u8(..) < 90 { -size } else { size }
        };
        let strides = [stride(rng), stride(rng)];
        let mut accesses: Vec<_> = (0..rng.usize(1..=4)).map(|_| Access::draw(rng, &strides)).collect();
        if rng.bool() {
            // The common case: one array is computed from another.
            let width = accesses[0].width;
            accesses.push(Access { pointer: 1, kind: Kind::Store, width, distance: 0, offset: 0 });
        }
        Self {
            counter: draw_counter(rng),
            strides,
            copies,
            is_hoisted: false,
            accesses,
            repeats: *pick(rng, &[1, 1, 2, 3]),
            shift: *pick(rng, &[0, 8, -8, 64, 4096]),
            is_ordered: rng.bool(),
        }
    }

    /// Draws arguments for a call with a `memory`.
    pub fn draw_arguments(&self, rng: &mut Rng, memory: Memory) -> Arguments {
        let count = *pick(rng, &[0, 1, 2, 3, 4, 7, 8, 9, 31, 64, 100, 257, 1000]);
        let count = match (memory, self.counter) {
            // Out of bounds long before the end.
            (Memory::Small | Memory::Small64, Counter::Below | Counter::Wide) if rng.u8(..) < 40 => {
                u64::from(u32::MAX)
            }
            (Memory::Small | Memory::Small64, Counter::Reaching { .. }) if rng.u8(..) < 40 => count | 1,
            (_, Counter::Reaching { by }) => count * u64::from(by),
            _ => count,
        };
        let iterations = self.iterations(count);
        let starts = [0, 1].map(|pointer| self.draw_start(rng, pointer, iterations, memory));
        Arguments { index: memory.index(), starts, count }
    }

    /// Iterations of the inner loop that counts to `count`, if nothing stops it before.
    fn iterations(&self, count: u64) -> u64 {
        match self.counter {
            Counter::Reaching { by } if count.is_multiple_of(u64::from(by)) => count / u64::from(by),
            Counter::Reaching { .. } => u64::MAX,
            _ => count,
        }
    }

    /// Mostly so that the first or the last access of some member is at an edge of the address space or
    /// of the memory.
    fn draw_start(&self, rng: &mut Rng, pointer: usize, iterations: u64, memory: Memory) -> u64 {
        let of_pointer: Vec<_> = self.accesses.iter().filter(|access| access.pointer == pointer).collect();
        let anywhere = |rng: &mut Rng| match memory.index() {
            Index::I32 => u64::from(rng.u32(..)),
            Index::I64 => rng.u64(..),
        };
        let Some(access) = (!of_pointer.is_empty()).then(|| *pick(rng, &of_pointer)) else {
            return anywhere(rng);
        };
        // Modulo 2^64 the end of all 64-bit addresses is 0.
        let last = memory.index().wrap(u64::MAX);
        let edge = *pick(rng, &[0, last.wrapping_add(1) as i64, memory.bytes() as i64]);
        let steps = (iterations.clamp(1, 1 << 20) * u64::from(self.copies)) as i64 - 1;
        let way = i64::from(self.strides[pointer]) * if rng.bool() { steps } else { 0 };
        let near = rng.i64(-2..=2) - if rng.bool() { i64::from(access.width) } else { 0 };
        match rng.u8(0..8) {
            0 => anywhere(rng),
            1..4 => u64::from(rng.u32(..0x8000)) + 0x8000,
            _ => memory.index().wrap((edge + near - way - i64::from(access.distance)) as u64),
        }
    }

    /// A loop of more than 2^32 iterations that reads a byte here and there, and its arguments. The bytes it
    /// would advance in all are, modulo 2^64, few: a check that computes them and does not look at the
    /// number of iterations takes it for harmless. In [`Memory::AlmostFull`] it wraps once, then traps.
    pub fn longer_than_the_address_space(memory: Memory) -> (Self, Arguments) {
        let stride = if memory == Memory::AlmostFull { 3 << 16 } else { 3 << 14 };
        let read = Access { pointer: 0, kind: Kind::Load, width: 1, distance: 0, offset: 0 };
        let guest_loop = Self {
            counter: Counter::Wide,
            strides: [stride, 1],
            copies: 1,
            is_hoisted: false,
            accesses: vec![read],
            repeats: 1,
            shift: 0,
            is_ordered: true,
        };
        let count = u64::MAX / stride as u64 + 2;
        (guest_loop, Arguments { index: memory.index(), starts: [1 << 16, 0], count })
    }

    /// Two copies of which the second loads, before anything is stored, a part of what the first stores. That part
    /// is not all of it, so that no later load can be had from an earlier store.
    pub fn overlapping_copies() -> Self {
        let access = |kind, distance| Access { pointer: 0, kind, width: 4, distance, offset: 0 };
        Self {
            counter: Counter::NotEqual { by: 1 },
            strides: [4, 4],
            copies: 2,
            is_hoisted: true,
            accesses: vec![access(Kind::Load, 0), access(Kind::Store, 6)],
            repeats: 1,
            shift: 0,
            is_ordered: false,
        }
    }

    /// Calls `visit` with the first byte and the width of every access, until it answers false. Addresses
    /// are as the specification says: the index wraps, the offset does not.
    pub fn touched(&self, arguments: &Arguments, mut visit: impl FnMut(u64, u32) -> bool) {
        for repeat in 0..self.repeats {
            for iteration in 0..self.iterations(arguments.count) {
                for copy in 0..self.copies {
                    for access in &self.accesses {
                        let steps = iteration.wrapping_mul(self.copies.into()).wrapping_add(copy.into());
                        let index = arguments.starts[access.pointer]
                            .wrapping_add((self.shift as u64).wrapping_mul(repeat.into()))
                            .wrapping_add((self.strides[access.pointer] as u64).wrapping_mul(steps))
                            .wrapping_add(access.distance as u64);
                        // No memory reaches to where the sum would end.
                        let address = arguments.index.wrap(index).saturating_add(access.offset.into());
                        if !visit(address, access.width) {
                            return;
                        }
                    }
                }
            }
        }
    }
}

fn draw_counter(rng: &mut Rng) -> Counter {
    let by = *pick(rng, &[1, 2, 4, 8, 24]);
    let power = *pick(rng, &[2, 4, 8]);
    let counters = [
        Counter::NotEqual { by },
        Counter::Below,
        Counter::ToZero { by },
        Counter::Wide,
        Counter::Pointer,
        Counter::Reaching { by: power },
    ];
    *pick(rng, &counters)
}

impl Access {
    fn draw(rng: &mut Rng, strides: &[i32; 2]) -> Self {
        let pointer = rng.usize(..2);
        let stride = strides[pointer];
        let far = rng.i32(-100_000..100_000);
        Self {
            pointer,
            kind: *pick(rng, &[Kind::Load, Kind::Load, Kind::Store]),
            width: *pick(rng, &[1, 2, 4, 4, 8, 8]),
            distance: *pick(rng, &[0, 0, 0, 1, 8, -8, 4, stride, stride.wrapping_neg(), 2400, far]),
            offset: match rng.u8(..) {
                0..8 => *pick(rng, &[0x1_0000, 0x8000_0000, u32::MAX]),
                8..80 => *pick(rng, &[8, 16, 1024]),
                80.. => 0,
            },
        }
    }
}

fn pick<'a, T>(rng: &mut Rng, from: &'a [T]) -> &'a T {
    &from[rng.usize(..from.len())]
}
