//! Groups: instances that may refer to each other live and die together.
//!
//! The rule: a reference can travel through a shared table or global, so whoever is linked once is
//! linked for good; a group is freed when the host has dropped every instance of it and no call is under
//! way. Instances whose instantiation failed stay members (what they wrote into shared tables stays
//! callable), but are not counted, since the host never had them.

use crate::handle::{Group, Instance};
use crate::lock::Lock;
use crate::shared::Shared;

/// Held while any group changes.
static CHANGING: Lock<()> = Lock::new(());

fn group_of(instance: Instance) -> Shared<Group> {
    instance.owner().with(|owner| owner.group)
}

/// Makes one group of the two that the instances are in.
pub fn link(left: Instance, right: Instance) {
    let _changing = CHANGING.lock();
    let (mut into, mut from) = (group_of(left), group_of(right));
    if into == from {
        return;
    }
    let size = |group: Shared<Group>| group.with(|group| group.members.len());
    if size(into) < size(from) {
        (into, from) = (from, into);
    }
    // SAFETY: a group is leaked when its first instance is allocated, and all that know it are its members.
    let from = unsafe { from.reclaim() };
    for member in &from.members {
        member.owner().with(|owner| owner.group = into);
    }
    into.with(|into| {
        into.held += from.held;
        into.calls += from.calls;
        into.members.extend(from.members);
    });
}

/// The host now holds the instance.
pub fn hold(instance: Instance) {
    let _changing = CHANGING.lock();
    instance.owner().with(|owner| owner.is_held = true);
    group_of(instance).with(|group| group.held += 1);
}

/// The host gives the instance up. Giving it up twice, while others of the group are held, changes nothing.
pub fn release(instance: Instance) {
    let changing = CHANGING.lock();
    let group = group_of(instance);
    let was_held = instance.owner().with(|owner| core::mem::take(&mut owner.is_held));
    group.with(|group| group.held -= usize::from(was_held));
    drop(changing);
    free_unused(group);
}

/// A call into the instance begins: until [`end_call`] the group stays, whatever host functions give up.
pub fn begin_call(instance: Instance) {
    group_of(instance).with(|group| group.calls += 1);
}

/// Whether a call into the group of the instance is under way.
pub fn is_in_call(instance: Instance) -> bool {
    group_of(instance).with(|group| group.calls > 0)
}

/// The call that [`begin_call`] began has ended. The instance may be gone afterwards.
pub fn end_call(instance: Instance) {
    let group = group_of(instance);
    group.with(|group| group.calls -= 1);
    free_unused(group);
}

/// Frees a group that the host holds nothing of and that no call is in.
fn free_unused(group: Shared<Group>) {
    if group.with(|group| group.held > 0 || group.calls > 0) {
        return;
    }
    // SAFETY: nobody can reach the group or its members any more: whoever has a reference to one of them is
    // one, and the host has said that it uses none.
    unsafe {
        for member in group.reclaim().members {
            member.free();
        }
    }
}
