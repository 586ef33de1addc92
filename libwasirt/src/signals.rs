//! The signals that writing raises: SIGPIPE where nobody reads, SIGXFSZ past the limit of file sizes.
//!
//! Rule: a guest has no signals and is told by an errno. An executable ignores both; in a plugin their
//! dispositions are the host's, so that they are held back for the call and taken away if it raised them.

use core::ptr::null_mut;

/// Who takes care of the signals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Signals {
    /// The process ignores them.
    #[default]
    Ignored,
    /// The process is a host's, which may do with them what it likes.
    OfHost,
}

impl Signals {
    /// Holds them back, if need be, until the guard is dropped.
    pub(crate) fn hold(self) -> Option<Held> {
        (self == Self::OfHost).then(Held::new)
    }
}

/// Signals of this thread that are held back.
pub(crate) struct Held {
    mask_before: libc::sigset_t,
    /// Those that were not waiting before: what waits now was raised since.
    watched: libc::sigset_t,
}

impl Held {
    fn new() -> Self {
        // SAFETY: sets are plain numbers, written before they are read; the mask is this thread's.
        unsafe {
            let mut held = Self { mask_before: core::mem::zeroed(), watched: core::mem::zeroed() };
            let mut both: libc::sigset_t = core::mem::zeroed();
            let mut waiting: libc::sigset_t = core::mem::zeroed();
            libc::sigemptyset(&mut both);
            libc::sigemptyset(&mut held.watched);
            libc::sigpending(&mut waiting);
            for signal in [libc::SIGPIPE, libc::SIGXFSZ] {
                libc::sigaddset(&mut both, signal);
                if libc::sigismember(&waiting, signal) == 0 {
                    libc::sigaddset(&mut held.watched, signal);
                }
            }
            libc::pthread_sigmask(libc::SIG_BLOCK, &both, &mut held.mask_before);
            held
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let at_once = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: the sets were written by `new`; errno, which the caller has read, may change.
        unsafe {
            while libc::sigtimedwait(&self.watched, null_mut(), &at_once) > 0 {}
            libc::pthread_sigmask(libc::SIG_SETMASK, &self.mask_before, null_mut());
        }
    }
}
