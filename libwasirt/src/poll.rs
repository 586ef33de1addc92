//! `poll_oneoff`: waits for clocks and descriptors.
//!
//! Rule: the subscriptions are read twice, once to check all of them and to find out what to wait for, and
//! once more to report. So what is allocated depends on the open descriptors, never on the guest's count.

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::ioctl_fionread;
use rustix::time::{ClockId, clock_gettime};

use crate::clock::{clock_from_number, nanoseconds, timespec};
use crate::context::Context;
use crate::errno::Errno;
use crate::fd_table::FdTable;
use crate::guest::GuestMemory;
use crate::types::{EVENT_SIZE_BYTES, Fd, GuestPtr, Rights};

/// witx `poll_oneoff(in: ptr<subscription>, out: ptr<event>, nsubscriptions: size) -> nevents: size`.
///
/// Waits until at least one subscription has something to report; writes one event for each that has to
/// `out`, in the order of the subscriptions, and their number to `nevents`. A descriptor that is not open,
/// or lacks the right, reports `BADF` or `NOTCAPABLE` in its event, at once. `INVAL`: no subscription, an
/// unknown kind, clock or flag. `NOTSUP`: a CPU time clock. `FAULT`: a pointer is out of bounds. Nothing
/// is waited for when the call fails.
pub fn poll_oneoff(
    context: &mut Context,
    memory: GuestMemory<'_>,
    subscriptions: GuestPtr,
    events: GuestPtr,
    count: u32,
    nevents: GuestPtr,
) -> Result<(), Errno> {
    const LAYOUT: SubscriptionLayout = SubscriptionLayout { size_bytes: 48, clock_offset: 16 };
    poll_subscriptions(context, memory, LAYOUT, subscriptions, events, count, nevents)
}

/// Where things are in a `subscription`.
#[derive(Clone, Copy)]
pub(crate) struct SubscriptionLayout {
    pub size_bytes: u32,
    /// Of a clock's id; its timeout, precision and flags follow, 8 bytes each.
    pub clock_offset: usize,
}

/// [`poll_oneoff`] on subscriptions that are laid out in some way.
pub(crate) fn poll_subscriptions(
    context: &mut Context,
    mut memory: GuestMemory<'_>,
    layout: SubscriptionLayout,
    subscriptions: GuestPtr,
    events: GuestPtr,
    count: u32,
    nevents: GuestPtr,
) -> Result<(), Errno> {
    if count == 0 {
        return Err(Errno::Inval);
    }
    memory.check_wide(subscriptions, u64::from(count) * u64::from(layout.size_bytes))?;
    memory.check_wide(events, u64::from(count) * u64::from(EVENT_SIZE_BYTES))?;
    memory.check(nevents, 4)?;
    let list = SubscriptionList { start: subscriptions, count, layout };
    let start = Now::read()?;
    let mut wait = Wait::new(&context.fds);
    for index in 0..count {
        wait.add(&context.fds, &list.get(&memory, index)?, start)?;
    }
    let now = wait.run(&context.fds, start)?;
    let mut written = 0;
    for index in 0..count {
        // The events may overlap what is still to be read. Then the guest gets what it asked for.
        let Ok(subscription) = list.get(&memory, index) else { continue };
        if let Some(event) = wait.event(&context.fds, &subscription, start, now) {
            memory.write(GuestPtr(events.0 + written * EVENT_SIZE_BYTES), &event.bytes())?;
            written += 1;
        }
    }
    memory.write_u32(nevents, written)
}

/// The two clocks that can be waited for, in nanoseconds.
#[derive(Clone, Copy)]
struct Now {
    realtime: u64,
    monotonic: u64,
}

impl Now {
    fn read() -> Result<Self, Errno> {
        Ok(Self {
            realtime: nanoseconds(clock_gettime(ClockId::Realtime))?,
            monotonic: nanoseconds(clock_gettime(ClockId::Monotonic))?,
        })
    }

    fn of(self, clock: ClockId) -> u64 {
        if clock == ClockId::Realtime { self.realtime } else { self.monotonic }
    }
}

/// A witx `subscription`.
struct Subscription {
    userdata: u64,
    kind: Kind,
}

enum Kind {
    Clock { clock: ClockId, timeout: Timeout },
    Read(Fd),
    Write(Fd),
}

/// When a clock is due, in nanoseconds.
#[derive(Clone, Copy)]
enum Timeout {
    /// From the call on.
    After(u64),
    /// A time of the clock.
    At(u64),
}

struct SubscriptionList {
    start: GuestPtr,
    count: u32,
    layout: SubscriptionLayout,
}

impl SubscriptionList {
    /// Reads one: userdata at 0, tag at 8, then the clock's fields where the layout has them, or at 16 the
    /// descriptor.
    fn get(&self, memory: &GuestMemory<'_>, index: u32) -> Result<Subscription, Errno> {
        debug_assert!(index < self.count);
        let SubscriptionLayout { size_bytes, clock_offset } = self.layout;
        let bytes = memory.bytes(GuestPtr(self.start.0 + index * size_bytes), size_bytes)?;
        let word = |at: usize| {
            let mut word = [0; 8];
            word.copy_from_slice(&bytes[at..at + 8]);
            u64::from_le_bytes(word)
        };
        let fd = Fd(word(16) as u32);
        let kind = match bytes[8] {
            0 => {
                clock_kind(word(clock_offset) as u32, word(clock_offset + 8), word(clock_offset + 24) as u16)?
            }
            1 => Kind::Read(fd),
            2 => Kind::Write(fd),
            _ => return Err(Errno::Inval),
        };
        Ok(Subscription { userdata: word(0), kind })
    }
}

fn clock_kind(id: u32, timeout: u64, flags: u16) -> Result<Kind, Errno> {
    const ABSTIME: u16 = 1;
    let clock = clock_from_number(id)?;
    if !matches!(clock, ClockId::Realtime | ClockId::Monotonic) {
        return Err(Errno::NotSup);
    }
    match flags {
        0 => Ok(Kind::Clock { clock, timeout: Timeout::After(timeout) }),
        ABSTIME => Ok(Kind::Clock { clock, timeout: Timeout::At(timeout) }),
        _ => Err(Errno::Inval),
    }
}

/// When a clock's subscription is due, on its own clock.
fn deadline(clock: ClockId, timeout: Timeout, start: Now) -> u64 {
    match timeout {
        Timeout::After(nanoseconds) => start.of(clock).saturating_add(nanoseconds),
        Timeout::At(nanoseconds) => nanoseconds,
    }
}

/// What all subscriptions together wait for.
struct Wait {
    /// What is asked of each descriptor, by its number; afterwards, what the host answered.
    interest: Vec<PollFlags>,
    answers: Vec<PollFlags>,
    /// Earliest times on the two clocks.
    realtime: Option<u64>,
    monotonic: Option<u64>,
    /// An event is there already, so nothing is waited for.
    immediate: bool,
}

impl Wait {
    fn new(fds: &FdTable) -> Self {
        Self {
            interest: vec![PollFlags::empty(); fds.len()],
            answers: vec![PollFlags::empty(); fds.len()],
            realtime: None,
            monotonic: None,
            immediate: false,
        }
    }

    fn add(&mut self, fds: &FdTable, subscription: &Subscription, start: Now) -> Result<(), Errno> {
        let (fd, flags) = match subscription.kind {
            Kind::Clock { clock, timeout } => {
                let due = deadline(clock, timeout, start);
                let earliest =
                    if clock == ClockId::Realtime { &mut self.realtime } else { &mut self.monotonic };
                *earliest = Some(earliest.map_or(due, |other| other.min(due)));
                return Ok(());
            }
            Kind::Read(fd) => (fd, PollFlags::IN),
            Kind::Write(fd) => (fd, PollFlags::OUT),
        };
        match (check_descriptor(fds, fd), self.interest.get_mut(fd.0 as usize)) {
            (Ok(()), Some(interest)) if !is_embedded(fds, fd) => *interest |= flags,
            // An error, or what is in memory: both are there at once.
            _ => self.immediate = true,
        }
        Ok(())
    }

    /// Waits until a descriptor is ready or a clock is due; answers the time then.
    fn run(&mut self, fds: &FdTable, start: Now) -> Result<Now, Errno> {
        let mut now = start;
        loop {
            let left = if self.immediate { Some(0) } else { self.time_left(now) };
            let ready = self.poll_once(fds, left)?;
            now = Now::read()?;
            if ready || self.immediate || self.time_left(now) == Some(0) {
                return Ok(now);
            }
        }
    }

    /// Nanoseconds until the first clock is due.
    fn time_left(&self, now: Now) -> Option<u64> {
        let realtime = self.realtime.map(|due| due.saturating_sub(now.realtime));
        let monotonic = self.monotonic.map(|due| due.saturating_sub(now.monotonic));
        realtime.into_iter().chain(monotonic).min()
    }

    fn poll_once(&mut self, fds: &FdTable, time_left: Option<u64>) -> Result<bool, Errno> {
        let mut numbers = Vec::new();
        let mut host_fds = Vec::new();
        for (number, interest) in self.interest.iter().enumerate() {
            let descriptor = fds.get(Fd(number as u32)).ok().filter(|_| !interest.is_empty());
            if let Some(file) = descriptor.and_then(|descriptor| descriptor.host().ok()) {
                numbers.push(number);
                host_fds.push(PollFd::from_borrowed_fd(file, *interest));
            }
        }
        match poll(&mut host_fds, time_left.map(timespec).as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let mut is_ready = false;
        for (number, host_fd) in numbers.into_iter().zip(&host_fds) {
            self.answers[number] = host_fd.revents();
            is_ready |= !host_fd.revents().is_empty();
        }
        Ok(is_ready)
    }

    /// What there is to report for a subscription.
    fn event(&self, fds: &FdTable, subscription: &Subscription, start: Now, now: Now) -> Option<Event> {
        let event = |kind: u8, error: Option<Errno>| Event {
            userdata: subscription.userdata,
            error,
            kind,
            nbytes: 0,
            hangup: false,
        };
        let (fd, kind, flag) = match subscription.kind {
            Kind::Clock { clock, timeout } => {
                let is_due = deadline(clock, timeout, start) <= now.of(clock);
                return is_due.then(|| event(0, None));
            }
            Kind::Read(fd) => (fd, 1, PollFlags::IN),
            Kind::Write(fd) => (fd, 2, PollFlags::OUT),
        };
        if let Err(error) = check_descriptor(fds, fd) {
            return Some(event(kind, Some(error)));
        }
        let answer = if is_embedded(fds, fd) { flag } else { *self.answers.get(fd.0 as usize)? };
        // An error or a hangup makes both directions ready: the next call will not wait.
        let is_hangup = answer.contains(PollFlags::HUP);
        if !answer.intersects(flag | PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL) {
            return None;
        }
        let nbytes = if kind == 1 { readable_bytes(fds, fd) } else { 0 };
        Some(Event { nbytes, hangup: is_hangup, ..event(kind, None) })
    }
}

fn check_descriptor(fds: &FdTable, fd: Fd) -> Result<(), Errno> {
    fds.file(fd, Rights::POLL_FD_READWRITE).map(drop)
}

/// Bytes that can be read without waiting, 0 where the host does not know.
fn readable_bytes(fds: &FdTable, fd: Fd) -> u64 {
    let Ok(descriptor) = fds.get(fd) else { return 0 };
    match descriptor.embedded() {
        Some(file) => file.left(),
        None => descriptor.host().ok().and_then(|file| ioctl_fionread(file).ok()).unwrap_or(0),
    }
}

fn is_embedded(fds: &FdTable, fd: Fd) -> bool {
    fds.get(fd).is_ok_and(|descriptor| descriptor.embedded().is_some())
}

/// A witx `event`.
struct Event {
    userdata: u64,
    error: Option<Errno>,
    kind: u8,
    nbytes: u64,
    hangup: bool,
}

impl Event {
    fn bytes(&self) -> [u8; EVENT_SIZE_BYTES as usize] {
        const HANGUP: u16 = 1;
        let mut bytes = [0; EVENT_SIZE_BYTES as usize];
        bytes[0..8].copy_from_slice(&self.userdata.to_le_bytes());
        bytes[8..10].copy_from_slice(&self.error.map_or(0, |error| error as u16).to_le_bytes());
        bytes[10] = self.kind;
        bytes[16..24].copy_from_slice(&self.nbytes.to_le_bytes());
        bytes[24..26].copy_from_slice(&(if self.hangup { HANGUP } else { 0 }).to_le_bytes());
        bytes
    }
}
