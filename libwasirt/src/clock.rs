//! `clock_res_get`, `clock_time_get`: the four clocks of preview 1.
//!
//! All times are nanoseconds in a `u64`; a time that does not fit (year 2554) is `OVERFLOW`.

use rustix::time::{ClockId, Timespec, clock_getres, clock_gettime};

use crate::context::Context;
use crate::errno::Errno;
use crate::guest::GuestMemory;
use crate::types::GuestPtr;

/// Nanoseconds in a second.
pub(crate) const NANOSECONDS: u64 = 1_000_000_000;

/// witx `clock_res_get(id: clockid) -> resolution: timestamp`.
///
/// Writes the resolution in nanoseconds. `INVAL`: no such clock. `FAULT`: `resolution` is out of bounds.
pub fn clock_res_get(
    _context: &mut Context,
    mut memory: GuestMemory<'_>,
    id: u32,
    resolution: GuestPtr,
) -> Result<(), Errno> {
    let clock = clock_from_number(id)?;
    memory.write_u64(resolution, nanoseconds(clock_getres(clock))?)
}

/// witx `clock_time_get(id: clockid, precision: timestamp) -> time: timestamp`.
///
/// Writes the time in nanoseconds: since 1970 for the realtime clock, since some fixed moment for the
/// monotonic one, used by the process or thread for the other two. `precision` changes nothing.
/// `INVAL`: no such clock. `FAULT`: `time` is out of bounds. `OVERFLOW`: the time does not fit.
pub fn clock_time_get(
    _context: &mut Context,
    mut memory: GuestMemory<'_>,
    id: u32,
    _precision: u64,
    time: GuestPtr,
) -> Result<(), Errno> {
    let clock = clock_from_number(id)?;
    memory.write_u64(time, nanoseconds(clock_gettime(clock))?)
}

/// The host's clock for a witx `clockid`.
pub(crate) fn clock_from_number(id: u32) -> Result<ClockId, Errno> {
    match id {
        0 => Ok(ClockId::Realtime),
        1 => Ok(ClockId::Monotonic),
        2 => Ok(ClockId::ProcessCPUTime),
        3 => Ok(ClockId::ThreadCPUTime),
        _ => Err(Errno::Inval),
    }
}

/// Nanoseconds of a host time; `OVERFLOW` before 1970 and after 2554.
pub(crate) fn nanoseconds(time: Timespec) -> Result<u64, Errno> {
    let seconds = u64::try_from(time.tv_sec).map_err(|_| Errno::Overflow)?;
    let fraction = u64::try_from(time.tv_nsec).map_err(|_| Errno::Overflow)?;
    seconds.checked_mul(NANOSECONDS).and_then(|whole| whole.checked_add(fraction)).ok_or(Errno::Overflow)
}

/// The host time of so many nanoseconds.
pub(crate) fn timespec(nanoseconds: u64) -> Timespec {
    // Both quotients fit: u64::MAX nanoseconds are fewer than 2^35 seconds.
    Timespec { tv_sec: (nanoseconds / NANOSECONDS) as _, tv_nsec: (nanoseconds % NANOSECONDS) as _ }
}
