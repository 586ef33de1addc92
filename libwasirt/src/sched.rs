//! `sched_yield`.

use crate::context::Context;
use crate::errno::Errno;
use crate::guest::GuestMemory;

/// witx `sched_yield()`. Lets other threads of the host run; cannot fail.
pub fn sched_yield(_context: &Context, _memory: GuestMemory<'_>) -> Result<(), Errno> {
    rustix::thread::sched_yield();
    Ok(())
}
