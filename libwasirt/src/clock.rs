//! `clock_res_get`, `clock_time_get`: the four clocks of preview 1.
//!
//! Rule: where the times come from says `time.rs`; nothing else here asks the host for one.

use crate::context::Context;
use crate::errno::Errno;
use crate::guest::GuestMemory;
use crate::time::Clock;
use crate::types::GuestPtr;

/// witx `clock_res_get(id: clockid) -> resolution: timestamp`.
///
/// Writes the resolution in nanoseconds. `INVAL`: no such clock. `FAULT`: `resolution` is out of bounds.
pub fn clock_res_get(
    context: &Context,
    memory: GuestMemory<'_>,
    id: u32,
    resolution: GuestPtr,
) -> Result<(), Errno> {
    let clock = Clock::from_number(id)?;
    memory.write_u64(resolution, context.clocks.resolution(clock)?)
}

/// witx `clock_time_get(id: clockid, precision: timestamp) -> time: timestamp`.
///
/// Writes the time in nanoseconds: since 1970 for the realtime clock, since some fixed moment for the
/// monotonic one, used by the process or thread for the other two. `precision` changes nothing.
/// `INVAL`: no such clock. `FAULT`: `time` is out of bounds. `OVERFLOW`: the time does not fit.
pub fn clock_time_get(
    context: &Context,
    memory: GuestMemory<'_>,
    id: u32,
    _precision: u64,
    time: GuestPtr,
) -> Result<(), Errno> {
    let clock = Clock::from_number(id)?;
    memory.write_u64(time, context.clocks.now(clock)?)
}
