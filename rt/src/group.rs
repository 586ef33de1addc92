//! Groups: instances that may refer to each other live and die together.
//!
//! The rule: a reference can travel through a shared table or global, so whoever is linked once is
//! linked for good; a group is freed when the host has dropped every instance of it. Instances whose
//! instantiation failed stay members (what they wrote into shared tables stays callable), but are not
//! counted, since the host never had them.

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
}

/// Held while any group changes.
static CHANGING: Lock<()> = Lock::new(());

impl Group {
    /// A group of one instance that the host does not hold yet.
    pub fn new(instance: *mut HostInstance) -> *mut Self {
        Box::into_raw(Box::new(Self { members: Vec::from([instance]), held: 0 }))
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

/// The host gives the instance up; frees the group if it held no other. Giving it up twice, while
/// others of the group are held, changes nothing.
///
/// # Safety
/// The host held the instance, or (instantiation failed) never will.
pub unsafe fn release(instance: *mut HostInstance) {
    let changing = CHANGING.lock();
    // SAFETY: as in `link`.
    let group = unsafe { (*owner(instance)).group };
    // SAFETY: as in `link`.
    unsafe {
        let was_held = core::mem::take(&mut (*owner(instance)).is_held);
        (*group).held -= usize::from(was_held);
        if (*group).held > 0 {
            return;
        }
    }
    drop(changing);
    // SAFETY: the host holds no member, so nobody can reach the group any more.
    for member in unsafe { Box::from_raw(group) }.members {
        // SAFETY: members are alive until their group ends.
        unsafe { instance::free(member) };
    }
}
