//! Groups: instances that may refer to each other live and die together.
//!
//! The rule: a reference can travel through a shared table or global, so whoever is linked once is
//! linked for good; a group is freed when the host has dropped every instance of it and no call is under
//! way. Instances whose instantiation failed stay members (what they wrote into shared tables stays
//! callable), but are not counted, since the host never had them.

use alloc::boxed::Box;
use alloc::vec::Vec;

use w2n_abi::HostInstance;

use crate::instance::{self, owner};
use crate::lock::Lock;

/// Instances that are linked, directly or not.
pub struct Group {
    members: Vec<*mut HostInstance>,
    /// Members that the host holds.
    held: usize,
    /// Calls and instantiations that are under way. Only the thread that uses the group changes it.
    calls: usize,
}

/// Held while any group changes.
static CHANGING: Lock<()> = Lock::new(());

impl Group {
    /// A group of one instance whose instantiation is under way: [`end_call`] ends it.
    pub fn new(instance: *mut HostInstance) -> *mut Self {
        Box::into_raw(Box::new(Self { members: Vec::from([instance]), held: 0, calls: 1 }))
    }
}

/// Makes one group of the two that the instances are in.
///
/// # Safety
/// Both instances are alive.
pub unsafe fn link(left: *mut HostInstance, right: *mut HostInstance) {
    let _changing = CHANGING.lock();
    // SAFETY: live instances have owners, owners have groups, and the lock is held.
    unsafe {
        let (mut into, mut from) = ((*owner(left)).group, (*owner(right)).group);
        if into == from {
            return;
        }
        if (*into).members.len() < (*from).members.len() {
            (into, from) = (from, into);
        }
        let from = Box::from_raw(from);
        (*into).held += from.held;
        (*into).calls += from.calls;
        for member in from.members {
            (*owner(member)).group = into;
            (*into).members.push(member);
        }
    }
}

/// The host now holds the instance.
///
/// # Safety
/// The instance is alive.
pub unsafe fn hold(instance: *mut HostInstance) {
    let _changing = CHANGING.lock();
    // SAFETY: as in `link`.
    unsafe {
        (*owner(instance)).is_held = true;
        (*(*owner(instance)).group).held += 1;
    }
}

/// The host gives the instance up. Giving it up twice, while others of the group are held, changes nothing.
///
/// # Safety
/// The host held the instance.
pub unsafe fn release(instance: *mut HostInstance) {
    let changing = CHANGING.lock();
    // SAFETY: as in `link`.
    unsafe {
        let group = (*owner(instance)).group;
        let was_held = core::mem::take(&mut (*owner(instance)).is_held);
        (*group).held -= usize::from(was_held);
        drop(changing);
        free_unused(group);
    }
}

/// A call into the instance begins: until [`end_call`] the group stays, whatever host functions give up.
///
/// # Safety
/// The instance is alive, and used by the calling thread alone.
pub unsafe fn begin_call(instance: *mut HostInstance) {
    // SAFETY: live instances have owners, owners have groups.
    unsafe { (*(*owner(instance)).group).calls += 1 };
}

/// Whether a call into the group of the instance is under way.
///
/// # Safety
/// As for [`begin_call`].
pub unsafe fn is_in_call(instance: *mut HostInstance) -> bool {
    // SAFETY: live instances have owners, owners have groups.
    unsafe { (*(*owner(instance)).group).calls > 0 }
}

/// The call has ended. The instance may be gone afterwards.
///
/// # Safety
/// [`begin_call`] began it.
pub unsafe fn end_call(instance: *mut HostInstance) {
    // SAFETY: the call kept the instance alive; its group may be another one now.
    unsafe {
        let group = (*owner(instance)).group;
        (*group).calls -= 1;
        free_unused(group);
    }
}

/// Frees a group that the host holds nothing of and that no call is in.
unsafe fn free_unused(group: *mut Group) {
    // SAFETY: the caller vouches for the group.
    unsafe {
        if (*group).held > 0 || (*group).calls > 0 {
            return;
        }
        // Nobody can reach the members any more.
        for member in Box::from_raw(group).members {
            instance::free(member);
        }
    }
}
