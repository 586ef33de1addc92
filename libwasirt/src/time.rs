//! The clocks of a guest: the host's, or what the host's program gives in their place.
//!
//! All times are nanoseconds in a `u64`; a time that does not fit (year 2554) is `OVERFLOW`.

use core::fmt;

use rustix::time::{ClockId, Timespec, clock_getres};

use crate::errno::Errno;

/// Nanoseconds in a second.
pub(crate) const NANOSECONDS: u64 = 1_000_000_000;

/// witx `clockid`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// Since 1970.
    Realtime = 0,
    /// Since some fixed moment.
    Monotonic = 1,
    /// Used by the process.
    ProcessCpuTime = 2,
    /// Used by the thread.
    ThreadCpuTime = 3,
}

impl Clock {
    /// The clock of this number; `INVAL` if there is none.
    pub fn from_number(id: u32) -> Result<Self, Errno> {
        match id {
            0 => Ok(Self::Realtime),
            1 => Ok(Self::Monotonic),
            2 => Ok(Self::ProcessCpuTime),
            3 => Ok(Self::ThreadCpuTime),
            _ => Err(Errno::Inval),
        }
    }

    /// The number of this clock.
    pub fn number(self) -> u32 {
        self as u32
    }

    /// Whether it can be waited for.
    pub fn passes_by_itself(self) -> bool {
        matches!(self, Self::Realtime | Self::Monotonic)
    }

    fn host(self) -> ClockId {
        match self {
            Self::Realtime => ClockId::Realtime,
            Self::Monotonic => ClockId::Monotonic,
            Self::ProcessCpuTime => ClockId::ProcessCPUTime,
            Self::ThreadCpuTime => ClockId::ThreadCPUTime,
        }
    }
}

/// Answers the time of a clock. It may be called by several threads at a time.
pub type ClockCallback = dyn Fn(Clock) -> u64 + Send + Sync;

/// Where a guest's times come from. What is waited for is the host's time in any case: of a clock that was
/// given, only the distance to what it says when a wait begins counts.
#[derive(Default)]
pub enum Clocks {
    /// The host's clocks.
    #[default]
    Host,
    /// They stand still: for tests. No time is used by process or thread.
    Fixed {
        /// Of the realtime clock.
        realtime: u64,
        /// Of the monotonic clock.
        monotonic: u64,
    },
    /// Whatever a function of the host's program says.
    Callback(Box<ClockCallback>),
}

impl fmt::Debug for Clocks {
    fn fmt(&self, output: &mut fmt::Formatter<'_>) -> fmt::Result {
        output.write_str(match self {
            Self::Host => "Host",
            Self::Fixed { .. } => "Fixed",
            Self::Callback(_) => "Callback",
        })
    }
}

impl Clocks {
    /// The time of a clock.
    pub fn now(&self, clock: Clock) -> Result<u64, Errno> {
        match (self, clock) {
            (Self::Host, _) => nanoseconds(host_time(clock.host())),
            (Self::Fixed { realtime, .. }, Clock::Realtime) => Ok(*realtime),
            (Self::Fixed { monotonic, .. }, Clock::Monotonic) => Ok(*monotonic),
            (Self::Fixed { .. }, _) => Ok(0),
            (Self::Callback(now), _) => Ok(now(clock)),
        }
    }

    /// Nanoseconds between two times of a clock that it tells apart; 1 for clocks that were given.
    pub fn resolution(&self, clock: Clock) -> Result<u64, Errno> {
        match self {
            Self::Host => nanoseconds(clock_getres(clock.host())),
            Self::Fixed { .. } | Self::Callback(_) => Ok(1),
        }
    }
}

/// What the host's clock says. The C library is asked, since rustix looks for the kernel's function by
/// `dlsym`, which programs would then need in the version of glibc that they were linked with.
fn host_time(clock: ClockId) -> Timespec {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the place is written to; the numbers of clocks are the kernel's, and these four cannot fail.
    unsafe { libc::clock_gettime(clock as libc::clockid_t, &raw mut time) };
    Timespec { tv_sec: time.tv_sec, tv_nsec: time.tv_nsec }
}

/// The two clocks that can be waited for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Now {
    realtime: u64,
    monotonic: u64,
}

impl Now {
    fn read(clocks: &Clocks) -> Result<Self, Errno> {
        Ok(Self { realtime: clocks.now(Clock::Realtime)?, monotonic: clocks.now(Clock::Monotonic)? })
    }

    /// The time of the clock, which is one of the two.
    pub(crate) fn of(self, clock: Clock) -> u64 {
        if clock == Clock::Realtime { self.realtime } else { self.monotonic }
    }
}

/// A wait: what the guest's clocks said when it began, and how time goes on from there.
pub(crate) struct Waiting<'clocks> {
    clocks: &'clocks Clocks,
    pub(crate) start: Now,
    /// The host's time at the start.
    host_start: u64,
}

impl<'clocks> Waiting<'clocks> {
    pub(crate) fn begin(clocks: &'clocks Clocks) -> Result<Self, Errno> {
        let start = Now::read(clocks)?;
        let host_start = match clocks {
            Clocks::Host => start.monotonic,
            _ => Clocks::Host.now(Clock::Monotonic)?,
        };
        Ok(Self { clocks, start, host_start })
    }

    /// The time now.
    pub(crate) fn now(&self) -> Result<Now, Errno> {
        if let Clocks::Host = self.clocks {
            return Now::read(self.clocks);
        }
        let passed = Clocks::Host.now(Clock::Monotonic)?.saturating_sub(self.host_start);
        Ok(Now {
            realtime: self.start.realtime.saturating_add(passed),
            monotonic: self.start.monotonic.saturating_add(passed),
        })
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
