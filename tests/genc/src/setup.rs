//! How a program is compiled: by the guest's compiler to Wasm, then by ours.
//!
//! The rule: one number chooses all of it, so a failure can be had again.

use fastrand::Rng;

/// Options of ours. The first two take part always, of the others each program takes some.
pub const SETUPS: [&[&str]; 9] = [
    &["-O2"],
    &["-O0"],
    &["-O3"],
    &["-O2", "-mcpu=native"],
    &["-O3", "--bounds-checks=software"],
    &["-Os"],
    &["-O1"],
    &["-O3", "-mcpu=native"],
    &["-O2", "--bounds-checks=software"],
];

/// Setups of one program.
pub fn setups(program: u64, count: usize) -> Vec<&'static [&'static str]> {
    let mut chosen = vec![SETUPS[0]];
    let others = SETUPS.len() - 1;
    let first = program as usize * (count - 1);
    chosen.extend((0..count - 1).map(|index| SETUPS[1 + (first + index) % others]));
    chosen
}

/// Options of clang for the guest.
#[derive(Clone, Debug)]
pub struct Guest {
    /// As on its command line.
    pub options: Vec<&'static str>,
}

impl Guest {
    /// Chooses by `seed`.
    pub fn choose(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed ^ 0x5eed);
        let mut options = vec![["-O1", "-O2", "-O2", "-O3", "-O3", "-Os"][rng.usize(0..6)]];
        if rng.u32(0..3) == 0 {
            options.push("-msimd128");
        }
        if rng.u32(0..3) == 0 {
            options.push("-mwide-arithmetic");
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
