//! Things at fixed addresses that compiled code, the host or other instances hold pointers to.
//!
//! The rule: such a thing is read as a copy and changed in a short step, so no reference of Rust's to it is
//! alive when anybody else looks.

use alloc::boxed::Box;
use core::ptr::NonNull;

use w2n_abi::{HostBytes, HostPointer};

/// A handle to something shared.
pub struct Shared<T>(NonNull<T>);

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Shared<T> {}

impl<T> PartialEq for Shared<T> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<T> Shared<T> {
    /// The handle to what is there; `None` for null.
    ///
    /// # Safety
    /// A `T` is there and stays while the handle, or a copy of it, is used; no two threads use it at a time.
    pub unsafe fn new(pointer: *mut T) -> Option<Self> {
        NonNull::new(pointer).map(Self)
    }

    /// As [`Self::new`], where null is not possible.
    ///
    /// # Safety
    /// As there, and it is not null.
    pub unsafe fn from_raw(pointer: *mut T) -> Self {
        // SAFETY: the caller's.
        Self(unsafe { NonNull::new_unchecked(pointer) })
    }

    /// The value at an address of its own, for good, or until [`Self::reclaim`].
    pub fn leak(value: T) -> Self {
        Self(NonNull::from(Box::leak(Box::new(value))))
    }

    /// The value that was leaked.
    ///
    /// # Safety
    /// [`Self::leak`] made the handle, and no copy of it is used any more.
    pub unsafe fn reclaim(self) -> T {
        // SAFETY: the caller says that it is our box, and gives it up.
        *unsafe { Box::from_raw(self.0.as_ptr()) }
    }

    /// Its address.
    pub fn as_ptr(self) -> *mut T {
        self.0.as_ptr()
    }

    /// Its address, as the ABI has it.
    pub fn pointer(self) -> HostPointer {
        self.0.as_ptr().cast()
    }

    /// What it is now.
    pub fn get(self) -> T
    where
        T: Copy,
    {
        // SAFETY: whoever made the handle has vouched that a `T` is there.
        unsafe { self.0.read() }
    }

    /// Looks at it or changes it. `step` must not reach it in another way.
    pub fn with<R>(self, step: impl FnOnce(&mut T) -> R) -> R {
        // SAFETY: whoever made the handle has vouched that a `T` is there and that no other thread uses it.
        // Steps are short and call nobody who has another handle.
        unsafe { step(&mut *self.0.as_ptr()) }
    }
}

/// A value at an address that it keeps until this is dropped.
pub struct Kept {
    value: NonNull<()>,
    drop: unsafe fn(NonNull<()>),
}

impl Kept {
    /// Keeps the value. The handle may be used as long as it is kept.
    pub fn new<T>(value: T) -> (Self, Shared<T>) {
        /// Drops what [`Kept::new`] has boxed.
        unsafe fn drop_box<T>(value: NonNull<()>) {
            // SAFETY: called by the drop of a `Kept` alone, once, for the type it was made of.
            drop(unsafe { Box::from_raw(value.cast::<T>().as_ptr()) });
        }
        let value = NonNull::from(Box::leak(Box::new(value)));
        (Self { value: value.cast(), drop: drop_box::<T> }, Shared(value))
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        // SAFETY: `new` has put the function for this value beside it.
        unsafe { (self.drop)(self.value) };
    }
}

/// The elements of an array that an ABI slice describes.
///
/// # Safety
/// The slice is empty, null, or that many `T` are there as long as they are used, and nobody writes to them.
pub unsafe fn elements<'a, T>(slice: &HostBytes) -> &'a [T] {
    if slice.len == 0 || slice.ptr.is_null() {
        return &[];
    }
    // SAFETY: the caller says that they are there.
    unsafe { core::slice::from_raw_parts(slice.ptr.cast(), slice.len as usize) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::cell::Cell;

    #[test]
    fn what_is_kept_is_dropped_once() {
        struct Counts<'a>(&'a Cell<u32>);
        impl Drop for Counts<'_> {
            fn drop(&mut self) {
                self.0.set(self.0.get() + 1);
            }
        }
        let drops = Cell::new(0);
        let (kept, handle) = Kept::new(Counts(&drops));
        handle.with(|counts| assert_eq!(counts.0.get(), 0));
        drop(kept);
        assert_eq!(drops.get(), 1);
    }
}
