//! A trap or a link error, copied out of the report that the runtime filled in.

use std::fmt;

use w2n_abi::{LinkError, TRAP_HAS_ADDRESS, TRAP_HAS_LENGTH, TrapCode, W2nApi, W2nTrap};

/// Why a call or an instantiation did not succeed.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The status: number of a trap code or a link error.
    pub status: u32,
    /// The runtime's words.
    pub message: String,
    /// `Exit`: with which status.
    pub exit_status: i32,
    /// First byte of the access and bytes of the memory, for a memory trap that knows them.
    pub access: Option<MemoryAccess>,
    /// Function index of each frame, innermost first.
    pub frames: Vec<u32>,
    /// Message and backtrace as an executable prints them.
    pub rendered: String,
}

/// The access that ended in `MemoryOutOfBounds`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryAccess {
    /// First byte, relative to the memory.
    pub address: u64,
    /// Bytes accessed, where known.
    pub length: Option<u64>,
    /// Bytes of the memory.
    pub memory_length: u64,
}

impl Failure {
    pub(crate) fn new(api: &W2nApi, status: u32, trap: &W2nTrap) -> Self {
        assert_eq!(trap.code, status, "the report says something else than the status");
        let message = &trap.message[..trap.message_len as usize];
        let frames = &trap.frames[..trap.frame_count as usize];
        // SAFETY: the report is filled in; no room is offered, so nothing is written.
        let length = unsafe { (api.trap_message)(trap, std::ptr::null_mut(), 0) };
        let mut rendered = vec![0; length as usize];
        // SAFETY: the buffer has the stated room.
        unsafe { (api.trap_message)(trap, rendered.as_mut_ptr(), length) };
        Self {
            status,
            message: String::from_utf8_lossy(message).into_owned(),
            exit_status: trap.exit_status,
            access: (trap.flags & TRAP_HAS_ADDRESS != 0).then(|| MemoryAccess {
                address: trap.fault_address,
                length: (trap.flags & TRAP_HAS_LENGTH != 0).then_some(trap.access_length),
                memory_length: trap.memory_length,
            }),
            frames: frames.iter().map(|frame| frame.func_index).collect(),
            rendered: String::from_utf8_lossy(&rendered).into_owned(),
        }
    }

    /// The trap code, unless it is a link error.
    pub fn trap(&self) -> Option<TrapCode> {
        TrapCode::from_number(self.status)
    }

    /// Whether it is this link error.
    pub fn is_link_error(&self, error: LinkError) -> bool {
        self.status == error as u32
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (status {:#x})", self.message, self.status)
    }
}
