//! How a program is compiled: by the guest's compiler to Wasm, then by ours.
//!
//! The rule: one number chooses all of it, so a failure can be had again.

use fastrand::Rng;

/// What every program is compiled with.
const ALWAYS: [&[&str]; 2] = [&["-O2"], &["-O0"]];

/// What is used in turns.
const IN_TURN: [&[&str]; 7] = [
    &["-O3"],
    &["-O2", "-mcpu=native"],
    &["-O3", "--bounds-checks=software"],
    &["-Os"],
    &["-O1"],
    &["-O3", "-mcpu=native"],
    &["-O2", "--bounds-checks=software"],
];

/// Setups of ours for one program.
pub fn setups(seed: u64) -> Vec<&'static [&'static str]> {
    let turn = (seed % IN_TURN.len() as u64) as usize;
    ALWAYS.into_iter().chain([IN_TURN[turn]]).collect()
}

/// Options of clang for the guest.
#[derive(Clone, Debug)]
pub struct Guest {
    /// As on its command line.
    pub options: Vec<&'static str>,
}

/// clang's option for operators on 128 bits.
const WIDE_ARITHMETIC: &str = "-mwide-arithmetic";

impl Guest {
    /// Whether it has operators on 128 bits.
    pub fn has_wide_arithmetic(&self) -> bool {
        self.options.contains(&WIDE_ARITHMETIC)
    }

    /// Chooses by `seed`.
    pub fn choose(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed ^ 0x5eed);
        let mut options = vec![["-O1", "-O2", "-O2", "-O3", "-O3", "-Os"][rng.usize(0..6)]];
        if rng.u32(0..3) == 0 {
            options.push("-msimd128");
        }
        if rng.bool() {
            options.push(WIDE_ARITHMETIC);
        }
        let unrolling: &[&'static str] = match rng.u32(0..10) {
            0..=3 => &[],
            4..=5 => &["-fno-unroll-loops"],
            6 => &["-mllvm", "-unroll-count=2", "-mllvm", "-unroll-runtime"],
            7 => &["-mllvm", "-unroll-count=3", "-mllvm", "-unroll-runtime"],
            8 => &["-mllvm", "-unroll-count=4", "-mllvm", "-unroll-runtime"],
            _ => &["-mllvm", "-unroll-count=5"],
        };
        options.extend(unrolling);
        if unrolling.len() > 1 {
            // Else nests in nests are unrolled as well, until nothing but they takes any time.
            options.extend(["-mllvm", "-pragma-unroll-threshold=400"]);
        }
        for (option, one_of) in
            [("-fno-strict-aliasing", 6), ("-fwrapv", 8), ("-fno-vectorize", 6), ("-fno-slp-vectorize", 6)]
        {
            if rng.u32(0..one_of) == 0 {
                options.push(option);
            }
        }
        Self { options }
    }
}
