//! Element segments in an instance. (Data segments are compiled code's own: it copies and drops them.)
//!
//! The rule: a dropped segment has length 0; its values are freed with the instance.

use w2n_abi::{HostInstance, HostPointer, VmElementSegment};

use crate::instance;

/// The references of a segment.
///
/// # Safety
/// `segment` is the index of a segment of the live instance. The slice is not kept across a drop.
pub unsafe fn values<'a>(instance: *mut HostInstance, segment: u32) -> &'a [HostPointer] {
    // SAFETY: the caller vouches for the index; instantiation has made the values.
    unsafe {
        let segment = &*place(instance, segment);
        if segment.length == 0 {
            return &[];
        }
        core::slice::from_raw_parts(segment.values.cast(), segment.length as usize)
    }
}

/// See [`w2n_abi::RtFunc::ElemDrop`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn w2n_elem_drop(instance: HostPointer, segment: u32) {
    // SAFETY: compiled code passes its own instance and an index that validation has checked.
    unsafe { (*place(instance.cast(), segment)).length = 0 };
}

unsafe fn place(instance: *mut HostInstance, segment: u32) -> *mut VmElementSegment<HostPointer> {
    // SAFETY: the caller vouches for the instance and the index.
    unsafe {
        let descriptor = instance::descriptor(instance);
        let segment =
            instance::slice::<w2n_abi::ElementSegmentDescriptor<HostPointer>>(&descriptor.element_segments)
                .get_unchecked(segment as usize);
        instance.byte_add(segment.offset as usize).cast()
    }
}
