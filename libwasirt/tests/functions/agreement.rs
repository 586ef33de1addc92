//! The two ways of opening paths agree: random paths through the sentinel's links have the same errno, or
//! lead to the same file, by the kernel and by the walk.
//!
//! How: two guests on one tree, one for each way; the calls change nothing, so the tree stays as it is.

use std::rc::Rc;

use libwasirt::errno::Errno;
use libwasirt::functions::*;
use libwasirt::path::resolve::Resolver;
use libwasirt::types::*;

use crate::guest::*;
use crate::sentinel::*;

const PATHS: u32 = 10_000;
const MAX_COMPONENTS: u32 = 7;

/// Names of the tree, and some that it does not have.
const COMPONENTS: [&str; 34] = [
    "",
    ".",
    "..",
    "..",
    "..",
    "dir",
    "dir",
    "sub",
    "sub",
    "file",
    "none",
    "up",
    "up-slash",
    "up-secret",
    "up-outside-slash",
    "absolute",
    "absolute-slash",
    "root",
    "chain",
    "out",
    "around",
    "back",
    "dangling",
    "dangling-out-slash",
    "loop",
    "to-dir",
    "to-dir",
    "to-dir-slash",
    "to-dir-slash",
    "to-file",
    "magic-root",
    "magic-cwd",
    "granted",
    "...",
];

/// Numbers that are the same in every run (xorshift).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 32) as u32 % bound
    }

    fn path(&mut self) -> String {
        let count = 1 + self.below(MAX_COMPONENTS);
        let components: Vec<_> =
            (0..count).map(|_| COMPONENTS[self.below(COMPONENTS.len() as u32) as usize]).collect();
        components.join("/")
    }
}

/// What the calls that change nothing say about a path: errnos, and inodes of what was found.
fn answers(guest: &mut Guest, path: &str) -> Vec<Result<u64, Errno>> {
    const INODE: GuestPtr = GuestPtr(OUT.0 + 8);
    let len = guest.put(DATA, path.as_bytes());
    let mut answers = Vec::new();
    for follow in [NO_FOLLOW, LOOKUP_SYMLINK_FOLLOW] {
        let stat = guest.call(|c, m| path_filestat_get(c, m, DIR, follow, DATA, len, OUT));
        answers.push(stat.map(|()| guest.u64_at(INODE)));
        for oflags in [0, OPEN_DIRECTORY] {
            let opened = guest.call(|c, m| path_open(c, m, DIR, follow, DATA, len, oflags, READ, 0, 0, OUT));
            answers.push(opened.map(|()| {
                let fd = Fd(guest.u32_at(OUT));
                guest.call(|c, m| fd_filestat_get(c, m, fd, OUT)).expect("it is open");
                guest.call(|c, m| fd_close(c, m, fd)).expect("it is open");
                guest.u64_at(INODE)
            }));
        }
    }
    let read = guest.call(|c, m| path_readlink(c, m, DIR, DATA, len, GuestPtr(32_768), 100, OUT));
    answers.push(read.map(|()| u64::from(guest.u32_at(OUT))));
    // Refused everywhere, but the errno depends on where the path leads.
    answers.push(guest.call(|c, m| path_create_directory(c, m, READ_ONLY_DIR, DATA, len)).map(|()| 0));
    answers
}

#[test]
fn the_kernel_and_the_walk_answer_alike() {
    let sentinel = Sentinel::new();
    let mut guests = [Resolver::Kernel, Resolver::Walk].map(|resolver| {
        let mut guest = Guest::granted(Rc::clone(&sentinel.dir), GRANTED);
        guest.context.resolver = resolver;
        guest
    });
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    let (mut found, mut refused, mut missing) = (0, 0, 0);
    for _ in 0..PATHS {
        let path = numbers.path();
        let [by_kernel, by_walk] = guests.each_mut().map(|guest| answers(guest, &path));
        assert_eq!(by_kernel, by_walk, "{path:?}");
        match by_kernel[0] {
            Ok(_) => found += 1,
            Err(Errno::Perm) => refused += 1,
            Err(_) => missing += 1,
        }
    }
    assert!(found > 500 && refused > 500 && missing > 500, "{found}, {refused}, {missing}");
    sentinel.check(|| "asking".to_owned());
}
