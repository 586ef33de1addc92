//! Error numbers of preview 1, and the host's errors as such.
//!
//! A host error without a counterpart becomes `IO`, so that a call never succeeds by mistake.

use rustix::io::Errno as HostErrno;

macro_rules! define_errno {
    ($($name:ident = $number:literal, $host:ident;)*) => {
        /// An error, numbered as in witx `errno`. 0, success, is not one.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u16)]
        #[expect(missing_docs, reason = "The names are those of POSIX, without the E.")]
        pub enum Errno {
            $($name = $number,)*
            /// The operation exceeds the rights of the descriptor.
            NotCapable = 76,
        }

        impl From<HostErrno> for Errno {
            fn from(error: HostErrno) -> Self {
                match error {
                    $(HostErrno::$host => Self::$name,)*
                    // The host's own refusal to support an operation; on Linux EOPNOTSUPP is ENOTSUP.
                    _ => Self::Io,
                }
            }
        }
    };
}

define_errno! {
    TooBig = 1, TOOBIG;
    Access = 2, ACCESS;
    AddrInUse = 3, ADDRINUSE;
    AddrNotAvail = 4, ADDRNOTAVAIL;
    AfNoSupport = 5, AFNOSUPPORT;
    Again = 6, AGAIN;
    Already = 7, ALREADY;
    BadF = 8, BADF;
    BadMsg = 9, BADMSG;
    Busy = 10, BUSY;
    Canceled = 11, CANCELED;
    Child = 12, CHILD;
    ConnAborted = 13, CONNABORTED;
    ConnRefused = 14, CONNREFUSED;
    ConnReset = 15, CONNRESET;
    Deadlk = 16, DEADLK;
    DestAddrReq = 17, DESTADDRREQ;
    Dom = 18, DOM;
    Dquot = 19, DQUOT;
    Exist = 20, EXIST;
    Fault = 21, FAULT;
    FBig = 22, FBIG;
    HostUnreach = 23, HOSTUNREACH;
    IdRm = 24, IDRM;
    IlSeq = 25, ILSEQ;
    InProgress = 26, INPROGRESS;
    Intr = 27, INTR;
    Inval = 28, INVAL;
    Io = 29, IO;
    IsConn = 30, ISCONN;
    IsDir = 31, ISDIR;
    Loop = 32, LOOP;
    MFile = 33, MFILE;
    MLink = 34, MLINK;
    MsgSize = 35, MSGSIZE;
    Multihop = 36, MULTIHOP;
    NameTooLong = 37, NAMETOOLONG;
    NetDown = 38, NETDOWN;
    NetReset = 39, NETRESET;
    NetUnreach = 40, NETUNREACH;
    NFile = 41, NFILE;
    NoBufs = 42, NOBUFS;
    NoDev = 43, NODEV;
    NoEnt = 44, NOENT;
    NoExec = 45, NOEXEC;
    NoLck = 46, NOLCK;
    NoLink = 47, NOLINK;
    NoMem = 48, NOMEM;
    NoMsg = 49, NOMSG;
    NoProtoOpt = 50, NOPROTOOPT;
    NoSpc = 51, NOSPC;
    NoSys = 52, NOSYS;
    NotConn = 53, NOTCONN;
    NotDir = 54, NOTDIR;
    NotEmpty = 55, NOTEMPTY;
    NotRecoverable = 56, NOTRECOVERABLE;
    NotSock = 57, NOTSOCK;
    NotSup = 58, NOTSUP;
    NotTty = 59, NOTTY;
    NxIo = 60, NXIO;
    Overflow = 61, OVERFLOW;
    OwnerDead = 62, OWNERDEAD;
    Perm = 63, PERM;
    Pipe = 64, PIPE;
    Proto = 65, PROTO;
    ProtoNoSupport = 66, PROTONOSUPPORT;
    Prototype = 67, PROTOTYPE;
    Range = 68, RANGE;
    RoFs = 69, ROFS;
    SPipe = 70, SPIPE;
    Srch = 71, SRCH;
    Stale = 72, STALE;
    TimedOut = 73, TIMEDOUT;
    TxtBsy = 74, TXTBSY;
    XDev = 75, XDEV;
}

/// The error of the C library call that just failed.
pub(crate) fn last_host_error() -> Errno {
    let number = std::io::Error::last_os_error().raw_os_error().unwrap_or(0);
    HostErrno::from_raw_os_error(number).into()
}
