//! Policies that a run cannot widen: what a guest finds under a name is what it would have found there
//! without `W2N_DIR`, or nothing, whatever was baked in and whatever is asked for.
//!
//! How: policies and lists are put together at random from directories that lie in each other, under names
//! that lie in each other. Of each path, what a guest reads is compared with what it reads when nothing is
//! narrowed. Paths are resolved as wasi-libc does, by code that the product does not have.

use std::path::Path;

use libwasirt::context::Context;
use libwasirt::embedded::Archive;
use libwasirt::grant::{Dir, Grants, Packed, RunVariables};
use libwasirt::types::*;
use tempfile::TempDir;
use w2n_abi::{ArchiveKind, ArchiveNode, PolicyWord};

use crate::guest::*;

/// Directories of the host, each with a file `id` that says where it is; `to-b` is a link.
const HOSTS: [&str; 8] = ["one", "one/a", "one/a/b", "two", "two/a", "two/b", "two/to-b", "three"];
/// Names of the guest, some of them the same.
const NAMES: [&str; 9] = ["/", ".", "/a", "a", "a/", "/a/b", "./a/b", "/c", "/a/b/d"];
/// Directories whose file `id` is looked for.
const PLACES: [&str; 9] = ["/", "/a", "/b", "/a/b", "/c", "/c/a", "/a/a", "/a/b/d", "/c/b"];
const ROUNDS: u32 = 20_000;

/// Numbers that are the same in each run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        // Knuth's MMIX generator, whose high bits are good.
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound
    }

    fn one_of<'a>(&mut self, texts: &[&'a str]) -> &'a str {
        texts[self.below(texts.len())]
    }
}

/// A packed directory with the file `id`.
fn archive(text: &str) -> Archive {
    const HEADER_BYTES: u64 = 8;
    let node = |kind: ArchiveKind, name_len: u32, data_len: u64, child_count: u32| ArchiveNode {
        name_offset: HEADER_BYTES + 2 * size_of::<ArchiveNode>() as u64,
        data_offset: HEADER_BYTES + 2 * size_of::<ArchiveNode>() as u64 + 2,
        data_len,
        name_len,
        kind: kind as u32,
        parent: 0,
        first_child: 1,
        child_count,
        reserved: 0,
    };
    let mut bytes = vec![2, 0, 0, 0, 0, 0, 0, 0];
    bytes.extend(node(ArchiveKind::Directory, 0, 0, 1).to_bytes());
    bytes.extend(node(ArchiveKind::File, 2, text.len() as u64, 0).to_bytes());
    bytes.extend(b"id");
    bytes.extend(text.bytes());
    Archive::new(bytes.leak(), 0)
}

/// What a program has baked in.
struct Policy {
    dirs: Vec<Dir>,
    packed: Vec<(String, Archive)>,
}

impl Policy {
    fn random(dice: &mut Dice, root: &Path, archive: &Archive) -> Self {
        let grant = |dice: &mut Dice| Dir {
            host: root.join(dice.one_of(&HOSTS)).into_os_string().into_encoded_bytes(),
            below: Vec::new(),
            guest: dice.one_of(&NAMES).into(),
            access: if dice.below(2) == 0 { Access::ReadOnly } else { Access::ReadWrite },
        };
        let dirs = (0..=dice.below(3)).map(|_| grant(dice)).collect();
        let packed = (0..dice.below(3)).map(|_| (dice.one_of(&NAMES).to_owned(), archive.clone())).collect();
        Self { dirs, packed }
    }

    /// What a run with this `W2N_DIR` gets; the error is the refusal.
    fn run(&self, list: Option<&str>) -> Result<View, String> {
        let grants = Grants {
            dirs: self.dirs.clone(),
            embedded: self
                .packed
                .iter()
                .map(|(guest, archive)| Packed { guest: guest.clone().into(), archive: archive.clone() })
                .collect(),
            word: PolicyWord::Bound,
            run: RunVariables { dirs: list.map(|list| list.into()), ..RunVariables::default() },
            ..Grants::default()
        };
        let context = grants.for_this_run().and_then(Grants::into_context);
        context.map(View::new).map_err(|message| String::from_utf8_lossy(&message).into_owned())
    }
}

/// A guest, and the directories that it has.
struct View {
    guest: Guest,
    preopens: Vec<(String, Fd)>,
}

impl View {
    fn new(context: Context) -> Self {
        let names = (0..context.fds.len() as u32).map(Fd);
        let preopens = names
            .filter_map(|fd| Some((context.fds.get(fd).ok()?.preopen_name.clone()?, fd)))
            .map(|(name, fd)| (String::from_utf8(name).expect("UTF-8"), fd))
            .collect();
        let dir = TempDir::new().expect("a temporary directory");
        Self { guest: Guest::with(context, dir, MemoryIs::Exported("memory")), preopens }
    }

    /// The descriptor and the rest of the path that wasi-libc takes: the longest name, the later of two.
    fn resolve(&self, path: &str) -> Option<(Fd, String)> {
        let path = stripped(path);
        let mut best: Option<(usize, Fd, String)> = None;
        for (name, fd) in &self.preopens {
            let name = stripped(name).trim_end_matches('/');
            let Some(rest) = path.strip_prefix(name) else { continue };
            let is_prefix = name.is_empty() || rest.is_empty() || rest.starts_with('/');
            if is_prefix && best.as_ref().is_none_or(|(length, ..)| name.len() >= *length) {
                best = Some((name.len(), *fd, rest.trim_start_matches('/').to_owned()));
            }
        }
        best.map(|(_, fd, rest)| (fd, rest))
    }

    /// What the file `id` in the directory `place` says, and whether a file could be made beside it.
    fn look(&mut self, place: &str) -> Option<(Vec<u8>, bool)> {
        let (fd, rest) = self.resolve(&format!("{}/id", place.trim_end_matches('/')))?;
        let file = self.guest.open_at(fd, LOOKUP_SYMLINK_FOLLOW, rest.as_str(), 0, READ, 0).ok()?;
        let text = self.guest.read(file, 64).expect("reading");
        self.guest.close(file).expect("closing");
        let access = self.guest.context.fds.get(fd).expect("it is open").access;
        Some((text, access == Access::ReadWrite))
    }
}

fn stripped(mut path: &str) -> &str {
    loop {
        path = match path {
            "." => "",
            _ => match path.strip_prefix('/').or_else(|| path.strip_prefix("./")) {
                Some(rest) => rest,
                None => return path,
            },
        };
    }
}

fn make_hosts(root: &Path) {
    std::fs::create_dir_all(root.join("two")).expect("making a directory");
    std::os::unix::fs::symlink("b", root.join("two/to-b")).expect("making a link");
    for host in HOSTS.iter().filter(|host| !host.ends_with("to-b")) {
        std::fs::create_dir_all(root.join(host)).expect("making a directory");
        std::fs::write(root.join(host).join("id"), host).expect("writing a file");
    }
}

/// The items of a random list, some of which are what was baked in, to the letter.
fn random_items(dice: &mut Dice, root: &Path, policy: &Policy) -> Vec<String> {
    (0..dice.below(4))
        .map(|_| {
            let name = dice.one_of(&NAMES);
            let host = match dice.below(2) {
                0 => root.join(dice.one_of(&HOSTS)).display().to_string(),
                _ => {
                    let baked = &policy.dirs[dice.below(policy.dirs.len())];
                    String::from_utf8_lossy(&baked.host).into_owned()
                }
            };
            let suffix = ["", ":ro", "/.", "/../two"][dice.below(4)];
            let (path, mark) = if suffix == ":ro" { ("", suffix) } else { (suffix, "") };
            match dice.below(3) {
                0 => format!("{host}{path}::{name}{mark}"),
                _ => format!("{host}{path}{mark}"),
            }
        })
        .collect()
}

#[test]
fn a_name_never_stands_for_anything_else() {
    let root = TempDir::new().expect("a temporary directory");
    let root = root.path();
    make_hosts(root);
    let (archive, mut dice) = (archive("packed"), Dice(1));
    let (mut accepted, mut same, mut missing) = (0, 0, 0);
    for round in 0..ROUNDS {
        let policy = Policy::random(&mut dice, root, &archive);
        let list = random_items(&mut dice, root, &policy).join(",");
        let Ok(mut narrowed) = policy.run(Some(&list)) else { continue };
        let mut full = policy.run(None).expect("what was baked in is there");
        accepted += 1;
        for place in PLACES {
            let (had, has) = (full.look(place), narrowed.look(place));
            let is_less = match (&had, &has) {
                (_, None) => true,
                (Some((had, could_write)), Some((has, can_write))) => had == has && can_write <= could_write,
                (None, Some(_)) => false,
            };
            let dirs = &policy.dirs;
            assert!(is_less, "round {round}: {place} was {had:?}, is {has:?}; W2N_DIR={list} of {dirs:?}");
            same += u32::from(has.is_some());
            missing += u32::from(had.is_some() && has.is_none());
        }
    }
    assert!(accepted > 2000 && same > 2000 && missing > 2000, "{accepted} {same} {missing}");
}

#[test]
fn what_was_baked_in_can_be_taken_as_it_was_named() {
    let root = TempDir::new().expect("a temporary directory");
    let root = root.path();
    make_hosts(root);
    let (archive, mut dice) = (archive("packed"), Dice(2));
    let mut taken = 0;
    for round in 0..ROUNDS / 4 {
        let policy = Policy::random(&mut dice, root, &archive);
        let mut full = policy.run(None).expect("what was baked in is there");
        let dir = policy.dirs.last().expect("at least one");
        let name = String::from_utf8_lossy(&dir.guest).into_owned();
        let list = format!("{}::{name}", String::from_utf8_lossy(&dir.host));
        let narrowed = policy.run(Some(&list));
        let mut narrowed = narrowed.unwrap_or_else(|message| panic!("round {round}: {message}"));
        assert_eq!(narrowed.look(&name), full.look(&name), "round {round}: {list} of {:?}", policy.dirs);
        taken += 1;
    }
    assert!(taken > 1000);
}
