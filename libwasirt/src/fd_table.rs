//! The guest's descriptors by their numbers.
//!
//! Rule: the lock of the table is held to look a number up, or to give or take one, and for nothing else. Who
//! looks one up holds the file open, so it may be closed meanwhile: the host's number cannot become another
//! file's while a call uses it.

use std::sync::{Arc, Mutex, MutexGuard};

use crate::descriptor::Descriptor;
use crate::errno::Errno;
use crate::lock::lock;
use crate::types::{Fd, FileType, Rights};

/// All descriptors of a guest.
#[derive(Debug, Default)]
pub struct FdTable {
    slots: Mutex<Slots>,
}

#[derive(Debug)]
struct Slots {
    slots: Vec<Option<Arc<Descriptor>>>,
    /// Numbers that nothing gets.
    reserved: Vec<usize>,
    /// No slot below this one is free.
    first_free: usize,
    /// Descriptors that are open, or that somebody is about to open.
    open_count: usize,
    /// How many may be.
    max_open: usize,
}

impl Default for Slots {
    fn default() -> Self {
        Self { slots: Vec::new(), reserved: Vec::new(), first_free: 0, open_count: 0, max_open: usize::MAX }
    }
}

impl FdTable {
    fn lock(&self) -> MutexGuard<'_, Slots> {
        lock(&self.slots)
    }

    /// Room for one more descriptor, or `MFILE` past the limit. Asked for before anything is opened, for a
    /// file that was made or a connection that was taken cannot be given back.
    pub fn room(&self) -> Result<Room<'_>, Errno> {
        let mut slots = self.lock();
        if slots.open_count >= slots.max_open {
            return Err(Errno::MFile);
        }
        slots.open_count += 1;
        Ok(Room { table: self })
    }

    /// Gives `descriptor` the lowest free number, as POSIX has it, or answers `MFILE` past the limit. The
    /// table grows with the number of host files that are open, which the host limits.
    pub fn insert(&self, descriptor: Descriptor) -> Result<Fd, Errno> {
        self.room()?.insert(descriptor)
    }

    /// Lets at most `max_open` descriptors be open at a time.
    pub fn limit(&self, max_open: usize) {
        self.lock().max_open = max_open;
    }

    /// Number of descriptors that are open.
    pub fn open_count(&self) -> usize {
        self.lock().open_count
    }

    /// Gives `descriptor` the next number after all that were given out: for what the program is started
    /// with. Without a descriptor the number is free.
    pub fn push(&self, descriptor: Option<Descriptor>) {
        let mut slots = self.lock();
        slots.open_count += usize::from(descriptor.is_some());
        slots.slots.push(descriptor.map(Arc::new));
    }

    /// Takes the next number, as [`Self::push`], for nothing: it is closed, and no file will ever get it.
    pub fn reserve(&self) {
        let mut slots = self.lock();
        let number = slots.slots.len();
        slots.reserved.push(number);
        slots.slots.push(None);
    }

    /// The descriptor, or `BADF`.
    pub fn get(&self, fd: Fd) -> Result<Arc<Descriptor>, Errno> {
        self.lock().get(fd).map(Arc::clone)
    }

    /// The descriptor if it is not a directory and has the right. `BADF` for a directory, and where
    /// reading or writing is what is missing, as POSIX has it; else `NOTCAPABLE`.
    pub fn file(&self, fd: Fd, right: Rights) -> Result<Arc<Descriptor>, Errno> {
        let descriptor = self.get(fd)?;
        descriptor.require_file(right)?;
        Ok(descriptor)
    }

    /// The descriptor if it is a directory (else `NOTDIR`) and has the right (else `NOTCAPABLE`).
    pub fn directory(&self, fd: Fd, right: Rights) -> Result<Arc<Descriptor>, Errno> {
        let descriptor = self.get(fd)?;
        if descriptor.file_type != FileType::Directory {
            return Err(Errno::NotDir);
        }
        descriptor.require(right)?;
        Ok(descriptor)
    }

    /// As [`Self::directory`], for a call that changes what is below it: `ROFS` where it is read-only.
    pub fn writable_directory(&self, fd: Fd, right: Rights) -> Result<Arc<Descriptor>, Errno> {
        let descriptor = self.directory(fd, Rights::NONE)?;
        descriptor.require_writable()?;
        descriptor.require(right)?;
        Ok(descriptor)
    }

    /// Takes the descriptor out of the table, or `BADF`. The file is closed when nobody uses it any more.
    pub fn remove(&self, fd: Fd) -> Result<Arc<Descriptor>, Errno> {
        self.lock().remove(fd)
    }

    /// Moves `from` to `to` and answers what was there, to be closed, or nothing when they are equal. Both
    /// must be open: a guest cannot choose numbers.
    pub fn renumber(&self, from: Fd, to: Fd) -> Result<Option<Arc<Descriptor>>, Errno> {
        let mut slots = self.lock();
        slots.get(from)?;
        slots.get(to)?;
        if from == to {
            return Ok(None);
        }
        let moved = slots.remove(from)?;
        Ok(slots.slots.get_mut(to.0 as usize).and_then(|slot| slot.replace(moved)))
    }

    /// Number of slots, open or free: one more than the largest number in use.
    pub fn len(&self) -> usize {
        self.lock().slots.len()
    }

    /// Whether no number was ever given out.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Slots {
    fn get(&self, fd: Fd) -> Result<&Arc<Descriptor>, Errno> {
        self.slots.get(fd.0 as usize).and_then(Option::as_ref).ok_or(Errno::BadF)
    }

    fn remove(&mut self, fd: Fd) -> Result<Arc<Descriptor>, Errno> {
        let index = fd.0 as usize;
        let removed = self.slots.get_mut(index).and_then(Option::take).ok_or(Errno::BadF)?;
        self.first_free = self.first_free.min(index);
        self.open_count -= 1;
        Ok(removed)
    }
}

/// The right to one more descriptor, which others cannot take meanwhile. Given back when dropped.
#[derive(Debug)]
pub struct Room<'table> {
    table: &'table FdTable,
}

impl Room<'_> {
    /// Gives `descriptor` the lowest free number, as POSIX has it.
    pub fn insert(self, descriptor: Descriptor) -> Result<Fd, Errno> {
        let mut slots = self.table.lock();
        let is_free = |index: &usize| slots.slots[*index].is_none() && !slots.reserved.contains(index);
        let free = (slots.first_free..slots.slots.len()).find(is_free);
        let index = free.unwrap_or(slots.slots.len());
        let number = u32::try_from(index).map_err(|_| Errno::NFile)?;
        if index == slots.slots.len() {
            slots.slots.push(None);
        }
        slots.slots[index] = Some(Arc::new(descriptor));
        slots.first_free = index + 1;
        drop(slots);
        // It is in use now.
        core::mem::forget(self);
        Ok(Fd(number))
    }
}

impl Drop for Room<'_> {
    fn drop(&mut self) {
        self.table.lock().open_count -= 1;
    }
}
