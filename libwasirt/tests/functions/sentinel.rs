//! A directory with what a guest must not touch around the one that is granted, and the means to see
//! whether it did.

use std::fmt::Write;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use tempfile::TempDir;

/// Text of the file outside: whoever reads it has escaped.
pub const SECRET: &[u8] = b"secret";

/// Name of the granted directory in its parent.
pub const GRANTED: &str = "granted";

/// The tree: `secret` and `outside/file` beside `granted`, in which links lead to them in every way.
pub struct Sentinel {
    pub dir: Rc<TempDir>,
    before: String,
}

impl Sentinel {
    pub fn new() -> Self {
        // The tree is made anew a few thousand times: in memory, where the machine has such a place.
        let dir = TempDir::new_in("/dev/shm").or_else(|_| TempDir::new()).expect("a temporary directory");
        let root = dir.path().canonicalize().expect("it exists");
        std::fs::create_dir(root.join("outside")).expect("a directory");
        for name in ["secret", "outside/file"] {
            std::fs::write(root.join(name), SECRET).expect("a file");
        }
        fill(&root);
        let before = fingerprint(&root);
        Self { dir: dir.into(), before }
    }

    /// Makes the granted directory as it was.
    pub fn refill(&self) {
        let root = self.dir.path().canonicalize().expect("it exists");
        std::fs::remove_dir_all(root.join(GRANTED)).expect("removing what is granted");
        fill(&root);
    }

    /// Panics if anything outside the granted directory is not as it was.
    pub fn check(&self, after: impl FnOnce() -> String) {
        let now = fingerprint(&self.dir.path().canonicalize().expect("it exists"));
        assert!(now == self.before, "{} changed what is outside:\n{}became\n{now}", after(), self.before);
    }
}

fn fill(root: &Path) {
    let granted = root.join(GRANTED);
    for name in ["", "dir", "dir/sub"] {
        std::fs::create_dir(granted.join(name)).expect("a directory");
    }
    for name in ["file", "dir/file", "dir/sub/file"] {
        std::fs::write(granted.join(name), "inside").expect("a file");
    }
    let outside = |name: &str| root.join(name).to_string_lossy().into_owned();
    for (name, target) in [
        ("up", "..".to_owned()),
        ("up-slash", "../".to_owned()),
        ("up-up", "../..".to_owned()),
        ("up-secret", "../secret".to_owned()),
        ("up-outside", "../outside".to_owned()),
        ("up-outside-slash", "../outside/".to_owned()),
        ("absolute", outside("secret")),
        ("absolute-outside", outside("outside")),
        ("absolute-slash", outside("outside/")),
        ("root", "/".to_owned()),
        ("chain", "dir/chain".to_owned()),
        ("dir/chain", "sub/chain".to_owned()),
        ("dir/sub/chain", "../../../secret".to_owned()),
        ("dir/sub/out", "../../../outside".to_owned()),
        ("around", format!("../{GRANTED}/../secret")),
        ("back", format!("../{GRANTED}/file")),
        ("dangling-out", "../created".to_owned()),
        ("dangling-out-slash", "../created/".to_owned()),
        ("dangling-absolute", outside("created")),
        ("dangling", "created".to_owned()),
        ("loop", "loop".to_owned()),
        ("to-dir", "dir".to_owned()),
        ("to-dir-slash", "dir/".to_owned()),
        ("to-file", "dir/sub/file".to_owned()),
        ("magic-root", "/proc/self/root".to_owned()),
        ("magic-cwd", "/proc/self/cwd".to_owned()),
        ("magic-fd", "/proc/self/fd/0".to_owned()),
    ] {
        symlink(target, granted.join(name)).expect("a link");
    }
}

/// Everything below `root` but the contents of the granted directory: names, types, sizes, times, links and
/// texts.
pub fn fingerprint(root: &Path) -> String {
    let mut text = String::new();
    let mut pending: Vec<PathBuf> = vec![root.to_owned()];
    while let Some(path) = pending.pop() {
        let stat = std::fs::symlink_metadata(&path).expect("it is there");
        let name = path.strip_prefix(root).unwrap_or(&path).display().to_string();
        let is_granted = name == GRANTED;
        // Replacing the granted directory changes the times and the size of the root.
        let times = if is_granted || path == root {
            (0, 0, 0)
        } else {
            (stat.mtime(), stat.mtime_nsec(), stat.nlink())
        };
        let _ = write!(text, "{name} {:o} {times:?}", stat.mode());
        if stat.is_file() {
            let _ = write!(text, " {:?}", std::fs::read(&path).expect("it can be read"));
        }
        if stat.is_symlink() {
            let _ = write!(text, " {:?}", std::fs::read_link(&path).expect("it is a link"));
        }
        text.push('\n');
        if stat.is_dir() && !is_granted {
            let entries = std::fs::read_dir(&path).expect("it can be listed");
            let mut entries: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
            entries.sort();
            pending.extend(entries);
        }
    }
    text
}

#[test]
fn the_fingerprint_sees_every_kind_of_change() {
    type Change = fn(&Path);
    let changes: [(&str, Change); 6] = [
        ("a file", |root| std::fs::write(root.join("new"), "").expect("writing")),
        ("a directory", |root| std::fs::create_dir(root.join("outside/new")).expect("making")),
        ("a text", |root| std::fs::write(root.join("secret"), "public").expect("writing")),
        ("a second name", |root| {
            std::fs::hard_link(root.join("secret"), root.join("granted/x")).expect("linking")
        }),
        ("a removal", |root| std::fs::remove_file(root.join("outside/file")).expect("removing")),
        ("a time", |root| {
            let file = std::fs::File::options().write(true).open(root.join("secret")).expect("opening");
            file.set_modified(std::time::UNIX_EPOCH).expect("setting a time");
        }),
    ];
    for (name, change) in changes {
        let sentinel = Sentinel::new();
        sentinel.check(|| "nothing".to_owned());
        sentinel.refill();
        sentinel.check(|| "filling again".to_owned());
        change(&sentinel.dir.path().canonicalize().expect("it exists"));
        assert_ne!(
            fingerprint(&sentinel.dir.path().canonicalize().expect("it exists")),
            sentinel.before,
            "{name}"
        );
    }
}
