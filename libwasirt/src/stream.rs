//! Streams that are no files: bytes, buffers and functions of the host's program, as a guest's standard
//! input, output and error.
//!
//! Rule: they never wait by themselves; a function may, and no lock is held while it runs. They are ready for
//! `poll_oneoff` at any time.

use core::fmt;
use std::sync::{Arc, Mutex};

use crate::errno::Errno;
use crate::guest::GuestBuffers;
use crate::lock::lock;

/// Bytes that pass through memory of ours in one call.
const PART_SIZE_BYTES: usize = 32_768;

/// Fills bytes from the start and answers how many; 0 is the end. Several threads may call it at a time.
pub type ReadCallback = dyn Fn(&mut [u8]) -> Result<usize, Errno> + Send + Sync;
/// Takes bytes from the start and answers how many. Several threads may call it at a time.
pub type WriteCallback = dyn Fn(&[u8]) -> Result<usize, Errno> + Send + Sync;

/// A stream that the host's program serves.
pub enum Stream {
    /// Input: these bytes, then the end.
    Bytes(Input),
    /// Input: what the function has.
    Reader(Box<ReadCallback>),
    /// Output: kept for the host.
    Buffer(OutputBuffer),
    /// Output: given to the function.
    Writer(Box<WriteCallback>),
}

impl fmt::Debug for Stream {
    fn fmt(&self, output: &mut fmt::Formatter<'_>) -> fmt::Result {
        output.write_str(match self {
            Self::Bytes(_) => "Bytes",
            Self::Reader(_) => "Reader",
            Self::Buffer(_) => "Buffer",
            Self::Writer(_) => "Writer",
        })
    }
}

impl Stream {
    /// Fills the buffers; answers the number of bytes, 0 at the end. `BADF` for an output.
    pub(crate) fn read(&self, buffers: &GuestBuffers<'_>) -> Result<u32, Errno> {
        match self {
            Self::Bytes(input) => Ok(input.read(buffers)),
            Self::Reader(read) => {
                let mut part = vec![0; part_size(buffers)];
                // A function that answers more than there was room for filled all of it.
                let count = read(&mut part)?.min(part.len());
                Ok(buffers.fill(&part[..count]))
            }
            Self::Buffer(_) | Self::Writer(_) => Err(Errno::BadF),
        }
    }

    /// Takes bytes of the buffers; answers the number. `BADF` for an input.
    pub(crate) fn write(&self, buffers: &GuestBuffers<'_>) -> Result<u32, Errno> {
        let bytes = buffers.copy(PART_SIZE_BYTES);
        let count = match self {
            Self::Buffer(buffer) => buffer.push(&bytes)?,
            Self::Writer(write) => write(&bytes)?.min(bytes.len()),
            Self::Bytes(_) | Self::Reader(_) => return Err(Errno::BadF),
        };
        // At most PART_SIZE_BYTES.
        Ok(count as u32)
    }

    /// Bytes that can be read without asking a function.
    pub(crate) fn left(&self) -> u64 {
        match self {
            Self::Bytes(input) => input.left(),
            Self::Reader(_) | Self::Buffer(_) | Self::Writer(_) => 0,
        }
    }
}

fn part_size(buffers: &GuestBuffers<'_>) -> usize {
    usize::try_from(buffers.size_bytes()).unwrap_or(usize::MAX).min(PART_SIZE_BYTES)
}

/// Bytes to be read once.
pub struct Input {
    bytes: Vec<u8>,
    position: Mutex<usize>,
}

impl Input {
    /// An input of these bytes.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self { bytes, position: Mutex::new(0) }
    }

    fn read(&self, buffers: &GuestBuffers<'_>) -> u32 {
        // The lock is held while bytes are copied, so that no two threads get the same ones.
        let mut position = lock(&self.position);
        let count = buffers.fill(&self.bytes[*position..]);
        *position += count as usize;
        count
    }

    fn left(&self) -> u64 {
        (self.bytes.len() - *lock(&self.position)) as u64
    }
}

/// What a guest wrote. Clones are the same buffer, so the host keeps one and reads it while the guest runs,
/// or afterwards.
#[derive(Clone, Debug)]
pub struct OutputBuffer {
    written: Arc<Mutex<Vec<u8>>>,
    max_bytes: usize,
}

impl OutputBuffer {
    /// A buffer that holds at most `max_bytes`; what does not fit is `NOSPC` to the guest.
    pub fn new(max_bytes: usize) -> Self {
        Self { written: Arc::default(), max_bytes }
    }

    /// Takes what was written out of the buffer, which is empty afterwards.
    pub fn take(&self) -> Vec<u8> {
        core::mem::take(&mut *lock(&self.written))
    }

    /// Takes the first `max_bytes` bytes out of the buffer; answers them, and how many there were in all.
    pub fn take_first(&self, max_bytes: usize) -> (Vec<u8>, usize) {
        let mut written = lock(&self.written);
        let count = written.len();
        (written.drain(..count.min(max_bytes)).collect(), count)
    }

    /// A copy of what was written.
    pub fn bytes(&self) -> Vec<u8> {
        lock(&self.written).clone()
    }

    /// Appends as many of the bytes as there is room for. `NOSPC` for none; `NOMEM` where the host has none.
    fn push(&self, bytes: &[u8]) -> Result<usize, Errno> {
        let mut written = lock(&self.written);
        let count = bytes.len().min(self.max_bytes - written.len());
        if count == 0 && !bytes.is_empty() {
            return Err(Errno::NoSpc);
        }
        written.try_reserve(count).map_err(|_| Errno::NoMem)?;
        written.extend_from_slice(&bytes[..count]);
        Ok(count)
    }
}
