//! Limits of the process: no more descriptors, files that may not grow.

use libwasirt::errno::Errno;
use libwasirt::types::*;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::guest::*;
use crate::{my_turn, open_descriptors};

/// Runs `body` with `resource` limited to `current`, and gives the old limit back.
fn limited(resource: Resource, current: u64, body: impl FnOnce()) {
    let before = getrlimit(resource);
    setrlimit(resource, Rlimit { current: Some(current), ..before }).expect("a lower limit");
    body();
    setrlimit(resource, before).expect("the limit that was");
}

#[test]
fn no_more_descriptors_is_mfile_and_all_come_back() {
    let _turn = my_turn();
    let mut guest = Guest::new();
    guest.write_host_file("file", "");
    let before = open_descriptors();
    limited(Resource::Nofile, before as u64 + 20, || {
        let mut opened = Vec::new();
        let error = loop {
            match guest.open("file", 0, READ) {
                Ok(fd) => opened.push(fd),
                Err(error) => break error,
            }
        };
        assert_eq!(error, Errno::MFile);
        assert!((10..=25).contains(&opened.len()), "{} were opened", opened.len());
        for fd in opened {
            guest.close(fd).expect("it is open");
        }
        assert!(guest.open("file", 0, READ).is_ok(), "it works again");
    });
    assert_eq!(open_descriptors(), before + 1);
}

#[test]
fn a_walk_that_runs_out_of_descriptors_is_mfile() {
    let _turn = my_turn();
    let mut guest = Guest::walking();
    let deep = vec!["d"; 100].join("/");
    guest.make_host_dir(&deep);
    let before = open_descriptors();
    assert!(guest.open(&deep, OPEN_DIRECTORY, 0).is_ok());
    limited(Resource::Nofile, before as u64 + 20, || {
        assert_eq!(guest.open(&deep, OPEN_DIRECTORY, 0), Err(Errno::MFile));
    });
    assert_eq!(open_descriptors(), before + 1);
}

#[test]
fn a_file_that_may_not_grow_is_fbig() {
    let _turn = my_turn();
    // As `w2n_wasi_init` does: the signal would end the program before the errno is seen.
    // SAFETY: sets a disposition of this process, which is the test's.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
    let mut guest = Guest::new();
    let fd = guest.open("file", OPEN_CREATE, READ_WRITE).expect("it is made");
    limited(Resource::Fsize, 1000, || {
        assert_eq!(guest.write(fd, &[1; 1500]), Ok(1000), "what there is room for");
        assert_eq!(guest.write(fd, &[1; 1500]), Err(Errno::FBig));
    });
}
