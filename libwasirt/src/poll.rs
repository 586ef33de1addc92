//! `poll_oneoff`: waits for clocks and descriptors.
//!
//! Rule: the subscriptions are read twice, once to check all of them and to find out what to wait for, and
//! once more to report. So what is allocated depends on the open descriptors, never on the guest's count.

use std::sync::Arc;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::ioctl_fionread;

use crate::context::Context;
use crate::descriptor::Descriptor;
use crate::errno::Errno;
use crate::fd_table::FdTable;
use crate::guest::GuestMemory;
use crate::time::{Clock, Now, Waiting, timespec};
use crate::types::{EVENT_SIZE_BYTES, Fd, GuestPtr, Rights};

/// witx `poll_oneoff(in: ptr<subscription>, out: ptr<event>, nsubscriptions: size) -> nevents: size`.
///
/// Waits until at least one subscription has something to report; writes one event for each that has to
/// `out`, in the order of the subscriptions, and their number to `nevents`. A descriptor that is not open,
/// or lacks the right, reports `BADF` or `NOTCAPABLE` in its event, at once. `INVAL`: no subscription, an
/// unknown kind, clock or flag. `NOTSUP`: a CPU time clock. `FAULT`: a pointer is out of bounds. Nothing
/// is waited for when the call fails.
pub fn poll_oneoff(
    context: &Context,
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
    context: &Context,
    memory: GuestMemory<'_>,
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
    let waiting = Waiting::begin(&context.clocks)?;
    let start = waiting.start;
    let mut wait = Wait::default();
    for index in 0..count {
        wait.add(&context.fds, &list.get(&memory, index)?, start);
    }
    let now = wait.run(&waiting)?;
    let mut written = 0;
    for index in 0..count {
        // The events may overlap what is still to be read. Then the guest gets what it asked for.
        let Ok(subscription) = list.get(&memory, index) else { continue };
        if let Some(event) = wait.event(&subscription, start, now) {
            memory.write(GuestPtr(events.0 + written * EVENT_SIZE_BYTES), &event.bytes())?;
            written += 1;
        }
    }
    memory.write_u32(nevents, written)
}

/// A witx `subscription`.
struct Subscription {
    userdata: u64,
    kind: Kind,
}

enum Kind {
    Clock { clock: Clock, timeout: Timeout },
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

/// Bytes of the longest `subscription` of any snapshot.
const MAX_SUBSCRIPTION_SIZE_BYTES: usize = 56;

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
        let mut bytes = [0; MAX_SUBSCRIPTION_SIZE_BYTES];
        memory.read_into(GuestPtr(self.start.0 + index * size_bytes), &mut bytes[..size_bytes as usize])?;
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
    let clock = Clock::from_number(id)?;
    if !clock.passes_by_itself() {
        return Err(Errno::NotSup);
    }
    match flags {
        0 => Ok(Kind::Clock { clock, timeout: Timeout::After(timeout) }),
        ABSTIME => Ok(Kind::Clock { clock, timeout: Timeout::At(timeout) }),
        _ => Err(Errno::Inval),
    }
}

/// When a clock's subscription is due, on its own clock.
fn deadline(clock: Clock, timeout: Timeout, start: Now) -> u64 {
    match timeout {
        Timeout::After(nanoseconds) => start.of(clock).saturating_add(nanoseconds),
        Timeout::At(nanoseconds) => nanoseconds,
    }
}

/// What all subscriptions together wait for.
#[derive(Default)]
struct Wait {
    /// The descriptors that are asked about, by their numbers. Each is held, for others may close it
    /// meanwhile.
    watched: Vec<Option<Watched>>,
    /// Earliest times on the two clocks.
    realtime: Option<u64>,
    monotonic: Option<u64>,
    /// An event is there already, so nothing is waited for.
    immediate: bool,
}

struct Watched {
    descriptor: Arc<Descriptor>,
    /// What is asked; nothing of a file that is always ready.
    interest: PollFlags,
    /// What the host answered.
    answer: PollFlags,
}

impl Wait {
    fn add(&mut self, fds: &FdTable, subscription: &Subscription, start: Now) {
        let (fd, flags) = match subscription.kind {
            Kind::Clock { clock, timeout } => {
                let due = deadline(clock, timeout, start);
                let earliest =
                    if clock == Clock::Realtime { &mut self.realtime } else { &mut self.monotonic };
                *earliest = Some(earliest.map_or(due, |other| other.min(due)));
                return;
            }
            Kind::Read(fd) => (fd, PollFlags::IN),
            Kind::Write(fd) => (fd, PollFlags::OUT),
        };
        let Some(watched) = self.watch(fds, fd).filter(|watched| watched.check().is_ok()) else {
            // An error is there at once.
            self.immediate = true;
            return;
        };
        match watched.descriptor.served() {
            Some(_) => self.immediate = true,
            None => watched.interest |= flags,
        }
    }

    /// The descriptor of this number, if it is open.
    fn watch(&mut self, fds: &FdTable, fd: Fd) -> Option<&mut Watched> {
        let index = fd.0 as usize;
        if self.watched.get(index).is_none_or(Option::is_none) {
            let descriptor = fds.get(fd).ok()?;
            // It is open, so the table is longer than its number.
            self.watched.resize_with(self.watched.len().max(index + 1), || None);
            let (interest, answer) = (PollFlags::empty(), PollFlags::empty());
            self.watched[index] = Some(Watched { descriptor, interest, answer });
        }
        self.watched.get_mut(index)?.as_mut()
    }

    /// Waits until a descriptor is ready or a clock is due; answers the time then.
    fn run(&mut self, waiting: &Waiting<'_>) -> Result<Now, Errno> {
        let mut now = waiting.start;
        loop {
            let left = if self.immediate { Some(0) } else { self.time_left(now) };
            let ready = self.poll_once(left)?;
            now = waiting.now()?;
            if ready || self.immediate || self.time_left(now) == Some(0) {
                return Ok(now);
            }
        }
    }

    /// Nanoseconds until the first clock is due.
    fn time_left(&self, now: Now) -> Option<u64> {
        let left = |due: Option<u64>, clock| due.map(|due| due.saturating_sub(now.of(clock)));
        let realtime = left(self.realtime, Clock::Realtime);
        realtime.into_iter().chain(left(self.monotonic, Clock::Monotonic)).min()
    }

    fn poll_once(&mut self, time_left: Option<u64>) -> Result<bool, Errno> {
        let asked = self.watched.iter().flatten().filter(|watched| !watched.interest.is_empty());
        // The borrowed descriptors must go before the answers are written.
        let answers: Vec<PollFlags> = {
            let host_fds = asked.map(|watched| {
                Ok::<_, Errno>(PollFd::from_borrowed_fd(watched.descriptor.host()?, watched.interest))
            });
            let mut host_fds = host_fds.collect::<Result<Vec<_>, _>>()?;
            match poll(&mut host_fds, time_left.map(timespec).as_ref()) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            host_fds.iter().map(PollFd::revents).collect()
        };
        let asked = self.watched.iter_mut().flatten().filter(|watched| !watched.interest.is_empty());
        let mut is_ready = false;
        for (watched, answer) in asked.zip(answers) {
            watched.answer = answer;
            is_ready |= !answer.is_empty();
        }
        Ok(is_ready)
    }

    /// What there is to report for a subscription.
    fn event(&self, subscription: &Subscription, start: Now, now: Now) -> Option<Event> {
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
        let watched = self.watched.get(fd.0 as usize).and_then(Option::as_ref);
        let watched = match watched.ok_or(Errno::BadF).and_then(|watched| watched.check().map(|()| watched)) {
            Ok(watched) => watched,
            Err(error) => return Some(event(kind, Some(error))),
        };
        let answer = if watched.descriptor.served().is_some() { flag } else { watched.answer };
        // An error or a hangup makes both directions ready: the next call will not wait.
        let is_hangup = answer.contains(PollFlags::HUP);
        if !answer.intersects(flag | PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL) {
            return None;
        }
        let nbytes = if kind == 1 { watched.readable_bytes() } else { 0 };
        Some(Event { nbytes, hangup: is_hangup, ..event(kind, None) })
    }
}

impl Watched {
    fn check(&self) -> Result<(), Errno> {
        self.descriptor.require_file(Rights::POLL_FD_READWRITE)
    }

    /// Bytes that can be read without waiting, 0 where the host does not know.
    fn readable_bytes(&self) -> u64 {
        match self.descriptor.served() {
            Some(served) => served.left(),
            None => self.descriptor.host().ok().and_then(|file| ioctl_fionread(file).ok()).unwrap_or(0),
        }
    }
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
